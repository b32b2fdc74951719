"""From the kerb into the ego's way: on foot between parked cars or anywhere, out of a place, in a U-turn."""

import numpy as np

from sim.geometry import polyline
from sim.scenario import AreaKind, CueAction, Route
from sim.sources.procedural.builder import MapBuilder, bezier, strip
from sim.sources.procedural.layout import Actor, Cue, Layout, Walker
from sim.sources.procedural.street import gentle, park, road, walks

Array = np.ndarray
Rng = np.random.Generator

_PARKING_M = 2.3
_TURNING_MPS = 3.2  # a U-turn's speed


def parked_pedestrian(rng: Rng) -> Layout:
    """Between parked cars people step out, when the ego is near and cannot have seen them long."""
    lanes = int(rng.integers(1, 3))
    layout, line, half = _parked_street(rng, lanes, share=0.09)
    start, speed = layout.ego_start_m[0], layout.ego_speed_mps or 0.0
    at = start
    own = half / lanes * (layout.ego_route + 0.5)
    for _ in range(int(rng.integers(1, 4))):
        at += float(rng.uniform(22, 42))
        side = 1.0 if rng.random() < 0.3 else -1.0
        _make_room(layout, line, at)
        pace = float(rng.uniform(1.1, 2.4))
        # Until they are in the middle of the ego's lane; some come sooner, some later than the ego.
        reach_s = (half + 1.6 + side * own) / pace
        near = speed * (reach_s + float(rng.uniform(-0.7, 0.7)))
        layout.walkers.append(
            _walker(rng, line, at, side * (half + 1.6), max(near, 5.0), pace, hesitates=0.15)
        )
    layout.goal_line_m = layout.map.across(layout.routes[0].lanes[0], at + 35.0)
    layout.allow(at + 35.0 - start, float(rng.uniform(1.0, 5.0)))
    return layout


def jaywalker(rng: Rng) -> Layout:
    """People cross a road of several lanes where they like; some hesitate in the middle of it."""
    builder, width = MapBuilder(), float(rng.uniform(3.1, 3.6))
    lanes, limit = int(rng.integers(1, 3)), float(rng.uniform(10, 15))
    line = gentle(rng, 420.0)
    ahead, back = road(builder, line, lanes, lanes, width, limit)
    builder.pave()
    start, speed = float(rng.uniform(50, 70)), limit * float(rng.uniform(0.8, 0.97))
    half = lanes * width
    layout = Layout(
        builder,
        [builder.route([k]) for k in (*ahead, *back)],
        [[(5.0, 370.0)] for _ in (*ahead, *back)],
        ego_route=int(rng.integers(lanes)),
        ego_start_m=(start, start),
        ego_speed_mps=speed,
        cars=(5, 14),
        pedestrians=(0, 4),
        walks=walks(line, half),
        gap_m=(5.0, 50.0),
        spread="strong",
        time_limit_s=float(rng.uniform(16, 20)),
    )
    at = start
    for _ in range(int(rng.integers(1, 4))):
        at += float(rng.uniform(25, 45))
        side = float(rng.choice((-1.0, 1.0)))
        pace = float(rng.choice((1.0, 1.5, 2.6), p=(0.3, 0.4, 0.3))) * float(rng.uniform(0.9, 1.2))
        # From the kerb to the ego's lane it takes so long; some come sooner, some later than the ego.
        own = width * (layout.ego_route + 0.5)
        reach_s = (half - own if side < 0 else half + own) / pace
        near = speed * (reach_s + float(rng.uniform(-0.8, 1.8)))
        layout.walkers.append(
            _walker(rng, line, at, side * (half + 0.8), max(near, 8.0), pace, hesitates=0.35)
        )
    layout.goal_line_m = builder.across(ahead[0], at + 35.0)
    return layout


