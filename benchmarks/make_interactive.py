"""Make a version of an interactive benchmark: scenarios that demand something, each with a witness.

    python benchmarks/make_interactive.py interactive-val --version 4 --count 256 --workers 2

Candidates are numbered; families take turns. Kept are those whose recording scores at least
`LEAST_INTERACTION` and for which `privileged_search` finds a drive to the goal (--uncertified: without
asking it). The list goes to sim/benchmarks/NAME@VERSION.json, the drives to NAME@VERSION.npz. What was
judged is kept in the folder NAME@VERSION.judged: after a stop the same command goes on.
"""

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np

from sim.benchmarks import Benchmark, Entry, write_benchmark

SPLITS = {"interactive": "test", "interactive-val": "val"}
LEAST_INTERACTION = 0.25
BATCH = 9  # candidates a job: they share their recording


def main() -> None:
    """Judge candidates until every family is full."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("name", choices=SPLITS)
    parser.add_argument("--version", type=int, required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--uncertified", action="store_true")
    options = parser.parse_args()
    from sim.sources.procedural import INTERACTIVE_FAMILIES, INTERACTIVE_S

    judged = Judged(Path(f"{options.name}@{options.version}.judged"), not options.uncertified)
    wanted = Counter(
        INTERACTIVE_FAMILIES[k % len(INTERACTIVE_FAMILIES)] for k in range(options.count)
    )
    first = 0
    with ProcessPoolExecutor(options.workers) as pool:
        while missing := judged.missing(wanted):
            numbers = range(first, first + BATCH)
            first = numbers.stop
            jobs = {
                family: pool.submit(
                    judge,
                    options.name,
                    family,
                    [k for k in numbers if not judged.has(family, k)],
                    not options.uncertified,
                )
                for family in missing
            }
            for family, job in jobs.items():
                judged.add(family, job.result())
                print(
                    f"{family}: {numbers.stop} judged, {judged.missing(wanted).get(family, 0)} missing",
                    flush=True,
                )
    entries = judged.chosen(wanted)
    benchmark = Benchmark(options.name, options.version, INTERACTIVE_S, entries)
    print(write_benchmark(benchmark, judged.witnesses(entries)))


def judge(name: str, family: str, numbers: Sequence[int], certify: bool) -> list["Candidate"]:
    """What is in each candidate, and the drive that does it."""
    import torch

    from drive.planning.privileged_search.search import Drive, search
    from sim.scenario_file import digest
    from sim.simulator import Simulator
    from sim.sources.interaction_score import interaction
    from sim.sources.procedural import INTERACTIVE_S, numbered_draft
    from sim.sources.procedural.ids import GeneratedId
    from sim.sources.procedural.record import record

    torch.set_num_threads(1)
    if not numbers:
        return []
    ids = [GeneratedId(family, SPLITS[name], 0, number) for number in numbers]
    drafts = [numbered_draft(which, INTERACTIVE_S) for which in ids]
    with torch.no_grad():
        scenarios = record(drafts)
        scores = [interaction(scenario).total for scenario in scenarios]
        kept = [k for k, score in enumerate(scores) if score >= LEAST_INTERACTION]
        found: dict[int, Drive] = {}
        if certify and kept:
            simulator = Simulator.from_scenarios([scenarios[k] for k in kept], "idm")
            found = dict(zip(kept, search(simulator, range(len(kept))), strict=True))
    judged = []
    for k, (number, which) in enumerate(zip(numbers, ids, strict=True)):
        drive = found.get(k)
        goal_s = None if drive is None or drive.goal_s is None else round(drive.goal_s, 1)
        entry = Entry(str(which), digest(drafts[k].scenario), scores[k], goal_s)
        judged.append(Candidate(number, entry, None if drive is None else drive.course.numpy()))
    return judged


@dataclass(frozen=True)
class Candidate:
    """Number `number` of its family; the best drive that was found, to the goal or not."""

    number: int
    entry: Entry
    course: np.ndarray | None


class Judged:
    """What is known of candidates, in a folder that grows: a line for each, and its drive."""

    def __init__(self, folder: Path, certified: bool) -> None:
        self._folder, self._certified = folder, certified
        self._entries: dict[tuple[str, int], Entry] = {}
        folder.mkdir(exist_ok=True)
        lines = folder / "candidates.jsonl"
        for line in lines.read_text().splitlines() if lines.is_file() else ():
            number, *row = json.loads(line)
            entry = Entry(*row)
            self._entries[entry.family, number] = entry

    def has(self, family: str, number: int) -> bool:
        """Whether a candidate was judged before."""
        return (family, number) in self._entries

    def add(self, family: str, candidates: list[Candidate]) -> None:
        """Keep what was found."""
        with (self._folder / "candidates.jsonl").open("a") as file:
            for candidate in candidates:
                entry = candidate.entry
                if entry.witness_s is not None and candidate.course is not None:
                    np.save(self._folder / f"{entry.scenario_id}.npy", candidate.course)
                self._entries[family, candidate.number] = entry
                file.write(json.dumps([candidate.number, *astuple(entry)]) + "\n")

    def of(self, family: str) -> list[Entry]:
        """Those of a family that can be in the benchmark, by number."""
        return [
            entry
            for (name, _), entry in sorted(self._entries.items())
            if name == family
            and entry.interaction >= LEAST_INTERACTION
            and (entry.witness_s is not None or not self._certified)
        ]

    def missing(self, wanted: Counter[str]) -> dict[str, int]:
        """How many more each family needs."""
        left = {family: count - len(self.of(family)) for family, count in wanted.items()}
        return {family: count for family, count in left.items() if count > 0}

    def chosen(self, wanted: Counter[str]) -> tuple[Entry, ...]:
        """The first ones of each family; families take turns."""
        lists = [self.of(family)[:count] for family, count in wanted.items()]
        longest = max(wanted.values())
        return tuple(entries[k] for k in range(longest) for entries in lists if k < len(entries))

    def witnesses(self, entries: Sequence[Entry]) -> dict[str, np.ndarray]:
        """The drives of those that have one."""
        known = [entry.scenario_id for entry in entries if entry.witness_s is not None]
        return {name: np.load(self._folder / f"{name}.npy") for name in known}


if __name__ == "__main__":
    main()
