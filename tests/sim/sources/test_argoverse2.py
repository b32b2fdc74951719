"""Argoverse 2 sensor logs: the real ones, and damaged copies of them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.feather
import pytest
import torch
from scipy.spatial.transform import Rotation

from drive.cli.main import main
from drive.planning import make_planner
from eval.metrics.suite import evaluate
from eval.rollout import rollout
from sim.geometry.box import points_in_boxes
from sim.scenario import EGO, AreaKind, LaneKind, Scenario
from sim.scenario_check import require_valid
from sim.sensors.ground import Ground
from sim.simulator import Simulator
from sim.sources.argoverse2 import read_scenario
from sim.sources.argoverse2.sweeps import list_sweeps
from sim.sources.finding import find
from sim.sources.query import SourceQuery
from tests.conftest import SHARED_DATA, needs_shared_data

AV2 = SHARED_DATA / "av2"
LOGS = sorted(p for p in AV2.glob("*-*") if p.is_dir())
WITH_EGO, WITH_LIDAR = 0, 1


@pytest.fixture(scope="module")
def scenarios() -> list[Scenario]:
    return [read_scenario(log) for log in LOGS]


def _table(log: Path, name: str) -> dict[str, np.ndarray]:
    table = pyarrow.feather.read_table(next(log.glob(name)))
    return {column: table[column].to_numpy() for column in table.column_names}


def _quaternions(table: dict[str, np.ndarray]) -> Rotation:
    return Rotation.from_quat(np.stack([table[k] for k in ("qx", "qy", "qz", "qw")], axis=1))


def _places(table: dict[str, np.ndarray]) -> np.ndarray:
    return np.stack([table[k] for k in ("tx_m", "ty_m", "tz_m")], axis=1)


@needs_shared_data
@pytest.mark.parametrize("log", range(2))
def test_human_is_on_the_road_and_innocent(scenarios: list[Scenario], log: int) -> None:
    scenario = scenarios[log]
    require_valid(scenario)
    assert scenario.num_instants == 156 and scenario.keyframe.all() and scenario.location == "PIT"
    simulator = Simulator.from_scenarios([scenario], "log")
    results = evaluate(rollout(simulator, make_planner("log_replay")))
    assert float(results["nuplan/drivable_area_compliance"].value) == 1.0
    assert float(results["nuplan/no_at_fault_collision"].value) == 1.0
    assert float(results["waymax/log_divergence"].value) < 1e-3


@needs_shared_data
@pytest.mark.parametrize("log", range(2))
def test_positions_lead_back_to_the_annotations(scenarios: list[Scenario], log: int) -> None:
    """Through scipy's rotations, from the city frame to the ego frame of each time."""
    tracks, offset = scenarios[log].tracks, scenarios[log].world_offset_m
    raw, poses = _table(LOGS[log], "annotations*"), _table(LOGS[log], "city_SE3*")
    times = np.unique(raw["timestamp_ns"])
    pose = np.searchsorted(poses["timestamp_ns"], raw["timestamp_ns"])
    assert np.array_equal(poses["timestamp_ns"][pose], raw["timestamp_ns"])
    row = {name: n for n, name in enumerate(tracks.track_id)}
    others = raw["category"] != "EGO_VEHICLE"
    n = np.array([row[name] for name in raw["track_uuid"][others]])
    t = np.searchsorted(times, raw["timestamp_ns"][others])
    turn = _quaternions({k: v[pose][others] for k, v in poses.items()})
    city = tracks.position_m[n, t].astype(np.float64) + offset
    ego = turn.inv().apply(city - _places(poses)[pose][others])
    assert np.abs(ego - _places(raw)[others]).max() < 1e-3
    assert tracks.valid[1:].sum() == others.sum()
    heading = (turn * _quaternions(raw)[np.flatnonzero(others)]).apply((1.0, 0.0, 0.0))
    error = np.arctan2(heading[:, 1], heading[:, 0]) - tracks.yaw_rad[n, t]
    assert np.abs((error + np.pi) % (2 * np.pi) - np.pi).max() < 1e-5
    # The ego's box is 1.42 m ahead of the pose, and 1.473 / 2 - 0.32 = 0.4165 m above it.
    back = (
        tracks.position_m[EGO]
        + offset
        - _places(poses)[np.searchsorted(poses["timestamp_ns"], times)]
    )
    assert np.allclose(np.linalg.norm(back, axis=1), np.hypot(1.42, 0.4165), atol=1e-3)
    assert np.array_equal(tracks.position_m[EGO, 0, :2], (0.0, 0.0))


