"""The tables of an exported dataset, read by the devkit and held against the scenarios."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from nuscenes.can_bus.can_bus_api import NuScenesCanBus
from nuscenes.prediction import PredictHelper
from nuscenes.utils.data_classes import LidarPointCloud
from nuscenes.utils.geometry_utils import points_in_box
from nuscenes.utils.splits import get_scenes_of_split
from pyquaternion import Quaternion

from sim.export.nuscenes import export_scenes
from sim.scenario import EGO, GroundHeight
from tests.sim.export.dataset import SMALL, Dataset, make_scenarios

# The published schema, field by field.
SCHEMA = {
    "category": "token name description index",
    "attribute": "token name description",
    "visibility": "token level description",
    "instance": "token category_token nbr_annotations first_annotation_token last_annotation_token",
    "sensor": "token channel modality",
    "calibrated_sensor": "token sensor_token translation rotation camera_intrinsic",
    "ego_pose": "token translation rotation timestamp",
    "log": "token logfile vehicle date_captured location",
    "scene": "token name description log_token nbr_samples first_sample_token last_sample_token",
    "sample": "token timestamp scene_token next prev",
    "sample_data": "token sample_token ego_pose_token calibrated_sensor_token filename fileformat "
    "width height timestamp is_key_frame next prev",
    "sample_annotation": "token sample_token instance_token attribute_tokens visibility_token "
    "translation size rotation num_lidar_pts num_radar_pts next prev",
    "map": "token log_tokens category filename",
}
# The Zoe's rear axle is 4.084 / 2 - 0.66 m behind the middle of the car.
REAR_AXLE_M = 1.385  # Zoe: 4.084 / 2 less a rear overhang of 4.084 - 2.588 - 0.839


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return Dataset.write(tmp_path_factory.mktemp("export") / "data")


def test_every_table_has_every_field_and_tokens_that_the_baselines_can_split(
    dataset: Dataset,
) -> None:
    for table, names in SCHEMA.items():
        rows = json.loads((dataset.path / "v1.0-test" / f"{table}.json").read_text())
        assert rows, table
        assert all(set(row) == set(names.split()) for row in rows), table
        tokens = [row["token"] for row in rows]
        assert len(set(tokens)) == len(tokens), table
        if table != "visibility":
            assert all(len(t) == 32 and set(t) <= set("0123456789abcdef") for t in tokens), table


def test_foreign_keys_lead_somewhere(dataset: Dataset) -> None:
    nusc = dataset.nusc
    for table in SCHEMA:
        for row in getattr(nusc, table):
            for field, value in row.items():
                if field.endswith("_token") and not field.startswith(("first", "last", "map")):
                    nusc.get(field.removesuffix("_token"), value)
    assert all((dataset.path / row["filename"]).is_file() for row in nusc.sample_data)
    assert get_scenes_of_split("sim_train", nusc) == ["scene-2001"]
    assert get_scenes_of_split("sim_val", nusc) == ["scene-2002"]


def test_boxes_are_where_the_tracks_are(dataset: Dataset) -> None:
    """Positions to 1 mm, headings to 1e-4 rad, sizes w l h, at every key frame (each fifth step)."""
    for k, (scenario, offset) in enumerate(zip(dataset.scenarios, dataset.offsets_m, strict=True)):
        tracks = scenario.tracks
        samples = dataset.samples(k)
        assert len(samples) == 9  # 4 s at 2 Hz, both ends
        for n, sample in enumerate(samples):
            step = 5 * n
            here = np.flatnonzero(tracks.valid[1:, step]) + 1
            boxes = [dataset.nusc.get("sample_annotation", t) for t in sample["anns"]]
            assert len(boxes) == len(here)
            at = np.array([box["translation"] for box in boxes]) - offset
            gap = np.linalg.norm(at[:, None] - tracks.position_m[here, step], axis=-1)
            nearest = here[gap.argmin(axis=1)]
            assert gap.min(axis=1).max() < 1e-3 and len(set(nearest)) == len(here)
            for box, agent in zip(boxes, nearest, strict=True):
                yaw = Quaternion(box["rotation"]).yaw_pitch_roll[0]
                off = yaw - tracks.yaw_rad[agent, step]
                assert abs(math.remainder(off, 2 * math.pi)) < 1e-4
                assert box["size"] == pytest.approx(tracks.size_m[agent, [1, 0, 2]])
                assert box["category_name"] == tracks.category[agent]


def test_ego_pose_is_the_rear_axle_on_the_ground(dataset: Dataset) -> None:
    for k, (scenario, offset) in enumerate(zip(dataset.scenarios, dataset.offsets_m, strict=True)):
        for n, sample in enumerate(dataset.samples(k)):
            data = dataset.nusc.get("sample_data", sample["data"]["LIDAR_TOP"])
            pose = dataset.nusc.get("ego_pose", data["ego_pose_token"])
            middle = Quaternion(pose["rotation"]).rotate((REAR_AXLE_M, 0.0, 0.0))
            at = np.array(pose["translation"]) + middle - offset
            assert at[:2] == pytest.approx(scenario.tracks.position_m[EGO, 5 * n, :2], abs=1e-3)
            assert pose["translation"][2] == 0.0


def test_point_counts_are_those_of_the_boxes(dataset: Dataset) -> None:
    """The devkit finds the points that the table counts: returns lie on the boxes' sides."""
    counted = 0
    for sample in dataset.nusc.sample:
        path, boxes, _ = dataset.nusc.get_sample_data(sample["data"]["LIDAR_TOP"])
        points = LidarPointCloud.from_file(path).points[:3]
        for box in boxes:
            count = dataset.nusc.get("sample_annotation", box.token)["num_lidar_pts"]
            inside = int(points_in_box(box, points, wlh_factor=1.001).sum())
            assert abs(inside - count) <= 1, (box, count, inside)
            counted += count
    assert counted > 1000


