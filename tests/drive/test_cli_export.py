"""`bevdrive export nuscenes`."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from drive.cli.main import main
from tests.conftest import SHARED_DATA, needs_shared_data


def run(*words: object) -> int:
    return main(["export", "nuscenes", "--workers", "0", *map(str, words)])


def test_generated_scenes_come_from_the_generators_splits(tmp_path: Path) -> None:
    from nuscenes import NuScenes

    out = tmp_path / "data"
    chosen = ("--families", "narrow_street,curve", "--duration-s", 1, "--seed", 7)
    assert run("--out", out, "--train", 2, "--val", 1, *chosen) == 0
    nusc = NuScenes("v1.0-sim", str(out), verbose=False)
    assert [scene["description"] for scene in nusc.scene] == [
        "narrow_street, narrow_street-train-7-000000",
        "curve, curve-train-7-000001",
        "narrow_street, narrow_street-val-7-000000",
    ]
    splits = json.loads((out / "v1.0-sim" / "splits.json").read_text())
    assert splits == {"sim_train": ["scene-2001", "scene-2002"], "sim_val": ["scene-2003"]}
    assert len(nusc.sample) == 9


@needs_shared_data
def test_recorded_scenes_can_be_exported(tmp_path: Path) -> None:
    from nuscenes import NuScenes

    out = tmp_path / "data"
    path = SHARED_DATA / "nuscenes_mini_scenarionet" / "sd_nuscenes_v1.0-mini_scene-0757.pkl"
    recorded = ("--source", "scenarionet", "--path", path)
    assert run("--out", out, "--train", 0, "--val", 1, *recorded) == 0
    nusc = NuScenes("v1.0-sim", str(out), verbose=False)
    assert len(nusc.sample) == 41
    names = {row["category_name"] for row in nusc.sample_annotation}
    assert {"vehicle.construction", "movable_object.trafficcone"} <= names


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--train", 0, "--val", 0), "splits: no scene at all"),
        (("--train", -1), "--train: must be at least 0"),
        (("--families", "curv"), "unknown 'curv'; did you mean curve?"),
        (("--source", "saved"), "--path: source saved needs a file or a folder"),
        (("--source", "saved", "--path", "nowhere"), "nowhere: no such file or folder"),
        (("--version", "a/b"), "version: 'a/b' does not name a folder"),
    ],
)
def test_wrong_input(
    words: tuple, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "data"
    assert run("--out", out, *words) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_too_many_scenes_are_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sim.export.nuscenes.placing.CITIES_M", {"hamlet": (800.0, 200.0)})
    few = ("--families", "narrow_street", "--train", 3, "--val", 0)
    assert run("--out", tmp_path / "data", *few) == 2
    assert "of 3 scenes do not fit" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_unknown_format(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "kitti"]) == 2
    assert "format: unknown 'kitti' (choices: nuscenes)" in capsys.readouterr().err


@needs_shared_data
def test_too_few_recordings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = SHARED_DATA / "nuscenes_mini_scenarionet"
    assert run("--out", tmp_path / "d", "--source", "scenarionet", "--path", path) == 2
    assert "5 scenarios for 100 scenes (--train, --val)" in capsys.readouterr().err


@pytest.fixture(scope="module")
def driven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two generated scenarios of 2 s under two planners."""
    out = tmp_path_factory.mktemp("runs")
    options = "--families curve,signalized_junction --count 2 --duration-s 2 --name two --videos 0"
    words = ["simulate", *options.split(), "--planner", "idm,log_replay", "--workers", "0"]
    assert main([*words, "--out", str(out)]) == 0
    return out / "two"


