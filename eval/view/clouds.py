"""The points of an instant: from a real sweep, or from a simulated lidar on the ego."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from eval.view.shapes import turn_z
from sim.scenario import EGO, AgentKind, Scenario
from sim.sensors.lidar import Lidar
from sim.sensors.lidar_presets import HDL_32E, LidarSpec
from sim.sensors.lidar_scene import LidarClass
from sim.sensors.pointcloud import PointCloud

NOBODY = -1
UNKNOWN = -1  # class of a real point outside of all boxes
_SAME_TIME_S = 0.06
_HOLD_S = 0.45  # key frames are half a second apart
_CLASS_OF_KIND = {int(kind): int(LidarClass[kind.name]) for kind in AgentKind}
_BOX_MARGIN_M = 0.1


@dataclass(frozen=True)
class Cloud:
    """Points in the world frame; `label` is a `LidarClass` or UNKNOWN, `agent` a row of `Tracks`."""

    xyz_m: Float[np.ndarray, "n 3"]
    intensity: Float[np.ndarray, " n"]
    label: Int[np.ndarray, " n"]
    agent: Int[np.ndarray, " n"]


@runtime_checkable
class Clouds(Protocol):
    """The sweeps of an episode."""

    def at(self, instant: int) -> Cloud | None:
        """The points of an instant; None where there is no sweep."""
        ...


class SimulatedClouds:
    """What a lidar on the ego sees of the boxes as they are shown."""

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

    def at(self, instant: int) -> Cloud:
        """Class and agent of each point are known."""
        world, start, lidar = self._lidar()
        pose, valid = self._pose[instant].unsqueeze(0), self._valid[instant].unsqueeze(0)
        sweep = lidar.sweep(world, replace(start, pose=pose, valid=valid))
        hit = sweep.hit[0]
        point = sweep.point_m[0][hit].numpy()
        x, y, yaw = self._pose[instant, EGO].tolist()
        base = np.array((x, y, self._ground_m(lidar, x, y)))
        return Cloud(
            (point @ turn_z(yaw).T + base).astype(np.float32),
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
        """The world of one scenario and the lidar in it, made when first asked for."""
        if self._made is None:
            from sim.world import World

            world = World.from_scenarios([self._scenario], maps=False)
            self._made = world, world.reset(), Lidar.of(world, self._spec)
        return self._made


@runtime_checkable
class Sweep(Protocol):
    """What the sources nuscenes and argoverse2 list."""

    @property
    def time_s(self) -> float: ...
    @property
    def world_SE3_ego(self) -> np.ndarray: ...
    def read(self) -> PointCloud: ...


class RealClouds:
    """Recorded sweeps: the one of the instant, or the last one of the moments before."""

    def __init__(self, scenario: Scenario, sweeps: Sequence[Sweep]) -> None:
        self._scenario, self._sweeps = scenario, sweeps
        self._time_s = np.array([sweep.time_s for sweep in sweeps])
        self._read = lru_cache(maxsize=4)(self._read_sweep)

    def at(self, instant: int) -> Cloud | None:
        """Who a point belongs to is told by the recorded box that holds it."""
        number = self._nearest(instant)
        if number is None:
            number = self._last(instant)
        return None if number is None else self._read(number)

    def instants(self) -> list[int]:
        """Those that have a sweep."""
        return [k for k in range(self._scenario.num_instants) if self._nearest(k) is not None]

    def _nearest(self, instant: int) -> int | None:
        if not len(self._time_s):
            return None
        gap = np.abs(self._time_s - instant * self._scenario.dt_s)
        return int(gap.argmin()) if gap.min() <= _SAME_TIME_S else None

    def _last(self, instant: int) -> int | None:
        age = instant * self._scenario.dt_s - self._time_s
        recent = np.flatnonzero((age >= 0.0) & (age <= _HOLD_S))
        return int(recent[-1]) if len(recent) else None

    def _read_sweep(self, number: int) -> Cloud:
        sweep = self._sweeps[number]
        instant = round(float(self._time_s[number]) / self._scenario.dt_s)
        instant = min(max(instant, 0), self._scenario.num_instants - 1)
        points = sweep.read()
        pose = sweep.world_SE3_ego
        xyz = (points.xyz_m @ pose[:3, :3].T + pose[:3, 3]).astype(np.float32)
        return in_boxes(self._scenario, instant, xyz, points.intensity)


def in_boxes(scenario: Scenario, instant: int, xyz_m: np.ndarray, intensity: np.ndarray) -> Cloud:
    """A cloud whose points take agent and class from the box around them (a little enlarged)."""
    from sim.geometry.box import holds_points

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
    agent = np.full(len(xyz_m), NOBODY)
    if len(present):
        inside = holds_points(torch.from_numpy(xyz_m), torch.from_numpy(boxes).float()).numpy()
        agent = np.where(inside.any(axis=0), present[inside.argmax(axis=0)], NOBODY)
    kind = np.array([_CLASS_OF_KIND[int(k)] for k in tracks.kind])
    label = np.where(agent == NOBODY, UNKNOWN, kind[np.maximum(agent, 0)])
    return Cloud(xyz_m, intensity, label, agent)


class OneCloud:
    """A single sweep, given in the world frame of its scenario."""

    def __init__(self, scenario: Scenario, points: PointCloud) -> None:
        self._cloud = in_boxes(scenario, 0, points.xyz_m, points.intensity)

    def at(self, instant: int) -> Cloud:
        """The same at every instant."""
        return self._cloud
