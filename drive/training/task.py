"""`Task`: what all trainings share: optimiser, schedule, seeds, sums of validation."""

import math
from collections.abc import Iterable
from typing import Any

import lightning as L
import torch
from torch import Tensor

from drive.networks.weights import TaskNetwork
from drive.training.config import TrainConfig

Batch = Any  # an `Example`, or what else a task is fed: it knows its `num`


class Task(L.LightningModule):
    """A network and what it is trained to do. A task says `losses`, `figures` and `make_network`.

    `quality`: the figure that is shown while it trains.
    """

    quality: str

    def __init__(self, config: TrainConfig) -> None:
        super().__init__()
        self.config = config
        self.network: TaskNetwork = self.make_network(config)
        self._sums: dict[str, tuple[Tensor, Tensor]] = {}

    @staticmethod
    def make_network(config: Any) -> TaskNetwork:
        """Untrained."""
        raise NotImplementedError

    def losses(self, example: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """By name; `loss` is the one that falls. Whatever is drawn comes from the generator."""
        raise NotImplementedError

    def figures(self, example: Batch) -> dict[str, tuple[Tensor, Tensor]]:
        """Sums and the numbers of their terms, by name."""
        raise NotImplementedError

    def finish(self, examples: Iterable[Batch]) -> None:
        """What is fitted when all steps are done, on batches of training examples; nothing."""

    def parameter_groups(self) -> list[dict[str, Any]]:
        """What is trained: all that is not frozen; a group may have a learning rate (`lr`) of its own."""
        return [{"params": [p for p in self.network.parameters() if p.requires_grad]}]

    def training_step(self, batch: Batch, number: int) -> Tensor:
        config, trainer = self.config, self.trainer
        batches = config.steps_per_epoch * config.accumulate
        number = (self.current_epoch * batches + number) * trainer.world_size + trainer.global_rank
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + number)
        losses = self.losses(batch, generator)
        for name, value in losses.items():
            self.log(f"train/{name}", value, batch_size=batch.num)
        return losses["loss"]

    def on_validation_epoch_start(self) -> None:
        self._sums = {}

    def validation_step(self, batch: Batch, number: int) -> None:
        for name, (total, count) in self.figures(batch).items():
            before = self._sums.get(name)
            if before is not None:
                total, count = total + before[0], count + before[1]
            self._sums[name] = (total, count)

    def on_validation_epoch_end(self) -> None:
        reduce = self.trainer.strategy.reduce
        for name, (total, count) in self._sums.items():
            total = reduce(total.double(), reduce_op="sum")
            count = reduce(count.double(), reduce_op="sum")
            self.log(f"val/{name}", (total / count).float(), rank_zero_only=True)

    def configure_optimizers(self) -> Any:
        config = self.config
        optimizer = torch.optim.AdamW(
            self.parameter_groups(), lr=config.learning_rate, weight_decay=config.weight_decay
        )

        def share(step: int) -> float:
            """Of the highest rate."""
            if step < config.warmup:
                return (step + 1) / config.warmup
            through = (step - config.warmup) / max(1, config.steps - config.warmup)
            return 0.5 * (1.0 + math.cos(math.pi * min(1.0, through)))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, share)
        return {
            "optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}
        }  # fmt: skip
