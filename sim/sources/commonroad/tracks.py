"""The ego and the obstacles of a CommonRoad scenario as tracks."""

from dataclasses import dataclass
from xml.etree.ElementTree import Element

import numpy as np
from jaxtyping import Bool, Float

from sim.errors import InputError
from sim.scenario import AgentKind, LaneMap, Tracks
from sim.scenario_check.tracks import require_room
from sim.sources.commonroad.document import interval_of, points_of, value_of
from sim.sources.commonroad.drive import Goal, Others, made_up_drive
from sim.sources.motion import velocities_mps
from sim.sources.xml_files import number

# CommonRoad's vehicle model 2, a BMW 320i; the planning problem does not say which car is to be driven.
EGO_SIZE_M = (4.508, 1.610, 1.42)
_AT_START_M, _AT_START_RAD = 1.0, 0.3
_FASTEST_MPS = 150.0
_LONGEST_STEPS = 10_000  # the made-up drive is tried at each of them
_HEIGHT_M = {
    AgentKind.VEHICLE: 1.6, AgentKind.CYCLIST: 1.7, AgentKind.PEDESTRIAN: 1.75, AgentKind.OBJECT: 1.0
}  # fmt: skip
_KINDS = {
    "car": (AgentKind.VEHICLE, "vehicle.car"),
    "truck": (AgentKind.VEHICLE, "vehicle.truck"),
    "bus": (AgentKind.VEHICLE, "vehicle.bus.rigid"),
    "taxi": (AgentKind.VEHICLE, "vehicle.car"),
    "priorityVehicle": (AgentKind.VEHICLE, "vehicle.emergency.police"),
    "parkedVehicle": (AgentKind.VEHICLE, "vehicle.car"),
    "train": (AgentKind.VEHICLE, "train"),
    "motorcycle": (AgentKind.CYCLIST, "vehicle.motorcycle"),
    "bicycle": (AgentKind.CYCLIST, "vehicle.bicycle"),
    "pedestrian": (AgentKind.PEDESTRIAN, "human.pedestrian.adult"),
}


@dataclass(frozen=True)
class Obstacle:
    """One obstacle over the steps `[T]`: x, y, heading."""

    name: str
    kind: AgentKind
    category: str
    size_m: tuple[float, float, float]
    pose: Float[np.ndarray, "t 3"]
    valid: Bool[np.ndarray, " t"]


def read_tracks(root: Element, lane_map: LaneMap, step_s: float) -> tuple[Tracks, list[str]]:
    """The ego of the first planning problem, then the obstacles; it ends when the goal is due.

    The ego's recording is that of the obstacle that stands at its start; where there is none, a drive
    made up from start to goal. Notes say which, and what was left out.
    """
    problems = root.findall("planningProblem")
    start, start_mps, goal = _problem(problems[0], lane_map)
    found = [e for e in root if e.tag in ("obstacle", "dynamicObstacle", "staticObstacle")]
    require_room(len(found) + 1, goal.steps + 1)
    obstacles, left_out = [], 0
    for element in found:
        obstacle = _obstacle(element, goal.steps + 1)
        left_out += obstacle is None
        obstacles += [] if obstacle is None else [obstacle]
    notes = (
        [f"left out {left_out} obstacles: no rectangle or circle with a trajectory"]
        if left_out
        else []
    )
    if len(problems) > 1:
        notes.append(f"the first of {len(problems)} planning problems is the ego's")
    own = next((k for k, one in enumerate(obstacles) if _stands_at(one, start)), None)
    if own is None:
        others = Others(
            np.array([one.size_m[:2] for one in obstacles]).reshape(-1, 2),
            np.array([one.pose for one in obstacles]).reshape(-1, goal.steps + 1, 3),
            np.array([one.valid for one in obstacles], dtype=bool).reshape(-1, goal.steps + 1),
        )
        pose, note = made_up_drive(
            start, start_mps, goal, lane_map.lanes, others, EGO_SIZE_M, step_s
        )
        every = np.ones(goal.steps + 1, dtype=bool)
        ego = Obstacle("ego", AgentKind.VEHICLE, "vehicle.car", EGO_SIZE_M, pose, every)
        notes.append(note)
    else:
        ego = obstacles.pop(own)
        notes.append(
            f"the ego is obstacle {ego.name}, which starts where the planning problem does"
        )
    return _tracks([ego, *obstacles], step_s), notes


def start_of(root: Element) -> Float[np.ndarray, "2"]:
    """Where the ego starts; InputError without a planning problem."""
    state = root.find("planningProblem/initialState/position/point")
    if state is None:
        raise InputError("planningProblem.initialState.position.point: is missing, and so the ego")
    return np.array(
        [number(state.findtext(k), f"planningProblem.{k}", -1e8, 1e8) for k in ("x", "y")]
    )


