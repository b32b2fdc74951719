"""The sizes of road users, which need no label: what has none of them, and how long somebody is of whom only
an end was ever seen."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sim.scenario import AgentKind

CAR_LENGTH_M, LARGE_LENGTH_M, TWO_WHEELER_LENGTH_M = 4.5, 9.0, 1.8
_RIDES_MPS = 2.5  # nobody walks so fast
_DEEPEST_M = 0.7  # an end that is seen straight on is a thin box


@dataclass(frozen=True)
class Size:
    """Of a body; `across`: its length lies where the width of what was seen of it does."""

    length_m: float
    width_m: float
    height_m: float
    across: bool = False


@dataclass(frozen=True)
class Kind:
    """From where to where length, width and height of a kind go."""

    length_m: tuple[float, float]
    width_m: tuple[float, float]
    height_m: tuple[float, float]

    def fits(self, size: Size) -> bool:
        """Whether all three lie there."""
        return (
            self.length_m[0] <= size.length_m <= self.length_m[1]
            and self.width_m[0] <= size.width_m <= self.width_m[1]
            and self.height_m[0] <= size.height_m <= self.height_m[1]
        )


PERSON = Kind((0.35, 1.1), (0.35, 1.1), (1.0, 2.1))
TWO_WHEELER = Kind((1.3, 2.5), (0.35, 1.1), (1.0, 2.1))
CAR = Kind((3.3, 5.8), (1.4, 3.0), (0.8, 2.4))
LARGE = Kind((5.5, 20.0), (1.7, 3.2), (1.8, 4.5))
CAR_END = Kind((0.0, 3.3), (1.4, 2.6), (0.6, 2.4))
LARGE_END = Kind((0.0, 5.5), (1.9, 2.9), (2.4, 4.5))
TWO_WHEELER_END = Kind((0.2, 1.3), (0.3, 1.1), (1.0, 2.1))


def body_of(seen: Size, speed_mps: float) -> Size | None:
    """The road user of which so much was seen; None: it is none. `speed_mps`: 0 of what stands.

    The length of who drives is that along its way; of what stands, the longer side. A two-wheeler that stands
    has no rider, and a lorry that stands was seen from its side, or looks like a wall.
    """
    if speed_mps > 0.0:
        return _driving(seen, speed_mps)
    turned = Size(seen.width_m, seen.length_m, seen.height_m, across=True)
    if seen.width_m < _DEEPEST_M and CAR_END.fits(turned):
        return replace(turned, length_m=CAR_LENGTH_M)
    longer = seen if seen.length_m >= seen.width_m else turned
    return seen if any(kind.fits(longer) for kind in (PERSON, CAR, LARGE)) else None


def _driving(seen: Size, speed_mps: float) -> Size | None:
    """Who gets somewhere: ends are completed ahead of what was seen, or behind it."""
    if CAR_END.fits(seen):
        return replace(seen, length_m=CAR_LENGTH_M)
    if LARGE_END.fits(seen):
        return replace(seen, length_m=LARGE_LENGTH_M)
    if speed_mps > _RIDES_MPS and TWO_WHEELER_END.fits(seen):
        return replace(seen, length_m=TWO_WHEELER_LENGTH_M)
    turned = Size(seen.width_m, seen.length_m, seen.height_m, across=True)
    longer = seen if seen.length_m >= seen.width_m else turned
    return seen if any(kind.fits(longer) for kind in (PERSON, TWO_WHEELER, CAR, LARGE)) else None


def kind_of(size_m: Float[Tensor, "*k 2"]) -> Int[Tensor, "*k"]:
    """What is so long and so wide, as `AgentKind`: nobody told."""
    longest_m, shortest_m = size_m.amax(dim=-1), size_m.amin(dim=-1)
    rides = (longest_m <= TWO_WHEELER.length_m[1]) & (shortest_m <= TWO_WHEELER.width_m[1])
    kind = torch.where(rides, int(AgentKind.CYCLIST), int(AgentKind.VEHICLE))
    return torch.where(longest_m <= PERSON.length_m[1], int(AgentKind.PEDESTRIAN), kind)