def _walker(
    rng: Rng,
    line: Array,
    at_m: float,
    left_m: float,
    near_m: float,
    pace_mps: float,
    hesitates: float,
) -> Walker:
    """Someone who crosses the road from `left_m` beside its middle, once the ego is `near_m` away."""
    points = polyline.at(line, np.array((at_m, at_m + 1.0)))
    along = points[1] - points[0]
    normal = np.array((-along[1], along[0]))
    slant = float(rng.uniform(-0.25, 0.25)) * along
    start = points[0] + left_m * normal
    end = points[0] - (left_m + np.sign(left_m) * 3.0) * (normal - np.sign(left_m) * slant)
    pauses = rng.random() < hesitates
    cue = Cue(CueAction.START, points[0], near_m, latest_s=14.0)
    pause_at = float(rng.uniform(0.3, 0.6)) * 2.0 * abs(left_m) if pauses else np.inf
    return Walker(
        np.stack((start, end)),
        pace_mps,
        cue,
        pause_at,
        float(rng.uniform(0.6, 2.0)) if pauses else 0.0,
    )


def pull_out(rng: Rng) -> Layout:
    """Cars leave their places at the kerb, or driveways, close in front of the ego."""
    lanes = int(rng.integers(1, 3))
    layout, line, half = _parked_street(rng, lanes, share=0.06)
    start, speed = layout.ego_start_m[0], layout.ego_speed_mps or 0.0
    lane = layout.routes[lanes - 1].lanes[0]  # the outer one
    layout.ego_route = lanes - 1
    at = start + 5.0
    for _ in range(int(rng.integers(1, 3))):
        at += float(rng.uniform(25, 45))
        driveway = rng.random() < 0.4
        route = _out_of_driveway(layout, line, lane, at, half) if driveway else _out_of_place(
            layout, line, lane, at, half
        )  # fmt: skip
        _make_room(layout, line, at, reach_m=12.0)
        cue = Cue(
            CueAction.START,
            layout.map.lanes[lane].centerline_m[int(at)],
            max(speed * float(rng.uniform(2.2, 4.4)), 12.0),
            latest_s=13.0,
        )
        style = {
            "yields": 0.0,
            "politeness": 0.0,
            "max_acceleration_mps2": float(rng.uniform(1.0, 2.4)),
            "speed_factor": float(rng.uniform(0.6, 1.0)),
        }
        layout.actors.append(Actor(route, 2.2, 0.0, style=style, cue=cue))
    layout.goal_line_m = layout.map.across(lane, at + 45.0)
    layout.allow(at + 45.0 - start, float(rng.uniform(0.5, 4.0)))
    return layout


def _out_of_place(layout: Layout, line: Array, lane: int, at_m: float, half_m: float) -> Route:
    """From a place at the kerb into the lane; the car stands 2.2 m along its way."""
    kerb = polyline.offset(line, -(half_m + 0.25 + 0.5 * _PARKING_M))
    points = polyline.at(kerb, np.array((at_m - 2.2, at_m + 2.8)))
    ahead = (points[1] - points[0]) / np.linalg.norm(points[1] - points[0])
    target = polyline.at(
        layout.map.lanes[lane].centerline_m.astype(np.float64), np.array((at_m + 14.0, at_m + 15.0))
    )
    onto = (target[1] - target[0]) / np.linalg.norm(target[1] - target[0])
    curve = bezier(points[1], ahead, target[0], onto)
    first = polyline.resample(points, 1.0)[:-1]
    return layout.map.joining_route(np.concatenate((first, curve)), lane, at_m + 14.0)


def _out_of_driveway(layout: Layout, line: Array, lane: int, at_m: float, half_m: float) -> Route:
    """Out of a driveway at the right into the lane; paves it."""
    points = polyline.at(line, np.array((at_m, at_m + 1.0)))
    along = points[1] - points[0]
    outward = np.array((along[1], -along[0]))
    edge = half_m + _PARKING_M + 0.3
    back, front = points[0] + (edge + 6.5) * outward, points[0] + (edge - 0.5) * outward
    target = polyline.at(
        layout.map.lanes[lane].centerline_m.astype(np.float64), np.array((at_m + 7.0, at_m + 8.0))
    )
    onto = (target[1] - target[0]) / np.linalg.norm(target[1] - target[0])
    curve = bezier(front, -outward, target[0], onto)
    first = polyline.resample(np.stack((back, front)), 1.0)[:-1]
    way = (points[0] + 0.5 * edge * outward, back + outward)
    layout.map.add_area(AreaKind.DRIVABLE, strip(np.stack(way), 2.0))
    return layout.map.joining_route(np.concatenate((first, curve)), lane, at_m + 7.0)