def test_drives_of_a_run_are_exported_as_they_were_driven(driven: Path, tmp_path: Path) -> None:
    """The .npz against the rows of the tables, read by the devkit: 1 mm, 1e-4 rad."""
    from nuscenes import NuScenes
    from pyquaternion import Quaternion

    out = tmp_path / "data"
    chosen = ("--source", "run", "--path", driven, "--planner", "idm", "--train", 1, "--val", 1)
    assert run("--out", out, *chosen) == 0
    nusc = NuScenes("v1.0-sim", str(out), verbose=False)
    listed = json.loads((out / "v1.0-sim" / "scenarios.json").read_text())
    checked = 0
    for k, scene in enumerate(nusc.scene):
        with np.load(driven / "drives" / "idm" / f"{k:06d}.npz") as data:
            pose, valid = data["pose"], data["valid"]
        entry = listed[scene["name"]]
        assert entry["source"] == "run" and entry["family"] in ("curve", "signalized_junction")
        token, step = scene["first_sample_token"], 0
        while token:
            sample = nusc.get("sample", token)
            rows = [nusc.get("sample_annotation", t) for t in sample["anns"]]
            assert len(rows) == valid[step, 1:].sum()
            data = nusc.get("sample_data", sample["data"]["LIDAR_TOP"])
            ego = nusc.get("ego_pose", data["ego_pose_token"])
            middle = Quaternion(ego["rotation"]).rotate((1.385, 0.0, 0.0))
            boxes = [(np.array(row["translation"]), row["rotation"]) for row in rows]
            boxes.append((np.array(ego["translation"]) + middle, ego["rotation"]))
            for at, rotation in boxes:
                gap = np.linalg.norm(pose[step, :, :2] - (at - entry["map_offset_m"])[:2], axis=1)
                agent = int(np.where(valid[step], gap, np.inf).argmin())
                off = Quaternion(rotation).yaw_pitch_roll[0] - pose[step, agent, 2]
                assert gap[agent] < 1e-3 and abs(math.remainder(off, 2 * math.pi)) < 1e-4
                checked += 1
            token, step = sample["next"], step + 5
    assert checked > 20


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--source", "run"), "--path: source run needs a run folder"),
        (("--source", "run", "--path", "nowhere"), "nowhere: no run folder"),
        (
            ("--source", "run", "--path", "DRIVEN"),
            "name one of the run's planners: idm, log_replay",
        ),
        (("--source", "run", "--path", "DRIVEN", "--planner", "pdn"), "(choices: idm, log_replay)"),
        (("--planner", "idm"), "--planner: only for --source run"),
        (
            ("--source", "nuscenes"),
            "(choices: procedural, saved, scenarionet, argoverse2_motion, commonroad, argoverse2, run)",
        ),
    ],
)
def test_wrong_runs(
    driven: Path,
    words: tuple[str, ...],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = [str(driven) if word == "DRIVEN" else word for word in words]
    assert run("--out", tmp_path / "data", *told) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "data").exists()


def test_damaged_runs(driven: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A scenario that is gone, a drive that does not fit or is cut off, no drives."""
    import shutil

    folder, out = tmp_path / "run", tmp_path / "data"
    shutil.copytree(driven, folder)
    chosen = ("--source", "run", "--path", folder, "--planner", "idm", "--train", 2, "--val", 0)
    scenario = folder / "scenarios" / "000001.scenario"
    scenario.rename(folder / "kept")
    assert run("--out", out, *chosen) == 2
    assert "000001.scenario: no such file" in capsys.readouterr().err
    (folder / "kept").rename(scenario)
    drive = folder / "drives" / "idm" / "000001.npz"
    with np.load(drive) as data:
        parts = dict(data)
    np.savez(drive, **parts | {"dt_s": 0.5})
    assert run("--out", out, *chosen) == 2
    assert "000001.npz: driven: " in capsys.readouterr().err
    drive.write_bytes(drive.read_bytes()[:500])
    assert run("--out", out, *chosen) == 2
    assert "000001.npz: not whole" in capsys.readouterr().err
    shutil.rmtree(folder / "drives")
    assert run("--out", out, *chosen) == 2
    assert "no drives in this run folder" in capsys.readouterr().err
    assert not out.exists()
