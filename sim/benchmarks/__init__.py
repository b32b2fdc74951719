"""Benchmarks: lists of scenarios that are fixed by name, version and hash.

A list is a file `NAME@VERSION.json` beside this one, written by `benchmarks/make_interactive.py` and
never changed afterwards: other scenarios are another version.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sim.errors import InputError, one_of

if TYPE_CHECKING:
    import numpy as np

TRAINING = "interactive-train"  # without end, by seed: scenarios like those, none of them certified
FOLDER = Path(__file__).parent
_PER_UNIT = 10_000  # witnesses are stored to a tenth of a millimetre, and of a milliradian


@dataclass(frozen=True)
class Entry:
    """A scenario of a benchmark: its id, what it must hash to, how much it demands (0 to 1), and when
    the stored drive that proves that it can be done reaches the goal (None: none is known)."""

    scenario_id: str
    digest: str
    interaction: float
    witness_s: float | None

    @property
    def family(self) -> str:
        return self.scenario_id.partition("-")[0]


@dataclass(frozen=True)
class Benchmark:
    """Its scenarios in order; `duration_s` is the length of each."""

    name: str
    version: int
    duration_s: float
    entries: tuple[Entry, ...]

    @property
    def hash(self) -> str:
        """SHA-256 of the digests of all scenarios in order: 16 hexadecimal digits."""
        text = "".join(entry.digest for entry in self.entries)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def families(self) -> tuple[str, ...]:
        """In the order of their first scenarios."""
        return tuple(dict.fromkeys(entry.family for entry in self.entries))

    def chosen(self, families: Sequence[str]) -> list[Entry]:
        """Those of some families (none named: all); InputError for one that is not in it."""
        for family in families:
            one_of("--families", family, self.families)
        return [entry for entry in self.entries if not families or entry.family in families]

    def stated(self) -> dict[str, str | int]:
        """What a run of it states: name, version, hash, number of scenarios."""
        return {
            "name": self.name,
            "version": self.version,
            "hash": self.hash,
            "scenarios": len(self.entries),
        }

    def counts(self) -> Counter[str]:
        """Scenarios by family."""
        return Counter(entry.family for entry in self.entries)


def benchmark_names() -> dict[str, list[int]]:
    """The versions of each benchmark, ascending."""
    versions: dict[str, list[int]] = {}
    for stem in _versions():
        name, _, version = stem.partition("@")
        versions.setdefault(name, []).append(int(version))
    return {name: sorted(known) for name, known in versions.items()}


def _versions() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*@*.json"))


@cache
def read_benchmark(name: str) -> Benchmark:
    """By name, newest version, or NAME@VERSION; InputError with the choices for any other."""
    known = benchmark_names()
    plain, at, version = name.partition("@")
    one_of("--benchmark", plain, [*known, TRAINING])
    if plain == TRAINING:
        raise InputError(f"--benchmark {name}: has no fixed scenarios, and no version")
    if at and (not version.isdigit() or int(version) not in known[plain]):
        listed = ", ".join(f"{plain}@{number}" for number in known[plain])
        raise InputError(f"--benchmark {name}: no such version (choices: {listed})")
    number = int(version) if at else known[plain][-1]
    data = json.loads((FOLDER / f"{plain}@{number}.json").read_text())
    entries = tuple(Entry(*row) for row in data["scenarios"])
    return Benchmark(plain, number, data["duration_s"], entries)


def with_version(name: str) -> str:
    """NAME@VERSION of a name with or without version; raises as `read_benchmark`."""
    if name == TRAINING:
        return name
    benchmark = read_benchmark(name)
    return f"{benchmark.name}@{benchmark.version}"


def read_witness(scenario_id: str) -> "np.ndarray | None":
    """The stored drive `[T, 5]` that does a scenario: x, y, yaw, speed, curvature a step; or None."""
    return next((w[scenario_id] for w in map(_witnesses, _versions()) if scenario_id in w), None)


@cache
def _witnesses(stem: str) -> "dict[str, np.ndarray]":
    path = FOLDER / f"{stem}.npz"
    if not path.is_file():
        return {}
    import numpy as np

    with np.load(path) as file:
        cuts = np.cumsum(file["steps"])[:-1]
        courses = np.split(file["course"].astype(np.float32) / _PER_UNIT, cuts)
        return dict(zip(file["scenario_id"].tolist(), courses, strict=True))


def write_benchmark(benchmark: Benchmark, witnesses: "dict[str, np.ndarray]") -> Path:
    """Its file, one scenario a line, and beside it the drives `[T, 5]` that prove it, by scenario id."""
    if witnesses:
        import numpy as np

        np.savez_compressed(
            FOLDER / f"{benchmark.name}@{benchmark.version}.npz",
            scenario_id=np.array(list(witnesses)),
            steps=np.array([len(course) for course in witnesses.values()]),
            course=np.rint(np.concatenate(list(witnesses.values())) * _PER_UNIT).astype(np.int32),
        )
    rows = [
        json.dumps([e.scenario_id, e.digest, round(e.interaction, 3), e.witness_s])
        for e in benchmark.entries
    ]
    path = FOLDER / f"{benchmark.name}@{benchmark.version}.json"
    listed = ",\n  ".join(rows)
    path.write_text(
        f'{{\n "duration_s": {benchmark.duration_s},\n "scenarios": [\n  {listed}\n ]\n}}\n'
    )
    return path
