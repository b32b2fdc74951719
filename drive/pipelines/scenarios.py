"""From a query to scenarios that can be loaded, for every verb."""

from typing import TYPE_CHECKING

from drive.progress_bar import progress_bar
from sim.errors import InputError
from sim.sources.finding import find, prepare
from sim.sources.loading import load
from sim.sources.query import ScenarioRef, SourceQuery
from sim.sources.tagged import tagged

if TYPE_CHECKING:
    from tqdm import tqdm


def find_scenarios(query: SourceQuery) -> list[ScenarioRef]:
    """The scenarios of a query, those converted, and looked at for tags, that have to be (with a bar on
    the terminal).

    Raises InputError for a query that is wrong, or fits nothing.
    """
    refs = find(query)
    bar: tqdm | None = None
    for _ in prepare(query, refs):
        bar = bar or progress_bar(desc="converting", total=len(refs))
        bar.update()
    if bar is not None:
        bar.close()
    if not (query.tags or query.not_tags):
        return refs
    with progress_bar(desc="looking for tags", total=len(refs), leave=False) as tags:
        return tagged(query, refs, tags.update)


def require_usable(refs: list[ScenarioRef]) -> None:
    """Raise InputError, naming the reasons, where no recorded scenario at all can be read."""
    reasons: list[str] = []
    for ref in refs:
        if ref.path is None:
            return
        loaded, skipped = load([ref])
        if loaded:
            return
        reasons += [entry["reason"] for entry in skipped]
    listed = "; ".join(reasons[:3])
    raise InputError(f"0 of {len(refs)} scenarios can be used: {listed}")
