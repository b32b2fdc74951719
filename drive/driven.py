"""The drives of a run folder of `bevdrive simulate`: where they are, and what they were of."""

from pathlib import Path

from drive.config import SimulateConfig, check_choices, from_dict, one_of
from drive.simulate import make_requests
from eval.report.run_folder import RunFolder
from sim.scenario import Scenario
from sim.sources import Request
from sim.sources.driven import driven_scenario

Drive = tuple[Request, Path]  # what was driven, and the file of the recording


def find_drives(path: Path, planner: str | None) -> list[Drive]:
    """One planner's drives, in order; `planner` None: the only one that the run has.

    Raises ValueError for a folder that is no run or has no recordings, for an unknown planner, and
    where the run's scenarios cannot be found again.
    """
    folder = RunFolder.open(path)
    recordings = folder.path / "recordings"
    planners = tuple(sorted(p.parent.name for p in recordings.glob("*/000*.npz")))
    planners = tuple(dict.fromkeys(planners))
    if not planners:
        raise ValueError(f"{path}: no recordings in this run folder")
    if planner is None and len(planners) > 1:
        raise ValueError(f"--planner: name one of the run's planners: {', '.join(planners)}")
    chosen = planner or planners[0]
    one_of("--planner", chosen, planners)
    config = from_dict(folder.config(), SimulateConfig(), str(folder.path / "config.yaml"))
    check_choices(config)
    requests = make_requests(config)
    folder.hold_to([request.name for request in requests])
    files = [recordings / chosen / f"{request.index:06d}.npz" for request in requests]
    return [(request, file) for request, file in zip(requests, files, strict=True) if file.is_file()]


def as_driven(scenario: Scenario, recording: Path) -> Scenario:
    """The scenario with the recorded drive; ValueError names a file that does not fit or is damaged."""
    import zipfile

    import numpy as np

    try:
        with np.load(recording, allow_pickle=False) as data:
            pose, valid, dt_s = data["pose"], data["valid"], float(data["dt_s"])
        return driven_scenario(scenario, pose, valid, dt_s)
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{recording}: {error}") from None
