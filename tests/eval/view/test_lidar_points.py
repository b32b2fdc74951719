"""Lidar points lie on the boxes they belong to, simulated and recorded ones."""

import numpy as np
import pytest
import torch

from eval.view.lidar_points import RecordedPoints, label_by_boxes
from eval.view.viewed_scene import ViewedScene
from sim.geometry.box import holds_points
from sim.sensors.lidar_scene import LidarClass
from sim.sources.argoverse2 import read_scenario
from sim.sources.argoverse2.sweeps import list_sweeps
from sim.sources.argoverse2.tracks import read_annotations
from sim.sources.sweep_file import read_sweep_file
from tests.conftest import SHARED_DATA, needs_shared_data
from tests.eval.view.scenes import drive_record, two_cars

AV2 = SHARED_DATA / "av2" / "adcf7d18-0510-35b0-a2fa-b4cea13a6d76"


def test_simulated_points_lie_on_the_boxes_they_come_from() -> None:
    scenario = two_cars()
    scene = ViewedScene.of(scenario, drive_record(scenario, 0.5))
    points = scene.points.at(20)
    assert points is not None
    own = points.agent == 1
    assert own.sum() > 50 and (points.label[own] == LidarClass.CYCLIST).all()
    box = torch.tensor([[12.0, 4.0, 0.8, 4.02, 2.02, 1.62, 0.5]])
    assert holds_points(torch.from_numpy(points.xyz_m[own]), box).all()
    ground = points.label == LidarClass.GROUND
    assert points.xyz_m[ground, 2] == pytest.approx(0.0, abs=1e-3)
    # The sensor is where the drive is, not where the recording was: 10 m on, half a metre left.
    ring = points.xyz_m[ground][:1080, :2] if ground.sum() > 1080 else points.xyz_m[ground, :2]
    assert np.median(ring, axis=0) == pytest.approx((10.0, 0.5), abs=1.0)


@needs_shared_data
def test_real_points_belong_to_the_boxes_that_hold_them() -> None:
    scenario = read_scenario(AV2)
    source = RecordedPoints(scenario, list_sweeps(AV2, scenario))
    (instant,) = source.instants()
    points = source.at(instant)
    assert points is not None and source.at(instant + 5) is None
    assert source.at(instant + 4) is points  # held until there may be another
    labels = read_annotations(AV2)
    now = labels.time_ns == int(next((AV2 / "sensors" / "lidar").glob("*.feather")).stem)
    recorded = labels.num_points[now].sum()
    # Boxes are enlarged by 5 cm a side here, so they hold a few points more than is recorded.
    assert recorded <= (points.agent > 0).sum() <= 1.25 * recorded


@needs_shared_data
def test_kitti_boxes_hold_their_points() -> None:
    scenario, points = read_sweep_file(SHARED_DATA / "kitti_object" / "velodyne" / "000001.bin")
    kinds = scenario.tracks.category[1:]
    assert sorted(kinds) == ["vehicle.bicycle", "vehicle.car", "vehicle.truck"]
    agent = label_by_boxes(scenario, 0, points.xyz_m, points.intensity).agent
    assert [int((agent == k).sum()) > 5 for k in range(1, 4)] == [True] * 3  # 46 to 70 m off
    near = np.hypot(points.xyz_m[:, 0], points.xyz_m[:, 1]) < 12
    assert np.percentile(points.xyz_m[near, 2], 30) == pytest.approx(0.0, abs=0.15)  # the road


@needs_shared_data
def test_nuscenes_and_argoverse_sweeps_stand_on_the_ground() -> None:
    nuscenes = next((SHARED_DATA / "nuscenes_lidar_sample").glob("**/*.pcd.bin"))
    for path in (nuscenes, next((AV2 / "sensors" / "lidar").glob("*.feather"))):
        _, points = read_sweep_file(path)
        far = np.hypot(points.xyz_m[:, 0], points.xyz_m[:, 1])
        low = points.xyz_m[(far > 4) & (far < 12) & (points.xyz_m[:, 2] < 0.4), 2]
        assert len(low) > 3000 and np.median(low) == pytest.approx(0.0, abs=0.1), path