def u_turn(rng: Rng) -> Layout:
    """From the kerb across the road someone turns round, into the lanes of the ego."""
    layout, line, half = _parked_street(rng, 2, share=0.05)
    layout.cars = (2, 7)
    start, speed = layout.ego_start_m[0], layout.ego_speed_mps or 0.0
    layout.ego_route = int(rng.integers(2))
    at = start + float(rng.uniform(55, 85))
    into = int(rng.integers(2))
    lane = layout.routes[into].lanes[0]
    kerb = half + 0.25 + 0.5 * _PARKING_M
    here = polyline.at(line, np.array((at, at + 1.0)))
    along = here[1] - here[0]
    left = np.array((-along[1], along[0]))
    first = here[0] + kerb * left
    centre = layout.map.lanes[lane].centerline_m.astype(np.float64)
    s, _ = polyline.project(centre, here[:1])
    target = polyline.at(centre, s)[0]
    turn = bezier(first, -along, target, along)
    line_in = np.concatenate(
        (polyline.resample(np.stack((first + 5.0 * along, first)), 1.0)[:-1], turn)
    )
    route = layout.map.joining_route(line_in, lane, float(s[0]))
    _make_room(layout, line, at, reach_m=14.0)
    acceleration = float(rng.uniform(1.2, 2.4))
    # Until it is round; some are sooner, some later than the ego.
    reach_s = 1.0 + polyline.length_m(line_in) / _TURNING_MPS
    near = speed * (reach_s + float(rng.uniform(-2.0, 0.4)))
    cue = Cue(CueAction.START, here[0], near, latest_s=12.0)
    style = {"yields": float(rng.random() < 0.25), "politeness": 0.0,
             "max_acceleration_mps2": acceleration}  # fmt: skip
    layout.actors.append(Actor(route, 2.2, 0.0, style=style, cue=cue))
    layout.goal_line_m = layout.map.across(lane, at + 60.0)
    layout.allow(at + 60.0 - start, float(rng.uniform(0.0, 2.0)))
    return layout


def _parked_street(rng: Rng, lanes: int, share: float) -> tuple[Layout, Array, float]:
    """A street with rows of parked cars; its middle, and half its width between them."""
    builder, width = MapBuilder(), float(rng.uniform(3.1, 3.5))
    limit = float(rng.uniform(8, 13))
    line = gentle(rng, 400.0)
    ahead, back = road(builder, line, lanes, lanes, width, limit)
    half = lanes * width
    builder.pave(extra=[strip(line, half + _PARKING_M + 0.3)])
    start = float(rng.uniform(50, 70))
    layout = Layout(
        builder,
        [builder.route([k]) for k in (*ahead, *back)],
        [[(5.0, 350.0)] for _ in (*ahead, *back)],
        ego_route=int(rng.integers(lanes)),
        ego_start_m=(start, start),
        ego_speed_mps=limit * float(rng.uniform(0.75, 0.97)),
        cars=(4, 11),
        pedestrians=(1, 4),
        walks=walks(line, half + _PARKING_M),
        gap_m=(5.0, 50.0),
        spread="strong",
        time_limit_s=float(rng.uniform(16, 20)),
    )
    for side in (-1.0, 1.0):
        park(layout, line, side * (half + 0.25 + 0.5 * _PARKING_M), (30, 250), share, rng)
    return layout, line, half


def _make_room(layout: Layout, line: Array, at_m: float, reach_m: float = 3.2) -> None:
    """No parked car within `reach_m` of a place along the road."""
    spots = np.array([(spot.x_m, spot.y_m) for spot in layout.spots]).reshape(-1, 2)
    s, _ = polyline.project(line, spots)
    layout.spots = [
        spot for spot, there in zip(layout.spots, s, strict=True) if abs(there - at_m) > reach_m
    ]
