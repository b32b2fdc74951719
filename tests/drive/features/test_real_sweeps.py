"""Real sweeps as bits: cars lie where the data sets say that they are."""

import numpy as np
import pytest
import torch

from drive.features.sweeps import SLICES_M, height_slices
from sim.geometry.box import holds_points
from sim.scenario import EGO, AgentKind
from sim.sources.argoverse2.tracks import AXLE_HEIGHT_M, read_annotations
from sim.sources.sweep_file import read_sweep_file
from sim.sources.unpickle import read_pickle
from tests.conftest import SHARED_DATA, needs_shared_data

_SEEN = 10  # points in a box that has to be in the image
Boxes = np.ndarray  # [k, 7]: centre, size, yaw; of vehicles, over the ground
Sweep = tuple[np.ndarray, Boxes]


def _nuscenes() -> Sweep:
    folder = SHARED_DATA / "nuscenes_lidar_sample"
    sample = read_pickle(next(folder.glob("*.pkl")))["data_list"][0]
    _, cloud = read_sweep_file(folder / sample["lidar_points"]["lidar_path"])
    ego_SE3_lidar = np.array(sample["lidar_points"]["lidar2ego"])
    cars = [one["bbox_3d"] for one in sample["instances"] if one["bbox_label"] in (0, 1, 3, 4)]
    boxes = np.array(cars)
    yaw = boxes[:, 6]
    ahead = np.stack((np.cos(yaw), np.sin(yaw), 0 * yaw), axis=1) @ ego_SE3_lidar[:3, :3].T
    boxes[:, :3] = boxes[:, :3] @ ego_SE3_lidar[:3, :3].T + ego_SE3_lidar[:3, 3]
    boxes[:, 6] = np.arctan2(ahead[:, 1], ahead[:, 0])
    return cloud.xyz_m, boxes


def _argoverse2() -> Sweep:
    folder = SHARED_DATA / "av2" / "adcf7d18-0510-35b0-a2fa-b4cea13a6d76"
    path = next((folder / "sensors" / "lidar").glob("*.feather"))
    _, cloud = read_sweep_file(path)
    labels = read_annotations(folder)
    car = np.array(labels.category) == "REGULAR_VEHICLE"
    now = (labels.time_ns == int(path.stem)) & car
    yaw = 2 * np.arctan2(labels.quaternion[now, 3], labels.quaternion[now, 0])
    place = labels.position_m[now] + (0.0, 0.0, AXLE_HEIGHT_M)
    return cloud.xyz_m, np.concatenate((place, labels.size_m[now], yaw[:, None]), axis=1)


def _kitti() -> Sweep:
    scenario, cloud = read_sweep_file(SHARED_DATA / "kitti_object" / "velodyne" / "000001.bin")
    tracks = scenario.tracks
    car = tracks.kind == AgentKind.VEHICLE
    car[EGO] = False
    parts = (tracks.position_m[car, 0], tracks.size_m[car], tracks.yaw_rad[car])
    return cloud.xyz_m, np.concatenate(parts, axis=1)


SWEEPS = {"nuscenes": (_nuscenes, 2), "argoverse2": (_argoverse2, 10), "kitti": (_kitti, 1)}


@needs_shared_data
@pytest.mark.parametrize("name", SWEEPS)
def test_the_points_of_every_car_are_in_the_image(name: str) -> None:
    """Cells worked out for each box's points alone: 0.8 m, from 40 m behind and 44.8 m to the right."""
    read, fewest = SWEEPS[name]
    xyz_m, boxes = read()
    points = torch.from_numpy(xyz_m)
    valid = torch.ones(1, len(points), dtype=torch.bool)
    solid = height_slices(points.unsqueeze(0), valid)[0, 1:].any(dim=0).numpy()
    lifted = xyz_m[(xyz_m[:, 2] >= SLICES_M[1]) & (xyz_m[:, 2] < SLICES_M[-1])]
    found = holds_points(torch.from_numpy(lifted), torch.tensor(boxes, dtype=torch.float32))
    near = (np.abs(boxes[:, 0] - 20.0) < 50.0) & (np.abs(boxes[:, 1]) < 40.0)
    cars = [lifted[inside] for inside in found.numpy()[near] if inside.sum() >= _SEEN]
    assert len(cars) >= fewest
    for car in cars:
        cells = np.unique(np.floor((car[:, :2] + (40.0, 44.8)) / 0.8).astype(int), axis=0)
        assert len(cells) >= 2
        assert solid[cells[:, 0], cells[:, 1]].all()
    assert solid.mean() < 0.2
