"""The options of `bevdrive evaluate`, and what scoring gives."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drive.pipelines.presets import to_plain
from sim.sources.query import SourceQuery

if TYPE_CHECKING:
    from eval.report.table import Table

TASKS = ("detection", "tracking", "prediction", "planning", "closed-loop")
ORACLE = "oracle"


@dataclass(frozen=True)
class EvaluateConfig:
    """What is scored, on which split, and where the results go.

    `query` names dataroot, version and split; what else it says matters to closed-loop alone.
    """

    task: str
    query: SourceQuery
    results: str | None = None  # a file, or ORACLE
    weights: str | None = None  # of a network whose predictions are scored
    noise: float = 0.0
    seed: int = 0
    name: str | None = None
    out: Path = Path("runs")
    planner: tuple[str, ...] = ("pdm",)
    workers: int = -1
    cluster: str | None = None

    def plain(self) -> dict[str, Any]:
        """As YAML can hold it: the fields that matter to the task."""
        query, closed_loop = to_plain(self.query), self.task == "closed-loop"
        named = ["dataroot", "version", "split"]
        named += ["cache", "scenario", "exclude", "count"] if closed_loop else []
        plain = {"task": self.task} | {name: query[name] for name in named}
        if closed_loop:
            return plain | {"planner": list(self.planner)}
        plain["results"] = self.results
        if self.weights is not None:
            plain["weights"] = self.weights
        if self.results == ORACLE:
            plain |= {"noise": self.noise, "seed": self.seed}
        return plain


@dataclass(frozen=True)
class Scores:
    """Tables by their key; on how many scenes planners failed, all of them together."""

    tables: dict[str, "Table"]
    failed: int = 0
