"""A run folder: what was asked, what came out; whole batches only, so that a run can resume."""

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from eval.metrics.declaration import Metric
from eval.runs.made_by import FILE, made_by
from eval.runs.results import DriveScores, ErrorNote, Results, compact, summarize
from eval.runs.stored import read_batch, read_benchmark, read_declared, read_drives, read_summary
from sim.errors import InputError
from sim.files import whole_file, write_whole
from sim.remote import LATEST, fetch, named, point, push, remove
from sim.scenario import Scenario
from sim.scenario_file import SUFFIX, load_scenario, save_scenario
from sim.text_files import read_text, read_yaml

DRIVES = "drives"  # the folder of them
_DECLARED, _ERRORS = "declared_metrics.json", "errors"


class RunFolder:
    """Settings, finished batches, scenarios and drives; at the end tables, videos and the report."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @staticmethod
    def create(root: Path, name: str, config: dict[str, Any]) -> "RunFolder":
        """A new folder with its resolved config; raises InputError where it cannot be made."""
        path = free_path(root, name)
        try:
            with whole_folder(root, name, config) as part:
                (part / "batches").mkdir()
                (part / "videos").mkdir()
        except OSError as error:
            raise InputError(f"{named(str(path))}: cannot be made: {error.strerror}") from None
        return RunFolder(path)

    @staticmethod
    def open(path: Path) -> "RunFolder":
        """An existing run; raises InputError where there is none."""
        fetch(path)
        if not (path / "config.yaml").is_file():
            raise InputError(f"{path}: no run folder (config.yaml is missing)")
        return RunFolder(path.resolve())

    def config(self) -> dict[str, Any]:
        """The resolved config that the run was started with."""
        return read_yaml(self.path / "config.yaml")

    def hold_to(self, names: list[str]) -> None:
        """Note which scenarios the run is of; raises InputError where they are not those noted."""
        path = self.path / "scenarios.txt"
        text = "".join(f"{name}\n" for name in names)
        if not path.is_file():
            write_whole(path, text)
        elif read_text(path) != text:
            raise InputError(f"{path}: the source now holds other scenarios; begin a new run")

    def has_batch(self, number: int) -> bool:
        """Whether that batch of scenarios was driven by every planner, without an error."""
        path = self._batch_path(number)
        return path.is_file() and not read_batch(path).errors

    def is_finished(self, scenarios: int, batch_size: int) -> bool:
        """Whether everything was driven without an error, and all that follows is written."""
        written = all((self.path / n).is_file() for n in ("metrics.json", "report.html"))
        return written and all(map(self.has_batch, range(-(-scenarios // batch_size))))

    def write_batch(self, number: int, results: Results) -> None:
        """Store what a finished batch gave: all of it or nothing."""
        write_whole(self._batch_path(number), json.dumps(asdict(results)))

    def write_error(self, batch: int, number: int, text: str) -> str:
        """Keep a traceback; returns its place below this folder."""
        path = f"{_ERRORS}/{batch:05d}-{number}.txt"
        write_whole(self.path / path, text)
        return path

    def remove_errors(self, batch: int) -> None:
        """Those of a batch that is driven again."""
        for path in (self.path / _ERRORS).glob(f"{batch:05d}-*.txt"):
            remove(path)

    def read_batches(self) -> Results:
        """Every finished batch in order, as one."""
        drives: list[DriveScores] = []
        skipped: list[dict[str, str]] = []
        errors: list[ErrorNote] = []
        privileged: set[str] = set()
        place: dict[str, int] = {}
        for path in sorted((self.path / "batches").glob("[0-9]*.json")):
            batch = read_batch(path)
            drives += (compact(drive, place) for drive in batch.drives)
            skipped += batch.skipped
            errors += batch.errors
            privileged.update(batch.privileged)
        drives.sort(key=lambda drive: (drive.planner, drive.index))
        return Results(drives, skipped, errors, sorted(privileged))

    def write_tables(
        self,
        results: Results,
        metrics: Sequence[Metric],
        stated: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """`metrics.json` (the same bytes for the same results) and `per_scenario.parquet`.

        `stated`: what the run says of traffic, perception and its scenarios' benchmark. What the metrics
        declare is kept beside them, so that a report needs no more than the folder. Returns what
        `metrics.json` holds.
        """
        import numpy as np
        import pyarrow as pa
        import pyarrow.parquet as pq

        summary = summarize(results) | (stated or {})
        write_whole(
            self.path / "metrics.json", json.dumps(summary, indent=1, sort_keys=True) + "\n"
        )
        declared = [metric.to_plain() for metric in metrics]
        write_whole(self.path / _DECLARED, json.dumps(declared, indent=1) + "\n")
        names = sorted({name for drive in results.drives for name in drive.metrics})
        table: dict[str, Any] = {
            key: [getattr(drive, key) for drive in results.drives]
            for key in ("scenario_id", "family", "planner", "index", "tags")
        }
        for name in names:
            values = np.array([drive.metrics.get(name, np.nan) for drive in results.drives])
            table[name] = pa.array(values, from_pandas=True)
        with whole_file(self.path / "per_scenario.parquet") as scratch:
            pq.write_table(pa.table(table), scratch)
        return summary

    def read_tables(self) -> Results:
        """Drives and skipped scenarios of a finished run; InputError says what is missing."""
        for name in ("metrics.json", "per_scenario.parquet", _DECLARED):
            if not (self.path / name).is_file():
                raise InputError(f"{self.path}: not a finished run of simulate ({name} is missing)")
        stored = read_summary(self.path / "metrics.json")
        return replace(stored, drives=read_drives(self.path / "per_scenario.parquet"))

    def benchmark(self) -> dict[str, Any] | None:
        """What a finished run states of its benchmark; None: its scenarios are of none."""
        return read_benchmark(self.path / "metrics.json")

    def declared_metrics(self) -> tuple[Metric, ...]:
        """What the metrics of a finished run declare, in the order of reports."""
        return read_declared(self.path / _DECLARED)

    def drive_path(self, planner: str, index: int) -> Path:
        """Where the drive of scenario number `index` by a planner is kept (`DriveRecord`)."""
        return self.path / DRIVES / planner / f"{index:06d}.npz"

    def write_scenario(self, index: int, scenario: Scenario) -> None:
        """Keep scenario number `index` beside its drives: they can then be shown without the source."""
        path = self.scenario_path(index)
        path.parent.mkdir(parents=True, exist_ok=True)
        save_scenario(scenario, path)

    def read_scenario(self, index: int) -> Scenario:
        """Scenario number `index`; InputError names the file where it is missing or not whole."""
        return load_scenario(self.scenario_path(index))

    def has_scenario(self, index: int) -> bool:
        """Whether scenario number `index` is kept here."""
        return self.scenario_path(index).is_file()

    def scenario_path(self, index: int) -> Path:
        """Where scenario number `index` is kept."""
        return self.path / "scenarios" / f"{index:06d}{SUFFIX}"

    def _batch_path(self, number: int) -> Path:
        return self.path / "batches" / f"{number:05d}.json"


def free_path(root: Path, name: str) -> Path:
    """Where a run of that name goes; raises InputError where it cannot, or is there already."""
    if name in ("", ".", "..", LATEST) or Path(name).name != name:
        raise InputError(f"--name: {name!r} cannot name a run folder")
    path = fetch(root / name)
    if root.exists() and not root.is_dir():
        raise InputError(f"{root}: not a folder")
    if path.exists():
        raise InputError(f"{path}: exists already; choose another --name, or --resume it")
    return path


def is_run_of(path: Path, config: dict[str, Any], but: Collection[str] = ()) -> bool:
    """Whether a run folder with this config is there; fields named in `but` may differ."""
    if not (fetch(path) / "config.yaml").is_file():
        return False
    stored = read_yaml(path / "config.yaml")
    return all(stored.get(name) == config[name] for name in config if name not in but)


@contextmanager
def whole_folder(root: Path, name: str, config: dict[str, Any]) -> Iterator[Path]:
    """A run folder that appears, config and all, when the block is left; not if it fails."""
    path = free_path(root, name)
    root.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{name}-", dir=root) as scratch:
        part = Path(scratch) / name
        part.mkdir()
        write_whole(part / "config.yaml", yaml.safe_dump(config, sort_keys=True))
        write_whole(part / FILE, yaml.safe_dump(made_by(), sort_keys=False))
        yield part
        part.rename(path)
    push(path)
    point(root / LATEST, name)
