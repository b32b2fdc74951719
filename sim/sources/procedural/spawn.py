"""Who is there at the start: the ego, cars on the routes, parked cars, cones, pedestrians."""

import functools

import numpy as np

from sim.geometry import polyline
from sim.scenario import Lights, LightState, Route, Yielding
from sim.sources.procedural.crowd import (
    OBJECT_SIZE_M,
    Crowd,
    draw_size,
    draw_vehicle,
    halting,
    standing,
)
from sim.sources.procedural.layout import Actor, Crossing, Layout, Walker

Array = np.ndarray
Rng = np.random.Generator

EGO_SIZE_M = (4.084, 1.85, 1.6)
_BRAKING_MPS2 = 1.5
_READY_S = 0.3  # who waits for a cue stands at the first instants of its track
_GENTLE_RADIUS_M = 30.0  # trucks and buses keep to routes without tighter curves


def populate(
    layout: Layout, lights: Lights, rng: Rng, instants: int, dt_s: float, max_agents: int
) -> Crowd | None:
    """Everybody at the start; agent 0 is the ego. Drivers stand still in their tracks.

    None where one who has a part to play finds its place taken.
    """
    crowd = Crowd()
    _place_ego(crowd, layout, lights, rng, instants)
    for actor in layout.actors:
        if not _place_actor(crowd, actor, layout, lights, rng, instants):
            return None
    for walker in layout.walkers:
        crowd.add(
            "human.pedestrian.adult", _body(rng), _step_out(walker, instants, dt_s), None,
            {"yields": float(Yielding.NEVER)}, walker.cue,
        )  # fmt: skip
    for spot in layout.spots:
        _place_spot(crowd, spot.category, (spot.x_m, spot.y_m, spot.yaw_rad), rng, instants)
    walkers = int(rng.integers(layout.pedestrians[0], layout.pedestrians[1] + 1))
    drivers = int(rng.integers(layout.cars[0], layout.cars[1] + 1))
    drivers = min(drivers, max_agents - len(crowd.kind) - walkers)
    _place_drivers(crowd, layout, lights, rng, instants, drivers)
    walkers = min(walkers, max_agents - len(crowd.kind))
    for _ in range(walkers):
        _place_pedestrian(crowd, layout, lights, rng, instants, dt_s)
    return crowd


def _place_ego(crowd: Crowd, layout: Layout, lights: Lights, rng: Rng, instants: int) -> None:
    route = layout.routes[layout.ego_route]
    start = layout.routes[layout.starts_on.get(layout.ego_route, layout.ego_route)]
    s = float(rng.uniform(*layout.ego_start_m))
    speed = layout.ego_speed_mps
    if speed is None:
        speed = _start_speed(layout, lights, start, s, EGO_SIZE_M[0], rng)
    track = standing(start, s, speed, EGO_SIZE_M[0], instants)
    halt = halting(start, s, speed, EGO_SIZE_M)
    crowd.add("vehicle.car", EGO_SIZE_M, track, route, halt=halt)


def _place_drivers(
    crowd: Crowd, layout: Layout, lights: Lights, rng: Rng, instants: int, count: int
) -> None:
    """Random places on random routes, kept where the safe gap to everyone is free."""
    is_gentle = functools.cache(lambda k: _min_radius_m(layout.routes[k].path_m) > _GENTLE_RADIUS_M)
    for _ in range(6 * count):
        if count == 0:
            return
        k = _draw_route(layout, rng)
        route, start = layout.routes[k], layout.routes[layout.starts_on.get(k, k)]
        low, high = layout.spawn[k][int(rng.integers(len(layout.spawn[k])))]
        category, size = draw_vehicle(rng, is_gentle(k))
        s = float(rng.uniform(low, max(high, low + 1.0)))
        speed = _start_speed(layout, lights, start, s, size[0], rng)
        if category == "vehicle.bicycle":
            speed = min(speed, 4.5)
        track = standing(start, s, speed, size[0], instants)
        # Room in front and behind: cars behind may be as fast as this one.
        room = 2.0 * (2.0 + layout.time_gap_s * speed) + float(rng.uniform(*layout.gap_m))
        if not crowd.is_free(track[0, :3], size[0] + room, size[1] + 0.6):
            continue
        halt = halting(start, s, speed, size)
        if not crowd.is_met(halt):  # where lanes come together nobody could help it
            crowd.add(category, size, track, route, halt=halt)
            count -= 1


