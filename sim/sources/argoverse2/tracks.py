"""Annotated tracks of an Argoverse 2 log, in the city frame (float64 positions)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from sim.feather import read_columns
from sim.scenario import AgentKind, Tracks
from sim.sources.argoverse2.poses import EgoPoses, rotations
from sim.sources.motion import velocities_mps

DT_S = 0.1
# The car of the data set, a Ford Fusion: length, width, height as its annotations of the ego give
# them. They put its centre at the origin of the ego frame; the car itself reaches from about 1 m
# behind the rear axle to 3.9 m ahead of it.
EGO_SIZE_M = (4.877, 2.0, 1.473)
CENTER_AHEAD_OF_AXLE_M = 1.42
# Of the ego frame's origin over the ground: the mean over both logs at hand, to the map's ground.
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
_EGO_CATEGORY = "EGO_VEHICLE"
_SIZE = ("length_m", "width_m", "height_m")
_PLACE = ("tx_m", "ty_m", "tz_m")
_TURN = ("qw", "qx", "qy", "qz")


@dataclass(frozen=True)
class Annotations:
    """The cuboids of a log, one a row, in the ego frame of their time."""

    path: Path
    time_ns: Int[np.ndarray, " n"]
    track_id: np.ndarray
    category: np.ndarray
    size_m: Float[np.ndarray, "n 3"]
    position_m: Float[np.ndarray, "n 3"]
    quaternion: Float[np.ndarray, "n 4"]
    num_points: Int[np.ndarray, " n"]


def read_annotations(log: Path) -> Annotations:
    """The annotations of a log; ValueError names the file, the track and the time."""
    path = _annotation_file(log)
    names = ("timestamp_ns", "track_uuid", "category", *_SIZE, *_TURN, *_PLACE, "num_interior_pts")
    columns = read_columns(path, names)
    size, turn, place = (
        np.stack([columns[name] for name in group], axis=1).astype(np.float64)
        for group in (_SIZE, _TURN, _PLACE)
    )
    for what, bad in (
        ("not a number", ~np.isfinite(np.concatenate((size, turn, place), axis=1)).all(axis=1)),
        ("size is not positive", (size <= 0).any(axis=1)),
        ("the quaternion is zero", ~turn.any(axis=1)),
    ):
        if bad.any():
            row = int(bad.argmax())
            track, time = columns["track_uuid"][row], columns["timestamp_ns"][row]
            raise ValueError(f"{path}: track {track} at {time} ns: {what}")
    return Annotations(
        path, columns["timestamp_ns"], columns["track_uuid"].astype(str),
        columns["category"].astype(str), size, place, turn, columns["num_interior_pts"],
    )  # fmt: skip


def frame_times_ns(annotations: Annotations) -> tuple[Int[np.ndarray, " t"], np.ndarray]:
    """Every 0.1 s from the first annotated time to the last, and which of them are annotated.

    Frames are put on the grid one after the other, so that a clock that drifts does no harm;
    where frames are missing times are made up in between.
    """
    annotated = np.unique(annotations.time_ns)
    if len(annotated) < 2:
        raise ValueError(f"{annotations.path}: {len(annotated)} annotated times; two are needed")
    strides = np.rint(np.diff(annotated) / (DT_S * 1e9)).astype(int)
    if (strides < 1).any():
        raise ValueError(f"{annotations.path}: annotated more often than every {DT_S} s")
    steps = np.concatenate(([0], np.cumsum(strides)))
    every = np.arange(steps[-1] + 1)
    return np.rint(np.interp(every, steps, annotated - annotated[0])).astype(np.int64) + annotated[
        0
    ], np.isin(every, steps)


def read_tracks(annotations: Annotations, poses: EgoPoses, time_ns: np.ndarray) -> Tracks:
    """All tracks at the instants `time_ns`, the ego first."""
    rotation, origin = poses.at(time_ns)
    others = annotations.category != _EGO_CATEGORY
    names, first, owner = np.unique(
        annotations.track_id[others], return_index=True, return_inverse=True
    )
    step = np.searchsorted(time_ns, annotations.time_ns[others])
    shape = (len(names) + 1, len(time_ns))
    valid, position, yaw = np.zeros(shape, bool), np.zeros((*shape, 3)), np.zeros(shape)
    valid[0] = True
    position[0] = origin + rotation @ ego_center_m()
    yaw[0] = np.arctan2(rotation[:, 1, 0], rotation[:, 0, 0])
    row = owner + 1
    valid[row, step] = True
    position[row, step] = origin[step] + np.einsum(
        "nij,nj->ni", rotation[step], annotations.position_m[others]
    )
    ahead = (rotation[step] @ rotations(annotations.quaternion[others]))[:, :, 0]
    yaw[row, step] = np.arctan2(ahead[:, 1], ahead[:, 0])
    known = [_category(name) for name in annotations.category[others][first]]
    size = [
        np.median(annotations.size_m[others][owner == track], axis=0) for track in range(len(names))
    ]
    time_s = (time_ns - time_ns[0]) * 1e-9
    moving = [velocities_mps(v, p[:, :2], time_s) for v, p in zip(valid, position, strict=True)]
    own_name = annotations.track_id[~others]
    return Tracks(
        track_id=[str(own_name[0]) if len(own_name) else "ego", *names.tolist()],
        category=["vehicle.car", *(category for _, category in known)],
        kind=np.array([AgentKind.VEHICLE, *(kind for kind, _ in known)], dtype=np.int64),
        size_m=np.stack([np.array(EGO_SIZE_M), *size]).astype(np.float32),
        position_m=position,
        yaw_rad=yaw.astype(np.float32),
        velocity_mps=np.stack(moving).astype(np.float32),
        valid=valid,
    )


def ego_center_m() -> Float[np.ndarray, "3"]:
    """The centre of the ego's box in the ego frame (origin: middle of the rear axle)."""
    return np.array((CENTER_AHEAD_OF_AXLE_M, 0.0, 0.5 * EGO_SIZE_M[2] - AXLE_HEIGHT_M))


def _category(name: str) -> tuple[AgentKind, str]:
    kind, category = _CATEGORIES.get(name, (AgentKind.OBJECT, None))
    return kind, category or name


def _annotation_file(log: Path) -> Path:
    for name in ("annotations_with_ego.feather", "annotations.feather"):
        if (log / name).is_file():
            return log / name
    raise ValueError(f"{log / 'annotations.feather'}: no such file: the log has no annotations")
