"""The tracks of an Argoverse 2 motion forecasting scenario, in the city frame (float64 positions).

Each row is an object at one of 110 steps: place, heading and velocity, no size. The ego is track "AV",
at its rear axle: in the scenario at hand its sideways speed is the yaw rate times -0.3 m,
not 1.42 m.
"""

from pathlib import Path

import numpy as np

from sim.errors import InputError
from sim.feather import read_columns
from sim.scenario import AgentKind, Tracks
from sim.scenario_check.tracks import require_room
from sim.sources.argoverse2.tracks import CENTER_AHEAD_OF_AXLE_M, EGO_SIZE_M
from sim.sources.motion import velocities_mps

DT_S = 0.1
EGO_ID = "AV"
_MOST_STEPS = 1200
_FARTHEST_M = 1e6
# Kind, nuScenes' name or Argoverse's own, and a usual size: length, width, height. The files have none.
_TYPES: dict[str, tuple[AgentKind, str, tuple[float, float, float]]] = {
    "vehicle": (AgentKind.VEHICLE, "vehicle.car", (4.6, 1.9, 1.6)),
    "bus": (AgentKind.VEHICLE, "vehicle.bus.rigid", (12.0, 2.6, 3.2)),
    "motorcyclist": (AgentKind.CYCLIST, "vehicle.motorcycle", (2.1, 0.8, 1.6)),
    "cyclist": (AgentKind.CYCLIST, "vehicle.bicycle", (1.8, 0.7, 1.7)),
    "riderless_bicycle": (AgentKind.CYCLIST, "vehicle.bicycle", (1.8, 0.6, 1.1)),
    "pedestrian": (AgentKind.PEDESTRIAN, "human.pedestrian.adult", (0.7, 0.7, 1.75)),
}
_OTHER_SIZE_M = (0.8, 0.8, 1.0)  # static, background, construction, unknown
_NUMBERS = ("timestep", "position_x", "position_y", "heading")


def read_tracks(path: Path) -> tuple[Tracks, str, list[str]]:
    """All tracks, the ego first; the city; notes. InputError names the file, the track, the step."""
    texts = dict.fromkeys(("track_id", "object_type", "city"), "U")
    numbers = {"timestep": "i"} | dict.fromkeys(_NUMBERS[1:], "f")
    columns = read_columns(path, texts | numbers)
    names, first, row = np.unique(
        columns["track_id"].astype(str), return_index=True, return_inverse=True
    )
    if EGO_ID not in names:
        raise InputError(f"{path}: no track {EGO_ID!r}, the ego")
    step = _steps(columns, path)
    values = np.stack([columns[name] for name in _NUMBERS[1:]], axis=1).astype(np.float64)
    bad = ~(np.isfinite(values) & (np.abs(values) < _FARTHEST_M)).all(axis=1)
    if bad.any():
        k = int(bad.argmax())
        raise InputError(f"{path}: track {columns['track_id'][k]} at step {step[k]}: not a place")
    require_room(len(names), int(step.max()) + 1)
    valid = np.zeros((len(names), int(step.max()) + 1), dtype=bool)
    pose = np.zeros((*valid.shape, 3))
    valid[row, step], pose[row, step] = True, values
    own = int(np.flatnonzero(names == EGO_ID)[0])
    order = np.array([own, *(k for k in range(len(names)) if k != own)])
    if not valid[own].all():
        raise InputError(f"{path}: track {EGO_ID}: is missing at step {int(valid[own].argmin())}")
    valid, pose = valid[order], pose[order]
    ahead = np.stack((np.cos(pose[0, :, 2]), np.sin(pose[0, :, 2])), axis=-1)
    pose[0, :, :2] += CENTER_AHEAD_OF_AXLE_M * ahead
    labels = columns["object_type"].astype(str)[first][order]
    known = [_TYPES.get(one, (AgentKind.OBJECT, one, _OTHER_SIZE_M)) for one in labels]
    size = np.array([EGO_SIZE_M, *(one[2] for one in known[1:])])
    height = np.broadcast_to(0.5 * size[:, None, 2:], (*valid.shape, 1))
    time_s = DT_S * np.arange(valid.shape[1])
    velocity = [velocities_mps(v, p[:, :2], time_s) for v, p in zip(valid, pose, strict=True)]
    return (
        Tracks(
            track_id=names[order].tolist(),
            category=[one[1] for one in known],
            kind=np.array([one[0] for one in known], dtype=np.int64),
            size_m=size.astype(np.float32),
            position_m=np.concatenate((pose[..., :2], height), axis=-1) * valid[..., None],
            yaw_rad=np.where(valid, pose[..., 2], 0.0).astype(np.float32),
            velocity_mps=np.stack(velocity).astype(np.float32),
            valid=valid,
        ),
        str(columns["city"][0]),
        ["sizes are usual ones of their types: the files have none"],
    )


def _steps(columns: dict[str, np.ndarray], path: Path) -> np.ndarray:
    """The step of each row, each track at most once at each."""
    step = columns["timestep"].astype(np.int64)
    if not len(step) or step.min() < 0 or step.max() >= _MOST_STEPS:
        raise InputError(f"{path}: timestep: not within 0 and {_MOST_STEPS}")
    pairs = np.stack((np.unique(columns["track_id"].astype(str), return_inverse=True)[1], step))
    if len(np.unique(pairs, axis=1).T) < len(step):
        raise InputError(f"{path}: timestep: a track is there twice at one step")
    return step