def _draw_route(layout: Layout, rng: Rng) -> int:
    if layout.weight is None:
        return int(rng.integers(len(layout.routes)))
    weight = np.array(layout.weight)
    return int(rng.choice(len(weight), p=weight / weight.sum()))


def _place_actor(
    crowd: Crowd, actor: Actor, layout: Layout, lights: Lights, rng: Rng, instants: int
) -> bool:
    """Whether its place was free."""
    size = draw_size(actor.category, rng)
    speed = actor.speed_mps
    if speed is None:
        speed = _start_speed(layout, lights, actor.route, actor.start_m, size[0], rng)
    track = standing(actor.route, actor.start_m, speed, size[0], instants)
    if not crowd.is_free(track[0, :3], size[0] + 1.0, size[1] + 0.3):
        return False
    category = "vehicle.car" if actor.category == "van" else actor.category
    halt = halting(actor.route, actor.start_m, speed, size)
    crowd.add(category, size, track, actor.route, actor.style, actor.cue, halt)
    return True


def _step_out(walker: Walker, instants: int, dt_s: float) -> Array:
    """Along the line after `_READY_S`; a cue delays it. Beyond the end they stand."""
    time = np.clip(np.arange(instants) * dt_s - _READY_S, 0.0, None)
    pause_from = walker.pause_at_m / walker.pace_mps
    walked = walker.pace_mps * (time - np.clip(time - pause_from, 0.0, walker.pause_s))
    return moving_track(
        polyline.at(walker.line_m, walked), walker.line_m[1] - walker.line_m[0], dt_s
    )


def _start_speed(
    layout: Layout, lights: Lights, route: Route, s: float, length_m: float, rng: Rng
) -> float:
    """As fast as the limit, the curves, and the next stop line allow."""
    lanes = layout.map.lanes
    limit = lanes[route.lane_of_point[min(int(s), len(route.path_m) - 1)]].speed_limit_mps
    speed = limit * layout.speed_factor * float(rng.uniform(0.6, 1.0))
    ahead = route.path_m[int(s) : int(s) + 40].astype(np.float64)
    turn = (
        np.abs(np.diff(np.unwrap(polyline.headings_rad(ahead)))) if len(ahead) > 2 else np.zeros(1)
    )
    slow = np.sqrt(2.0 / np.maximum(turn, 1e-4) + 2 * _BRAKING_MPS2 * np.arange(len(turn)))
    speed = min(speed, float(slow.min(initial=np.inf)))
    for stop in layout.map.stop_lines:
        if not set(stop.lanes) & set(route.lanes):
            continue
        if stop.light >= 0 and lights.state[stop.light, 0] == LightState.GREEN:
            continue
        line_s, offset = polyline.project(route.path_m, stop.line_m.mean(axis=0)[None])
        gap = line_s[0] - s - 0.5 * length_m - 1.5
        if abs(offset[0]) < 2.0 and line_s[0] > s:
            speed = min(speed, float(np.sqrt(2 * _BRAKING_MPS2 * max(gap, 0.0))))
    return speed


def _place_spot(crowd: Crowd, category: str, pose: tuple, rng: Rng, instants: int) -> None:
    if category in OBJECT_SIZE_M:
        size = OBJECT_SIZE_M[category]
    else:
        size = draw_size(category, rng)
        category = "vehicle.car"  # nuScenes counts vans among them
    if crowd.is_free(np.array(pose), size[0] + 0.8, size[1] + 0.2):
        crowd.add(category, size, np.tile((*pose, 0.0, 0.0), (instants, 1)), None)


