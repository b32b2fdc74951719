"""`bevdrive export nuscenes`."""

import json
from pathlib import Path

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
    assert "unknown format 'kitti' (choices: nuscenes)" in capsys.readouterr().err


@needs_shared_data
def test_too_few_recordings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = SHARED_DATA / "nuscenes_mini_scenarionet"
    assert run("--out", tmp_path / "d", "--source", "scenarionet", "--path", path) == 2
    assert "5 scenarios for 100 scenes (--train, --val)" in capsys.readouterr().err
