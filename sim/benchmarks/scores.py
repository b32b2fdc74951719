"""Who has which score on a benchmark: files `scores/NAME@VERSION.json`, written by one command.

`benchmarks/scoreboard.py` reads them off finished runs.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from sim import benchmarks
from sim.benchmarks import Benchmark


@dataclass(frozen=True)
class Score:
    """The means of one planner over all scenarios of a benchmark, in one kind of traffic.

    `success`: the share of goals reached; `score`: nuPlan's; `epdms`: NAVSIM's, version 2.
    `privileged`: it was shown what only the simulator knows.
    """

    planner: str
    traffic: str
    perception: str
    privileged: bool
    success: float
    score: float
    epdms: float


def read_scores(benchmark: Benchmark) -> list[Score]:
    """The best first; none where nobody has been scored."""
    path = _path(benchmark)
    if not path.is_file():
        return []
    data = json.loads(path.read_text())
    if data["hash"] != benchmark.hash:
        raise ValueError(f"{path}: scores of other scenarios (hash {data['hash']})")
    rows = [Score(**row) for row in data["scores"]]
    return sorted(rows, key=lambda row: (row.traffic, -row.success, -row.score, row.planner))


def add_scores(benchmark: Benchmark, scores: list[Score]) -> Path:
    """Put them beside those that are known; a planner's own earlier ones are replaced."""
    known = {(row.planner, row.traffic, row.perception): row for row in read_scores(benchmark)}
    known |= {(row.planner, row.traffic, row.perception): row for row in scores}
    path = _path(benchmark)
    path.parent.mkdir(exist_ok=True)
    listed = ",\n  ".join(json.dumps(asdict(known[key])) for key in sorted(known))
    path.write_text(f'{{\n "hash": "{benchmark.hash}",\n "scores": [\n  {listed}\n ]\n}}\n')
    return path


def _path(benchmark: Benchmark) -> Path:
    return benchmarks.FOLDER / "scores" / f"{benchmark.name}@{benchmark.version}.json"
