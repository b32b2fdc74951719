"""`SweepLog`: the sweeps of a drive on disk, memory-mapped; and what was really there, where that is known.

The frame of every sweep is the data set's ego frame (x ahead, y left), z over the ground under it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import IO

import numpy as np
from jaxtyping import Bool, Float, Int

from sim.array_files import read_npz
from sim.errors import InputError
from sim.files import whole_file

_CM = 100.0  # points are stored in centimetres, half a lidar's error
_FARTHEST_M = 120.0
NO_ROWS = 255  # the sweeps say nothing of their lasers


@dataclass(frozen=True)
class Truth:
    """Boxes `[7]` that somebody annotated in one frame, who each is, how many returns it threw back."""

    box: Float[np.ndarray, "k 7"]
    track: Int[np.ndarray, " k"]
    points: Int[np.ndarray, " k"]


@dataclass(frozen=True)
class SweepFrame:
    """One sweep; `row`: the laser of each point; `truth`: None where nobody annotated."""

    time_s: float
    point_m: Float[np.ndarray, "n 3"]
    row: Int[np.ndarray, " n"]
    world_SE3_ego: Float[np.ndarray, "4 4"]
    truth: Truth | None = None


@dataclass(frozen=True)
class LogInfo:
    """What holds for all sweeps of a drive.

    `annotated_rad`: only between these azimuths all road users are annotated.
    """

    sensor_m: tuple[float, float, float]
    annotated_rad: tuple[float, float] = (-np.pi, np.pi)


@dataclass(frozen=True)
class SweepLog:
    """The sweeps of one drive, in order of time."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @cached_property
    def _table(self) -> dict[str, np.ndarray]:
        return read_npz(self.path / "log.npz")

    @cached_property
    def _points(self) -> np.ndarray:
        return np.load(self.path / "points.npy", mmap_mode="r", allow_pickle=False)

    @cached_property
    def _rows(self) -> np.ndarray:
        return np.load(self.path / "rows.npy", mmap_mode="r", allow_pickle=False)

    def __len__(self) -> int:
        return len(self._table["time_s"])

    @property
    def info(self) -> LogInfo:
        low, high = self._table["annotated_rad"].tolist()
        x, y, z = self._table["sensor_m"].tolist()
        return LogInfo((x, y, z), (low, high))

    @property
    def time_s(self) -> Float[np.ndarray, " f"]:
        return self._table["time_s"]

    @property
    def dt_s(self) -> float:
        """The usual time from sweep to sweep."""
        return float(np.median(np.diff(self.time_s))) if len(self) > 1 else 0.1

    @property
    def world_SE3_ego(self) -> Float[np.ndarray, "f 4 4"]:
        return self._table["world_SE3_ego"]

    @property
    def has_truth(self) -> bool:
        return bool(self._table["annotated"].any())

    def frame(self, number: int) -> SweepFrame:
        """One sweep, read now."""
        table = self._table
        begin, end = table["first_point"][number : number + 2]
        truth = None
        if table["annotated"][number]:
            low, high = table["first_truth"][number : number + 2]
            held = slice(low, high)
            truth = Truth(
                table["truth_box"][held], table["truth_track"][held], table["truth_points"][held]
            )
        return SweepFrame(
            float(table["time_s"][number]),
            self._points[begin:end].astype(np.float32) / np.float32(_CM),
            self._rows[begin:end].astype(np.int64),
            table["world_SE3_ego"][number],
            truth,
        )


def write_log(path: Path, info: LogInfo, frames: Iterable[SweepFrame]) -> SweepLog:
    """Store a drive, whole or not at all; sweeps that are not later than the one before are left out.

    Points that are not finite, or farther than 120 m, are left out. One sweep is in memory at a time.
    Raises InputError where no sweep is left.
    """
    path.mkdir(parents=True, exist_ok=True)
    kept: list[SweepFrame] = []
    counts = [0]
    with (
        whole_file(path / "points.npy") as points,
        whole_file(path / "rows.npy") as rows,
        points.open("wb") as point_file,
        rows.open("wb") as row_file,
    ):
        for file in (point_file, row_file):
            file.write(bytes(_HEADER))
        for frame in frames:
            if kept and frame.time_s <= kept[-1].time_s:
                continue
            near = _usable(frame.point_m)
            counts.append(counts[-1] + int(near.sum()))
            point_file.write(np.rint(frame.point_m[near] * _CM).astype("<i2").tobytes())
            row_file.write(frame.row[near].astype(np.uint8).tobytes())
            kept.append(replace(frame, point_m=frame.point_m[:0], row=frame.row[:0]))
        if not kept:
            raise InputError(f"{path.name}: no sweeps")
        _write_header(point_file, "<i2", (counts[-1], 3))
        _write_header(row_file, "|u1", (counts[-1],))
    _write_table(path / "log.npz", info, kept, counts)
    return SweepLog(path)


_HEADER = 128  # bytes of a `.npy` file before its numbers


def _write_header(file: IO[bytes], dtype: str, shape: tuple[int, ...]) -> None:
    """Of an array whose length is known at the end only."""
    told = {"descr": dtype, "fortran_order": False, "shape": shape}
    text = f"{told!r}".encode()
    magic = b"\x93NUMPY\x01\x00"
    length = _HEADER - len(magic) - 2
    file.seek(0)
    file.write(magic + length.to_bytes(2, "little") + text.ljust(length - 1) + b"\n")


def _usable(point_m: Float[np.ndarray, "n 3"]) -> Bool[np.ndarray, " n"]:
    with np.errstate(invalid="ignore"):
        near = np.abs(point_m).max(axis=1, initial=0.0) < _FARTHEST_M
    return near & np.isfinite(point_m).all(axis=1)


def _write_table(path: Path, info: LogInfo, frames: list[SweepFrame], counts: list[int]) -> None:
    """All but the points."""
    known = [frame.truth for frame in frames if frame.truth is not None]
    sizes = [0 if frame.truth is None else len(frame.truth.box) for frame in frames]
    table = {
        "time_s": np.array([frame.time_s for frame in frames]),
        "world_SE3_ego": np.stack([frame.world_SE3_ego for frame in frames]).astype(np.float64),
        "first_point": np.array(counts),
        "sensor_m": np.array(info.sensor_m),
        "annotated_rad": np.array(info.annotated_rad),
        "annotated": np.array([frame.truth is not None for frame in frames]),
        "first_truth": np.concatenate(([0], np.cumsum(sizes))),
        "truth_box": np.concatenate([t.box for t in known] or [np.zeros((0, 7))]),
        "truth_track": np.concatenate([t.track for t in known] or [np.zeros(0, dtype=np.int64)]),
        "truth_points": np.concatenate([t.points for t in known] or [np.zeros(0, dtype=np.int64)]),
    }
    with whole_file(path) as scratch, scratch.open("wb") as file:
        np.savez(file, **table)


def rows_of(point_m: Float[np.ndarray, "n 3"], beams: int = 64) -> Int[np.ndarray, " n"]:
    """Lasers by elevation, where a sweep does not tell; points as the sensor sees them.

    As many even steps as there are beams, between the lowest and the highest but for outliers.
    """
    if not len(point_m):
        return np.zeros(0, dtype=np.int64)
    elevation = np.arctan2(point_m[:, 2], np.hypot(point_m[:, 0], point_m[:, 1]))
    low, high = np.quantile(elevation, (0.002, 0.998))
    step = max(float(high - low) / (beams - 1), 1e-6)
    return np.clip(np.rint((high - elevation) / step), 0, beams - 1).astype(np.int64)