def test_sweeps_are_what_the_sensor_gives(dataset: Dataset) -> None:
    """Five floats; intensity and ring in range; the ground lies 1.84 m below the sensor."""
    rings = set()
    for row in dataset.nusc.sample_data:
        points = np.fromfile(dataset.path / row["filename"], np.float32).reshape(-1, 5)
        rings |= set(points[:, 4].tolist())
        assert points[:, 3].min() >= 0 and 1 < points[:, 3].max() <= 255
        assert (points[:, 3] % 1 == 0).all()
        assert points[:, 2].min() == pytest.approx(-1.84023, abs=1e-4)
        lowest = points[points[:, 4] == 0]
        # 30.67 degrees down meets the ground 1.84 / tan(30.67 deg) = 3.10 m away.
        assert np.median(np.hypot(lowest[:, 0], lowest[:, 1])) == pytest.approx(3.103, abs=0.01)
    assert rings == set(range(32))


def test_sweeps_between_key_frames_belong_to_the_next_sample(dataset: Dataset) -> None:
    for k in range(2):
        samples = dataset.samples(k)
        token, rows = samples[0]["data"]["LIDAR_TOP"], []
        while token:
            rows.append(dataset.nusc.get("sample_data", token))
            token = rows[-1]["next"]
        assert len(rows) == 41
        assert [row["is_key_frame"] for row in rows] == [n % 5 == 0 for n in range(41)]
        assert {rows[n + 1]["timestamp"] - rows[n]["timestamp"] for n in range(40)} == {100_000}
        for n, row in enumerate(rows):
            assert row["sample_token"] == samples[math.ceil(n / 5)]["token"]
            assert row["filename"].startswith("samples/" if n % 5 == 0 else "sweeps/")


def test_instances_are_closed_chains_without_gaps(dataset: Dataset) -> None:
    nusc, seen = dataset.nusc, set()
    for instance in nusc.instance:
        token, before = instance["first_annotation_token"], ""
        times = []
        while token:
            row = nusc.get("sample_annotation", token)
            assert row["prev"] == before and row["instance_token"] == instance["token"]
            times.append(nusc.get("sample", row["sample_token"])["timestamp"])
            seen.add(token)
            before, token = token, row["next"]
        assert before == instance["last_annotation_token"]
        assert len(times) == instance["nbr_annotations"]
        assert set(np.diff(times)) <= {500_000}
    assert len(seen) == len(nusc.sample_annotation)


def test_prediction_helper_sees_the_tracks(dataset: Dataset) -> None:
    helper = PredictHelper(dataset.nusc)
    scenario, offset = dataset.scenarios[0], dataset.offsets_m[0]
    tracks = scenario.tracks
    sample = dataset.samples(0)[2]
    checked = 0
    for row in helper.get_annotations_for_sample(sample["token"]):
        at = np.array(row["translation"]) - offset
        agent = int(np.linalg.norm(tracks.position_m[:, 10] - at, axis=-1).argmin())
        if not tracks.valid[agent, 10:26].all():
            continue
        future = helper.get_future_for_agent(row["instance_token"], sample["token"], 1.5, False)
        expected = tracks.position_m[agent, [15, 20, 25], :2] + offset[:2]
        assert future == pytest.approx(expected, abs=1e-3)
        velocity = helper.get_velocity_for_agent(row["instance_token"], sample["token"])
        moved = tracks.position_m[agent, 10, :2] - tracks.position_m[agent, 5, :2]
        assert velocity == pytest.approx(np.linalg.norm(moved) / 0.5, abs=1e-2)
        checked += 1
    assert checked >= 5


