"""The options of `bevdrive discover`."""

from dataclasses import dataclass
from pathlib import Path

from drive.pipelines.workers import WorkOptions
from sim.errors import InputError, one_of
from sim.extras import require_installed
from sim.sources.query import SourceQuery

SOURCES = ("procedural", "kitti", "nuscenes", "argoverse2")
STAGES = ("sweeps", "cluster", "track", "filter", "label", "train")
LIDARS = ("hdl_64e", "hdl_32e")


@dataclass(frozen=True)
class DiscoverConfig(WorkOptions, SourceQuery):
    """Find road users in lidar sweeps that nobody labelled, and train a detector on what was found (OYSTER).

    Clusters near the sensor, followed both ways in time, those that cannot be road users left out, are
    the first labels; a detector trained on them, near and with rays dropped, finds those far away; what it
    finds, followed and filtered in the same way, are the labels of the next round.

    Examples:
      bevdrive discover --source procedural --split train --count 40 --out runs/found
      bevdrive discover --source kitti --path DRIVE --out runs/kitti
      bevdrive discover --source argoverse2 --path LOG --stage cluster --out runs/av2 --view
      bevdrive discover --weights default --source procedural --split val --out runs/scored
      bevdrive discover --weights runs/found SWEEP.bin --view

    Sources: procedural (generated, with much around the road), kitti (--path: a drive's folder with .bin
    sweeps and poses.txt), nuscenes, argoverse2. A folder `--out` that was begun goes on from where it was cut
    off. Exit codes: 0 all well; 1 a worker died; 2 wrong input; 130 interrupted.
    """

    source: str = "procedural"
    """procedural (generated, with much around the road), kitti, nuscenes or argoverse2 (recorded)"""
    path: Path | None = None
    """source kitti: a drive's folder, or a folder of those; argoverse2: a log, or a folder of logs"""
    sweep: Path | None = None
    """one sweep to find road users in, with --weights: nuScenes .pcd.bin, KITTI .bin, Argoverse 2 .feather"""
    out: Path | None = None
    """the folder to write to: a new one, or one in which the same discovery was begun"""
    stage: str = "train"
    """the last one to be done: sweeps, cluster, track, filter, label or train"""
    weights: str | None = None
    """default, or a folder of another discovery: nothing is trained, its detector looks at all sweeps"""
    start: str | None = None
    """weights that the first training begins with: default, or a folder of another discovery"""
    rounds: int = 2
    """trainings: the first on clusters near the sensor, each later one on what the one before found"""
    steps: int = 600
    """of the first training; those on the full range, four times as large, take a quarter of them"""
    learning_rate: float = 2e-3
    """the highest"""
    drop_rays: bool = True
    """in training, leave out lasers and directions, so that what is near looks as if it were far"""
    seconds: float = 6.0
    """of each drive; a recorded one is cut off there too"""
    lidar: str = "hdl_64e"
    """source procedural: hdl_64e (half of its columns) or hdl_32e"""
    least_score: float = 0.4
    """how sure the detector has to be of what it finds, where that becomes labels"""
    view: bool = False
    """look at what was found, in a window"""


def check(config: DiscoverConfig) -> None:
    """Raise InputError for what is wrong with the options."""
    one_of("--stage", config.stage, STAGES)
    one_of("--lidar", config.lidar, LIDARS)
    one_of("--source", config.source, SOURCES)
    if config.sweep is not None:
        if config.weights is None:
            raise InputError(
                f"{config.sweep}: one sweep needs a detector: --weights default or RUN"
            )
        if config.out is not None:
            raise InputError("--out: not for one sweep")
    elif config.out is None:
        raise InputError("--out: the folder to write to")
    else:
        require_installed("discover", "sklearn")
    if config.stage == "train" and config.weights is None:
        require_installed("discover", "lightning")
    if config.weights is not None and config.stage not in ("sweeps", "train"):
        raise InputError(f"--stage: {config.stage} is of a discovery without --weights")
    if config.weights is not None and config.start is not None:
        raise InputError("--start: nothing is trained with --weights")
    for option, weights in (("--weights", config.weights), ("--start", config.start)):
        if weights is not None:
            from drive.networks.weights import find_weights

            find_weights(weights, "detector", option)
    config.check_work()
    for name, least in {"rounds": 1, "steps": 4}.items():
        if getattr(config, name) < least:
            raise InputError(f"--{name}: must be at least {least}, not {getattr(config, name)}")
    if not 0.0 < config.seconds <= 3600.0:
        raise InputError(f"--seconds: must be above 0, not {config.seconds}")
    if not 0.0 <= config.least_score < 1.0:
        raise InputError(f"--least-score: must be from 0 to 1, not {config.least_score}")
    if not 0.0 < config.learning_rate < 1.0:
        raise InputError(f"--learning-rate: must be above 0, not {config.learning_rate}")
