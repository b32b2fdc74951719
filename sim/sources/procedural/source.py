"""Source `procedural`: an endless list of generated scenarios, and fixed ones: benchmarks."""

from collections.abc import Sequence

from sim.benchmarks import TRAINING, read_benchmark
from sim.errors import InputError, one_of
from sim.scenario import Scenario
from sim.scenario_check import require_valid
from sim.scenario_file import digest
from sim.sources.procedural import (
    ALL_FAMILIES,
    FAMILIES,
    INTERACTIVE_FAMILIES,
    INTERACTIVE_S,
    numbered_draft,
)
from sim.sources.procedural.draft import Draft
from sim.sources.procedural.ids import SPLITS, GeneratedId
from sim.sources.procedural.record import record
from sim.sources.query import ScenarioRef, SourceQuery

COUNT, SPLIT = 32, "val"  # where none is given


class ProceduralSource:
    """Families take turns: scenario number k is of family k modulo their number."""

    options = ("families", "split", "duration_s", "benchmark")

    def find(self, query: SourceQuery) -> list[ScenarioRef]:
        """Raises InputError for an unknown family, split or benchmark, and for a name that is no id."""
        if query.benchmark == TRAINING:
            return _training(query)
        if query.benchmark is not None:
            return _of_benchmark(query, query.benchmark)
        for family in query.families:
            one_of("--families", family, ALL_FAMILIES)
        families, split = query.families or FAMILIES, query.split or SPLIT
        one_of("--split", split, SPLITS)
        ids = [GeneratedId.parse(name) for name in query.scenario] or in_turn(
            families, split, query.seed, query.count or COUNT
        )
        for which in ids:
            one_of(f"--scenario {which}: family", which.family, ALL_FAMILIES)
        return [ScenarioRef(query.source, str(which), None, query.duration_s) for which in ids]

    def load(self, ref: ScenarioRef) -> Scenario:
        """The recording of one."""
        return self.load_batch([ref])[0]

    def load_batch(self, refs: Sequence[ScenarioRef]) -> list[Scenario]:
        """Their recordings: the same as one by one, and faster.

        Raises InputError where one is not what its benchmark says.
        """
        drafts = [draft_of(ref) for ref in refs]
        for ref, draft in zip(refs, drafts, strict=True):
            if ref.digest and digest(draft.scenario) != ref.digest:
                raise InputError(f"{ref.name}: not the scenario that the benchmark was made of")
        recorded = record(drafts)
        for scenario in recorded:
            require_valid(scenario)
        return recorded


def draft_of(ref: ScenarioRef) -> Draft:
    """The place and its traffic at the start, before it is recorded."""
    return numbered_draft(GeneratedId.parse(ref.name), ref.duration_s)


def in_turn(families: Sequence[str], split: str, seed: int, count: int) -> list[GeneratedId]:
    """The first ids of a list in which families take turns."""
    return [GeneratedId(families[k % len(families)], split, seed, k) for k in range(count)]


def _training(query: SourceQuery) -> list[ScenarioRef]:
    """Interactive scenarios of split train, as many as asked for."""
    if query.split:
        raise InputError(f"--split: the scenarios of {TRAINING} are those of split train")
    for family in query.families:
        one_of("--families", family, INTERACTIVE_FAMILIES)
    families = query.families or INTERACTIVE_FAMILIES
    ids = in_turn(families, "train", query.seed, query.count or COUNT)
    return [ScenarioRef(query.source, str(which), None, INTERACTIVE_S) for which in ids]


def _of_benchmark(query: SourceQuery, name: str) -> list[ScenarioRef]:
    """Its scenarios; those asked for by --scenario are chosen from them by `find`."""
    for option, given in {"split": query.split, "seed": query.seed}.items():
        if given:
            raise InputError(f"--{option}: a benchmark's scenarios are fixed")
    benchmark = read_benchmark(name)
    return [
        ScenarioRef(query.source, e.scenario_id, None, benchmark.duration_s, digest=e.digest)
        for e in benchmark.chosen(query.families)
    ]
