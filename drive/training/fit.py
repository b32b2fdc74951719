"""`fit`: a training from its config to its weights, in a run folder; it goes on where it was cut off."""

import importlib
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger

from drive.networks.weights import FILE, WeightsCard, begin_from, save_weights
from drive.training.config import TrainConfig
from drive.training.data import ExampleData
from drive.training.progress import Progress, metrics_path
from drive.training.task import Task

TASKS = {
    "joint": "drive.training.joint:JointTask",
    "intention": "drive.training.intention:IntentionTask",
    "cover": "drive.training.cover:CoverTask",
    "occupancy": "drive.training.occupancy:OccupancyTask",
    "p3": "drive.training.p3:InterpretableTask",
    "behaviour": "drive.training.behaviour:BehaviourTask",
    "bc": "drive.training.bc:BcTask",
    "social": "drive.training.social:SocialTask",
    "energy": "drive.training.energy:EnergyTask",
    "autoregressive_energy": "drive.training.autoregressive:AutoregressiveEnergyTask",
    "costvolume": "drive.training.costvolume:CostVolumeTask",
}
_LAST = "last"


def fit(task: str, config: TrainConfig, folder: Path) -> dict[str, float]:
    """Train in `folder`, from its last checkpoint on if it has one; returns the last figures (nothing
    in the other processes, where there are several).

    The weights are those that an unbroken training gives. Raises InputError for a store that is none, and
    for weights to start from that do not fit.
    """
    data = ExampleData(config)
    L.seed_everything(config.seed, verbose=False)
    begun = last_checkpoint(folder).is_file()
    lit = make_task(task, replace(config, start=None) if begun else config)
    if not train(lit, data, folder):
        return {}
    lit.finish(data.first_batches())
    return save(lit, folder, _plain(config), data.hash)


def last_checkpoint(folder: Path) -> Path:
    """What a training that was cut off goes on from."""
    return folder / "checkpoints" / f"{_LAST}.ckpt"


def train(lit: Task, data: L.LightningDataModule, folder: Path) -> bool:
    """All steps, from the last checkpoint on if there is one; whether this process is to save them."""
    trainer, last = make_trainer(lit.config, folder), last_checkpoint(folder)
    try:
        trainer.fit(lit, data, ckpt_path=str(last) if last.is_file() else None, weights_only=True)
    except SystemExit:  # which is what Lightning makes of Ctrl-C
        raise KeyboardInterrupt from None
    return trainer.is_global_zero


def save(lit: Task, folder: Path, training: dict[str, Any], data_hash: str) -> dict[str, float]:
    """Write a trained network's weights, `training` being how it was; returns the last figures."""
    last_line = metrics_path(folder).read_text().splitlines()[-1]
    figures = {name: float(value) for name, value in json.loads(last_line).items()}
    network = lit.network
    card = WeightsCard(
        network.task, network.version, asdict(network.config), training, data_hash, figures
    )
    save_weights(folder / FILE, network, card)
    return figures


def make_task(task: str, config: TrainConfig) -> Task:
    """With an untrained network, or with the weights that it starts from; InputError if they do not fit."""
    module, _, name = TASKS[task].partition(":")
    made: Task = getattr(importlib.import_module(module), name)(config)
    if config.start is not None:
        begin_from(made.network, config.start)
    return made


def make_trainer(config: TrainConfig, folder: Path) -> L.Trainer:
    """Lightning's, with a checkpoint after each epoch, TensorBoard and a bar that says how long yet."""
    checkpoint = ModelCheckpoint(
        last_checkpoint(folder).parent,
        filename=_LAST,
        save_on_train_epoch_end=True,
        enable_version_counter=False,
    )
    return L.Trainer(
        accelerator=config.accelerator,
        devices=config.devices,
        strategy=config.strategy,
        precision=config.precision,  # type: ignore[arg-type]
        accumulate_grad_batches=config.accumulate,
        gradient_clip_val=config.gradient_clip,
        max_steps=config.steps,
        logger=TensorBoardLogger(folder, name="tensorboard", version=""),
        callbacks=[Progress(folder), checkpoint],
        log_every_n_steps=min(50, config.steps_per_epoch),
        reload_dataloaders_every_n_epochs=1,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def _plain(config: TrainConfig) -> dict:
    return {name: str(v) if isinstance(v, Path) else v for name, v in asdict(config).items()}
