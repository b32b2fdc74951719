"""Who is there at the start: the ego, cars on the routes, parked cars, cones, pedestrians."""

from dataclasses import dataclass, field

import numpy as np

from sim.geometry import polyline
from sim.scenario import AgentKind, Lights, LightState, Route, Tracks
from sim.sources.procedural.layout import Crossing, Layout

Array = np.ndarray
Rng = np.random.Generator

EGO_SIZE_M = (4.084, 1.85, 1.6)
TIME_GAP_S = 1.2
_BRAKING_MPS2 = 1.5
_GENTLE_RADIUS_M = 30.0  # trucks and buses keep to routes without tighter curves

# category: share, length, width, height ranges
_FLEET = {
    "vehicle.car": (0.66, (4.2, 5.0), (1.75, 2.0), (1.4, 1.8)),
    "van": (0.12, (5.2, 6.0), (2.0, 2.1), (2.2, 2.6)),
    "vehicle.truck": (0.08, (7.0, 10.0), (2.4, 2.5), (3.0, 3.6)),
    "vehicle.bus.rigid": (0.06, (10.0, 12.0), (2.5, 2.55), (3.0, 3.2)),
    "vehicle.motorcycle": (0.04, (2.0, 2.3), (0.7, 0.9), (1.4, 1.6)),
    "vehicle.bicycle": (0.04, (1.7, 1.9), (0.6, 0.7), (1.6, 1.8)),
}
_LONG = ("vehicle.truck", "vehicle.bus.rigid")
_OBJECT_SIZE_M = {
    "movable_object.trafficcone": (0.4, 0.4, 0.9),
    "movable_object.barrier": (0.5, 2.2, 1.0),
}


@dataclass
class _Crowd:
    """Agents collected so far; `reach` boxes are grown by what each needs in front of it."""

    category: list[str] = field(default_factory=list)
    kind: list[int] = field(default_factory=list)
    size_m: list[tuple[float, float, float]] = field(default_factory=list)
    track: list[Array] = field(default_factory=list)  # [T, 5]: x, y, yaw, vx, vy
    route: list[Route | None] = field(default_factory=list)
    taken: list[Array] = field(default_factory=list)  # x, y, yaw, length, width

    def add(self, category: str, size_m: tuple, track: Array, route: Route | None) -> None:
        self.category.append(category)
        self.kind.append(_kind(category))
        self.size_m.append(size_m)
        self.track.append(track)
        self.route.append(route)
        self.taken.append(np.array((*track[0, :3], size_m[0], size_m[1])))

    def is_free(self, pose: Array, length_m: float, width_m: float) -> bool:
        """Whether a box (its own margins included) touches nobody."""
        if not self.taken:
            return True
        others = np.stack(self.taken)
        return not _overlap(np.array((*pose, length_m, width_m)), others).any()


def populate(
    layout: Layout, lights: Lights, rng: Rng, instants: int, dt_s: float, max_agents: int
) -> tuple[Tracks, list[Route | None]]:
    """Tracks `[N, T]` and routes; agent 0 is the ego. Drivers stand still in the tracks."""
    crowd = _Crowd()
    _place_ego(crowd, layout, lights, rng, instants)
    for spot in layout.spots:
        _place_spot(crowd, spot.category, (spot.x_m, spot.y_m, spot.yaw_rad), rng, instants)
    walkers = int(rng.integers(layout.pedestrians[0], layout.pedestrians[1] + 1))
    drivers = int(rng.integers(layout.cars[0], layout.cars[1] + 1))
    drivers = min(drivers, max_agents - len(crowd.kind) - walkers)
    _place_drivers(crowd, layout, lights, rng, instants, drivers)
    walkers = min(walkers, max_agents - len(crowd.kind))
    for _ in range(walkers):
        _place_pedestrian(crowd, layout, lights, rng, instants, dt_s)
    track = np.stack(crowd.track)
    height = np.array([size[2] for size in crowd.size_m])
    z = np.broadcast_to(0.5 * height[:, None, None], (*track.shape[:2], 1))
    tracks = Tracks(
        track_id=[f"agent-{k}" for k in range(len(crowd.kind))],
        category=crowd.category,
        kind=np.array(crowd.kind, dtype=np.int64),
        size_m=np.array(crowd.size_m, dtype=np.float32),
        position_m=np.concatenate((track[..., :2], z), axis=-1).astype(np.float32),
        yaw_rad=track[..., 2].astype(np.float32),
        velocity_mps=track[..., 3:].astype(np.float32),
        valid=np.ones(track.shape[:2], dtype=bool),
    )
    return tracks, crowd.route


def _place_ego(crowd: _Crowd, layout: Layout, lights: Lights, rng: Rng, instants: int) -> None:
    route = layout.routes[layout.ego_route]
    s = float(rng.uniform(*layout.ego_start_m))
    speed = _start_speed(layout, lights, route, s, EGO_SIZE_M[0], rng)
    crowd.add("vehicle.car", EGO_SIZE_M, _standing(route, s, speed, EGO_SIZE_M[0], instants), route)


