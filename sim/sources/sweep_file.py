"""One lidar file without a data set around it, as a scenario of one instant without a map.

nuScenes `.pcd.bin`, KITTI `.bin` (with the boxes of `../label_2` and `../calib` where they lie beside
it), Argoverse 2 `.feather`. The world is the data set's ego frame over the ground under the sensor.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from sim.errors import InputError
from sim.scenario import AgentKind, LaneMap, Lights, Scenario, Tracks
from sim.sensors.pointcloud import PointCloud, read_argoverse2, read_kitti, read_nuscenes
from sim.sources.argoverse2.tracks import AXLE_HEIGHT_M, CENTER_AHEAD_OF_AXLE_M
from sim.sources.nuscenes.ego import REAR_AXLE_TO_CENTER_M
from sim.text_files import read_text

SUFFIXES = (".pcd.bin", ".bin", ".feather")
# Where the data sets carry their lidars, over the ground: x ahead of the origin, z, yaw.
NUSCENES_MOUNT, KITTI_HEIGHT_M = (0.94, 1.84, -np.pi / 2), 1.73
_EGO_SIZE_M = (4.1, 1.8, 1.5)
_LONGEST_M, _FARTHEST_M = 200.0, 1000.0
_KITTI_KINDS = {
    "Car": ("vehicle.car", AgentKind.VEHICLE),
    "Van": ("vehicle.car", AgentKind.VEHICLE),
    "Truck": ("vehicle.truck", AgentKind.VEHICLE),
    "Tram": ("vehicle.tram", AgentKind.VEHICLE),
    "Cyclist": ("vehicle.bicycle", AgentKind.CYCLIST),
    "Pedestrian": ("human.pedestrian.adult", AgentKind.PEDESTRIAN),
    "Person_sitting": ("human.pedestrian.adult", AgentKind.PEDESTRIAN),
    "Misc": ("movable_object", AgentKind.OBJECT),
}


@dataclass(frozen=True)
class Labels:
    """Boxes of one sweep: x, y, z of the centre, length, width, height, yaw."""

    boxes: Float[np.ndarray, "k 7"]
    category: list[str]
    kind: list[AgentKind]


def read_sweep_file(path: Path) -> tuple[Scenario, PointCloud]:
    """The scenario and its points, in the scenario's world; InputError names a damaged file."""
    labels = Labels(np.zeros((0, 7)), [], [])
    ego_center_m = (0.0, 0.0)
    if path.name.endswith(".pcd.bin"):
        x, z, yaw = NUSCENES_MOUNT
        cloud, ego_center_m = read_nuscenes(path, _mount(x, z, yaw)), (REAR_AXLE_TO_CENTER_M, 0.0)
    elif path.suffix == ".bin":
        cloud = read_kitti(path, _mount(0.0, KITTI_HEIGHT_M, 0.0))
        labels = _kitti_labels(path)
    elif path.suffix == ".feather":
        cloud, ego_center_m = read_argoverse2(path), (CENTER_AHEAD_OF_AXLE_M, 0.0)
        raised = cloud.xyz_m + np.array((0.0, 0.0, AXLE_HEIGHT_M), dtype=np.float32)
        cloud = replace(cloud, xyz_m=raised)
    else:
        raise InputError(f"{path}: not a lidar sweep (known endings: {', '.join(SUFFIXES)})")
    return _scenario(path, labels, ego_center_m), cloud


def _mount(x_m: float, z_m: float, yaw_rad: float) -> Float[np.ndarray, "4 4"]:
    pose = np.eye(4)
    cos, sin = np.cos(yaw_rad), np.sin(yaw_rad)
    pose[:2, :2] = ((cos, -sin), (sin, cos))
    pose[0, 3], pose[2, 3] = x_m, z_m
    return pose


