"""Source `procedural`: an endless list of generated scenarios."""

from collections.abc import Sequence

from sim.errors import one_of
from sim.scenario import Scenario
from sim.scenario_check import require_valid
from sim.sources.procedural import ALL_FAMILIES, FAMILIES, numbered_draft
from sim.sources.procedural.draft import Draft
from sim.sources.procedural.ids import SPLITS, GeneratedId
from sim.sources.procedural.record import record
from sim.sources.query import ScenarioRef, SourceQuery

COUNT, SPLIT = 32, "val"  # where none is given


class ProceduralSource:
    """Families take turns: scenario number k is of family k modulo their number."""

    options = ("families", "split", "duration_s")

    def find(self, query: SourceQuery) -> list[ScenarioRef]:
        """Raises InputError for an unknown family or split, and for a name that is no id."""
        for family in query.families:
            one_of("--families", family, ALL_FAMILIES)
        families, split = query.families or FAMILIES, query.split or SPLIT
        one_of("--split", split, SPLITS)
        ids = [GeneratedId.parse(name) for name in query.scenario] or [
            GeneratedId(families[k % len(families)], split, query.seed, k)
            for k in range(query.count or COUNT)
        ]
        for which in ids:
            one_of(f"--scenario {which}: family", which.family, ALL_FAMILIES)
        return [ScenarioRef(query.source, str(which), None, query.duration_s) for which in ids]

    def load(self, ref: ScenarioRef) -> Scenario:
        """The recording of one."""
        return self.load_batch([ref])[0]

    def load_batch(self, refs: Sequence[ScenarioRef]) -> list[Scenario]:
        """Their recordings: the same as one by one, and faster."""
        recorded = record([draft_of(ref) for ref in refs])
        for scenario in recorded:
            require_valid(scenario)
        return recorded


def draft_of(ref: ScenarioRef) -> Draft:
    """The place and its traffic at the start, before it is recorded."""
    return numbered_draft(GeneratedId.parse(ref.name), ref.duration_s)
