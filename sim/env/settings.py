"""What can be set of an environment: the keywords of `gymnasium.make` and `make_vec`."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sim.env.observations import PRESETS
from sim.env.reward import RewardWeights
from sim.scenario import Scenario
from sim.sources.procedural import FAMILIES, generate


@dataclass(frozen=True)
class Settings:
    """Episodes are drawn from a pool of scenarios that is prepared when the environment is made.

    The pool is `scenarios` (recorded, saved, ...) or `num_scenarios` generated ones: that many, and
    no more, different episodes are seen. On one CPU core each takes about half a second to prepare,
    and some 20 MB, most of it its map; rasters and pictures take as much again. With traffic "idm"
    the others react to the ego; with "log" they repeat their recording.
    """

    observation: str = "vector"  # or "raster", "lidar": `sim.env.observations`
    families: Sequence[str] = FAMILIES
    num_scenarios: int = 16
    split: str = "train"
    scenario_seed: int = 0
    duration_s: float = 15.0
    scenarios: Sequence[Scenario] = ()
    traffic: str = "idm"
    terminate_offroad: bool = True
    reward: RewardWeights = field(default_factory=RewardWeights)
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.observation not in PRESETS:
            raise ValueError(
                f"unknown observation {self.observation!r}; choices: {', '.join(PRESETS)}"
            )
        if self.num_scenarios < 1:
            raise ValueError(f"num_scenarios must be at least 1, got {self.num_scenarios}")

    def make_pool(self) -> list[Scenario]:
        """The scenarios that episodes are drawn from; ValueError for an unknown family."""
        if self.scenarios:
            return list(self.scenarios)
        return generate(
            list(self.families),
            self.num_scenarios,
            self.split,
            self.scenario_seed,
            duration_s=self.duration_s,
        )
