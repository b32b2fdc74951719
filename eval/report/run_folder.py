"""A run folder: what was asked, what came out, and whole chunks only, so that a run can resume."""

import json
import math
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from sim.files import write_whole
from sim.scenario import Scenario
from sim.scenario_file import SUFFIX, load_scenario, save_scenario

UNKNOWN = -1  # the index of a row whose table does not tell it


@dataclass(frozen=True)
class Row:
    """One scenario driven by one planner: its metrics (those without a value are absent)."""

    scenario_id: str
    family: str
    planner: str
    index: int
    metrics: dict[str, float]


@dataclass(frozen=True)
class Chunk:
    """The result of one batch of scenarios under every planner."""

    rows: list[Row]
    skipped: list[dict[str, str]]


class RunFolder:
    """Settings, finished chunks, scenarios and recordings; at the end tables, videos and the report."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @staticmethod
    def create(root: Path, name: str, config: dict[str, Any]) -> "RunFolder":
        """A new folder with its resolved config; raises ValueError where it exists already."""
        path = free_path(root, name)
        (path / "chunks").mkdir(parents=True)
        (path / "videos").mkdir()
        write_whole(path / "config.yaml", yaml.safe_dump(config, sort_keys=True))
        _point_latest(root, name)
        return RunFolder(path)

    @staticmethod
    def open(path: Path) -> "RunFolder":
        """An existing run; raises ValueError where there is none."""
        if not (path / "config.yaml").is_file():
            raise ValueError(f"{path}: no run folder (config.yaml is missing)")
        return RunFolder(path.resolve())

    def config(self) -> dict[str, Any]:
        """The resolved config that the run was started with."""
        return yaml.safe_load((self.path / "config.yaml").read_text())

    def hold_to(self, names: list[str]) -> None:
        """Note which scenarios the run is of; raises ValueError where they are not those noted."""
        path = self.path / "scenarios.txt"
        text = "".join(f"{name}\n" for name in names)
        if not path.is_file():
            write_whole(path, text)
        elif path.read_text() != text:
            raise ValueError(f"{path}: the source now holds other scenarios; begin a new run")

    def has_chunk(self, number: int) -> bool:
        """Whether that chunk was finished."""
        return self._chunk_path(number).is_file()

    def write_chunk(self, number: int, chunk: Chunk) -> None:
        """Store a finished chunk: all of it or nothing."""
        data = {"rows": [asdict(row) for row in chunk.rows], "skipped": chunk.skipped}
        write_whole(self._chunk_path(number), json.dumps(data))

    def read_chunks(self) -> Chunk:
        """Every finished chunk in order, as one."""
        rows: list[Row] = []
        skipped: list[dict[str, str]] = []
        for path in sorted((self.path / "chunks").glob("*.json")):
            data = json.loads(path.read_text())
            rows += [Row(**row) for row in data["rows"]]
            skipped += data["skipped"]
        rows.sort(key=lambda row: (row.planner, row.index))
        return Chunk(rows, skipped)

    def write_tables(self, chunk: Chunk) -> dict[str, Any]:
        """`metrics.json` (the same bytes for the same results) and `per_scenario.parquet`."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        summary = summarize(chunk)
        write_whole(
            self.path / "metrics.json", json.dumps(summary, indent=1, sort_keys=True) + "\n"
        )
        names = sorted({name for row in chunk.rows for name in row.metrics})
        table = {
            key: [getattr(row, key) for row in chunk.rows]
            for key in ("scenario_id", "family", "planner", "index")
        }
        table |= {name: [row.metrics.get(name) for row in chunk.rows] for name in names}
        pq.write_table(pa.table(table), self.path / "per_scenario.parquet")
        return summary

    def read_tables(self) -> Chunk:
        """Rows and skipped scenarios of a finished run; ValueError says what is missing."""
        import pyarrow.parquet as pq

        for name in ("metrics.json", "per_scenario.parquet"):
            if not (self.path / name).is_file():
                raise ValueError(f"{self.path}: not a finished run of simulate ({name} is missing)")
        skipped = json.loads((self.path / "metrics.json").read_text()).get("skipped", [])
        rows = [
            Row(
                entry.pop("scenario_id"), entry.pop("family"), entry.pop("planner"),
                entry.pop("index", UNKNOWN), {k: v for k, v in entry.items() if v is not None},
            )
            for entry in pq.read_table(self.path / "per_scenario.parquet").to_pylist()
        ]  # fmt: skip
        return Chunk(rows, skipped)

    def recording_path(self, planner: str, index: int) -> Path:
        """Where the drive of scenario number `index` by a planner is kept (`Recording`)."""
        return self.path / "recordings" / planner / f"{index:06d}.npz"

    def write_scenario(self, index: int, scenario: Scenario) -> None:
        """Keep scenario number `index` beside its drives: they can then be shown without the source."""
        path = self._scenario_path(index)
        path.parent.mkdir(exist_ok=True)
        save_scenario(scenario, path)

    def read_scenario(self, index: int) -> Scenario:
        """Scenario number `index`; ValueError names the file where it is missing or not whole."""
        return load_scenario(self._scenario_path(index))

    def has_scenario(self, index: int) -> bool:
        """Whether scenario number `index` is kept here."""
        return self._scenario_path(index).is_file()

    def _scenario_path(self, index: int) -> Path:
        return self.path / "scenarios" / f"{index:06d}{SUFFIX}"

    def _chunk_path(self, number: int) -> Path:
        return self.path / "chunks" / f"{number:05d}.json"


