"""The scenarios of a query in which certain things happen; for that they are loaded, once."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from sim.errors import InputError
from sim.sources.loading import load
from sim.sources.query import ScenarioRef, SourceQuery

BATCH = 16


def tagged(
    query: SourceQuery,
    refs: Sequence[ScenarioRef],
    told: Callable[[int], object] = lambda count: None,
) -> list[ScenarioRef]:
    """Those that carry one of `query.tags` (if any are asked for) and none of `query.not_tags`, at most
    `query.count`, numbered anew; all of them where no tags are asked for.

    What cannot be loaded is kept: whoever loads it again is told why. `told` hears of each batch that is
    done. Raises InputError for a tag that nothing carries, and where nothing is left.
    """
    if not (query.tags or query.not_tags):
        return list(refs)
    wanted, unwanted = set(query.tags), set(query.not_tags)
    kept: list[ScenarioRef] = []
    carried: set[str] = set()
    looked, fits = 0, 0
    for first in range(0, len(refs), BATCH):
        batch = refs[first : first + BATCH]
        tags = _tags(batch)
        for ref in batch:
            own = tags.get(ref)
            if own is None:
                kept.append(ref)
                continue
            looked += 1
            carried |= own
            if (not wanted or own & wanted) and not own & unwanted:
                kept.append(ref)
                fits += 1
        told(len(batch))
    for tag in query.tags:
        if looked and tag not in carried:
            raise InputError(f"--tags {tag}: none of {looked} scenarios carries it")
    if looked and not fits:
        raise InputError(f"--not-tags: leaves none of {looked} scenarios")
    return [replace(ref, index=k) for k, ref in enumerate(kept[: query.count])]


def _tags(refs: Sequence[ScenarioRef]) -> dict[ScenarioRef, set[str]]:
    """Of those that can be loaded."""
    from sim.tags import tags_of
    from sim.world import World

    loaded, _ = load(refs)
    return {ref: set(tags_of(World.from_scenarios([scenario]))[0]) for ref, scenario in loaded}
