"""What can be set of an environment: the keywords of `gymnasium.make` and `make_vec`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sim.device import require_device
from sim.env.actions import Actions, actions_of
from sim.env.presets import Encode, Preset, preset_of
from sim.env.reward import Reward, RewardWeights, reward_of
from sim.env.scorers import SCORERS
from sim.errors import InputError, one_of
from sim.scenario import Scenario
from sim.scenario_check import require_valid
from sim.sources.finding import find, prepare
from sim.sources.loading import load
from sim.sources.query import SourceQuery
from sim.sources.tagged import tagged


@dataclass(frozen=True)
class Settings(SourceQuery):
    """Episodes are drawn from a pool of scenarios that is prepared when the environment is made.

    The pool is what the fields of `SourceQuery` ask for (16 generated scenarios of split train, if
    nothing else is said), or `scenarios` itself: that many, and no more, different episodes are
    seen. On one CPU core each takes about half a second to prepare, and some 20 MB, most of it its
    map; rasters and pictures take as much again. With traffic "idm" the others react to the ego;
    with "log" they repeat their recording.
    """

    split: str | None = "train"
    count: int | None = 16
    scenarios: Sequence[Scenario] = ()
    # or "raster", "lidar", or your own: `sim.env.presets`
    observation: str | Preset | Encode = "vector"
    actions: str | Actions = "continuous"  # or "discrete", or your own: `sim.env.actions`
    traffic: str = "idm"
    terminate_offroad: bool = True
    # weights by term, or your own: `sim.env.reward`
    reward: Reward | Mapping[str, float] = field(default_factory=RewardWeights)
    score: str | None = "nuplan"  # what `info` tells of an episode that has ended; None: nothing
    device: str = "cpu"

    def __post_init__(self) -> None:
        preset_of(self.observation)
        actions_of(self.actions)
        reward_of(self.reward)
        for name, kinds in _KINDS.items():
            value = getattr(self, name)
            if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
                names = " or ".join("nothing" if k is type(None) else k.__name__ for k in kinds)
                raise InputError(f"{name}: expected {names}, got {value!r:.60}")
        for scenario in self.scenarios:
            if not isinstance(scenario, Scenario):
                raise InputError(f"scenarios: a {type(scenario).__name__} is no Scenario")
            require_valid(scenario)
        require_device(self.device)
        if self.score is not None:
            SCORERS.load(self.score)
        for name in ("path", "dataroot", "cache"):  # texts will do
            given = getattr(self, name)
            object.__setattr__(self, name, None if given is None else Path(given))
        for name in ("families", "scenario", "exclude", "tags", "not_tags"):  # one alone, or a list
            given = getattr(self, name)
            given = (given,) if isinstance(given, str) else given
            if not isinstance(given, (list, tuple)) or not all(isinstance(v, str) for v in given):
                raise InputError(f"{name}: expected a name or a list of names, got {given!r:.60}")
            object.__setattr__(self, name, tuple(given))

    def make_pool(self) -> list[Scenario]:
        """The scenarios that episodes are drawn from.

        Raises InputError where the settings name none, and where one cannot be used.
        """
        if self.scenarios:
            return list(self.scenarios)
        refs = find(self)
        for _ in prepare(self, refs):
            pass
        loaded, skipped = load(tagged(self, refs))
        if skipped:
            raise InputError(f"{skipped[0]['scenario']}: {skipped[0]['reason']}")
        return [scenario for _, scenario in loaded]


_KINDS = {
    "source": (str,), "version": (str,), "split": (str, type(None)), "seed": (int,),
    "count": (int, type(None)), "duration_s": (int, float), "traffic": (str,), "device": (str,),
    "terminate_offroad": (bool,), "path": (str, Path, type(None)),
    "dataroot": (str, Path, type(None)), "cache": (str, Path, type(None)),
    "scenarios": (list, tuple),
}  # fmt: skip


def make_settings(given: dict[str, Any]) -> Settings:
    """Settings of keywords; raises InputError for one that there is not."""
    for name in given:
        one_of("setting", name, tuple(Settings.__dataclass_fields__))
    return Settings(**given)