def free_path(root: Path, name: str) -> Path:
    """Where a run of that name goes; raises ValueError where it cannot, or is there already."""
    if name in ("", ".", "..", "latest") or Path(name).name != name:
        raise ValueError(f"--name: {name!r} cannot name a run folder")
    path = root / name
    if root.exists() and not root.is_dir():
        raise ValueError(f"{root}: not a folder")
    if path.exists():
        raise ValueError(f"{path}: exists already; choose another --name, or --resume it")
    return path


@contextmanager
def whole_folder(root: Path, name: str, config: dict[str, Any]) -> Iterator[Path]:
    """A run folder that appears, config and all, when the block is left; not if it fails."""
    path = free_path(root, name)
    root.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{name}-", dir=root) as scratch:
        part = Path(scratch) / name
        part.mkdir()
        write_whole(part / "config.yaml", yaml.safe_dump(config, sort_keys=True))
        yield part
        part.rename(path)
    _point_latest(root, name)


def summarize(chunk: Chunk) -> dict[str, Any]:
    """Means over the scenarios where a metric has a value: per planner, and per family."""
    planners: dict[str, Any] = {}
    for name in dict.fromkeys(row.planner for row in chunk.rows):
        rows = [row for row in chunk.rows if row.planner == name]
        families = sorted({row.family for row in rows})
        planners[name] = {
            "scenarios": len(rows),
            "mean": _means(rows),
            "per_family": {f: _means([r for r in rows if r.family == f]) for f in families},
        }
    return {"planners": planners, "skipped": chunk.skipped}


def score_columns(summary: dict[str, Any]) -> dict[str, dict[str, float]]:
    """What the tables show of each planner."""
    columns = {
        "score": "nuplan/score", "collision": "nuplan/no_at_fault_collision",
        "drivable": "nuplan/drivable_area_compliance",
        "direction": "nuplan/driving_direction_compliance",
        "progress": "nuplan/ego_progress", "ttc": "nuplan/time_to_collision",
        "limit": "nuplan/speed_limit_compliance", "comfort": "nuplan/comfort",
        "pdms": "navsim/pdms",
    }  # fmt: skip
    return {
        planner: {"scenes": float(entry["scenarios"])}
        | {short: entry["mean"].get(name, math.nan) for short, name in columns.items()}
        for planner, entry in summary["planners"].items()
    }


def score_table(summary: dict[str, Any]) -> str:
    """The table that the terminal shows."""
    rows = score_columns(summary)
    columns = [name for name in next(iter(rows.values())) if name != "scenes"]
    lines = [f"{'planner':18s}{'n':>5s}" + "".join(f"{c:>11s}" for c in columns)]
    for planner, row in rows.items():
        cells = (f"{row[name]:11.3f}" for name in columns)
        lines.append(f"{planner:18s}{row['scenes']:5.0f}" + "".join(cells))
    return "\n".join(lines)


def _point_latest(root: Path, name: str) -> None:
    fresh = root / f".latest-{os.getpid()}"
    fresh.symlink_to(name)
    os.replace(fresh, root / "latest")


def _means(rows: Iterable[Row]) -> dict[str, float]:
    values: dict[str, list[float]] = {}
    for row in rows:
        for name, value in row.metrics.items():
            values.setdefault(name, []).append(value)
    return {name: float(f"{math.fsum(v) / len(v):.6g}") for name, v in sorted(values.items())}
