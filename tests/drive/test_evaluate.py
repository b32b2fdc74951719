"""`bevdrive evaluate` as a user meets it: run folders, wrong input, an exported dataset."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drive.cli.main import main
from sim.export.nuscenes import export_scenes
from sim.sources.procedural import generate
from tests.drive.test_evaluate_forecast import constant_velocity
from tests.eval.nuscenes import tiny


@pytest.fixture(scope="module")
def tiny_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    dataroot = tmp_path_factory.mktemp("tiny")
    tiny.write(dataroot)
    return dataroot


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    dataroot = tmp_path_factory.mktemp("exported")
    families = ("signalized_junction", "crosswalk")
    scenarios = generate(list(families), 2, "val", duration_s=10.0)
    export_scenes(scenarios, dataroot, tiny.VERSION, {"sim_train": 0, "sim_val": 2})
    return dataroot


def _run(dataroot: Path, out: Path, *words: str, split: str = "sim_val") -> int:
    where = ["--dataroot", str(dataroot), "--version", tiny.VERSION, "--split", split]
    return main(["evaluate", *words, *where, "--out", str(out), "--name", "run"])


def _metrics(out: Path) -> dict[str, Any]:
    assert (out / "latest").resolve() == (out / "run").resolve()
    assert "split: sim_val" in (out / "run" / "config.yaml").read_text()
    assert "<table " in (out / "run" / "report.html").read_text()
    return json.loads((out / "run" / "metrics.json").read_text())


def test_perfect_detections_of_an_exported_dataset(exported: Path, tmp_path: Path) -> None:
    assert _run(exported, tmp_path, "detection", "--results", "oracle") == 0
    score = _metrics(tmp_path)["detection"]["present classes"]
    assert score["mAP"] == pytest.approx(1.0)
    assert score["NDS"] == pytest.approx(1.0)
    assert score["mAVE"] == score["mAAE"] == 0.0
    # The submission that the run wrote is a results file like anyone's.
    mine = tmp_path / "run" / "submission.json"
    assert _run(exported, tmp_path / "again", "detection", "--results", str(mine)) == 0
    assert _metrics(tmp_path / "again") == _metrics(tmp_path)


def test_perfect_tracks_of_an_exported_dataset(
    exported: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert _run(exported, tmp_path, "tracking", "--results", "oracle") == 0
    assert _metrics(tmp_path)["tracking"]["official"]["amota"] == pytest.approx(1.0)
    official = json.loads((tmp_path / "run" / "official" / "metrics_summary.json").read_text())
    assert official["amota"] == pytest.approx(1.0)
    assert sorted(p.name for p in (tmp_path / "run" / "official").iterdir()) == [
        "metrics_details.json", "metrics_summary.json",
    ]  # fmt: skip
    shown = capfd.readouterr()
    assert shown.err == "" and "Loading NuScenes" not in shown.out


def test_planning_rows_of_an_exported_dataset(exported: Path, tmp_path: Path) -> None:
    assert _run(exported, tmp_path, "planning") == 0
    score = _metrics(tmp_path)
    assert list(score) == ["stp3", "uniad", "oriented_box"]
    for rows in score.values():
        assert rows["ground truth"]["L2_3s"] == 0.0
        assert rows["constant velocity"]["L2_3s"] > 0.0
    assert score["oriented_box"]["ground truth"]["collision_3s"] == 0.0


def test_closed_loop_under_both_kinds_of_traffic(
    exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--planner", "log_replay", "--workers", "0", "--cache", str(tmp_path / "cache")]
    assert _run(exported, tmp_path / "runs", "closed-loop", *words) == 0
    shown = capsys.readouterr().out
    assert "Closed loop, log replay, sim_val" in shown and "reactive traffic" in shown
    score = _metrics(tmp_path / "runs")
    # Who drives as recorded among recorded traffic hits nobody.
    assert score["log"]["log_replay"]["collision"] == 1.0
    assert score["log"]["log_replay"]["scenes"] == score["idm"]["log_replay"]["scenes"] == 2
    for traffic in ("log", "idm"):
        part = tmp_path / "runs" / "run" / traffic
        assert f"traffic: {traffic}" in (part / "config.yaml").read_text()
        assert (part / "report.html").is_file()
        assert len(list((part / "videos").glob("*.mp4"))) == 2


def test_prediction_rows(tiny_root: Path, tmp_path: Path) -> None:
    assert _run(tiny_root, tmp_path, "prediction") == 0
    rows = _metrics(tmp_path)["prediction"]
    assert list(rows) == ["constant velocity", "physics oracle", "oracle"]
    assert rows["oracle"]["minADE_1"] == 0.0


def test_a_networks_predictions_of_an_exported_dataset(exported: Path, tmp_path: Path) -> None:
    weights = ["--weights", str(constant_velocity(tmp_path / "w"))]
    cache = ["--cache", str(tmp_path / "cache")]
    assert _run(exported, tmp_path / "runs", "prediction", *weights, *cache) == 0
    rows = _metrics(tmp_path / "runs")["prediction"]
    assert list(rows) == ["constant velocity", "physics oracle", "oracle", "joint"]
    # Six times the same: as good as the devkit's, but for what each takes for the velocity of now.
    assert rows["joint"]["minADE_5"] == rows["joint"]["minADE_1"]
    assert 0.3 < rows["joint"]["minADE_1"] / rows["constant velocity"]["minADE_1"] < 1.3
    # It starts where the devkit's own table has the agent, in the frame of the map.
    tables = exported / tiny.VERSION
    box = {
        (row["instance_token"], row["sample_token"]): row["translation"]
        for row in json.loads((tables / "sample_annotation.json").read_text())
    }
    submission = tmp_path / "runs" / "run" / "submission.json"
    predictions = json.loads(submission.read_text())
    assert len(predictions) == rows["joint"]["agents"]
    for told in predictions:
        first, second = np.array(told["prediction"][0][:2])
        start = 2.0 * first - second
        assert start == pytest.approx(box[told["instance"], told["sample"]][:2], abs=0.01)
    # And is a submission like anyone's.
    assert _run(exported, tmp_path / "again", "prediction", "--results", str(submission)) == 0
    assert _metrics(tmp_path / "again")["prediction"]["submission.json"] == rows["joint"]


def test_prediction_says_who_chose_the_agents(
    tiny_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "dataset"
    shutil.copytree(tiny_root, root)
    assert _run(root, tmp_path / "own", "prediction") == 0
    told = capsys.readouterr().out
    assert "agents chosen by a rule of bevdrive's" in told and "not the challenge's agents" in told
    page = next((tmp_path / "own").glob("run/report.html")).read_text()
    assert "agents chosen by a rule of bevdrive&#x27;s" in page
    listed = root / "maps" / "prediction"
    listed.mkdir(parents=True)
    scenes = {"scene-9001": ["scene-9001lead_scene-9001s3"]}
    (listed / "prediction_scenes.json").write_text(json.dumps(scenes))
    assert _run(root, tmp_path / "listed", "prediction") == 0
    assert "rule of bevdrive" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["detection"], "--results: is missing (file with the results to score"),
        (["detection", "--results", "no.json"], "--results: no.json: no such file"),
        (["prediction", "--results", "oracle"], "--results: prediction has the ground truth"),
        (["prediction", "--weights", "nowhere"], "--weights nowhere: neither"),
        (["planning", "--weights", "w"], "--weights: unknown option"),
        (
            ["detection", "--results", "x.json", "--noise", "1"],
            "--noise: only with --results oracle",
        ),
        (["planning", "--split", "sim_vla"], "--split: unknown 'sim_vla'; did you mean sim_val?"),
        (["closed-loop", "--planner", "pdn"], "--planner: unknown 'pdn'; did you mean pdm?"),
        (
            ["planning", "--split", "val"],
            "scene-0003 of split val is not there (150 of its 150 scenes",
        ),
        (["closed-loop", "--scenario", "scene-9"], "--scenario: unknown 'scene-9'"),
        (["closed-loop", "--count", "0"], "--count: must be at least 1, not 0"),
        (["planning", "--count", "1"], "--count: unknown option"),
        (["planning", "--version", "v1.0-sin"], "no version 'v1.0-sin'; did you mean v1.0-sim?"),
        (["planning", "--dataroot", "nowhere"], "--dataroot: nowhere: no such folder"),
    ],
)
def test_wrong_input(
    words: list[str], message: str, tiny_root: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    where = ["--dataroot", str(tiny_root), "--version", tiny.VERSION, "--split", "sim_val"]
    assert main(["evaluate", words[0], *where, *words[1:]]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def _edit(path: Path, change: Any) -> None:
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda r: (r / "ego_pose.json").unlink(), "missing tables: ego_pose.json"),
        (lambda r: (r.parent / "maps" / "map.png").unlink(), "maps/map.png: missing, named in"),
        (lambda r: (r / "sample_annotation.json").write_text("[{"), "sample_annotation.json: not JSON"),
        (lambda r: _edit(r / "splits.json", lambda d: d["sim_val"].append("scene-0001")),
         "scene-0001 of split sim_val is not there (1 of its 2 scenes"),
        (lambda r: _edit(r / "sample_annotation.json", lambda d: d[3].update(size=[0, 1, 1])),
         "sample_annotation.json: record scene-9001leada3 (number 3): size: [0, 1, 1] is not three"),
        (lambda r: _edit(r / "ego_pose.json", lambda d: d.pop(0)),
         "ego_pose_token: 'scene-9001s0ego' is not in ego_pose.json"),
        (lambda r: _edit(r / "sensor.json", lambda d: d.clear()),
         "calibrated_sensor.json: record mount (number 0): sensor_token: 'lidar' is not in sensor.json"),
        (lambda r: _edit(r / "sensor.json", lambda d: d[0].update(channel="RADAR")),
         "sample_data.json: no LIDAR_TOP key frame of sample scene-9001s0"),
    ],
)  # fmt: skip
def test_broken_dataset(
    spoil: Any, message: str, tiny_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(tiny_root, tmp_path / "data")
    spoil(tmp_path / "data" / tiny.VERSION)
    assert _run(tmp_path / "data", tmp_path / "runs", "planning") == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "runs" / "latest").exists()
    assert not (tmp_path / "runs").is_dir() or list((tmp_path / "runs").iterdir()) == []
