"""`DriveRecord`: one driven scenario as a run folder keeps it, for video, report and viewer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped, UInt8

from eval.metrics.declaration import Metric
from eval.metrics.family import MetricResult
from eval.rollout import Rollout, half_seconds
from eval.runs.tracer import Tracer
from sim.array_files import read_npz
from sim.errors import InputError
from sim.files import whole_file
from sim.geometry.grid import BevGrid
from sim.interface import WHAT_IF_WAYS
from sim.scenario import EGO, Scenario
from sim.short_repr import short_repr

_MOTION = ("dt_s", "pose", "valid", "plan")
_CURVE = "curve:"
WAYS = len(WHAT_IF_WAYS)
_LARGEST = 1e6  # of any number in it: a page holds them in 31 bits


@short_repr
@dataclass(frozen=True)
class DriveRecord:
    """T instants of N agents (0: the ego); what the planner showed is None where it showed nothing.

    World frame: `pose`, and `plan`, half a second apart. Ego frame of each instant: `candidates`
    and `forecast` (of agents 1 to N - 1), half a second apart too, and `occupancy` (0 to 255). `terms`: what
    each of `term_names` adds to the cost of a candidate. `what_if_...`: as in `sim.interface.WhatIf`, W ways
    and V of them with none, S others by their number in `forecast`, percent. `perceived`: whom the planner
    took to be there, if the simulator did not tell: x, y, yaw, length, width, ego frame; `perceived_id`: a
    number that stays with it, -1: nobody. There is then no forecast, as it would be of these.
    `curves`: metrics by the instant, and the ego's `speed_mps` and `acceleration_mps2`; `steering_rad`: of
    its wheels.
    """

    dt_s: float
    pose: Float[np.ndarray, "t n 3"]
    valid: Bool[np.ndarray, "t n"]
    plan: Float[np.ndarray, "t p 3"]
    curves: dict[str, Float[np.ndarray, " t"]]
    steering_rad: Float[np.ndarray, " t"] | None = None
    candidates: Float[np.ndarray, "t k p 2"] | None = None
    costs: Float[np.ndarray, "t k"] | None = None
    terms: Float[np.ndarray, "t k r"] | None = None
    term_names: Shaped[np.ndarray, " r"] | None = None
    forecast: Float[np.ndarray, "t a m p 2"] | None = None
    forecast_probability: Float[np.ndarray, "t a m"] | None = None
    occupancy: UInt8[np.ndarray, "t h x y"] | None = None
    occupancy_grid: Shaped[np.ndarray, "5"] | None = None
    what_if_way: Float[np.ndarray, "t w e 2"] | None = None
    what_if_agent: Int[np.ndarray, "t s"] | None = None
    what_if_path: Float[np.ndarray, "t w s e 2"] | None = None
    what_if_slower: UInt8[np.ndarray, "t v s"] | None = None
    what_if_collision: UInt8[np.ndarray, "t w s"] | None = None
    what_if_change: UInt8[np.ndarray, "t w s"] | None = None
    perceived: Float[np.ndarray, "t q 5"] | None = None
    perceived_id: Int[np.ndarray, "t q"] | None = None

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
            steering_rad=rollout.ego_steering_rad[world, :length].cpu().numpy(),
            **tracer.shown(world, length, agents),
        )

    @staticmethod
    def recorded(scenario: Scenario) -> "DriveRecord":
        """The recording as if somebody had driven it; its plan is where the ego then went."""
        tracks = scenario.tracks
        pose = np.concatenate((tracks.position_m[..., :2], tracks.yaw_rad[..., None]), axis=-1)
        pose, last = pose.transpose(1, 0, 2), scenario.num_instants - 1
        ahead = half_seconds(scenario.dt_s, scenario.num_instants).numpy() + 1
        then = np.minimum(np.arange(scenario.num_instants)[:, None] + ahead, last)
        return DriveRecord(scenario.dt_s, pose, tracks.valid.T, pose[then, EGO], curves={})

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
        parts = read_npz(path)
        missing = [name for name in _MOTION if name not in parts]
        if missing:
            raise InputError(f"{path}: not a drive: {missing[0]} is missing")
        curves = {k.removeprefix(_CURVE): parts.pop(k) for k in list(parts) if _CURVE in k}
        unknown = parts.keys() - {field.name for field in fields(DriveRecord)}
        if unknown:
            raise InputError(f"{path}: not a drive: {sorted(unknown)[0]!r:.60} is no part of one")
        try:
            _check(parts, curves)
        except InputError as error:
            raise InputError(f"{path}: not a drive: {error}") from None
        return DriveRecord(float(parts.pop("dt_s")), curves=curves, **parts)


def _check(parts: dict[str, np.ndarray], curves: dict[str, np.ndarray]) -> None:
    """Raise InputError where shapes, types or values are not those of `DriveRecord`."""
    lengths = dict(zip("tn", parts["pose"].shape, strict=False))
    if not lengths.get("t") or not lengths.get("n"):
        raise InputError(f"pose: shape {parts['pose'].shape}, expected t, n, 3")
    for name, array in parts.items():
        axes, kind = _FORMS[name]
        fits = array.ndim == len(axes) and array.dtype.kind == kind
        for axis, length in zip(axes, array.shape, strict=False):
            want = int(axis) if axis.isdigit() else lengths.setdefault(axis, length)
            want = lengths["n"] - 1 if axis == "a" else want
            fits = fits and length == want
        if not fits:
            told = ", ".join(axes) or "one number"
            raise InputError(f"{name}: {array.dtype} of shape {array.shape}, expected {told}")
    for name, other in _TOGETHER:
        if (name in parts) != (other in parts):
            raise InputError(f"{name} and {other}: one is there without the other")
    for name in ("dt_s", "pose", "plan", "steering_rad", "occupancy_grid"):
        array = parts.get(name)
        where = parts["valid"] if name == "pose" else ...
        if array is not None and not np.isfinite(array[where]).all():
            raise InputError(f"{name}: not a number")
    agent = parts.get("what_if_agent")
    if agent is not None and not ((agent >= -1) & (agent < lengths["n"] - 1)).all():
        raise InputError("what_if_agent: a number of nobody")
    if not 0.0 < parts["dt_s"] <= 1.0:
        raise InputError(f"dt_s: {parts['dt_s']} is not a time step")
    for name, curve in curves.items():
        if curve.shape != (lengths["t"],) or curve.dtype.kind != "f":
            raise InputError(f"{name}: {curve.dtype} of shape {curve.shape}")
    for name, array in (*parts.items(), *curves.items()):
        if array.dtype.kind == "f":
            far = np.isfinite(array) & (np.abs(array) > np.float64(_LARGEST))  # too much for a half
            if far.any():
                raise InputError(f"{name}: {array[far][0]:.6g} is beyond {_LARGEST:g}")


_TOGETHER = (
    ("forecast", "forecast_probability"),
    ("occupancy", "occupancy_grid"),
    ("terms", "term_names"),
    ("perceived", "perceived_id"),
    *(
        ("what_if_way", f"what_if_{name}")
        for name in ("agent", "path", "slower", "collision", "change")
    ),
)
# Axes (a: agents but the ego) and kind of each part of a file.
_FORMS = {
    "dt_s": ("", "f"), "pose": ("tn3", "f"), "valid": ("tn", "b"), "plan": ("tp3", "f"),
    "steering_rad": ("t", "f"),
    "candidates": ("tkc2", "f"), "costs": ("tk", "f"), "terms": ("tkr", "f"), "term_names": ("r", "U"),
    "forecast": ("tamf2", "f"),
    "forecast_probability": ("tam", "f"), "occupancy": ("thxy", "u"), "occupancy_grid": ("5", "f"),
    "what_if_way": (f"t{WAYS}e2", "f"), "what_if_agent": ("ts", "i"), "what_if_path": (f"t{WAYS}se2", "f"),
    "what_if_slower": (f"t{WAYS + 1}s", "u"), "what_if_collision": (f"t{WAYS}s", "u"),
    "what_if_change": (f"t{WAYS}s", "u"), "perceived": ("tq5", "f"), "perceived_id": ("tq", "i"),
}  # fmt: skip
