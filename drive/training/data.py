"""Batches of a store's examples, in an order that follows from the seed and the step alone."""

from functools import lru_cache
from pathlib import Path

import lightning as L
import numpy as np
from torch.utils.data import DataLoader, Dataset

from drive.features.example import Example, trimmed
from drive.features.store import Store
from drive.training.config import TrainConfig
from sim.errors import InputError


_GROUP = 8  # batches


class Order:
    """The examples over and over, shuffled anew each time: batch k is the same whoever asks, and when.

    `sizes`: of the examples. Those of a batch are about as large: within 8 batches that follow one
    another they are sorted by size, so that little is computed for padding, and these are then shuffled.
    """

    def __init__(self, numbers: np.ndarray, sizes: np.ndarray, batch_size: int, seed: int) -> None:
        self._numbers, self._sizes, self._size, self._seed = numbers, sizes, batch_size, seed
        self._pass = lru_cache(maxsize=2)(self._shuffled)

    def batch(self, number: int) -> np.ndarray:
        """The examples of batch `number`."""
        group, rank = divmod(number, _GROUP)
        count = _GROUP * self._size
        round_, place = np.divmod(np.arange(group * count, (group + 1) * count), len(self._numbers))
        drawn = np.array([self._pass(int(r))[k] for r, k in zip(round_, place, strict=True)])
        by_size = drawn[np.argsort(self._sizes[drawn], kind="stable")].reshape(_GROUP, -1)
        return by_size[np.random.default_rng((self._seed, group, 1)).permutation(_GROUP)[rank]]

    def _shuffled(self, round_: int) -> np.ndarray:
        return np.random.default_rng((self._seed, round_)).permutation(self._numbers)


class Batches(Dataset[Example]):
    """Batches of one store, each read when it is asked for; the store is opened in every process anew."""

    def __init__(self, folder: Path, numbers: list[np.ndarray]) -> None:
        self._folder, self._numbers = folder, numbers
        self._store: Store | None = None

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, index: int) -> Example:
        self._store = self._store or Store.open(self._folder)
        return trimmed(self._store.read(self._numbers[index]))

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_store": None}


class ExampleData(L.LightningDataModule):
    """Training and validation examples: of different scenarios, whatever the seed."""

    def __init__(self, config: TrainConfig) -> None:
        super().__init__()
        assert config.data is not None
        self.config, self.folder = config, config.data
        store = Store.open(self.folder)
        self.hash = store.hash
        train, self._val = split(store, config)
        self._order = Order(train, store.agent_counts(), config.batch_size, config.seed)

    def train_dataloader(self) -> DataLoader:
        """Those of the present epoch, and of this one of several processes."""
        trainer, config = self.trainer, self.config
        assert trainer is not None
        count = config.steps_per_epoch * config.accumulate
        first, each = trainer.current_epoch * count, trainer.world_size
        mine = range(first * each + trainer.global_rank, (first + count) * each, each)
        return self._loader([self._order.batch(k) for k in mine])

    def val_dataloader(self) -> DataLoader:
        """All of them, in order; every process its share."""
        trainer = self.trainer
        assert trainer is not None
        size = self.config.batch_size
        parts = [self._val[k : k + size] for k in range(0, len(self._val), size)]
        return self._loader(parts[trainer.global_rank :: trainer.world_size])

    def _loader(self, numbers: list[np.ndarray]) -> DataLoader:
        return DataLoader(
            Batches(self.folder, numbers), batch_size=None, num_workers=self.config.workers
        )


def split(store: Store, config: TrainConfig) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the examples to train on, and of those to validate on.

    Every `val_every`-th scenario is kept for validation; InputError where that leaves none of either.
    """
    scenario = store.scenario_numbers()
    kept = scenario % config.val_every == config.val_every - 1
    train, val = np.flatnonzero(~kept), np.flatnonzero(kept)
    if not len(train) or not len(val):
        raise InputError(
            f"--data: {store.folder} has examples of {len(np.unique(scenario))} scenarios: too few to "
            f"keep every {config.val_every}th for validation"
        )
    spread = np.linspace(0, len(val) - 1, min(len(val), config.val_examples)).round().astype(int)
    return train, val[spread]