def _place_pedestrian(
    crowd: Crowd, layout: Layout, lights: Lights, rng: Rng, instants: int, dt_s: float
) -> None:
    size = _body(rng)
    pace = float(rng.uniform(1.0, 1.6))
    if layout.crossings and rng.random() < 0.6:
        crossing = layout.crossings[int(rng.integers(len(layout.crossings)))]
        track = _cross(crossing, lights, rng, pace, instants, dt_s)
    elif layout.walks:
        walk = layout.walks[int(rng.integers(len(layout.walks)))]
        walk = walk[::-1] if rng.random() < 0.5 else walk
        track = _stroll(walk, float(rng.uniform(0, 0.8)), pace, instants, dt_s)
    else:
        return
    if crowd.is_free(track[0, :3], size[0] + 0.6, size[1] + 0.6):
        crowd.add("human.pedestrian.adult", size, track, None)


def _body(rng: Rng) -> tuple[float, float, float]:
    return (
        float(rng.uniform(0.5, 0.8)),
        float(rng.uniform(0.5, 0.8)),
        float(rng.uniform(1.5, 1.9)),
    )


def _cross(
    crossing: Crossing, lights: Lights, rng: Rng, pace: float, instants: int, dt_s: float
) -> Array:
    """Wait at the kerb, cross, go on for a few metres; start when it is safe by the lights."""
    start = float(rng.uniform(0.5, 0.7 * instants * dt_s))
    step = round(start / dt_s)
    if crossing.light >= 0:
        red = np.flatnonzero(lights.state[crossing.light, step:] == LightState.RED)
        width_m = float(np.linalg.norm(crossing.end_m - crossing.start_m))
        needed = round(width_m / pace / dt_s)
        fits = [
            k
            for k in red
            if np.all(lights.state[crossing.light, step + k :][:needed] == LightState.RED)
        ]
        step = step + int(fits[0]) if fits else instants
    delta = crossing.end_m - crossing.start_m
    direction = delta / np.linalg.norm(delta)
    shift = float(rng.uniform(-1.2, 1.2)) * np.array((-direction[1], direction[0]))
    walked = pace * dt_s * np.clip(np.arange(instants) - step, 0, None)
    walked = np.minimum(walked, np.linalg.norm(delta) + 4.0)
    return moving_track(crossing.start_m + shift + walked[:, None] * direction, direction, dt_s)


def _stroll(walk: Array, fraction: float, pace: float, instants: int, dt_s: float) -> Array:
    """Along a walkway, to its end."""
    length = polyline.arc_length_m(walk)[-1]
    s = np.minimum(fraction * length + pace * dt_s * np.arange(instants), length)
    ahead = polyline.at(walk, np.array((fraction * length, fraction * length + 1.0)))
    return moving_track(polyline.at(walk, s), ahead[1] - ahead[0], dt_s)


def moving_track(points: Array, first_direction: Array, dt_s: float) -> Array:
    """x, y, yaw, vx, vy; who stands keeps looking where it looked."""
    velocity = np.gradient(points, dt_s, axis=0)
    yaw = np.full(len(points), polyline.heading_rad(first_direction))
    moving = np.linalg.norm(velocity, axis=1) > 0.1
    yaw[moving] = polyline.heading_rad(velocity[moving])
    last = np.maximum.accumulate(np.where(moving, np.arange(len(points)), -1))
    yaw = np.where(last >= 0, yaw[np.maximum(last, 0)], yaw)
    return np.column_stack((points, yaw, velocity))


def _min_radius_m(path_m: Array) -> float:
    turn = np.abs(np.diff(np.unwrap(polyline.headings_rad(path_m.astype(np.float64)))))
    return float(1.0 / np.maximum(np.convolve(turn, np.ones(4) / 4, "same").max(), 1e-4))
