"""`InterpretableCost`: named terms, each with a learned weight above 0 (P3, Sadat et al. 2020)."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from drive.features.raster import regridded
from drive.networks.weights import TaskNetwork
from drive.planning.costs.foretold import GRID
from drive.planning.costs.terms import EACH, WHOLE, Terms
from drive.prediction.occupancy import OccupancyConfig, OccupancyFutures, OccupancyPredictor

HAND_EACH = {"collision": 20.0, "clearance": 3.0, "headway": 2.0, "red_light": 10.0}
HAND_WHOLE = {
    "lane": 1.0, "wrong_lane": 2.0, "off_lanes": 10.0, "route": 0.5, "route_end": 0.5,
    "off_road": 30.0, "astray": 8.0, "progress": 8.0, "speeding": 2.0, "acceleration": 0.2, "braking": 0.1,
    "jerk": 0.05, "lateral": 0.3, "turning": 0.3,
}  # fmt: skip
"""weights of a cost that nobody has trained: the order of magnitude at which each term begins to matter"""


@dataclass(frozen=True)
class InterpretableConfig:
    """`occupancy`: the fields of an `OccupancyConfig`, of the network that foretells where others may be and
    was trained with the weights; None: a joint forecast tells that."""

    occupancy: dict[str, Any] | None = None


class InterpretableCost(TaskNetwork):
    """A weighted sum of `Terms`. Untrained it is the hand-tuned cost.

    `foresight`: end to end (P3), the network whose occupancy the terms are read from.
    """

    task, version, config_class = "p3", 2, InterpretableConfig

    def __init__(self, config: InterpretableConfig) -> None:
        super().__init__()
        self.config = config
        self.foresight = None
        if config.occupancy is not None:
            self.foresight = OccupancyPredictor(OccupancyConfig(**config.occupancy))
        each, whole = hand_logs()
        self.log_each, self.log_whole = nn.Parameter(each), nn.Parameter(whole)

    def forward(self, terms: Terms) -> tuple[Float[Tensor, "b k t"], Float[Tensor, "b k"]]:
        """What each instant costs, and what the trajectory costs as a whole."""
        return terms.each @ self.log_each.exp(), terms.whole @ self.log_whole.exp()

    def total(self, terms: Terms) -> Float[Tensor, "b k"]:
        """What the trajectory costs, all in all."""
        each, whole = self(terms)
        return each.sum(dim=2) + whole

    def from_hand(self) -> Float[Tensor, ""]:
        """How far the logarithms of the weights are from the hand-tuned ones, squared."""
        own, hand = (self.log_each, self.log_whole), hand_logs()
        gaps = (a - b.to(a) for a, b in zip(own, hand, strict=True))
        return torch.cat([gap.square() for gap in gaps]).sum()

    def weighted(self, terms: Terms) -> dict[str, Float[Tensor, "b k"]]:
        """What each term adds to the cost, by name."""
        each, whole = self.log_each.exp(), self.log_whole.exp()
        return Terms(terms.each * each, terms.whole * whole).named()


def foreseen(futures: OccupancyFutures) -> Float[Tensor, "b t x y"]:
    """How likely each cell is taken, as terms are read from; with a gradient."""
    return regridded(futures.anybody, futures.grid, GRID)


def hand_logs() -> tuple[Float[Tensor, " s"], Float[Tensor, " r"]]:
    """Logarithms of the hand-tuned weights, of `EACH` and of `WHOLE`."""
    each, whole = (
        [hand[name] for name in names] for hand, names in ((HAND_EACH, EACH), (HAND_WHOLE, WHOLE))
    )
    return torch.tensor(each).log(), torch.tensor(whole).log()
