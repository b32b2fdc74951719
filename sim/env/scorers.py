"""Who scores a finished episode, by name: the scores live above this layer and are loaded when asked for."""

from typing import Protocol

from jaxtyping import Float
from torch import Tensor

from sim.registry import Registry
from sim.world import World, WorldState


class EpisodeScorer(Protocol):
    """Judges whole episodes; made without arguments."""

    def score(self, world: World, states: list[WorldState]) -> dict[str, Float[Tensor, " b"]]:
        """Figures of B episodes by name, NaN where there is none.

        `states`: from the first instant to the last of the longest; an episode that ended earlier
        repeats its last one, and `world.length_steps` says where that is.
        """
        ...


SCORERS = Registry(
    option="score",
    group="bevdrive.scorers",
    methods=("score(world, states)",),
    builtin={"nuplan": "eval.episode_score:NuplanScorer"},
)
