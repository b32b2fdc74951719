"""Examples of scenarios, made as `collect` does, for whatever is scored on them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from drive.pipelines.collect import load_usable
from sim.sources.query import ScenarioRef, SourceQuery

if TYPE_CHECKING:
    from drive.features.example import Example
    from drive.pipelines.evaluate.tally import Tally
    from eval.report.table import Table
    from sim.interface import Perception


@dataclass(frozen=True)
class ExampleScores:
    """What an evaluation gave: its folder, tables by key, and the scenarios that could not be used."""

    folder: Path
    tables: dict[str, "Table"]
    skipped: list[dict[str, str]]

    def __repr__(self) -> str:
        return "\n\n".join(table.text() for table in self.tables.values())


def made_examples(
    refs: Sequence[ScenarioRef],
    perception: str | None,
    every_s: float,
    tally: "Tally",
    sweeps: bool = False,
) -> "Iterator[tuple[Example, list[str]]]":
    """With maps, with `sweeps` if asked for, and the id of the scenario that each is of; `tally` is told the
    families, and who is skipped."""
    import torch

    from drive.features.example import ExampleSpec, make_examples, trimmed

    scenarios, skipped = load_usable(list(refs))
    tally.skipped += skipped
    tally.family |= {s.scenario_id: s.family for s in scenarios}
    if not scenarios:
        return
    shown = cast("Perception", perception or "tracks")
    with torch.no_grad():
        spec = ExampleSpec(map=True, sweeps=sweeps)
        for example in make_examples(scenarios, spec, every_s, shown):
            names = [scenarios[k].scenario_id for k in example.scenario.tolist()]
            yield trimmed(example), names


def title_of(query: SourceQuery) -> str:
    """What the scenarios are, in a few words."""
    named = [query.benchmark, query.source if query.source != "procedural" else None,
             query.split, ", ".join(query.families)]  # fmt: skip
    return ", ".join(n for n in named if n) or "generated scenarios"
