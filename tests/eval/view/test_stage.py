"""What is shown: points on the boxes they come from, layers, occupancy; before anyone draws it."""

from pathlib import Path

import numpy as np
import pytest
import shapely
import torch

from eval.runs.drive_record import DriveRecord
from eval.view.clouds import RealClouds, in_boxes
from eval.view.episode import Episode
from eval.view.future import GRID, true_future
from eval.view.ground import Heights
from eval.view.planner_shapes import cell_shapes
from eval.view.shapes import Lines, Mesh, Points
from eval.view.stage import Stage, StageSettings, point_colors
from sim.geometry.box import holds_points
from sim.geometry.grid import BevGrid
from sim.scenario import AgentKind, Scenario
from sim.sensors.lidar_scene import LidarClass
from sim.sources.argoverse2 import read_scenario
from sim.sources.argoverse2.sweeps import list_sweeps
from sim.sources.argoverse2.tracks import read_annotations
from sim.sources.sweep_file import read_sweep_file
from tests.conftest import SHARED_DATA, needs_shared_data
from tests.toy import Car, make_scenario, straight

AV2 = SHARED_DATA / "av2" / "adcf7d18-0510-35b0-a2fa-b4cea13a6d76"


def _two_cars() -> Scenario:
    cars = [Car(0, 0.0, 0.0, speed_mps=5.0), Car(-1, 12.0, 4.0, 0.5, kind=AgentKind.CYCLIST)]
    return make_scenario([straight(-20, 0, 80, 0)], cars, duration_s=5.0)


def _record(scenario: Scenario, shift_m: float = 0.0) -> DriveRecord:
    """The recorded drive, `shift_m` to the left; with one candidate, one forecast, one cell."""
    tracks = scenario.tracks
    pose = np.concatenate((tracks.position_m[..., :2], tracks.yaw_rad[..., None]), -1).transpose(
        1, 0, 2
    )
    pose = pose.copy()
    pose[:, 0, 1] += shift_m
    pose[:, 0, 2] += 2.0 * shift_m  # and turned
    count = len(pose)
    path = np.stack((np.arange(1, 9) * 2.0, np.zeros(8)), axis=-1).astype(np.float16)
    occupancy = np.zeros((count, 2, 40, 40), dtype=np.uint8)
    occupancy[:, 1, 30, 25] = 255
    return DriveRecord(
        dt_s=scenario.dt_s,
        pose=pose,
        valid=tracks.valid.T,
        plan=np.repeat(pose[:, :1] + np.array((1.0, 0.0, 0.0)), 8, axis=1),
        curves={},
        candidates=np.broadcast_to(path, (count, 1, 8, 2)),
        costs=np.zeros((count, 1), dtype=np.float16),
        forecast=np.broadcast_to(path, (count, 1, 1, 8, 2)),
        forecast_probability=np.ones((count, 1, 1), dtype=np.float16),
        occupancy=occupancy,
        occupancy_grid=np.array((-20.0, -20.0, 1.0, 40, 40), dtype=np.float32),
    )


def test_simulated_points_lie_on_the_boxes_they_come_from() -> None:
    scenario = _two_cars()
    episode = Episode.of(scenario, _record(scenario, 0.5))
    cloud = episode.clouds.at(20)  # type: ignore[union-attr]
    assert cloud is not None
    own = cloud.agent == 1
    assert own.sum() > 50 and (cloud.label[own] == LidarClass.CYCLIST).all()
    box = torch.tensor([[12.0, 4.0, 0.8, 4.02, 2.02, 1.62, 0.5]])
    assert holds_points(torch.from_numpy(cloud.xyz_m[own]), box).all()
    ground = cloud.label == LidarClass.GROUND
    assert cloud.xyz_m[ground, 2] == pytest.approx(0.0, abs=1e-3)
    # The sensor is where the drive is, not where the recording was: 10 m on, half a metre left.
    ring = cloud.xyz_m[ground][:1080, :2] if ground.sum() > 1080 else cloud.xyz_m[ground, :2]
    assert np.median(ring, axis=0) == pytest.approx((10.0, 0.5), abs=1.0)


@needs_shared_data
def test_real_points_belong_to_the_boxes_that_hold_them() -> None:
    scenario = read_scenario(AV2)
    clouds = RealClouds(scenario, list_sweeps(AV2, scenario))
    (instant,) = clouds.instants()
    cloud = clouds.at(instant)
    assert cloud is not None and clouds.at(instant + 5) is None
    assert clouds.at(instant + 4) is cloud  # held until there may be another
    labels = read_annotations(AV2)
    now = labels.time_ns == int(next((AV2 / "sensors" / "lidar").glob("*.feather")).stem)
    recorded = labels.num_points[now].sum()
    # Boxes are enlarged by 5 cm a side here, so they hold a few points more than is recorded.
    assert recorded <= (cloud.agent > 0).sum() <= 1.25 * recorded


@needs_shared_data
def test_kitti_boxes_hold_their_points() -> None:
    scenario, cloud = read_sweep_file(SHARED_DATA / "kitti_object" / "velodyne" / "000001.bin")
    kinds = scenario.tracks.category[1:]
    assert sorted(kinds) == ["vehicle.bicycle", "vehicle.car", "vehicle.truck"]
    agent = in_boxes(scenario, 0, cloud.xyz_m, cloud.intensity).agent
    assert [int((agent == k).sum()) > 5 for k in range(1, 4)] == [True] * 3  # 46 to 70 m off
    near = np.hypot(cloud.xyz_m[:, 0], cloud.xyz_m[:, 1]) < 12
    assert np.percentile(cloud.xyz_m[near, 2], 30) == pytest.approx(0.0, abs=0.15)  # the road


