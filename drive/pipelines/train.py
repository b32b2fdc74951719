"""The pipeline behind `bevdrive train`: a preset, a run folder, and a training in it."""

import time
from pathlib import Path

from drive.pipelines.presets import find_preset, from_yaml, to_plain
from drive.training.config import CONFIGS, TrainConfig
from drive.training.config_check import check
from sim.remote import push

_PRESETS = Path(__file__).parents[1] / "training" / "presets"


def preset(task: str, name: str) -> TrainConfig:
    """The options of a task as a preset has them: small, base or a YAML file; InputError for any other."""
    return from_yaml(find_preset(_PRESETS / task, name), CONFIGS[task]())


def begin(task: str, config: TrainConfig, out: Path, name: str | None) -> Path:
    """The run folder of a new training; without a name it gets date and time.

    Raises InputError for wrong options, examples or weights, before anything is written.
    """
    from drive.networks.weights import find_weights
    from drive.training.order import open_store
    from eval.runs.folder import whole_folder

    check(config)
    open_store(config)
    for option in ("start", "forecast"):
        if (weights := getattr(config, option, None)) is not None:
            find_weights(weights, "joint" if option == "forecast" else task, f"--{option}")
    if config.start is not None:
        from drive.training.fit import make_task

        make_task(task, config)
    name = name or time.strftime("%Y%m%d-%H%M%S")
    with whole_folder(out, name, {"task": task, **to_plain(config)}):
        return out / name


def train(task: str, config: TrainConfig, folder: Path) -> dict[str, float]:
    """Train, or go on training, in a run folder; returns the last figures."""
    from drive.training.fit import fit

    _quiet()
    figures = fit(task, config, folder)
    push(folder)
    return figures


def _quiet() -> None:
    """Lightning tells on the terminal what devices there are, and advises."""
    import logging
    import warnings

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