@needs_shared_data
def test_categories_and_ids(scenarios: list[Scenario]) -> None:
    raw = _table(LOGS[WITH_EGO], "annotations*")
    ego = raw["track_uuid"][raw["category"] == "EGO_VEHICLE"][0]
    assert scenarios[WITH_EGO].tracks.track_id[EGO] == ego
    assert scenarios[WITH_LIDAR].tracks.track_id[EGO] == "ego"
    for scenario in scenarios:
        assert np.allclose(scenario.tracks.size_m[EGO], (4.877, 2.0, 1.473))
    category = scenarios[WITH_LIDAR].tracks.category
    # Tracks by category in the file; the ego is one more car.
    assert category.count("vehicle.car") == 47 + 1 and category.count("vehicle.bicycle") == 1
    assert category.count("human.pedestrian.adult") == 38
    assert category.count("vehicle.bus.rigid") == 3 and category.count("vehicle.truck") == 4


@needs_shared_data
@pytest.mark.parametrize("log", range(2))
def test_velocities_move_the_tracks(scenarios: list[Scenario], log: int) -> None:
    tracks = scenarios[log].tracks
    middle = tracks.valid[:, :-2] & tracks.valid[:, 1:-1] & tracks.valid[:, 2:]
    moved = (tracks.position_m[:, 2:, :2] - tracks.position_m[:, :-2, :2]) / 0.2
    # The clock of the frames jitters by 3 %.
    error = np.linalg.norm(moved - tracks.velocity_mps[:, 1:-1], axis=-1)
    speed = np.linalg.norm(tracks.velocity_mps[:, 1:-1], axis=-1)
    assert (error <= 0.05 * speed + 0.01)[middle].all()
    assert (tracks.velocity_mps[~tracks.valid] == 0).all()


@needs_shared_data
@pytest.mark.parametrize("log", range(2))
def test_lane_graph_is_consistent(scenarios: list[Scenario], log: int) -> None:
    lanes = scenarios[log].map.lanes
    raw = json.loads(next((LOGS[log] / "map").glob("log_map*")).read_text())["lane_segments"]
    usable = {k: one for k, one in raw.items() if one["lane_type"] != "BIKE"}
    assert {lane.lane_id for lane in lanes} == set(usable)
    for k, lane in enumerate(lanes):
        segment = usable[lane.lane_id]
        assert (lane.kind == LaneKind.CONNECTOR) == segment["is_intersection"]
        named = {str(name) for name in segment["successors"]} & set(usable)
        assert {lanes[j].lane_id for j in lane.successors} >= named
        for j in lane.successors:
            assert np.linalg.norm(lane.centerline_m[-1] - lanes[j].centerline_m[0]) < 0.1
            assert k in lanes[j].predecessors
        for j in lane.predecessors:
            assert k in lanes[j].successors
        if lane.left_neighbor >= 0:
            assert lanes[lane.left_neighbor].right_neighbor == k
            # A lane to the left, the same way: its right boundary is this lane's left one.
            ours, theirs = lane.left_boundary_m, lanes[lane.left_neighbor].right_boundary_m
            assert np.linalg.norm(ours[[0, -1]] - theirs[[0, -1]], axis=1).max() < 1.0
    # The ends of a centreline are midway between those of the boundaries.
    ends = np.array([
        [lane.centerline_m[e] - 0.5 * (lane.left_boundary_m[e] + lane.right_boundary_m[e])
         for e in (0, -1)]
        for lane in lanes
    ])  # fmt: skip
    assert np.abs(ends).max() < 1e-3
    kinds = [area.kind for area in scenarios[log].map.areas]
    assert kinds.count(AreaKind.CROSSWALK) == (14, 11)[log]


