"""Which examples are trained on, and in what order: it follows from the seed and the step alone."""

from functools import lru_cache
from pathlib import Path

import numpy as np

from drive.features.store import Store
from drive.training.config import SeeingTrainConfig, TrainConfig
from sim.errors import InputError

_GROUP = 8  # batches
_BUFFER = 1 << 15  # examples


class Order:
    """The examples over and over, shuffled anew each time: batch k is the same whoever asks, and when.

    Shards are taken in drawn order, and shuffled some together: what is read at a time lies in a few of
    them, however many there are. `numbers` grow; `shards`: in which each of these is. `sizes`: of all
    examples. Those of a batch are about as large: within 8 batches that follow one another they are sorted
    by size, so that little is computed for padding, and these are then shuffled.
    """

    def __init__(
        self,
        numbers: np.ndarray,
        shards: np.ndarray,
        sizes: np.ndarray,
        batch_size: int,
        seed: int,
    ) -> None:
        self._numbers, self._sizes, self._size, self._seed = numbers, sizes, batch_size, seed
        self._shards = np.split(numbers, np.flatnonzero(np.diff(shards)) + 1)
        self._pass = lru_cache(maxsize=2)(self._shuffled)

    @staticmethod
    def of(store: Store, config: TrainConfig) -> "Order":
        """That of a training."""
        train, _ = split(store, config)
        shards = store.shard_numbers()[train]
        return Order(train, shards, store.agent_counts(), config.batch_size, config.seed)

    def batch(self, number: int) -> np.ndarray:
        """The examples of batch `number`."""
        group, rank = divmod(number, _GROUP)
        count = _GROUP * self._size
        round_, place = np.divmod(np.arange(group * count, (group + 1) * count), len(self._numbers))
        drawn = np.array([self._pass(int(r))[k] for r, k in zip(round_, place, strict=True)])
        by_size = drawn[np.argsort(self._sizes[drawn], kind="stable")].reshape(_GROUP, -1)
        return by_size[np.random.default_rng((self._seed, group, 1)).permutation(_GROUP)[rank]]

    def _shuffled(self, round_: int) -> np.ndarray:
        generator = np.random.default_rng((self._seed, round_))
        drawn = generator.permutation(len(self._shards))
        row = np.concatenate([self._shards[k] for k in drawn])
        for first in range(0, len(row), _BUFFER):
            generator.shuffle(row[first : first + _BUFFER])
        return row


def open_store(config: TrainConfig) -> Store:
    """The stores to train on; InputError where they are none, too small to keep some for validation, or
    without the sweeps that are asked for."""
    store = Store.open(*map(Path, config.data))
    split(store, config)
    if isinstance(config, SeeingTrainConfig) and config.sensors == "lidar":
        store.require_sweeps()
    return store


def split(store: Store, config: TrainConfig) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the examples to train on, and of those to validate on.

    One of `val_every` scenarios is kept for validation, drawn, but the same for every seed: with all
    that was collected of it. InputError where that leaves none of either.
    """
    ids = store.scenario_ids()
    first = {name: k for k, name in reversed(list(enumerate(ids)))}
    scenario = np.array([first[name] for name in ids])[store.scenario_numbers()]
    used = np.unique(scenario)
    kept = np.random.default_rng(0).permutation(used)[: len(used) // config.val_every]
    is_kept = np.isin(scenario, kept)
    train, val = np.flatnonzero(~is_kept), np.flatnonzero(is_kept)
    if not len(val):
        folders = ", ".join(map(str, store.folders))
        raise InputError(
            f"--data: {folders} has examples of {len(used)} scenarios: too few to keep one in "
            f"{config.val_every} for validation"
        )
    spread = np.linspace(0, len(val) - 1, min(len(val), config.val_examples)).round().astype(int)
    return train, val[spread]
