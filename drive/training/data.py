"""Batches of a store's examples, as Lightning takes them."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import lightning as L
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from drive.features.example import Example, trimmed
from drive.features.store import Store
from drive.training.config import TrainConfig
from drive.training.order import Order, open_store, split
from sim import trees


class Batches(Dataset[Example]):
    """Batches, each read when it is asked for; the stores are opened in every process anew."""

    def __init__(self, folders: tuple[Path, ...], numbers: list[np.ndarray]) -> None:
        self._folders, self._numbers = folders, numbers
        self._store: Store | None = None

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, index: int) -> Example:
        return self.read(self._numbers[index])

    def read(self, numbers: np.ndarray) -> Example:
        """A batch of these examples."""
        self._store = self._store or Store.open(*self._folders)
        return trimmed(self._store.read(numbers))

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_store": None}


class ExampleData(L.LightningDataModule):
    """Training and validation examples: of different scenarios, whatever the seed."""

    def __init__(self, config: TrainConfig) -> None:
        super().__init__()
        store = open_store(config)
        self.config, self.folders, self.hash = config, store.folders, store.hash
        _, self._val = split(store, config)
        self._order = Order.of(store, config)

    def train_dataloader(self) -> DataLoader:
        """Those of the present epoch, and of this one of several processes."""
        trainer, config = self.trainer, self.config
        assert trainer is not None
        number = config.steps_per_epoch * config.accumulate
        first, each = trainer.current_epoch * number, trainer.world_size
        mine = range(first * each + trainer.global_rank, (first + number) * each, each)
        return self._loader([self._order.batch(k) for k in mine])

    def first_batches(self) -> Iterator[Example]:
        """The batches that a training begins with, without an end."""
        batches = Batches(self.folders, [])
        for number in count():
            yield batches.read(self._order.batch(number))

    def val_dataloader(self) -> DataLoader:
        """All of them, in order; every process its share."""
        trainer = self.trainer
        assert trainer is not None
        size = self.config.batch_size
        parts = [self._val[k : k + size] for k in range(0, len(self._val), size)]
        return self._loader(parts[trainer.global_rank :: trainer.world_size])

    def transfer_batch_to_device(
        self, batch: Example, device: torch.device, dataloader_idx: int
    ) -> Example:
        return trees.to(batch, device)

    def _loader(self, numbers: list[np.ndarray]) -> DataLoader:
        return DataLoader(
            Batches(self.folders, numbers), batch_size=None, num_workers=self.config.workers
        )