@needs_shared_data
@pytest.mark.parametrize("log", range(2))
def test_ground_bears_the_cars(scenarios: list[Scenario], log: int) -> None:
    tracks = scenarios[log].tracks
    ground = Ground.from_scenarios([scenarios[log]])
    assert ground is not None

    def bottom_over_ground(n: np.ndarray, t: np.ndarray) -> np.ndarray:
        xyz = tracks.position_m[n, t]
        height, _ = ground.read(torch.from_numpy(xyz[None, :, :2]))
        return xyz[:, 2] - 0.5 * tracks.size_m[n, 2] - height[0].numpy()

    instants = np.arange(156)
    assert np.abs(bottom_over_ground(np.full(156, EGO), instants)).max() < 0.1
    n, t = np.nonzero(tracks.valid)
    cars = np.array(tracks.category)[n] == "vehicle.car"
    assert abs(np.median(bottom_over_ground(n[cars], t[cars]))) < 0.02


@needs_shared_data
def test_points_of_the_sweep_lie_in_the_boxes(scenarios: list[Scenario]) -> None:
    assert list_sweeps(LOGS[WITH_EGO], scenarios[WITH_EGO]) == []
    scenario = scenarios[WITH_LIDAR]
    (sweep,) = list_sweeps(LOGS[WITH_LIDAR], scenario)
    assert sweep.time_ns == 315973157959879000 and sweep.time_s == 0.0
    pose, tracks = sweep.world_SE3_ego, scenario.tracks
    world_m = sweep.read().xyz_m @ pose[:3, :3].T + pose[:3, 3]
    there = np.flatnonzero(tracks.valid[:, 0])
    boxes = np.concatenate(
        (tracks.position_m[there, 0], tracks.size_m[there], tracks.yaw_rad[there, :1]), axis=1
    )
    counted = points_in_boxes(torch.from_numpy(world_m).float(), torch.from_numpy(boxes)).numpy()
    raw = _table(LOGS[WITH_LIDAR], "annotations*")
    now = raw["timestamp_ns"] == sweep.time_ns
    recorded = dict(zip(raw["track_uuid"][now], raw["num_interior_pts"][now], strict=True))
    expected = np.array([recorded.get(tracks.track_id[n], 0) for n in there])
    assert counted[0] == 0  # the car does not see itself
    # Upright in the world, not tilted with the ego: a few points at the bottom come and go.
    assert (np.abs(counted - expected) <= 2 + 0.04 * expected).all()


@needs_shared_data
def test_reactive_traffic_drives_both_logs(scenarios: list[Scenario]) -> None:
    simulator = Simulator.from_scenarios(scenarios, "idm")
    driven = rollout(simulator, make_planner("idm"), num_steps=20)
    assert not torch.isnan(driven.pose[driven.valid]).any()


@needs_shared_data
def test_simulate_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    options = ["simulate", "--source", "argoverse2", "--path", str(LOGS[WITH_LIDAR])]
    options += ["--planner", "log_replay", "--traffic", "log", "--out", str(tmp_path)]
    assert main([*options, "--videos", "0", "--workers", "0"]) == 0
    assert "1 scenarios" in capsys.readouterr().out


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    log = tmp_path / "log"
    shutil.copytree(LOGS[WITH_LIDAR], log)
    return log


def _edit(path: Path, column: str, row: int, value: float | str) -> None:
    table = pyarrow.feather.read_table(path)
    values = table[column].to_pylist()
    values[row] = value
    at = table.column_names.index(column)
    pyarrow.feather.write_feather(table.set_column(at, column, pyarrow.array(values)), path)


@needs_shared_data
def test_a_rider_is_part_of_the_cycle(copy: Path) -> None:
    path = copy / "annotations.feather"
    frame = pyarrow.feather.read_feather(path)
    rider = frame[frame.category == "BICYCLE"].assign(category="BICYCLIST", track_uuid="rider")
    walker = rider.assign(track_uuid="apart", tx_m=rider.tx_m + 5.0)
    import pandas

    pyarrow.feather.write_feather(pandas.concat((frame, rider, walker)), path)
    scenario = read_scenario(copy)
    assert "rider" not in scenario.tracks.track_id and "apart" in scenario.tracks.track_id
    assert scenario.notes[0] == "dropped 1 tracks: riders of a cycle that is there"


