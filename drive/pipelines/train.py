"""The pipeline behind `bevdrive train`: a run folder, and a training in it."""

from pathlib import Path

from drive.training.config import TrainConfig
from sim.remote import push


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
