"""What a tag is."""

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Bool
from torch import Tensor

from sim.tags.recorded import Recorded


@dataclass(frozen=True)
class Tag:
    """Something that may happen in a scenario: a predicate of the instants of its recording.

    `text` says in words when it holds; a scenario carries the tag where that lasts for `least_s` (0: at
    some instant).
    """

    name: str
    text: str
    holds: Callable[[Recorded], Bool[Tensor, " t"]]
    least_s: float = 0.0

    def is_carried(self, recorded: Recorded) -> bool:
        """Whether the recording of that scenario has it."""
        holds = self.holds(recorded) & recorded.there
        steps = round(self.least_s / recorded.dt_s)
        if steps == 0:
            return bool(holds.any())
        if len(holds) <= steps:
            return False
        return bool(holds.unfold(0, steps + 1, 1).all(dim=1).any())
