"""A recorded Argoverse 2 log, on uneven ground, as a nuScenes dataset."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.feather
import pytest

from sim.export.nuscenes import export_scenes
from sim.export.nuscenes.schema import LIDAR_TOP
from sim.scenario import EGO, Lights, Scenario
from sim.sources.argoverse2 import read_scenario
from sim.sources.nuscenes import Dataset, convert, find_scenes, load_converted
from tests.conftest import SHARED_DATA, needs_shared_data

LOG = SHARED_DATA / "av2" / "3bffdcff-c3a7-38b6-a0f2-64196d130958"  # climbs 3 m
LOG_STEPS = 21


@pytest.fixture(scope="module")
def log_export(tmp_path_factory: pytest.TempPathFactory) -> tuple[Scenario, Path, np.ndarray]:
    """Two seconds of a real log on uneven ground, through a small lidar."""
    whole = read_scenario(LOG)
    tracks = whole.tracks
    first = {
        name: getattr(tracks, name)[:, :LOG_STEPS]
        for name in ("position_m", "yaw_rad", "velocity_mps", "valid")
    }
    scenario = replace(
        whole,
        tracks=replace(tracks, **first),
        lights=Lights(whole.lights.state[:, :LOG_STEPS], whole.lights.position_m),
        keyframe=whole.keyframe[:LOG_STEPS],
    )
    out = tmp_path_factory.mktemp("log") / "data"
    export_scenes(
        [scenario], out, "v1.0-log", {"sim_val": 1}, lidar=replace(LIDAR_TOP, num_columns=360)
    )
    listed = json.loads((out / "v1.0-log" / "scenarios.json").read_text())
    return scenario, out, np.array(listed["scene-2001"]["map_offset_m"])


@needs_shared_data
def test_a_real_log_stands_on_its_ground(
    log_export: tuple[Scenario, Path, np.ndarray],
) -> None:
    """The log's own height raster, read here by scipy; the recorded point counts of the real lidar."""
    from nuscenes import NuScenes
    from nuscenes.utils.data_classes import LidarPointCloud
    from pyquaternion import Quaternion
    from scipy.interpolate import RegularGridInterpolator
    from scipy.stats import spearmanr

    scenario, out, offset = log_export
    raster = np.load(next((LOG / "map").glob("*_ground_height_surface____*.npy"))).astype(float)
    placing = json.loads(next((LOG / "map").glob("*___img_Sim2_city.json")).read_text())
    scale, (tx, ty) = placing["s"], placing["t"]
    axes = [(np.arange(n) + 0.5) / scale - t for n, t in zip(raster.T.shape, (tx, ty), strict=True)]
    surface = RegularGridInterpolator(axes, raster.T, bounds_error=False)

    def ground_m(points: np.ndarray) -> np.ndarray:
        city = points[..., :2] - offset[:2] + scenario.world_offset_m[:2]
        return surface(city) - scenario.world_offset_m[2]

    nusc = NuScenes("v1.0-log", str(out), verbose=False)
    low = [
        (np.array(r["translation"]) - (0, 0, 0.5 * r["size"][2])) for r in nusc.sample_annotation
    ]
    gap = (np.array(low)[:, 2] - ground_m(np.array(low)))[np.isfinite(ground_m(np.array(low)))]
    assert len(gap) > 200 and np.percentile(np.abs(gap), 95) < 0.05
    table = pyarrow.feather.read_feather(LOG / "annotations_with_ego.feather")
    real = table.set_index(["track_uuid", "timestamp_ns"]).num_interior_pts.to_dict()
    times = np.unique(table.timestamp_ns)
    counts = []
    for k, sample in enumerate(nusc.sample):
        data = nusc.get("sample_data", sample["data"]["LIDAR_TOP"])
        pose = nusc.get("ego_pose", data["ego_pose_token"])
        mount = nusc.get("calibrated_sensor", data["calibrated_sensor_token"])
        cloud = LidarPointCloud.from_file(str(out / data["filename"]))
        for step in (mount, pose):
            cloud.rotate(Quaternion(step["rotation"]).rotation_matrix)
            cloud.translate(np.array(step["translation"]))
        over = cloud.points[2] - ground_m(cloud.points[:3].T)
        over = over[np.isfinite(over)]
        # No return from under the ground (float16 raster: terraces of centimetres), most from it.
        assert np.percentile(over, 1) > -0.1 and (np.abs(over) < 0.05).mean() > 0.6
        for row in (nusc.get("sample_annotation", t) for t in sample["anns"]):
            at = np.array(row["translation"]) - offset
            away = np.linalg.norm(scenario.tracks.position_m[:, 5 * k, :2] - at[:2], axis=1)
            agent = int(np.where(scenario.tracks.valid[:, 5 * k], away, np.inf).argmin())
            seen = real[scenario.tracks.track_id[agent], times[5 * k]]
            counts.append((row["num_lidar_pts"], seen))
    # Another sensor at another place, and no walls: alike in order, not in number.
    assert spearmanr(*np.array(counts).T)[0] > 0.6


@needs_shared_data
def test_a_real_log_comes_back(
    log_export: tuple[Scenario, Path, np.ndarray], tmp_path: Path
) -> None:
    scenario, out, offset = log_export
    dataset = Dataset(out, "v1.0-log")
    files = find_scenes(dataset, "sim_val", tmp_path)
    assert [file.name for file in convert(dataset, files)] == ["scene-2001"]
    old, back = scenario.tracks, load_converted(files[0].path)
    new = back.tracks
    place = new.position_m.astype(np.float64) + back.world_offset_m - offset
    for t in range(0, LOG_STEPS, 5):
        here = np.flatnonzero(old.valid[:, t])
        there = np.flatnonzero(new.valid[:, t])
        assert len(here) == len(there) > 40
        gap = np.linalg.norm(old.position_m[here, None, t, :2] - place[None, there, t, :2], axis=-1)
        twin = there[gap.argmin(axis=1)]
        assert len(set(twin)) == len(twin) and twin[0] == EGO
        assert gap.min(axis=1).max() < 1e-3
        turn = np.exp(1j * (old.yaw_rad[here, t] - new.yaw_rad[twin, t]))
        assert np.abs(np.angle(turn)).max() < 1e-4