def _place_drivers(
    crowd: _Crowd, layout: Layout, lights: Lights, rng: Rng, instants: int, count: int
) -> None:
    """Random places on random routes, kept where the safe gap to everyone is free."""
    for _ in range(6 * count):
        if count == 0:
            return
        k = int(rng.integers(len(layout.routes)))
        route = layout.routes[k]
        low, high = layout.spawn[k][int(rng.integers(len(layout.spawn[k])))]
        category, size = _vehicle(rng, gentle=_min_radius_m(route.path_m) > _GENTLE_RADIUS_M)
        s = float(rng.uniform(low, max(high, low + 1.0)))
        speed = _start_speed(layout, lights, route, s, size[0], rng)
        if category == "vehicle.bicycle":
            speed = min(speed, 4.5)
        track = _standing(route, s, speed, size[0], instants)
        # Room in front and behind: cars behind may be as fast as this one.
        room = 2.0 * (2.0 + TIME_GAP_S * speed) + float(rng.uniform(*layout.gap_m))
        if crowd.is_free(track[0, :3], size[0] + room, size[1] + 0.6):
            crowd.add(category, size, track, route)
            count -= 1


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


def _place_spot(crowd: _Crowd, category: str, pose: tuple, rng: Rng, instants: int) -> None:
    if category in _OBJECT_SIZE_M:
        size = _OBJECT_SIZE_M[category]
    else:
        size = _size(category, rng)
        category = "vehicle.car"  # nuScenes counts vans among them
    if crowd.is_free(np.array(pose), size[0] + 0.8, size[1] + 0.2):
        crowd.add(category, size, np.tile((*pose, 0.0, 0.0), (instants, 1)), None)


def _place_pedestrian(
    crowd: _Crowd, layout: Layout, lights: Lights, rng: Rng, instants: int, dt_s: float
) -> None:
    size = (
        float(rng.uniform(0.5, 0.8)),
        float(rng.uniform(0.5, 0.8)),
        float(rng.uniform(1.5, 1.9)),
    )
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
    return _track(crossing.start_m + shift + walked[:, None] * direction, direction, dt_s)


def _stroll(walk: Array, fraction: float, pace: float, instants: int, dt_s: float) -> Array:
    """Along a walkway, to its end."""
    length = polyline.arc_length_m(walk)[-1]
    s = np.minimum(fraction * length + pace * dt_s * np.arange(instants), length)
    ahead = polyline.at(walk, np.array((fraction * length, fraction * length + 1.0)))
    return _track(polyline.at(walk, s), ahead[1] - ahead[0], dt_s)


def _track(points: Array, first_direction: Array, dt_s: float) -> Array:
    """x, y, yaw, vx, vy; who stands keeps looking where it looked."""
    velocity = np.gradient(points, dt_s, axis=0)
    yaw = np.full(len(points), np.arctan2(first_direction[1], first_direction[0]))
    moving = np.linalg.norm(velocity, axis=1) > 0.1
    yaw[moving] = np.arctan2(velocity[moving, 1], velocity[moving, 0])
    last = np.maximum.accumulate(np.where(moving, np.arange(len(points)), -1))
    yaw = np.where(last >= 0, yaw[np.maximum(last, 0)], yaw)
    return np.column_stack((points, yaw, velocity))


def _standing(route: Route, s: float, speed: float, length_m: float, instants: int) -> Array:
    """The start of a driver, both axles on the path, repeated."""
    half = 0.3 * length_m  # half of a wheelbase of 0.6 lengths
    rear, front = polyline.at(route.path_m.astype(np.float64), np.array((s - half, s + half)))
    middle, axis = 0.5 * (rear + front), front - rear
    yaw = np.arctan2(axis[1], axis[0])
    return np.tile((*middle, yaw, speed * np.cos(yaw), speed * np.sin(yaw)), (instants, 1))


def _vehicle(rng: Rng, gentle: bool) -> tuple[str, tuple[float, float, float]]:
    names = [name for name in _FLEET if gentle or name not in _LONG]
    share = np.array([_FLEET[name][0] for name in names])
    category = str(rng.choice(names, p=share / share.sum()))
    size = _size(category, rng)
    return ("vehicle.car" if category == "van" else category), size


def _size(category: str, rng: Rng) -> tuple[float, float, float]:
    _, *ranges = _FLEET[category]
    length, width, height = (float(rng.uniform(*r)) for r in ranges)
    return length, width, height


def _kind(category: str) -> int:
    if category.startswith("human"):
        return AgentKind.PEDESTRIAN
    if category in ("vehicle.bicycle", "vehicle.motorcycle"):
        return AgentKind.CYCLIST
    return AgentKind.OBJECT if category.startswith("movable") else AgentKind.VEHICLE


def _min_radius_m(path_m: Array) -> float:
    turn = np.abs(np.diff(np.unwrap(polyline.headings_rad(path_m.astype(np.float64)))))
    return float(1.0 / np.maximum(np.convolve(turn, np.ones(4) / 4, "same").max(), 1e-4))


def _overlap(one: Array, many: Array) -> Array:
    """Separating axes of boxes x, y, yaw, length, width: one against many."""
    delta = many[:, :2] - one[:2]
    result = np.ones(len(many), dtype=bool)
    cos, sin = np.abs(np.cos(many[:, 2] - one[2])), np.abs(np.sin(many[:, 2] - one[2]))
    for yaw, own, other in ((one[2], one, many.T), (many[:, 2], many.T, one)):
        along = np.abs(np.cos(yaw) * delta[:, 0] + np.sin(yaw) * delta[:, 1])
        across = np.abs(np.cos(yaw) * delta[:, 1] - np.sin(yaw) * delta[:, 0])
        result &= along < 0.5 * (own[3] + other[3] * cos + other[4] * sin)
        result &= across < 0.5 * (own[4] + other[3] * sin + other[4] * cos)
    return result
