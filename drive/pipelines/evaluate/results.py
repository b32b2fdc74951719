"""Files with results: the user's, and those that the oracle writes."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drive.pipelines.evaluate.config import ORACLE, EvaluateConfig
from sim.errors import InputError
from sim.files import write_whole

if TYPE_CHECKING:
    from eval.nuscenes.dataset import Split
    from eval.nuscenes.submission import BoxFormat


def results_file(config: EvaluateConfig) -> Path | None:
    """The file with results; None: none is given, or the oracle's are to be made.

    Raises InputError where it is not there.
    """
    if config.results in (None, ORACLE):
        return None
    path = Path(str(config.results))
    if not path.is_file():
        raise InputError(f"--results: {path}: no such file (a file, or {ORACLE!r})")
    return path


def write_oracle(
    nusc: Any, config: EvaluateConfig, split: "Split", form: "BoxFormat", folder: Path
) -> Path:
    """The ground truth as a submission, moved by the noise; returns its file in `folder`."""
    from eval.nuscenes.oracle import oracle_submission

    path = folder / "submission.json"
    boxes = oracle_submission(nusc, split, form, config.noise, config.seed)
    write_whole(path, json.dumps(boxes))
    return path
