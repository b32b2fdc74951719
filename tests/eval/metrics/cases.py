"""Worlds for cases of metrics: lanes given one by one, everyone's motion a function of time.

Steps of 0.1 s, the ego's box 4 x 2 m, lanes half 1.75 m wide, drivable where |y| < 6; what is
recorded is what is driven.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from eval.metrics.suite import evaluate
from eval.rollout import Rollout
from sim.geometry import polyline
from sim.scenario import (
    AgentKind,
    AreaKind,
    Lane,
    LaneKind,
    LaneMap,
    Lights,
    MapArea,
    Route,
    Scenario,
    StopKind,
    StopLine,
    Tracks,
)
from sim.world import World
from tests.toy import straight

DT_S = 0.1
Motion = Callable[[np.ndarray], tuple]
"""x, y, yaw of instants t"""


@dataclass(frozen=True)
class Way:
    """A lane along a line; `after`: the numbers of the lanes that follow it."""

    line_m: np.ndarray
    kind: LaneKind = LaneKind.LANE
    after: tuple[int, ...] = ()
    limit_mps: float = 10.0
    half_width_m: float = 1.75


@dataclass(frozen=True)
class Track:
    """Another agent; `velocity` (vx, vy) is what is recorded, by default what it does."""

    motion: Motion
    size_m: tuple[float, float] = (4.0, 2.0)
    kind: AgentKind = AgentKind.VEHICLE
    velocity: tuple[float, float] | None = None


LONG = Way(straight(-100.0, 0.0, 200.0, 0.0))
BESIDE = Way(straight(-100.0, 3.5, 200.0, 3.5))
CONNECTOR = Way(straight(-100.0, 0.0, 200.0, 0.0), LaneKind.CONNECTOR)


def drive(
    ways: Sequence[Way],
    ego: Motion,
    tracks: Sequence[Track] = (),
    driven: Motion | None = None,
    instants: int = 41,
    ego_velocity: np.ndarray | None = None,
    route: tuple[int, ...] = (0,),
    lights: dict[int, np.ndarray] | None = None,
) -> Rollout:
    """`ego` is recorded; `driven` is what it does instead, if given. The ego's path is that of way 0.

    `route`: the ways of the ego's route; `lights`: at the start of a way, its states over time.
    """
    everyone = [Track(ego), *tracks]
    scenario = _scenario(ways, everyone, instants, route, lights or {})
    world = World.from_scenarios([scenario])
    pose = world.log.pose.transpose(1, 2).clone()
    velocity = world.log.velocity_mps.transpose(1, 2).clone()
    if driven is not None:
        pose[0, :, 0] = torch.tensor(_poses(driven, instants)).float()
        velocity[0, :, 0] = torch.tensor(_velocities(_poses(driven, instants))).float()
    if ego_velocity is not None:
        velocity[0, :, 0] = torch.tensor(ego_velocity).float()
    return Rollout(
        world=world,
        dt_s=DT_S,
        active=torch.ones(pose.shape[:2], dtype=torch.bool),
        pose=pose,
        velocity_mps=velocity,
        acceleration_mps2=torch.zeros(pose.shape[:3]),
        valid=world.log.valid.transpose(1, 2).clone(),
        ego_steering_rad=torch.zeros(pose.shape[:2]),
        plan=pose[:, :, :1],
    )


def values(rollout: Rollout, *names: str) -> list[float]:
    """The metrics of these names."""
    results = evaluate(rollout)
    return [round(float(results[name].value[0]), 4) for name in names]


def _poses(motion: Motion, instants: int) -> np.ndarray:
    t = np.arange(instants) * DT_S
    return np.stack(np.broadcast_arrays(*(np.asarray(v, float) for v in motion(t)), t)[:3], axis=-1)


def _velocities(poses: np.ndarray) -> np.ndarray:
    """Of the step that leads to each instant; the first has that of the second."""
    steps = np.diff(poses[:, :2], axis=0) / DT_S
    return np.concatenate((steps[:1], steps))


def _scenario(
    ways: Sequence[Way],
    tracks: Sequence[Track],
    instants: int,
    route: tuple[int, ...],
    lights: dict[int, np.ndarray],
) -> Scenario:
    lanes = [_lane(k, way, ways) for k, way in enumerate(ways)]
    poses = np.stack([_poses(track.motion, instants) for track in tracks])
    velocity = np.stack([
        _velocities(pose) if track.velocity is None else np.tile(track.velocity, (instants, 1))
        for pose, track in zip(poses, tracks, strict=True)
    ])  # fmt: skip
    line = ways[0].line_m
    edge = np.array(((-150.0, -6.0), (250.0, -6.0), (250.0, 6.0), (-150.0, 6.0)))
    return Scenario(
        scenario_id="case", source="case", family="case", location="nowhere", dt_s=DT_S,
        world_offset_m=np.zeros(3),
        tracks=Tracks(
            track_id=[f"agent{k}" for k in range(len(tracks))],
            category=["vehicle.car"] * len(tracks),
            kind=np.array([int(track.kind) for track in tracks]),
            size_m=np.array([(*track.size_m, 1.6) for track in tracks], dtype=np.float32),
            position_m=np.concatenate(
                (poses[..., :2], np.zeros_like(poses[..., :1])), axis=-1
            ).astype(np.float32),
            yaw_rad=poses[..., 2].astype(np.float32),
            velocity_mps=velocity.astype(np.float32),
            valid=np.ones(poses.shape[:2], dtype=bool),
        ),
        map=LaneMap(
            lanes=lanes,
            areas=[MapArea(AreaKind.DRIVABLE, edge)],
            stop_lines=[
                StopLine(lanes[way].polygon_m[[-1, 0]], StopKind.SIGNAL, (way,), k)
                for k, way in enumerate(lights)
            ],
        ),
        lights=Lights(
            np.array(list(lights.values()), dtype=np.int64).reshape(-1, instants),
            np.zeros((len(lights), 2)),
        ),
        routes=[
            Route(route, line.astype(np.float32), np.zeros(len(line), dtype=int)),
            *[None] * (len(tracks) - 1),
        ],
        keyframe=np.ones(instants, dtype=bool),
    )  # fmt: skip


def _lane(number: int, way: Way, ways: Sequence[Way]) -> Lane:
    left = polyline.offset(way.line_m, way.half_width_m)
    right = polyline.offset(way.line_m, -way.half_width_m)
    return Lane(
        f"lane{number}", way.kind, way.line_m, left, right,
        np.concatenate((right, left[::-1])), way.limit_mps, way.after,
        tuple(k for k, other in enumerate(ways) if number in other.after),
    )  # fmt: skip
