"""`fit_detector`: a detector from sweeps with boxes, whoever drew them; it goes on where it was cut off."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import lightning as L
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from drive.networks.weights import begin_from
from drive.perception.detector.frames import FrameBatch, TrainingFrame, varied
from drive.perception.detector.losses import detector_losses
from drive.perception.detector.network import STRIDE, Detector, square_grid
from drive.perception.detector.targets import Targets
from drive.training.config import TrainConfig
from drive.training.fit import last_checkpoint, save, train
from drive.training.order import Order
from drive.training.task import Task
from sim import trees
from sim.errors import InputError

_LOOKED_AT = 16  # frames that tell data sets apart


@dataclass(frozen=True)
class DetectorTraining:
    """How a detector is trained; after each `steps_per_epoch` its state is saved."""

    steps: int = 2000
    steps_per_epoch: int = 100
    batch_size: int = 4
    learning_rate: float = 2e-3
    seed: int = 0
    range_m: float = 40.0
    """how far from the sensor all road users are known: as far it sees"""
    drops: bool = True
    """rays are left out by chance, so that what is near looks as what is far does"""


class DetectorTask(Task):
    """Trains a `Detector` on a square of `range_m` around the sensor."""

    quality = "loss"
    network: Detector

    def __init__(self, config: TrainConfig, range_m: float) -> None:
        super().__init__(config)
        self.grid = square_grid(range_m)

    @staticmethod
    def make_network(config: TrainConfig) -> Detector:
        """Untrained."""
        return Detector()

    def losses(self, example: FrameBatch, generator: torch.Generator) -> dict[str, Tensor]:
        """By name; chance was in the frames already."""
        cells = self.grid.coarse(STRIDE)
        target = Targets.of(example.box, example.there, example.reach_m, cells, example.doubted)
        return detector_losses(self.network(example.point_m, example.valid, self.grid), target)

    @torch.no_grad()
    def figures(self, example: FrameBatch) -> dict[str, tuple[Tensor, Tensor]]:
        """The same, of frames that it is trained on: how far it has come, not how well it does elsewhere."""
        one = example.reach_m.new_ones(())
        return {
            name: (value, one) for name, value in self.losses(example, torch.Generator()).items()
        }


class FrameBatches(Dataset[FrameBatch]):
    """Batches of varied frames, which follow from the seed and their number alone."""

    def __init__(
        self, frames: Sequence[TrainingFrame], training: DetectorTraining, numbers: range
    ) -> None:
        self._frames, self._training, self._numbers = frames, training, numbers
        every = np.arange(len(frames))
        alike = np.zeros(len(frames))
        self._order = Order(every, alike, alike, training.batch_size, training.seed)

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, index: int) -> FrameBatch:
        training, number = self._training, self._numbers[index]
        generator = torch.Generator().manual_seed(training.seed * 1_000_003 + number)
        return FrameBatch.of(
            [
                varied(self._frames[int(k)], training.range_m, training.drops, generator)
                for k in self._order.batch(number)
            ]
        )


class FrameData(L.LightningDataModule):
    """Frames as Lightning takes them."""

    def __init__(self, frames: Sequence[TrainingFrame], training: DetectorTraining) -> None:
        super().__init__()
        self._frames, self._training = frames, training

    def train_dataloader(self) -> DataLoader:
        """Those of the present epoch."""
        assert self.trainer is not None
        each = self._training.steps_per_epoch
        first = self.trainer.current_epoch * each
        return self._loader(range(first, first + each))

    def val_dataloader(self) -> DataLoader:
        """The first batch, always the same. Without one, what Lightning resumes is a batch behind."""
        return self._loader(range(1))

    def transfer_batch_to_device(
        self, batch: FrameBatch, device: torch.device, dataloader_idx: int
    ) -> FrameBatch:
        return trees.to(batch, device)

    def _loader(self, numbers: range) -> DataLoader:
        return DataLoader(FrameBatches(self._frames, self._training, numbers), batch_size=None)


def fit_detector(
    frames: Sequence[TrainingFrame], training: DetectorTraining, folder: Path, start: str | None
) -> dict[str, float]:
    """Train in `folder`, from its last checkpoint on if it has one, else from weights `start` or from none;
    returns the last figures.

    Frames are read when they are needed. The weights are those that an unbroken training gives. Raises
    InputError where there are no frames, and for weights to start from that do not fit.
    """
    if not len(frames):
        raise InputError("no sweeps with road users to train a detector on")
    config = TrainConfig(
        steps=training.steps,
        steps_per_epoch=training.steps_per_epoch,
        batch_size=training.batch_size,
        learning_rate=training.learning_rate,
        seed=training.seed,
    )
    L.seed_everything(training.seed, verbose=False)
    task = DetectorTask(config, training.range_m)
    if start is not None and not last_checkpoint(folder).is_file():
        begin_from(task.network, start)
    train(task, FrameData(frames, training), folder)
    return save(task, folder, asdict(training) | {"start": start}, _digest(frames))


def _digest(frames: Sequence[TrainingFrame]) -> str:
    """Of how many there are, and of some of them."""
    found = hashlib.sha256(str(len(frames)).encode())
    for k in np.linspace(0, len(frames) - 1, min(len(frames), _LOOKED_AT)).round().astype(int):
        frame = frames[int(k)]
        found.update(frame.point_m.numpy().tobytes() + frame.box.numpy().tobytes())
    return found.hexdigest()[:16]
