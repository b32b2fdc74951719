"""The lidar points shown at an instant: recorded ones, or those of a simulated lidar on the ego."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from eval.view.shapes import rotation_z
from sim.geometry.box import holds_points
from sim.scenario import EGO, AgentKind, Scenario
from sim.sensors.lidar import Lidar
from sim.sensors.lidar_presets import HDL_32E, LidarSpec
from sim.sensors.lidar_scene import LidarClass
from sim.sensors.pointcloud import PointCloud

NO_AGENT = -1
UNKNOWN_CLASS = -1  # of a recorded point outside of all boxes
_SAME_TIME_S = 0.06  # a sweep belongs to an instant that is no further away
_HOLD_S = 0.45  # and is shown so long after it: annotated sweeps are half a second apart
_BOX_MARGIN_M = 0.1  # boxes are that much larger when they claim points
_CLASS_OF_KIND = {int(kind): int(LidarClass[kind.name]) for kind in AgentKind}


@dataclass(frozen=True)
class LabeledPoints:
    """N points in the scenario's world frame, and what each has hit.

    `intensity` is 0 to 1, `label` a `LidarClass` or UNKNOWN_CLASS, `agent` a row of the scenario's
    `Tracks` or NO_AGENT.
    """

    xyz_m: Float[np.ndarray, "n 3"]
    intensity: Float[np.ndarray, " n"]
    label: Int[np.ndarray, " n"]
    agent: Int[np.ndarray, " n"]


@runtime_checkable
class PointSource(Protocol):
    """Where a scene's lidar points come from."""

    def at(self, instant: int) -> LabeledPoints | None:
        """The points to show at a time step; None where there is no sweep."""
        ...


class SimulatedPoints:
    """What a lidar on the ego sees of agents that are where `pose` (world frame) says."""

    def __init__(
        self,
        scenario: Scenario,
        pose: Float[np.ndarray, "t n 3"],
        valid: Bool[np.ndarray, "t n"],
        spec: LidarSpec = HDL_32E,
    ) -> None:
        self._scenario, self._spec = scenario, spec
        self._pose = torch.from_numpy(np.ascontiguousarray(pose, dtype=np.float32))
        self._valid = torch.from_numpy(np.ascontiguousarray(valid))
        self._made: Any = None

    def at(self, instant: int) -> LabeledPoints:
        """The returns of one sweep; class and agent of each are known."""
        world, start, lidar = self._lidar()
        pose, valid = self._pose[instant].unsqueeze(0), self._valid[instant].unsqueeze(0)
        sweep = lidar.sweep(world, replace(start, pose=pose, valid=valid))
        hit = sweep.hit[0]
        point = sweep.point_m[0][hit].numpy()
        x, y, yaw = self._pose[instant, EGO].tolist()
        base = np.array((x, y, self._ground_m(lidar, x, y)))
        return LabeledPoints(
            (point @ rotation_z(yaw).T + base).astype(np.float32),
            sweep.intensity[0][hit].numpy(),
            sweep.label[0][hit].numpy(),
            sweep.agent[0][hit].numpy(),
        )

    @staticmethod
    def _ground_m(lidar: Lidar, x: float, y: float) -> float:
        if lidar.static.ground is None:
            return 0.0
        return float(lidar.static.ground.read(torch.tensor([[[x, y]]]))[0])

    def _lidar(self) -> Any:
        """The world of one scenario, its first state and the lidar in it; made on the first call."""
        if self._made is None:
            from sim.world import World

            world = World.from_scenarios([self._scenario], maps=False)
            self._made = world, world.reset(), Lidar.of(world, self._spec)
        return self._made


@runtime_checkable
class Sweep(Protocol):
    """One recorded sweep, as the sources nuscenes and argoverse2 list them.

    `time_s` counts from the scenario's start; `world_SE3_ego` is the [4, 4] pose of the frame in
    which `read` returns the points.
    """

    @property
    def time_s(self) -> float: ...
    @property
    def world_SE3_ego(self) -> np.ndarray: ...
    def read(self) -> PointCloud: ...


class RecordedPoints:
    """The points of recorded sweeps, read when they are shown.

    An instant has the sweep within `_SAME_TIME_S`, or else the last one of the past `_HOLD_S`.
    """

    def __init__(self, scenario: Scenario, sweeps: Sequence[Sweep]) -> None:
        self._scenario, self._sweeps = scenario, sweeps
        self._time_s = np.array([sweep.time_s for sweep in sweeps])
        self._read = lru_cache(maxsize=4)(self._read_sweep)

    def at(self, instant: int) -> LabeledPoints | None:
        """A point belongs to the recorded box around it."""
        number = self._sweep_at(instant)
        if number is None:
            number = self._last_sweep_before(instant)
        return None if number is None else self._read(number)

    def instants(self) -> list[int]:
        """The time steps that have a sweep of their own."""
        return [k for k in range(self._scenario.num_instants) if self._sweep_at(k) is not None]

    def _sweep_at(self, instant: int) -> int | None:
        if not len(self._time_s):
            return None
        gap_s = np.abs(self._time_s - instant * self._scenario.dt_s)
        return int(gap_s.argmin()) if gap_s.min() <= _SAME_TIME_S else None

    def _last_sweep_before(self, instant: int) -> int | None:
        age_s = instant * self._scenario.dt_s - self._time_s
        recent = np.flatnonzero((age_s >= 0.0) & (age_s <= _HOLD_S))
        return int(recent[-1]) if len(recent) else None

    def _read_sweep(self, number: int) -> LabeledPoints:
        sweep = self._sweeps[number]
        instant = round(float(self._time_s[number]) / self._scenario.dt_s)
        instant = min(max(instant, 0), self._scenario.num_instants - 1)
        cloud = sweep.read()
        pose = sweep.world_SE3_ego
        xyz = (cloud.xyz_m @ pose[:3, :3].T + pose[:3, 3]).astype(np.float32)
        return label_by_boxes(self._scenario, instant, xyz, cloud.intensity)


class SingleSweep:
    """One sweep, shown at every instant; its points are given in the world frame."""

    def __init__(self, scenario: Scenario, cloud: PointCloud) -> None:
        self._points = label_by_boxes(scenario, 0, cloud.xyz_m, cloud.intensity)

    def at(self, instant: int) -> LabeledPoints:
        return self._points


def label_by_boxes(
    scenario: Scenario,
    instant: int,
    xyz_m: Float[np.ndarray, "n 3"],
    intensity: Float[np.ndarray, " n"],
) -> LabeledPoints:
    """Give each world-frame point the agent and class of the recorded box around it at `instant`.

    The boxes are `_BOX_MARGIN_M` longer, wider and higher than recorded.
    """
    tracks = scenario.tracks
    present = np.flatnonzero(tracks.valid[:, instant])
    boxes = np.concatenate(
        (
            tracks.position_m[present, instant],
            tracks.size_m[present] + _BOX_MARGIN_M,
            tracks.yaw_rad[present, instant, None],
        ),
        axis=1,
    )
    agent = np.full(len(xyz_m), NO_AGENT)
    if len(present):
        inside = holds_points(torch.from_numpy(xyz_m), torch.from_numpy(boxes).float()).numpy()
        agent = np.where(inside.any(axis=0), present[inside.argmax(axis=0)], NO_AGENT)
    kind = np.array([_CLASS_OF_KIND[int(k)] for k in tracks.kind])
    label = np.where(agent == NO_AGENT, UNKNOWN_CLASS, kind[np.maximum(agent, 0)])
    return LabeledPoints(xyz_m, intensity, label, agent)
