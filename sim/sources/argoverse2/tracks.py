"""Annotated tracks of an Argoverse 2 log as `Tracks` in the city frame (float64 positions)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from sim.errors import InputError
from sim.feather import read_columns
from sim.scenario import AgentKind, Tracks
from sim.scenario_check.tracks import require_room
from sim.sources.argoverse2.poses import EgoPoses, rotations
from sim.sources.motion import velocities_mps

DT_S = 0.1
# The car of the data set, a Ford Fusion: length, width, height as its annotations of the ego give
# them. They put its centre at the origin of the ego frame; the car itself reaches from about 1 m
# behind the rear axle to 3.9 m ahead of it.
EGO_SIZE_M = (4.877, 2.0, 1.473)
CENTER_AHEAD_OF_AXLE_M = 1.42
# Height of the ego frame's origin over the map's ground: the mean over two logs.
AXLE_HEIGHT_M = 0.32

_TRUCK, _CONE = "vehicle.truck", "movable_object.trafficcone"
_ADULT = "human.pedestrian.adult"
# nuScenes' name where it has one for the same thing, else Argoverse's own.
_CATEGORIES: dict[str, tuple[AgentKind, str | None]] = {
    "REGULAR_VEHICLE": (AgentKind.VEHICLE, "vehicle.car"),
    "LARGE_VEHICLE": (AgentKind.VEHICLE, _TRUCK),
    "BOX_TRUCK": (AgentKind.VEHICLE, _TRUCK),
    "TRUCK": (AgentKind.VEHICLE, _TRUCK),
    "TRUCK_CAB": (AgentKind.VEHICLE, _TRUCK),
    "VEHICULAR_TRAILER": (AgentKind.VEHICLE, "vehicle.trailer"),
    "BUS": (AgentKind.VEHICLE, "vehicle.bus.rigid"),
    "SCHOOL_BUS": (AgentKind.VEHICLE, "vehicle.bus.rigid"),
    "ARTICULATED_BUS": (AgentKind.VEHICLE, "vehicle.bus.bendy"),
    "RAILED_VEHICLE": (AgentKind.VEHICLE, None),
    "BICYCLE": (AgentKind.CYCLIST, "vehicle.bicycle"),
    "BICYCLIST": (AgentKind.CYCLIST, None),
    "MOTORCYCLE": (AgentKind.CYCLIST, "vehicle.motorcycle"),
    "MOTORCYCLIST": (AgentKind.CYCLIST, None),
    "WHEELED_DEVICE": (AgentKind.CYCLIST, None),
    "WHEELED_RIDER": (AgentKind.CYCLIST, "human.pedestrian.personal_mobility"),
    "PEDESTRIAN": (AgentKind.PEDESTRIAN, _ADULT),
    "OFFICIAL_SIGNALER": (AgentKind.PEDESTRIAN, "human.pedestrian.police_officer"),
    "STROLLER": (AgentKind.PEDESTRIAN, "human.pedestrian.stroller"),
    "WHEELCHAIR": (AgentKind.PEDESTRIAN, "human.pedestrian.wheelchair"),
    "DOG": (AgentKind.PEDESTRIAN, "animal"),
    "ANIMAL": (AgentKind.PEDESTRIAN, "animal"),
    "CONSTRUCTION_CONE": (AgentKind.OBJECT, _CONE),
    "CONSTRUCTION_BARREL": (AgentKind.OBJECT, _CONE),
}
# Argoverse boxes a rider and what he rides apart, nuScenes as one cycle.
_RIDERS = ("BICYCLIST", "MOTORCYCLIST", "WHEELED_RIDER")
_RIDDEN = ("BICYCLE", "MOTORCYCLE", "WHEELED_DEVICE")
_ON_IT_M = 1.0  # a rider whose centre is this near to a cycle's sits on it
_LONGEST_GAP_S = 60.0
_FAR_M = 2_000.0  # from the ego: beyond what any sensor of it sees
_EGO_CATEGORY = "EGO_VEHICLE"
_SIZE = ("length_m", "width_m", "height_m")
_PLACE = ("tx_m", "ty_m", "tz_m")
_TURN = ("qw", "qx", "qy", "qz")


@dataclass(frozen=True)
class Annotations:
    """N annotated boxes of a log, each in the ego frame of its time.

    `position_m` is the centre, `size_m` length, width, height, `quaternion` w, x, y, z; `num_points` is
    how many lidar points lie in the box.
    """

    path: Path
    time_ns: Int[np.ndarray, " n"]
    track_id: np.ndarray
    category: np.ndarray
    size_m: Float[np.ndarray, "n 3"]
    position_m: Float[np.ndarray, "n 3"]
    quaternion: Float[np.ndarray, "n 4"]
    num_points: Int[np.ndarray, " n"]


def read_annotations(log: Path) -> Annotations:
    """The annotations of a log; InputError names the file, the track and the time."""
    path = _annotation_file(log)
    kinds = {"timestamp_ns": "i", "track_uuid": "U", "category": "U", "num_interior_pts": "i"}
    columns = read_columns(path, kinds | dict.fromkeys((*_SIZE, *_TURN, *_PLACE), "f"))
    size, turn, place = (
        np.stack([columns[name] for name in group], axis=1).astype(np.float64)
        for group in (_SIZE, _TURN, _PLACE)
    )
    for what, bad in (
        ("not a number", ~np.isfinite(np.concatenate((size, turn, place), axis=1)).all(axis=1)),
        ("size is not positive", (size <= 0).any(axis=1)),
        ("the quaternion is zero", np.linalg.norm(turn, axis=1) < 1e-6),
        (f"farther than {_FAR_M:g} m from the ego", (np.abs(place) > _FAR_M).any(axis=1)),
    ):
        if bad.any():
            row = int(bad.argmax())
            track, time = columns["track_uuid"][row], columns["timestamp_ns"][row]
            raise InputError(f"{path}: track {track} at {time} ns: {what}")
    return Annotations(
        path, columns["timestamp_ns"], columns["track_uuid"].astype(str),
        columns["category"].astype(str), size, place, turn, columns["num_interior_pts"],
    )  # fmt: skip


def frame_times_ns(annotations: Annotations) -> tuple[Int[np.ndarray, " t"], np.ndarray]:
    """T times, 0.1 s apart, from the first annotated one to the last; and `[T]` which are annotated.

    Annotated times keep their exact value; the number of steps between two of them is rounded, so a
    clock that drifts does no harm. Where frames are missing, times are interpolated.
    """
    annotated = np.unique(annotations.time_ns)
    if len(annotated) < 2:
        raise InputError(f"{annotations.path}: {len(annotated)} annotated times; two are needed")
    gaps_s = np.diff(annotated.astype(np.float64)) * 1e-9
    if annotated[0] < 0 or (gaps_s > _LONGEST_GAP_S).any():
        after = annotated[int((gaps_s > _LONGEST_GAP_S).argmax())]
        raise InputError(
            f"{annotations.path}: timestamp_ns: no annotation for {gaps_s.max():.0f} s after {after}"
        )
    strides = np.rint(gaps_s / DT_S).astype(int)
    if (strides < 1).any():
        raise InputError(f"{annotations.path}: annotated more often than every {DT_S} s")
    steps = np.concatenate(([0], np.cumsum(strides)))
    require_room(1, int(steps[-1]) + 1)
    every = np.arange(steps[-1] + 1)
    return np.rint(np.interp(every, steps, annotated - annotated[0])).astype(np.int64) + annotated[
        0
    ], np.isin(every, steps)


def read_tracks(
    annotations: Annotations, poses: EgoPoses, time_ns: np.ndarray
) -> tuple[Tracks, list[str]]:
    """All tracks at the times `time_ns` `[T]`, the ego first, and notes on what was left out."""
    others = annotations.category != _EGO_CATEGORY
    names, first, owner = np.unique(
        annotations.track_id[others], return_index=True, return_inverse=True
    )
    row = owner + 1
    step = np.searchsorted(time_ns, annotations.time_ns[others])
    require_room(len(names) + 1, len(time_ns))
    valid = np.zeros((len(names) + 1, len(time_ns)), dtype=bool)
    valid[0], valid[row, step] = True, True
    position, yaw = np.zeros((*valid.shape, 3)), np.zeros(valid.shape)
    rotation, origin = poses.at(time_ns)
    position[0] = origin + rotation @ ego_center_m()
    yaw[0] = _heading_rad(rotation)
    rotation = rotation[step]
    position[row, step] = origin[step] + np.einsum(
        "nij,nj->ni", rotation, annotations.position_m[others]
    )
    yaw[row, step] = _heading_rad(rotation @ rotations(annotations.quaternion[others]))
    size = [np.median(annotations.size_m[others][row == n], axis=0) for n in range(1, len(valid))]
    own_name = annotations.track_id[~others]
    track_id = [str(own_name[0]) if len(own_name) else "ego", *names.tolist()]
    labels = np.array(["REGULAR_VEHICLE", *annotations.category[others][first]])
    known = [_CATEGORIES.get(label, (AgentKind.OBJECT, None)) for label in labels]
    keep = np.flatnonzero(~_rides(labels, valid, position))
    time_s = (time_ns - time_ns[0]) * 1e-9
    moving = [velocities_mps(valid[n], position[n, :, :2], time_s) for n in keep]
    riders = len(labels) - len(keep)
    return Tracks(
        track_id=[track_id[n] for n in keep],
        category=[known[n][1] or str(labels[n]) for n in keep],
        kind=np.array([known[n][0] for n in keep], dtype=np.int64),
        size_m=np.stack([np.array(EGO_SIZE_M), *size]).astype(np.float32)[keep],
        position_m=position[keep],
        yaw_rad=yaw.astype(np.float32)[keep],
        velocity_mps=np.stack(moving).astype(np.float32),
        valid=valid[keep],
    ), [f"dropped {riders} tracks: riders of a cycle that is there"] if riders else []


def _rides(
    labels: np.ndarray, valid: Bool[np.ndarray, "n t"], position_m: Float[np.ndarray, "n t 3"]
) -> Bool[np.ndarray, " n"]:
    """Which tracks `[N]` are riders on a cycle that has a track of its own."""
    rides = np.zeros(len(labels), dtype=bool)
    ridden = np.flatnonzero(np.isin(labels, _RIDDEN))
    for rider in np.flatnonzero(np.isin(labels, _RIDERS)):
        for cycle in ridden:
            both = valid[rider] & valid[cycle]
            apart = np.linalg.norm(position_m[rider, both] - position_m[cycle, both], axis=1)
            rides[rider] |= bool(both.any() and np.median(apart) < _ON_IT_M)
    return rides


def _heading_rad(rotation: Float[np.ndarray, "n 3 3"]) -> Float[np.ndarray, " n"]:
    return np.arctan2(rotation[:, 1, 0], rotation[:, 0, 0])


def ego_center_m() -> Float[np.ndarray, "3"]:
    """The centre of the ego's box in the ego frame, whose origin is the middle of the rear axle."""
    return np.array((CENTER_AHEAD_OF_AXLE_M, 0.0, 0.5 * EGO_SIZE_M[2] - AXLE_HEIGHT_M))


def _annotation_file(log: Path) -> Path:
    for name in ("annotations_with_ego.feather", "annotations.feather"):
        if (log / name).is_file():
            return log / name
    raise InputError(f"{log / 'annotations.feather'}: no such file: the log has no annotations")
