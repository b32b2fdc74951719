"""Small hand-built scenarios for tests: lanes along given lines, cars along given lanes."""

from dataclasses import dataclass

import numpy as np

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
    StopLine,
    Styles,
    Tracks,
)

LANE_WIDTH_M = 3.5


@dataclass(frozen=True)
class Car:
    """An agent at t = 0; `lane` -1: no route."""

    lane: int
    x_m: float
    y_m: float
    yaw_rad: float = 0.0
    speed_mps: float = 0.0
    size_m: tuple[float, float, float] = (4.0, 2.0, 1.6)
    kind: AgentKind = AgentKind.VEHICLE


def straight(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    """A line with a vertex every metre."""
    return polyline.resample(np.array(((x0, y0), (x1, y1))), 1.0)


def make_scenario(
    lines_m: list[np.ndarray],
    cars: list[Car],
    duration_s: float = 10.0,
    priorities: list[int] | None = None,
    limit_mps: float = 10.0,
    stop_lines: list[StopLine] | None = None,
    light_state: np.ndarray | None = None,
    scenario_id: str = "toy",
    beside: list[tuple[int, int]] | None = None,
    styles: Styles | None = None,
) -> Scenario:
    """One lane per line, one path per lane; every car holds its speed for the whole recording.

    `beside`: pairs of lanes, the left one first. With styles, cars begin on the lane where they are and
    mean to end on the one that they name.
    """
    instants = round(duration_s / 0.1) + 1
    lanes, routes = [], []
    for k, line in enumerate(lines_m):
        left = polyline.offset(line, LANE_WIDTH_M / 2)
        right = polyline.offset(line, -LANE_WIDTH_M / 2)
        polygon = np.concatenate((right, left[::-1]))
        priority = priorities[k] if priorities else 0
        pairs = beside or []
        lanes.append(
            Lane(
                f"lane{k}",
                LaneKind.LANE,
                line,
                left,
                right,
                polygon,
                limit_mps,
                priority=priority,
                left_neighbor=next((a for a, b in pairs if b == k), -1),
                right_neighbor=next((b for a, b in pairs if a == k), -1),
            )
        )
        routes.append(Route((k,), line.astype(np.float32), np.full(len(line), k)))
    time = np.arange(instants) * 0.1
    yaw = np.array([car.yaw_rad for car in cars])
    velocity = np.array([car.speed_mps for car in cars])[:, None] * np.stack(
        (np.cos(yaw), np.sin(yaw)), axis=-1
    )
    start = np.array([(car.x_m, car.y_m) for car in cars])
    xy = start[:, None] + time[None, :, None] * velocity[:, None]
    tracks = Tracks(
        track_id=[f"agent{k}" for k in range(len(cars))],
        category=["vehicle.car"] * len(cars),
        kind=np.array([car.kind for car in cars]),
        size_m=np.array([car.size_m for car in cars], dtype=np.float32),
        position_m=np.concatenate((xy, np.zeros_like(xy[..., :1])), axis=-1).astype(np.float32),
        yaw_rad=np.repeat(yaw[:, None], instants, axis=1).astype(np.float32),
        velocity_mps=np.repeat(velocity[:, None], instants, axis=1).astype(np.float32),
        valid=np.ones((len(cars), instants), dtype=bool),
    )
    if light_state is None:
        light_state = np.zeros((0, instants), dtype=np.int64)
    return Scenario(
        scenario_id=scenario_id,
        source="toy",
        family="toy",
        location="nowhere",
        dt_s=0.1,
        world_offset_m=np.zeros(3),
        tracks=tracks,
        map=LaneMap(
            lanes=lanes,
            areas=[MapArea(AreaKind.DRIVABLE, lane.polygon_m) for lane in lanes],
            stop_lines=stop_lines or [],
        ),
        lights=Lights(light_state, np.zeros((len(light_state), 2))),
        routes=[routes[car.lane] if car.lane >= 0 else None for car in cars],
        keyframe=np.ones(instants, dtype=bool),
        styles=styles,
    )
