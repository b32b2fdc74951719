"""`generate` and `load`: scenarios as a list, each of which is made or read when it is asked for."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

from bevdrive.options import filled
from sim import scenario as recorded
from sim.sources.query import ScenarioRef, SourceQuery

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NAMED = 3  # ids that the text of a list holds


class Scenario(recorded.Scenario):
    """A `sim.scenario.Scenario` that can be shown."""

    def show(self) -> "Figure | None":
        """The recording: in a notebook as a film, elsewhere as the figure that is returned."""
        from eval.report.inline import show

        return show(self)


class Scenarios:
    """Scenarios by number; a slice is a list of the same kind. Nothing is loaded, or kept, beforehand.

    `query`: what was asked for; `refs`: what there is of it.
    """

    def __init__(self, query: SourceQuery, refs: Sequence[ScenarioRef]) -> None:
        self.query, self.refs = query, list(refs)

    @property
    def ids(self) -> list[str]:
        """What they are called: of recorded ones, the names of their scenes or files."""
        return [ref.name for ref in self.refs]

    def __len__(self) -> int:
        return len(self.refs)

    def __iter__(self) -> Iterator[Scenario]:
        return (self[k] for k in range(len(self)))

    @overload
    def __getitem__(self, index: int) -> Scenario: ...
    @overload
    def __getitem__(self, index: slice) -> "Scenarios": ...
    def __getitem__(self, index: int | slice) -> "Scenario | Scenarios":
        """Raises InputError with the reason where the scenario cannot be used."""
        from sim.sources.loading import load_one

        if isinstance(index, slice):
            return Scenarios(self.query, self.refs[index])
        return Scenario(**vars(load_one(self.refs[index])))

    def __repr__(self) -> str:
        more = f" and {len(self) - _NAMED} more" if len(self) > _NAMED else ""
        return f"{len(self)} scenarios: {', '.join(self.ids[:_NAMED])}{more}"


def generate(
    families: Iterable[str] = (), count: int | None = None, seed: int = 0, **query: Any
) -> Scenarios:
    """Generated scenarios; families take turns (none named: the twelve plain ones).

    `query`: split, duration_s, scenario, exclude, tags and not_tags, as `bevdrive simulate --help` tells.
    Raises InputError for what is wrong with them.
    """
    asked = [families] if isinstance(families, str) else list(families)
    return load(families=asked, count=count, seed=seed, **query)


def load(**query: Any) -> Scenarios:
    """The scenarios of a source or a benchmark, in the words of the command line (`SourceQuery`).

    source: procedural (if not given), saved, scenarionet, nuscenes, argoverse2, argoverse2_motion, commonroad
    or a class of your own; path, dataroot, version, cache, split: where they lie; benchmark: NAME or
    NAME@VERSION; scenario, exclude, tags, not_tags, count: which of them. Raises InputError for what is wrong
    with these, and where nothing fits.
    """
    from drive.pipelines.scenarios import find_scenarios

    asked = filled(SourceQuery(), query, "load")
    return Scenarios(asked, find_scenarios(asked))
