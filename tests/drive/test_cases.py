"""The given inputs that went wrong once, each by the verb that a user would give it to."""

import contextlib
import json
import re
import shutil
from pathlib import Path

import pytest

from drive.cli.main import main
from eval.nuscenes.dataset import Split
from eval.nuscenes.submission import check_submission, detection_format
from sim.errors import InputError
from sim.scenario import Scenario
from sim.scenario_file import load_scenario
from tests.conftest import SHARED_DATA

CASES = SHARED_DATA.parent / "cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason=f"no cases at {CASES}")


def _said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err.strip()


def _save(source: str, case: str, to: Path) -> tuple[int, list[Scenario]]:
    code = main(["save", "--source", source, "--path", str(CASES / source / case), "--to", str(to)])
    files = sorted(to.glob("*.scenario")) if to.is_dir() else []
    return code, [load_scenario(file) for file in files]


@pytest.mark.parametrize(
    ("source", "case", "reason"),
    [
        ("scenarionet", "06_ego_gap", "tracks.ego.valid: the ego vanishes at step 10"),
        ("scenarionet", "07_ts_us", "metadata.ts: 100000 s between instants"),
        ("scenarionet", "sn_ts_not_monotonic.pkl", "metadata.ts: step 4 is not after"),
        ("scenarionet", "pickle_forged_pointer.pkl", "refused: the pickle asks for a state"),
        ("scenarionet", "pickle_range_bomb.pkl", "refused: the pickle asks for builtins.range"),
        ("scenarionet", "sn_ego_position_5e9.pkl", "tracks.ego.position: more than 1e+08 at step"),
        ("scenarionet", "sn_heading_1e300.pkl", "heading: more than 1000 at step 3"),
        ("scenarionet", "sn_length_inf.pkl", "length: inf is no number of instants"),
        ("scenarionet", "sn_polygon_nan.pkl", "polygon: not a number at point 0"),
        ("scenarionet", "sn_width_nan.pkl", "width: not a number at step 0"),
        ("argoverse2", "av_deep_json", "nested too deeply"),
        ("argoverse2", "av_npy_header", "its header cannot be read"),
        ("argoverse2", "av_one_timestamp_far", "no annotation for 1000000000 s"),
        ("argoverse2", "av_segfault", "annotations.feather: not a whole feather file"),
        ("argoverse2", "av_struct_column", "column qy: struct<a: int64>, expected numbers"),
        ("argoverse2", "av_timestamp_string", "column timestamp_ns: string, expected whole"),
        ("saved", "id_5000_chars.scenario", "scenario_id: 5000 characters"),
        ("saved", "saved_deep_json", "nested too deeply"),
    ],
)
def test_refused_in_one_line(
    source: str, case: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, scenarios = _save(source, case, tmp_path)
    said = _said(capsys)
    assert code == 2 and not scenarios
    assert reason in said and case in said and "\n" not in said


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("saved_boundary_nan", "left_boundary_m: not a number: point 0"),
        ("saved_lane_0.1mm", "centerline_m: 0.0001 m long"),
        ("saved_lane_transposed", "centerline_m: shape (2, 421)"),
        ("saved_notes_int", "notes: expected list, got int"),
        ("saved_obstacle_3d", "footprint_m: shape (4, 3, 1)"),
        ("saved_offset_shape", "world_offset_m: shape (5,)"),
    ],
)
def test_the_good_one_beside_is_read(
    case: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, scenarios = _save("saved", case, tmp_path)
    assert code == 1 and len(scenarios) == 1
    said = _said(capsys)
    assert reason in said or "Type-check error" in said  # beartype, in tests, is first


@pytest.mark.parametrize(
    ("case", "notes"),
    [
        ("scenarionet/05_nan_height", "1 tracks without a height"),
        ("scenarionet/07_ts_gap", "uneven times (1 steps unlike 0.1 s, the longest 0.8 s)"),
        ("scenarionet/10_flat_crosswalk", "dropped 1 crosswalks or walkways: no area"),
        ("scenarionet/16_bowtie", "1 lane polygons do not hold their centreline"),
        ("argoverse2/av_boundary_1e10", "dropped 1 lanes, the first: point 1 is not within 10 km"),
    ],
)
def test_one_bad_item_is_noted(case: str, notes: str, tmp_path: Path) -> None:
    source, _, name = case.partition("/")
    code, scenarios = _save(source, name, tmp_path)
    assert code == 0 and len(scenarios) == 1
    assert any(note.startswith(notes) for note in scenarios[0].notes)


@pytest.mark.parametrize("case", ["03_name", "04_ids", "02_int_links"])
def test_both_files_become_scenarios(case: str, tmp_path: Path) -> None:
    code, scenarios = _save("scenarionet", case, tmp_path)
    assert code == 0 and len(scenarios) == 2
    if case == "02_int_links":  # the same drive, links as integers and as texts
        assert [len(s.routes[0].path_m) for s in scenarios if s.routes[0]] == [192, 192]


def test_an_id_is_no_path(tmp_path: Path) -> None:
    to = tmp_path / "to"
    code, scenarios = _save("scenarionet", "04_slash", to)
    assert code == 0 and scenarios[0].scenario_id == "train/0001"
    assert [path.name for path in tmp_path.rglob("*") if path.is_dir()] == ["to"]


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("float64.bin", "x, y, z of point 2"),
        ("kitti_renamed.pcd.bin", "ring of point 0 is 20.4"),
        ("sweep_ring_3e9.pcd.bin", "ring of point 0 is 3000000000.0"),
        ("sweep_intensity_null.feather", "column intensity: row 3 is empty"),
        ("nan_point.bin", "not a number at point 7"),
        ("kitti_calib_singular", "calib/000001.txt: R0_rect and Tr_velo_to_cam are no rotation"),
        ("kitti_label_not_utf8", "label_2/000001.txt: not UTF-8: byte 0"),
        ("kitti_label_size_zero", "label_2/000001.txt: line 1: size 0.0 0.0 0.0"),
    ],
)
def test_sweeps_are_refused(
    case: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = CASES / "sweeps" / case
    path = path / "velodyne" / "000001.bin" if path.is_dir() else path
    assert main(["view", str(path), "--out", str(tmp_path / "a.png")]) == 2
    said = _said(capsys)
    assert reason in said and "\n" not in said
    assert not list(tmp_path.iterdir())


def test_reflectances_of_0_to_255_are_divided() -> None:
    from sim.sensors.pointcloud import read_kitti

    cloud = read_kitti(CASES / "sweeps" / "intensity255.bin")
    assert 0.9 < cloud.intensity.max() <= 1.0  # 252.45 in the file


@pytest.mark.parametrize("case", sorted(p.name for p in (CASES / "runs").glob("*")))
@pytest.mark.parametrize("verb", ["report", "resume", "view"])
def test_damaged_runs_are_refused(
    case: str, verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / case
    shutil.copytree(CASES / "runs" / case, run, copy_function=shutil.copyfile)
    words = {
        "report": ["report", str(run)],
        "resume": ["simulate", "--resume", str(run), "--workers", "0"],
        "view": ["view", str(run), "--out", str(tmp_path / "a.png")],
    }
    assert main(words[verb]) == 2
    assert "\n" not in _said(capsys)


@pytest.mark.parametrize(
    ("case", "reason"),
    [("yaml_alias_bomb.yaml", "line 2: no aliases"), ("yaml_int_x.yaml", "not YAML")],
)
def test_damaged_presets_are_refused(
    case: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", "--preset", str(CASES / "presets" / case)]) == 2
    assert reason in _said(capsys)


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("res_deep.json", "nested too deeply"),
        ("res_meta_empty.json", "meta: use_camera: expected true or false"),
        ("res_score_1e308.json", "detection_score: expected a number from 0 to"),
        ("res_size_1e308.json", "size: 1e+308 is beyond 1000"),
        ("res_zero_quaternion.json", "rotation: the quaternion is zero"),
    ],
)
def test_damaged_results_are_refused(case: str, reason: str, tmp_path: Path) -> None:
    path = CASES / "results" / case
    tokens = ()
    with contextlib.suppress(RecursionError):
        tokens = tuple(json.loads(path.read_text())["results"])
    split = Split(tmp_path, "v1.0-sim", "sim_val", ("scene",), tokens)
    with pytest.raises(InputError, match=re.escape(reason)):
        check_submission(path, split, detection_format())
