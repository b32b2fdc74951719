"""`collect`, `train`, `forecast` and `discover` from Python: files and figures of the command line."""

from pathlib import Path
from typing import Any

import pytest

import bevdrive
from drive.cli.main import main
from drive.features.store import Store
from drive.pipelines.discover_config import DiscoverConfig
from sim.scenario_file import save_scenario
from sim.sources.query import ScenarioRef
from tests.drive.scenes import toy_scenario, toy_store
from tests.drive.test_evaluate_forecast import constant_velocity


def test_a_store_is_the_same(tmp_path: Path) -> None:
    save_scenario(toy_scenario(), tmp_path / "toy.scenario")
    mine = bevdrive.collect(tmp_path / "mine", source="saved", path=tmp_path, every=2)
    words = ["--source", "saved", "--path", str(tmp_path), "--every", "2", "--workers", "0"]
    assert main(["collect", *words, "--out", str(tmp_path / "theirs")]) == 0
    assert len(mine) == 2 and mine.hash == Store.open(tmp_path / "theirs").hash  # after 1 s and 3 s


def test_a_training_is_given_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple] = []

    def train(*arguments: Any) -> dict[str, float]:
        given.append(arguments)
        return {"val/loss": 2.0}

    # The command line's first: imported now, it has to find the true one.
    for place in ("drive.cli.train.train", "drive.pipelines.train.train"):
        monkeypatch.setattr(place, train)
    toy_store(tmp_path / "store")
    trained = bevdrive.train(
        "joint", tmp_path / "store", out=tmp_path, name="mine", learning_rate=0.5, val_every=2
    )
    words = ["--data", str(tmp_path / "store"), "--learning-rate", "0.5", "--val-every", "2"]
    assert main(["train", "joint", *words, "--out", str(tmp_path), "--name", "theirs"]) == 0
    assert trained.folder == tmp_path / "mine" and trained.figures == {"val/loss": 2.0}
    mine, theirs = given
    assert mine[:2] == theirs[:2] and mine[1].learning_rate == 0.5
    assert (mine[2] / "config.yaml").read_bytes() == (theirs[2] / "config.yaml").read_bytes()


def test_forecasts_are_scored_alike(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_scenario(toy_scenario(10.0, 8.0), tmp_path / "toy.scenario")
    weights = constant_velocity(tmp_path / "weights.safetensors")
    scores = bevdrive.forecast(
        weights, source="saved", path=tmp_path, every=4, out=tmp_path, name="mine"
    )
    words = ["--source", "saved", "--path", str(tmp_path), "--every", "4", "--workers", "0"]
    told = ["--weights", str(weights), "--out", str(tmp_path), "--name", "theirs"]
    assert main(["evaluate", "forecast", *words, *told]) == 0
    assert scores.folder == tmp_path / "mine"
    mine, theirs = ((tmp_path / n / "metrics.json").read_bytes() for n in ("mine", "theirs"))
    assert mine == theirs
    assert capsys.readouterr().out.startswith(repr(scores))


def test_a_discovery_is_given_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[DiscoverConfig] = []

    def discover(config: DiscoverConfig, refs: list[ScenarioRef]) -> dict:
        assert [ref.name for ref in refs] == ["straight-val-0-000000"]
        given.append(config)
        return {"label": {}}

    monkeypatch.setattr("drive.pipelines.discover.discover", discover)
    options = {"families": "straight", "count": 1, "seconds": 2}
    assert bevdrive.discover(tmp_path / "found", **options) == {"label": {}}
    words = ["--families", "straight", "--count", "1", "--seconds", "2", "--workers", "0"]
    assert main(["discover", *words, "--out", str(tmp_path / "found")]) == 0
    mine, theirs = given
    assert mine == theirs and mine.seconds == 2.0


@pytest.mark.parametrize(
    ("function", "options", "message"),
    [
        ("train", {"task": "jont", "data": "x"}, "task: unknown 'jont'; did you mean joint?"),
        ("train", {"task": "joint", "data": "nowhere"}, "nowhere"),
        ("train", {"task": "joint", "data": "x", "preset": "smal"}, "did you mean small?"),
        ("train", {"task": "joint", "data": "x", "devices": 2}, "devices: several need a command"),
        ("collect", {"out": "x", "every": 0.0}, "--every: must be from 0.1 to 100"),
        ("forecast", {"wieghts": "default"}, "forecast: option: unknown 'wieghts'; did you mean"),
        ("discover", {"out": "x", "view": True}, "discover: option: unknown 'view'"),
        ("discover", {"out": "x", "stage": "clusters"}, "did you mean cluster?"),
    ],
)
def test_wrong_options_are_one_clear_line(function: str, options: dict, message: str) -> None:
    with pytest.raises(bevdrive.InputError) as raised:
        getattr(bevdrive, function)(**options)
    assert message in str(raised.value) and "\n" not in str(raised.value)