def test_attributes_and_visibility(dataset: Dataset) -> None:
    nusc = dataset.nusc
    levels = set()
    for row in nusc.sample_annotation:
        names = [nusc.get("attribute", t)["name"] for t in row["attribute_tokens"]]
        assert len(names) == 1
        kind = row["category_name"].split(".")[0]
        kinds = {"vehicle": ("vehicle", "cycle"), "human": ("pedestrian",)}
        assert names[0].split(".")[0] in kinds[kind]
        levels.add(row["visibility_token"])
        if row["visibility_token"] == "4":
            assert row["num_lidar_pts"] > 0
        speed = np.linalg.norm(nusc.box_velocity(row["token"])[:2])
        if speed > 1.0:
            assert names[0].endswith(("moving", "with_rider"))
    assert {"1", "4"} <= levels


def test_can_bus_pose_is_the_motion_of_the_ego(dataset: Dataset) -> None:
    bus = NuScenesCanBus(str(dataset.path))
    for k, name in enumerate(("scene-2001", "scene-2002")):
        messages = bus.get_messages(name, "pose")
        tracks = dataset.scenarios[k].tracks
        assert len(messages) == 41
        position = np.array([m["pos"][:2] for m in messages])
        driven = np.linalg.norm(np.gradient(position, 0.1, axis=0), axis=1)
        speed = np.array([m["vel"][0] for m in messages])
        assert speed[2:-2] == pytest.approx(driven[2:-2], abs=0.1)
        assert speed == pytest.approx(np.linalg.norm(tracks.velocity_mps[EGO], axis=1), abs=1e-3)
        keys = [dataset.nusc.get("sample_data", s["data"]["LIDAR_TOP"]) for s in dataset.samples(k)]
        for key, message in zip(keys, messages[::5], strict=True):
            pose = dataset.nusc.get("ego_pose", key["ego_pose_token"])
            assert message["utime"] == key["timestamp"]
            assert message["pos"][:2] == pytest.approx(pose["translation"][:2], abs=1e-6)


def test_on_a_hill_everything_stands_on_the_ground(tmp_path: Path) -> None:
    """Ground 2 m high at x = 0 that rises 0.01 a metre: heights by hand, points in the boxes."""
    from nuscenes import NuScenes

    scenario = make_scenarios(1.0)[1]
    x = np.linspace(-400.0, 400.0, 17)
    ground = GroundHeight(np.array((-400.0, -400.0)), 50.0, np.tile(2 + 0.01 * x[:, None], (1, 17)))
    scenario = replace(scenario, map=replace(scenario.map, ground=ground))
    export_scenes([scenario], tmp_path / "data", "v1.0-hill", {"hill": 1}, lidar=SMALL)
    nusc = NuScenes("v1.0-hill", str(tmp_path / "data"), verbose=False)
    offset_x = json.loads((tmp_path / "data/v1.0-hill/scenarios.json").read_text())["scene-2001"][
        "map_offset_m"
    ][0]
    # The ego's first middle is x = 0; the pose stands as high as the ground under the middle.
    assert nusc.ego_pose[0]["translation"][2] == pytest.approx(2.0, abs=1e-4)
    counted = 0
    for row in nusc.sample_annotation:
        expected = 2 + 0.01 * (row["translation"][0] - offset_x) + 0.5 * row["size"][2]
        assert row["translation"][2] == pytest.approx(expected, abs=1e-3)
        sample = nusc.get("sample", row["sample_token"])
        path, (box,), _ = nusc.get_sample_data(
            sample["data"]["LIDAR_TOP"], selected_anntokens=[row["token"]]
        )
        inside = points_in_box(box, LidarPointCloud.from_file(path).points[:3], 1.001).sum()
        # On the slope a car's foot is 2 cm lower at one end: some returns are below its box.
        assert row["num_lidar_pts"] * 0.9 - 1 <= inside <= row["num_lidar_pts"] + 5
        counted += row["num_lidar_pts"]
    assert counted > 300
