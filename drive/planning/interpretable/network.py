"""`InterpretableCost`: named terms, each with a learned weight above 0 (P3, Sadat et al. 2020)."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from drive.networks.weights import TaskNetwork
from drive.planning.costs.terms import EACH, WHOLE, Terms

HAND_EACH = {"collision": 20.0, "clearance": 3.0, "headway": 2.0, "red_light": 10.0}
HAND_WHOLE = {
    "lane": 1.0, "wrong_lane": 2.0, "off_lanes": 10.0, "route": 0.5, "route_end": 0.5,
    "off_road": 30.0, "astray": 8.0, "progress": 8.0, "speeding": 2.0, "acceleration": 0.2, "braking": 0.1,
    "jerk": 0.05, "lateral": 0.3, "turning": 0.3,
}  # fmt: skip
"""weights of a cost that nobody has trained: the order of magnitude at which each term begins to matter"""


@dataclass(frozen=True)
class InterpretableConfig:
    """Nothing: the terms are what they are."""


class InterpretableCost(TaskNetwork):
    """A weighted sum of `Terms`. Untrained it is the hand-tuned cost."""

    task, version, config_class = "p3", 2, InterpretableConfig

    def __init__(self, config: InterpretableConfig) -> None:
        super().__init__()
        self.config = config
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


def hand_logs() -> tuple[Float[Tensor, " s"], Float[Tensor, " r"]]:
    """Logarithms of the hand-tuned weights, of `EACH` and of `WHOLE`."""
    each, whole = (
        [hand[name] for name in names] for hand, names in ((HAND_EACH, EACH), (HAND_WHOLE, WHOLE))
    )
    return torch.tensor(each).log(), torch.tensor(whole).log()
