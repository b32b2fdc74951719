"""`DriveRecord`: one driven scenario as a run folder keeps it, for video, report and viewer."""

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Shaped, UInt8

from eval.metrics.declaration import Metric
from eval.metrics.family import MetricResult
from eval.rollout import Rollout
from eval.runs.tracer import Tracer
from sim.errors import InputError
from sim.files import whole_file
from sim.geometry.grid import BevGrid
from sim.scenario import EGO

_MOTION = ("dt_s", "pose", "valid", "plan")
_CURVE = "curve:"


@dataclass(frozen=True)
class DriveRecord:
    """T instants of N agents (0: the ego); what the planner showed is None where it showed nothing.

    World frame: `pose`, and `plan`, half a second apart. Ego frame of each instant: `candidates`
    and `forecast` (of agents 1 to N - 1), half a second apart too, and `occupancy` (0 to 255).
    `curves`: metrics by the instant, and the ego's `speed_mps` and `acceleration_mps2`.
    """

    dt_s: float
    pose: Float[np.ndarray, "t n 3"]
    valid: Bool[np.ndarray, "t n"]
    plan: Float[np.ndarray, "t p 3"]
    curves: dict[str, Float[np.ndarray, " t"]]
    candidates: Float[np.ndarray, "t k p 2"] | None = None
    costs: Float[np.ndarray, "t k"] | None = None
    forecast: Float[np.ndarray, "t a m p 2"] | None = None
    forecast_probability: Float[np.ndarray, "t a m"] | None = None
    occupancy: UInt8[np.ndarray, "t h x y"] | None = None
    occupancy_grid: Shaped[np.ndarray, "5"] | None = None

    @staticmethod
    def of(
        rollout: Rollout,
        results: Mapping[str, MetricResult],
        metrics: Sequence[Metric],
        tracer: Tracer,
        world: int,
    ) -> "DriveRecord":
        """World number `world` of a rollout, up to its own end; the curves that `metrics` declare."""
        length = int(rollout.active[world].sum())
        agents = rollout.world.scenarios[world].num_agents
        curves = {m.key: results[m.key].per_step[world, :length] for m in metrics if m.curve}
        curves["speed_mps"] = rollout.velocity_mps[world, :length, EGO].norm(dim=-1)
        curves["acceleration_mps2"] = rollout.acceleration_mps2[world, :length, EGO]
        return DriveRecord(
            dt_s=rollout.dt_s,
            pose=rollout.pose[world, :length, :agents].cpu().numpy(),
            valid=rollout.valid[world, :length, :agents].cpu().numpy(),
            plan=rollout.plan[world, :length].cpu().numpy(),
            curves={name: c.float().cpu().numpy() for name, c in curves.items()},
            **tracer.shown(world, length, agents),
        )

    @property
    def num_instants(self) -> int:
        return len(self.pose)

    @property
    def grid(self) -> BevGrid:
        """Of the occupancy; raises InputError where there is none."""
        if self.occupancy_grid is None:
            raise ValueError("this drive has no occupancy")
        x_min, y_min, resolution, num_x, num_y = self.occupancy_grid.tolist()
        return BevGrid(x_min, y_min, resolution, int(num_x), int(num_y))

    def failures(self, metrics: Sequence[Metric]) -> dict[str, int]:
        """The first instant at which each pass curve that falls is below 1."""
        passes = [m.key for m in metrics if m.curve and m.curve.kind == "pass"]
        fallen = {
            key: np.flatnonzero(self.curves[key] < 1.0) for key in passes if key in self.curves
        }
        return {key: int(where[0]) for key, where in fallen.items() if len(where)}

    def save(self, path: Path) -> None:
        """Write `path` (.npz) whole or not at all."""
        parts = {k: v for k, v in vars(self).items() if k != "curves" and v is not None}
        parts |= {_CURVE + name: curve for name, curve in self.curves.items()}
        with whole_file(path) as scratch, scratch.open("wb") as file:
            np.savez_compressed(file, **parts)

    @staticmethod
    def load(path: Path) -> "DriveRecord":
        """The drive in a file; InputError names a file that is missing or not whole."""
        if not path.is_file():
            raise InputError(f"{path}: no such drive")
        try:
            with np.load(path, allow_pickle=False) as data:
                parts = dict(data)
        except (zipfile.BadZipFile, EOFError, ValueError, OSError) as error:
            raise InputError(f"{path}: not a whole drive: {error}") from None
        missing = [name for name in _MOTION if name not in parts]
        if missing:
            raise InputError(f"{path}: not a drive: {missing[0]} is missing")
        curves = {k.removeprefix(_CURVE): parts.pop(k) for k in list(parts) if _CURVE in k}
        return DriveRecord(float(parts.pop("dt_s")), curves=curves, **parts)
