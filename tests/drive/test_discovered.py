"""`bevdrive simulate --perception discovered`: from a detector's weights to a run, and what is refused."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from drive.cli.main import main
from drive.networks.weights import FILE, WeightsCard, save_weights
from drive.perception.detector.network import Detector, DetectorConfig
from drive.pipelines.view import ViewTarget, find_viewed_scene
from eval.runs.drive_record import DriveRecord
from eval.runs.folder import RunFolder
from eval.view.scene_layers import SceneLayers
from sim.errors import InputError

FEW = ["simulate", "--families", "curve", "--count", "1", "--duration-s", "1", "--replan", "0.5"]
FEW += ["--workers", "0", "--videos", "0"]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a detector that is sure to see somebody everywhere."""
    folder = tmp_path_factory.mktemp("detector")
    torch.manual_seed(0)
    network = Detector(DetectorConfig(width=8))
    with torch.no_grad():
        assert network.head.bias is not None
        network.head.bias[0] = 3.0
    config = asdict(network.config)
    save_weights(
        folder / FILE, network, WeightsCard(Detector.task, Detector.version, config, {}, "", {})
    )
    return folder


@pytest.fixture(scope="module")
def run(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    out = tmp_path_factory.mktemp("runs")
    words = ["--perception", f"discovered@{weights}", "--planner", "hand_cost"]
    assert main([*FEW, *words, "--out", str(out), "--name", "r"]) == 0
    return RunFolder.open(out / "r")


def test_a_run_says_what_its_planners_knew_of_and_keeps_whom_they_saw(
    run: RunFolder, weights: Path
) -> None:
    named = f"discovered@{weights}"
    assert run.config()["perception"] == named
    assert json.loads((run.path / "metrics.json").read_text())["perception"] == named
    assert f"perception {named}" in (run.path / "report.html").read_text()
    drive = DriveRecord.load(run.drive_path("hand_cost", 0))
    assert drive.perceived is not None and drive.perceived_id is not None
    there = drive.perceived_id[0] > 0
    assert there.sum() > 3
    assert drive.forecast is None and drive.candidates is not None
    box = drive.perceived[0, there]
    assert (abs(box[:, 1]) <= 33.0).all() and (abs(box[:, 0] - 16.0) <= 49.0).all()


def test_what_was_perceived_is_shown_and_nobody_is_asked_anew(run: RunFolder) -> None:
    scene = find_viewed_scene(ViewTarget(path=run.path, planner="hand_cost"))
    layers = SceneLayers(scene)
    assert "perceived" in layers.available()
    assert layers.at(3, shown=("perceived",)).layers["perceived"]
    with pytest.raises(InputError, match="--planner p3: cannot be asked anew"):
        find_viewed_scene(ViewTarget(path=run.path, planner="p3"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["discovered@nowhere"], "--perception discovered@nowhere: --weights nowhere: neither"),
        (["visible@nowhere"], "--perception: unknown 'visible@nowhere'; did you mean visible?"),
    ],
)
def test_what_is_missing_is_told_in_one_line(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*FEW, "--perception", *words]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_planners_that_are_shown_the_truth_are_refused(
    weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--perception", f"discovered@{weights}", "--planner", "pdm,log_replay"]
    assert main([*FEW, *asked]) == 2
    error = capsys.readouterr().err
    assert "--perception discovered: log_replay is shown the simulator's own world" in error
    assert error.count("\n") == 1
