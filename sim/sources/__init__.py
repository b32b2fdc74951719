"""Where scenarios come from, by name: a list of requests, each of which yields one scenario."""

from dataclasses import dataclass
from pathlib import Path

from sim.scenario import Scenario

SOURCES = ("procedural", "scenarionet")


@dataclass(frozen=True)
class Request:
    """One scenario to be had: number `index` of a run, from a file or from the generator."""

    index: int
    source: str
    name: str
    path: Path | None = None
    families: tuple[str, ...] = ()
    split: str = "val"
    seed: int = 0
    duration_s: float = 15.0


def load(requests: list[Request]) -> tuple[list[tuple[Request, Scenario]], list[dict[str, str]]]:
    """The scenarios of some requests, and for each that cannot be had its name and the reason."""
    loaded: list[tuple[Request, Scenario]] = []
    skipped: list[dict[str, str]] = []
    generated = [r for r in requests if r.source == "procedural"]
    if generated:
        from sim.sources.procedural import numbered_draft
        from sim.sources.procedural.record import record

        drafts = [
            numbered_draft(list(r.families), r.split, r.seed, r.index, r.duration_s)
            for r in generated
        ]
        loaded += zip(generated, record(drafts), strict=True)
    for request in requests:
        if request.path is None:
            continue
        from sim.sources.scenarionet import read_scenario

        try:
            loaded.append((request, read_scenario(request.path)))
        except ValueError as error:
            skipped.append({"scenario": request.name, "reason": str(error)})
    return loaded, skipped