@needs_shared_data
def test_nuscenes_and_argoverse_sweeps_stand_on_the_ground() -> None:
    nuscenes = next((SHARED_DATA / "nuscenes_lidar_sample").glob("**/*.pcd.bin"))
    for path in (nuscenes, next((AV2 / "sensors" / "lidar").glob("*.feather"))):
        _, cloud = read_sweep_file(path)
        far = np.hypot(cloud.xyz_m[:, 0], cloud.xyz_m[:, 1])
        low = cloud.xyz_m[(far > 4) & (far < 12) & (cloud.xyz_m[:, 2] < 0.4), 2]
        assert len(low) > 3000 and np.median(low) == pytest.approx(0.0, abs=0.1), path


def test_a_drive_has_all_layers_and_each_holds_something() -> None:
    scenario = _two_cars()
    stage = Stage(Episode.of(scenario, _record(scenario)), StageSettings("class"))
    picture = stage.picture(10, shown=stage.layers())
    assert set(stage.layers()) >= {
        "plan",
        "candidates",
        "forecast",
        "occupancy",
        "future",
        "trails",
    }
    for layer in (
        "points",
        "boxes",
        "trails",
        "plan",
        "candidates",
        "forecast",
        "occupancy",
        "future",
    ):
        assert picture.layers[layer], layer
    assert [box.label for box in picture.boxes] == ["ego", "1 car"]
    assert picture.boxes[0].values["speed"] == "5.00 m/s"
    assert int(picture.boxes[1].values["points"]) > 50
    # The candidate begins 2 m ahead of the ego, which is at 5 m.
    (line,) = picture.layers["candidates"]
    assert isinstance(line, Lines) and line.start_m[0] == pytest.approx((7.0, 0.0, 0.1), abs=0.02)
    only = stage.picture(10, shown=("boxes",))
    assert set(only.layers) == {"boxes"}


def test_cells_are_where_the_grid_says() -> None:
    heights = Heights(_two_cars())
    cells = np.zeros((2, 40, 40))
    cells[1, 30, 25] = 0.9
    grid = BevGrid(-20.0, -20.0, 1.0, 40, 40)
    ego = np.array((100.0, 50.0, np.pi / 2))
    (mesh,) = cell_shapes(cells, grid, ego, heights)
    # Cell (30, 25) covers x 10 to 11, y 5 to 6 in the ego's frame; the ego looks north.
    assert isinstance(mesh, Mesh)
    assert mesh.vertex_m[:, 0].min() == pytest.approx(94.0, abs=1e-4)
    assert mesh.vertex_m[:, 0].max() == pytest.approx(95.0, abs=1e-4)
    assert mesh.vertex_m[:, 1].min() == pytest.approx(60.0, abs=1e-4)
    assert mesh.vertex_m[:, 1].max() == pytest.approx(61.0, abs=1e-4)
    assert cell_shapes(np.zeros((2, 40, 40)), grid, ego, heights) == []


def test_the_true_future_is_what_shapely_says() -> None:
    cars = [Car(0, 0.0, 0.0), Car(-1, 12.0, 4.0, 0.5, speed_mps=2.0)]
    scenario = make_scenario([straight(-20, 0, 80, 0)], cars, duration_s=5.0)
    cells, _, _ = true_future(Episode.of(scenario), 4)
    turn = np.array(((np.cos(0.5), -np.sin(0.5)), (np.sin(0.5), np.cos(0.5))))
    ring = np.array(((2, 1), (-2, 1), (-2, -1), (2, -1))) @ turn.T + np.array((12.0, 4.0))
    # At instant 4 it has gone 0.8 m, then a metre more every half second.
    ahead = np.array((np.cos(0.5), np.sin(0.5)))
    centers = GRID.cell_centers_m().numpy().reshape(-1, 2)
    assert len(cells) == 8
    for k, level in enumerate(cells):
        moved = shapely.Polygon(ring + (1.8 + k) * ahead)
        truth = shapely.contains_xy(moved, *centers.T).reshape(GRID.shape)
        assert truth.sum() > 20 and (level.astype(bool) != truth).sum() <= 1


def test_points_are_coloured_as_asked() -> None:
    cloud = Episode.of(_two_cars()).clouds.at(0)  # type: ignore[union-attr]
    assert cloud is not None
    by_class = point_colors(cloud, "class", 0.0)
    assert len(np.unique(by_class[cloud.agent == 1], axis=0)) == 1
    assert (by_class[cloud.agent == 1][0] != by_class[cloud.label == LidarClass.GROUND][0]).any()
    by_height = point_colors(cloud, "height", 0.0).astype(int)
    low, high = cloud.xyz_m[:, 2].argmin(), cloud.xyz_m[:, 2].argmax()
    assert by_height[high].sum() > by_height[low].sum()
    for color in ("height", "intensity", "class", "instance"):
        assert point_colors(cloud, color, 0.0).dtype == np.uint8
    with pytest.raises(ValueError, match="--color: unknown 'red'"):
        Stage(Episode.of(_two_cars()), StageSettings("red"))


def test_points_reach_the_picture(tmp_path: Path) -> None:
    stage = Stage(Episode.of(_two_cars()), StageSettings("instance"))
    (points,) = stage.picture(3).layers["points"]
    assert isinstance(points, Points) and len(points.xyz_m) > 10_000
