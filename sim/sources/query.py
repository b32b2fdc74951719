"""What scenarios are asked for, and what a source answers: no import of any source, nor of torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from sim.registry import Registry

if TYPE_CHECKING:
    from sim.scenario import Scenario


@dataclass(frozen=True)
class SourceQuery:
    """Which scenarios are wanted: the same words for every verb, preset and environment."""

    source: str = "procedural"
    """procedural (generated), scenarionet, nuscenes, argoverse2 (sensor logs), argoverse2_motion
    (motion forecasting) or commonroad (recorded), saved (by `bevdrive save`), or a class of your own:
    my_module:MySource, path/to/file.py:MySource"""
    path: Path | None = None
    """sources scenarionet, commonroad and saved: a file, or a folder of them; argoverse2: a log, or a
    folder of logs; argoverse2_motion: a scenario's folder, or a folder of those"""
    dataroot: Path | None = None
    """source nuscenes: the folder that holds the versions, maps, samples"""
    version: str = "v1.0-mini"
    """source nuscenes: v1.0-mini, v1.0-trainval, v1.0-test, or another folder of tables"""
    cache: Path | None = None
    """source nuscenes: where converted scenes are kept; not given: ~/.cache/bevdrive"""
    split: str | None = None
    """source procedural: train, val (if not given) or test (disjoint seeds); source nuscenes:
    mini_train, mini_val, train, val, test, or a name in <dataroot>/<version>/splits.json; not given:
    every scene"""
    families: tuple[str, ...] = ()
    """source procedural; none named: all of straight, curve,
    signalized_junction, unsignalized_junction, left_turn, t_junction, roundabout, merge,
    lane_closure, narrow_street, crosswalk, jam; and the interactive ones: dense_merge, zipper,
    exit_lane, cut_in, unprotected_left, dense_roundabout, contested_stop, light_runner,
    blocked_lane, blocked_multilane, narrow_oncoming, cut_out, hard_braking_leader, slow_cyclist,
    parked_pedestrian, jaywalker, pull_out, u_turn"""
    benchmark: str | None = None
    """source procedural: the scenarios of a benchmark, NAME or NAME@VERSION (`bevdrive benchmark
    list`), instead of --split, --seed and --duration-s; --families leaves some"""
    scenario: tuple[str, ...] = ()
    """only these: a scenario's id, or the name of its scene, file or log (its end
    will do); an id of a generated one says all, whatever its family, split and seed"""
    exclude: tuple[str, ...] = ()
    """all but these, named likewise"""
    tags: tuple[str, ...] = ()
    """only scenarios in which one of these happens: unprotected_left,
    near_pedestrian ... (docs/tags.md lists them)"""
    not_tags: tuple[str, ...] = ()
    """only scenarios in which none of these happens"""
    seed: int = 0
    """seed of the generator"""
    count: int | None = None
    """how many scenarios at most; not given: 32 generated ones, or all recorded ones. With tags, of
    recorded ones so many that carry them; of generated ones those that do, of so many"""
    duration_s: float = 15.0
    """length of a generated scenario; a recorded one keeps its own"""


@dataclass(frozen=True)
class ScenarioRef:
    """One scenario to be had, not loaded yet: number `index` of those that were asked for.

    `name` is unique in its source: an id, the name of a scene, or of a file below the folder asked
    for. `path` is its file or folder, `duration_s` its length if it is generated. `digest`: what its
    draft must hash to, where a benchmark says so.
    """

    source: str
    name: str
    path: Path | None = None
    duration_s: float = 15.0
    index: int = 0
    digest: str = ""


class Source(Protocol):
    """A kind of scenarios. Made without arguments, in every process anew.

    It may have `options`, the names of those fields of a query that mean something to it (others are
    then refused, but for `source`, `scenario`, `exclude`, `seed` and `count`, which mean the same to
    all); `prepare(query, refs)`, an iterator that does what is done once, before many processes
    load; and `load_batch(refs)`, where many at once are cheaper than one by one.
    """

    def find(self, query: SourceQuery) -> list[ScenarioRef]:
        """All that there is; raises InputError where that is nothing."""
        ...

    def load(self, ref: ScenarioRef) -> "Scenario":
        """One scenario; raises InputError with the reason where it cannot be had."""
        ...


SOURCES = Registry(
    option="--source",
    group="bevdrive.sources",
    methods=("find(query)", "load(ref)"),
    builtin={
        "procedural": "sim.sources.procedural.source:ProceduralSource",
        "saved": "sim.sources.saved:SavedSource",
        "scenarionet": "sim.sources.scenarionet.source:ScenarioNetSource",
        "nuscenes": "sim.sources.nuscenes.source:NuScenesSource",
        "argoverse2_motion": "sim.sources.argoverse2_motion.source:Argoverse2MotionSource",
        "commonroad": "sim.sources.commonroad.source:CommonRoadSource",
        "argoverse2": "sim.sources.argoverse2.source:Argoverse2Source",
    },
)