def _problem(problem: Element, lane_map: LaneMap) -> tuple[np.ndarray, float, Goal]:
    """The ego's pose and speed at the start, and its first goal."""
    where = f"planningProblem {problem.get('id')}"
    state, aim = problem.find("initialState"), problem.find("goalState")
    if state is None or aim is None:
        raise InputError(f"{where}: initialState and goalState are needed")
    first = int(value_of(state, "time", f"{where}.initialState"))
    time = aim.find("time")
    if time is None:
        raise InputError(f"{where}.goalState.time: is missing")
    steps = int(interval_of(time, f"{where}.goalState.time")[1]) - first
    if not 1 <= steps <= _LONGEST_STEPS or first != 0:
        raise InputError(f"{where}: from step {first} to the goal are {steps} steps")
    place = {lane.lane_id: k for k, lane in enumerate(lane_map.lanes)}
    position = aim.find("position")
    refs = [] if position is None else [str(one.get("ref")) for one in position.findall("lanelet")]
    center = None if position is None else position.find("rectangle/center")
    if center is None and position is not None:
        center = position.find("circle/center")
    goal = Goal(
        steps=steps,
        center_m=None if center is None else _xy(center, f"{where}.goalState"),
        lanes=tuple(place[ref] for ref in refs if ref in place),
        yaw_rad=None if aim.find("orientation") is None else value_of(aim, "orientation", where),
        speed_mps=None if aim.find("velocity") is None else value_of(aim, "velocity", where),
    )
    pose = np.array((*_position(state, where), value_of(state, "orientation", where)))
    start_mps = value_of(state, "velocity", where)
    for speed in (start_mps, goal.speed_mps or 0.0):
        if abs(speed) > _FASTEST_MPS:
            raise InputError(f"{where}.velocity: {speed:g} is beyond {_FASTEST_MPS:g}")
    return pose, start_mps, goal


def _obstacle(element: Element, instants: int) -> Obstacle | None:
    """None without a shape or states that are read."""
    name = str(element.get("id"))
    where = f"obstacle {name}"
    size = _size(element, where)
    initial = element.find("initialState")
    if size is None or initial is None:
        return None
    kind, category = _KINDS.get(
        str(element.findtext("type")), (AgentKind.OBJECT, str(element.findtext("type")))
    )
    pose, valid = np.zeros((instants, 3)), np.zeros(instants, dtype=bool)
    states = [initial, *element.findall("trajectory/state")]
    for state in states:
        step = int(value_of(state, "time", where, default=0.0))
        if 0 <= step < instants:
            pose[step] = (
                *_position(state, where),
                value_of(state, "orientation", where, default=0.0),
            )
            valid[step] = True
    if element.tag == "staticObstacle" or element.findtext("role") == "static":
        pose[:], valid[:] = pose[0], True
    elif len(states) == 1 and element.find("occupancySet") is not None:
        return None
    return (
        Obstacle(name, kind, category, (*size, _HEIGHT_M[kind]), pose, valid)
        if valid.any()
        else None
    )


def _size(element: Element, where: str) -> tuple[float, float] | None:
    box, disc = element.find("shape/rectangle"), element.find("shape/circle")
    if box is not None:
        sides = [number(box.findtext(k), f"{where}.{k}", 0.01, 100.0) for k in ("length", "width")]
        return sides[0], sides[1]
    if disc is not None:
        radius = number(disc.findtext("radius"), f"{where}.radius", 0.01, 50.0)
        return 2 * radius, 2 * radius
    return None


def _position(state: Element, where: str) -> tuple[float, float]:
    """A point, or the centre of the shape that the position is known to lie in."""
    position = state.find("position")
    points = points_of(position, f"{where}.position")
    if len(points):
        return float(points[0, 0]), float(points[0, 1])
    center = None if position is None else position.find("*/center")
    if center is None:
        raise InputError(f"{where}.position: neither a point nor a shape with a centre")
    x, y = _xy(center, where)
    return float(x), float(y)


def _xy(element: Element, where: str) -> np.ndarray:
    return np.array([number(element.findtext(k), f"{where}.{k}") for k in ("x", "y")])


def _stands_at(one: Obstacle, start: np.ndarray) -> bool:
    turn = (one.pose[0, 2] - start[2] + np.pi) % (2 * np.pi) - np.pi
    near = np.linalg.norm(one.pose[0, :2] - start[:2]) < _AT_START_M
    return bool(
        one.valid[0] and near and abs(turn) < _AT_START_RAD and one.kind == AgentKind.VEHICLE
    )


def _tracks(rows: list[Obstacle], step_s: float) -> Tracks:
    valid = np.stack([one.valid for one in rows])
    pose = np.stack([one.pose for one in rows])
    size = np.array([one.size_m for one in rows])
    time_s = step_s * np.arange(valid.shape[1])
    height = np.broadcast_to(0.5 * size[:, None, 2:], (*valid.shape, 1))
    position = np.where(valid[..., None], np.concatenate((pose[..., :2], height), axis=-1), 0.0)
    velocity = [velocities_mps(v, p[:, :2], time_s) for v, p in zip(valid, position, strict=True)]
    return Tracks(
        track_id=[one.name for one in rows],
        category=[one.category for one in rows],
        kind=np.array([one.kind for one in rows], dtype=np.int64),
        size_m=size.astype(np.float32),
        position_m=position.astype(np.float32),
        yaw_rad=np.where(valid, (pose[..., 2] + np.pi) % (2 * np.pi) - np.pi, 0.0).astype(
            np.float32
        ),
        velocity_mps=np.stack(velocity).astype(np.float32),
        valid=valid,
    )