def _kitti_labels(path: Path) -> Labels:
    """KITTI's camera-frame labels (x right, y down, z ahead; bottom centre) over the velodyne's ground."""
    root = path.resolve().parent.parent
    label, calib = (root / name / f"{path.stem}.txt" for name in ("label_2", "calib"))
    boxes, categories, kinds = [], [], []
    if label.is_file() and calib.is_file():
        velo_SE3_camera = _kitti_calibration(calib)
        for number, line in enumerate(read_text(label).splitlines(), start=1):
            name, *values = line.split() or [""]
            if name not in _KITTI_KINDS:
                continue  # DontCare, or an empty line
            where = f"{label}: line {number}"
            try:
                height, width, length, x, y, z, turn = (float(v) for v in values[7:14])
            except ValueError:
                raise InputError(f"{where}: not a KITTI label: {line!r:.200}") from None
            if not all(0.0 < size <= _LONGEST_M for size in (height, width, length)):
                raise InputError(f"{where}: size {height} {width} {length} is not above 0")
            if not all(abs(value) <= _FARTHEST_M for value in (x, y, z, turn)):
                raise InputError(f"{where}: place {x} {y} {z}, angle {turn} are none")
            center = velo_SE3_camera @ (x, y - height / 2, z, 1.0)
            place = (*center[:2], center[2] + KITTI_HEIGHT_M)
            boxes.append((*place, length, width, height, -turn - np.pi / 2))
            categories.append(_KITTI_KINDS[name][0])
            kinds.append(_KITTI_KINDS[name][1])
    return Labels(np.array(boxes).reshape(-1, 7), categories, kinds)


def _kitti_calibration(calib: Path) -> Float[np.ndarray, "4 4"]:
    rows = dict(line.split(": ", 1) for line in read_text(calib).splitlines() if ": " in line)
    rectified, camera_SE3_velo = np.eye(4), np.eye(4)
    try:
        rectified[:3, :3] = np.array(rows["R0_rect"].split(), dtype=float).reshape(3, 3)
        camera_SE3_velo[:3] = np.array(rows["Tr_velo_to_cam"].split(), dtype=float).reshape(3, 4)
    except (KeyError, ValueError) as error:
        raise InputError(f"{calib}: not a KITTI calibration: {error}") from None
    camera_SE3_velo = rectified @ camera_SE3_velo
    turn = camera_SE3_velo[:3, :3]
    if not np.allclose(turn @ turn.T, np.eye(3), atol=0.01) or np.linalg.det(turn) < 0:
        raise InputError(f"{calib}: R0_rect and Tr_velo_to_cam are no rotation")
    if not (np.abs(camera_SE3_velo[:3, 3]) <= _FARTHEST_M).all():
        raise InputError(f"{calib}: Tr_velo_to_cam: its place is none")
    return np.linalg.inv(camera_SE3_velo)


def _scenario(path: Path, labels: Labels, ego_center_m: tuple[float, float]) -> Scenario:
    """The ego and the labelled boxes at one instant."""
    ego = np.array((*ego_center_m, 0.5 * _EGO_SIZE_M[2], *_EGO_SIZE_M, 0.0))
    rows = np.vstack((ego, labels.boxes)).astype(np.float32)
    tracks = Tracks(
        track_id=["ego", *(f"{path.stem}-{k}" for k in range(len(labels.boxes)))],
        category=["vehicle.car", *labels.category],
        kind=np.array([AgentKind.VEHICLE, *labels.kind], dtype=np.int64),
        size_m=rows[:, 3:6],
        position_m=rows[:, None, :3],
        yaw_rad=rows[:, 6:],
        velocity_mps=np.zeros((len(rows), 1, 2), dtype=np.float32),
        valid=np.ones((len(rows), 1), dtype=bool),
    )
    return Scenario(
        scenario_id=path.name,
        source="sweep",
        family="sweep",
        location="",
        dt_s=0.1,
        world_offset_m=np.zeros(3),
        tracks=tracks,
        map=LaneMap(),
        lights=Lights(np.zeros((0, 1), dtype=np.int64), np.zeros((0, 2), dtype=np.float32)),
        routes=[None] * len(rows),
        keyframe=np.ones(1, dtype=bool),
    )