@needs_shared_data
def test_missing_frames_stay_missing(copy: Path) -> None:
    path = copy / "annotations.feather"
    frame = pyarrow.feather.read_feather(path)
    times = np.unique(frame.timestamp_ns)
    pyarrow.feather.write_feather(frame[~frame.timestamp_ns.isin(times[50:60])], path)
    scenario = read_scenario(copy)
    require_valid(scenario)
    assert scenario.num_instants == 156 and scenario.tracks.valid[EGO].all()
    assert not scenario.tracks.valid[1:, 50:60].any() and scenario.tracks.valid[1:, 60].any()
    assert scenario.keyframe.sum() == 146
    whole = read_scenario(LOGS[WITH_LIDAR]).tracks
    assert np.abs(scenario.tracks.position_m[EGO] - whole.position_m[EGO]).max() < 0.01
    # Before the gap the velocity is a one-sided difference: of steps 48 and 49 alone.
    n = next(n for n in range(1, len(whole.valid)) if whole.valid[n].all())
    step = whole.position_m[n, 49, :2] - whole.position_m[n, 48, :2]
    assert np.allclose(scenario.tracks.velocity_mps[n, 49], step / 0.1, rtol=0.01, atol=1e-3)


@needs_shared_data
@pytest.mark.parametrize(
    "name", ["annotations.feather", "city_SE3_egovehicle.feather", "log_map", "ground", "img_Sim2"]
)
def test_missing_and_damaged_files_are_named(copy: Path, name: str) -> None:
    path = next(p for p in copy.rglob("*") if name in p.name)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ValueError, match=rf"{name}.*: not "):
        read_scenario(copy)
    path.unlink()
    with pytest.raises(ValueError, match=rf"{name}.*: no such file"):
        read_scenario(copy)


@needs_shared_data
def test_wrong_annotations_are_named(copy: Path) -> None:
    path = copy / "annotations.feather"
    _edit(path, "width_m", 7, 0.0)
    with pytest.raises(ValueError, match=r"annotations\.feather: track \S+ at \d+ ns: size is not"):
        read_scenario(copy)
    _edit(path, "width_m", 7, 1.0)
    _edit(path, "tx_m", 9, float("nan"))
    with pytest.raises(
        ValueError, match=r"annotations\.feather: track \S+ at \d+ ns: not a number"
    ):
        read_scenario(copy)
    table = pyarrow.feather.read_table(path).drop_columns(["tx_m"])
    pyarrow.feather.write_feather(table, path)
    with pytest.raises(ValueError, match=r"annotations\.feather: no column tx_m \(there are"):
        read_scenario(copy)
    pyarrow.feather.write_feather(pyarrow.feather.read_table(LOGS[1] / path.name).slice(0, 0), path)
    with pytest.raises(ValueError, match=r"annotations\.feather: 0 annotated times"):
        read_scenario(copy)


@needs_shared_data
def test_wrong_map_is_named(copy: Path) -> None:
    path = next((copy / "map").glob("log_map*"))
    data = json.loads(path.read_text())
    del next(iter(data["lane_segments"].values()))["left_lane_boundary"]
    path.write_text(json.dumps(data))
    notes = read_scenario(copy).notes
    assert "dropped 1 lanes, the first: field 'left_lane_boundary' is missing" in notes
    del data["lane_segments"]
    path.write_text(json.dumps(data))
    with pytest.raises(ValueError, match=r"log_map.*field 'lane_segments' is missing"):
        read_scenario(copy)


def test_no_logs(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="0 scenarios matched"):
        find(SourceQuery("argoverse2", tmp_path))
    with pytest.raises(ValueError, match="no such file or folder"):
        find(SourceQuery("argoverse2", tmp_path / "nothing"))


@needs_shared_data
def test_logs_are_found() -> None:
    def paths(path: Path) -> list[Path | None]:
        return [ref.path for ref in find(SourceQuery("argoverse2", path))]

    assert paths(AV2) == LOGS == paths(AV2.parent)
    assert paths(LOGS[0]) == [LOGS[0]]
