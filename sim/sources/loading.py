"""From references to scenarios."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from sim.errors import InputError
from sim.scenario import Scenario
from sim.scenario_check import require_valid
from sim.sources.query import SOURCES, ScenarioRef

Loaded = list[tuple[ScenarioRef, Scenario]]


def load(refs: Sequence[ScenarioRef]) -> tuple[Loaded, list[dict[str, str]]]:
    """The scenarios, and of each that cannot be used its name and the reason."""
    loaded: Loaded = []
    skipped: list[dict[str, str]] = []
    for name, group in groupby(refs, key=lambda ref: ref.source):
        for ref, scenario in _load(name, list(group)):
            if isinstance(scenario, Scenario):
                loaded.append((ref, scenario))
            else:
                skipped.append({"scenario": ref.name, "reason": str(scenario)})
    return loaded, skipped


def load_one(ref: ScenarioRef) -> Scenario:
    """One scenario; raises InputError with the reason where it cannot be used."""
    loaded, skipped = load([ref])
    if skipped:
        raise InputError(skipped[0]["reason"])
    return loaded[0][1]


def _load(
    name: str, refs: list[ScenarioRef]
) -> Iterator[tuple[ScenarioRef, Scenario | InputError]]:
    source = SOURCES.load(name)()
    if hasattr(source, "load_batch"):
        yield from zip(refs, source.load_batch(refs), strict=True)
        return
    from shapely.errors import ShapelyError

    for ref in refs:
        try:
            scenario = source.load(ref)
        except InputError as error:
            yield ref, error
            continue
        except ShapelyError as error:  # outlines that cross themselves beyond repair
            yield ref, InputError(f"{ref.path or ref.name}: its map: {error}")
            continue
        try:
            require_valid(scenario)
        except InputError as error:
            yield ref, InputError(f"{ref.path or ref.name}: {error}")
        else:
            yield ref, scenario
