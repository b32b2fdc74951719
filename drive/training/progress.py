"""What a training says: a bar over all its steps, and a line of figures after each epoch."""

import json
from pathlib import Path
from typing import Any

import lightning as L
from tqdm import tqdm

from drive.progress_bar import progress_bar
from drive.training.task import Task
from sim.files import write_whole
from sim.remote import push


def metrics_path(folder: Path) -> Path:
    """The figures after each epoch, a JSON object a line."""
    return folder / "metrics.jsonl"


class Progress(L.Callback):
    """The bar with the time that is left; `metrics.jsonl`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._bar: tqdm | None = None

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        done = trainer.global_step
        lines = _lines(self._folder)
        write_whole(  # of epochs after the last checkpoint: they come again
            metrics_path(self._folder),
            "".join(f"{line}\n" for line in lines if json.loads(line)["step"] <= done),
        )
        self._bar = progress_bar(
            desc="training", total=trainer.max_steps, initial=done, unit="step"
        )

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.is_global_zero:
            push(self._folder)  # the checkpoint of the epoch before

    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        if self._bar is not None:
            self._bar.update(trainer.global_step - self._bar.n)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        assert isinstance(pl_module, Task)
        measured = {name: round(float(v), 6) for name, v in trainer.callback_metrics.items()}
        if not measured:  # Lightning ends the epoch that a resumed training had ended already
            return
        line = {"step": trainer.global_step, "epoch": trainer.current_epoch, **measured}
        lines = [*_lines(self._folder), json.dumps(line)]
        write_whole(metrics_path(self._folder), "".join(f"{text}\n" for text in lines))
        if self._bar is not None:
            shown = f"val/{pl_module.quality}"
            self._bar.set_postfix({pl_module.quality: measured.get(shown)})

    def teardown(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _lines(folder: Path) -> list[str]:
    path = metrics_path(folder)
    return path.read_text().splitlines() if path.is_file() else []
