"""`bevdrive evaluate forecast` and `prediction --weights` with networks of which the answer is known."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from drive.cli.main import main
from drive.networks.weights import WeightsCard, save_weights
from drive.pipelines.evaluate.tally import Tally
from drive.prediction.intention import IntentionConfig, IntentionPredictor
from drive.prediction.joint import JointConfig, JointPredictor
from drive.prediction.occupancy import OccupancyConfig, OccupancyPredictor
from eval.forecasts.calibration import reliability
from sim.interface import IntentionKind
from sim.scenario_file import save_scenario
from tests.drive.scenes import toy_scenario, toy_store

_IMAGE = {"width": 8, "resolution_m": 2.0, "num_x": 32, "num_y": 32}


def _save(network: Any, path: Path) -> Path:
    card = WeightsCard(network.task, network.version, asdict(network.config), {}, "ab", {})
    save_weights(path, network, card)
    return path


def constant_velocity(path: Path) -> Path:
    """Weights of a joint network that says in all futures that everyone goes on as now."""
    network = JointPredictor(JointConfig(width=8, heads=2, pair_width=4, encoder_layers=0))
    for layer in (network.head.velocity, network.head.logit):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    return _save(network, path)


def keeps_lane(path: Path) -> Path:
    """Weights of an intention network that says of everyone that it keeps its lane, surely."""
    network = IntentionPredictor(IntentionConfig(**_IMAGE))
    last = network.intention[-1]
    torch.nn.init.zeros_(last.weight)
    bias = torch.zeros(len(IntentionKind))
    bias[IntentionKind.KEEP_LANE] = 50.0
    last.bias.data = bias
    return _save(network, path)


def knows_nothing(path: Path) -> Path:
    """Weights of an occupancy network that says 0.5 of every cell."""
    network = OccupancyPredictor(OccupancyConfig(**_IMAGE, cell_width=8, points=4))
    for parameter in network.parameters():
        torch.nn.init.zeros_(parameter)
    return _save(network, path)


def _run(out: Path, *words: str) -> dict[str, Any]:
    assert (
        main(["evaluate", "forecast", *words, "--workers", "0", "--out", str(out), "--name", "run"])
        == 0
    )
    assert "<table " in (out / "run" / "report.html").read_text()
    assert (out / "latest").resolve() == (out / "run").resolve()
    return json.loads((out / "run" / "metrics.json").read_text())


def test_of_scenarios(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for k in range(2):
        save_scenario(toy_scenario(10.0 - 5 * k, 8.0, f"toy{k}"), tmp_path / f"{k}.scenario")
    where = ["--source", "saved", "--path", str(tmp_path)]
    told = _run(tmp_path / "runs", *where, "--weights", str(constant_velocity(tmp_path / "cv")))
    rows = told["overall"]
    assert list(rows) == [
        "joint", "joint, ego given", "constant velocity", "constant turn rate", "true route",
        "recording",
    ]  # fmt: skip
    # At 1 and 2 s of each 8 s scenario three others move, as they did before, on straight roads.
    assert rows["joint"]["agents"] == 12 and rows["joint"]["scenes"] == 2
    for row in list(rows)[:-1]:
        assert rows[row]["ADE1"] == pytest.approx(0.0, abs=0.01), row
        assert rows[row]["miss6"] == 0.0 and rows[row]["offroad"] == 0.0
        # In one of two scenarios the ego runs into the car ahead, whoever foretells it.
        assert rows[row]["overlap"] == 0.5
    assert rows["recording"]["ADE1"] is None and rows["recording"]["overlap"] == 0.5
    # Six equal futures share the probability: (1 - 1/6)^2 beside an error of 0.
    assert rows["joint"]["brier6"] == pytest.approx((5 / 6) ** 2, abs=0.01)
    assert rows["constant velocity"]["brier6"] == pytest.approx(0.0, abs=0.01)
    assert told["difference"]["ADE1"]["scenarios"] == 2
    assert told["difference"]["ADE1"]["high"] == pytest.approx(0.0, abs=0.01)
    assert list(told["families"]) == ["toy"]
    assert "joint, less constant velocity" in capsys.readouterr().out
    table = pq.read_table(tmp_path / "runs" / "run" / "per_scenario.parquet").to_pydict()
    assert table["scenario_id"][:2] == ["toy0", "toy1"] and len(table["forecast"]) == 12
    assert table["overlap"][:2] == [1.0, 0.0]


def test_intentions_of_a_store(tmp_path: Path) -> None:
    toy_store(tmp_path / "data")
    weights = str(keeps_lane(tmp_path / "keeps"))
    told = _run(tmp_path / "runs", "--data", str(tmp_path / "data"), "--weights", weights)
    # Ten examples, in each two cars that keep their lane and somebody on foot ("other").
    table = told["intentions"]
    assert table["intention"] == {
        "accuracy": pytest.approx(2 / 3),
        "ECE": pytest.approx(1 / 3),
        "agents": 30,
    }
    assert table["keep lane"]["accuracy"] == 1.0 and table["other"]["accuracy"] == 0.0
    assert table["manoeuvre"] == {"accuracy": None, "ECE": None, "agents": 0}
    assert "offroad" not in told["overall"]["intention"]  # a store holds no map
    assert told["overall"]["intention"]["scenes"] == 4


def test_occupancy_of_a_store(tmp_path: Path) -> None:
    toy_store(tmp_path / "data")
    weights = str(knows_nothing(tmp_path / "nothing"))
    told = _run(tmp_path / "runs", "--data", str(tmp_path / "data"), "--weights", weights)
    assert list(told["IoU"]["occupancy"]) == ["1s", "2s"]  # it sees no farther
    # Who says 0.5 everywhere forecasts no cell as occupied; a share s of them is: soft IoU is
    # 0.5 s / (0.5 + s - 0.5 s), the calibration error 0.5 - s, precision s at every threshold.
    share = 0.5 - told["ECE"]["occupancy"]["1s"]
    assert 0.0 < share < 0.02
    soft = told["soft_IoU"]["occupancy"]["1s"]
    assert soft == pytest.approx(0.5 * share / (0.5 + 0.5 * share), rel=1e-4)
    assert told["AUC"]["occupancy"]["1s"] == pytest.approx(share, rel=1e-4)
    assert told["IoU"]["occupancy"]["1s"] == 0.0
    # Everybody goes on as now, on straight roads: nothing but the grid is in the way of constant velocity.
    assert told["IoU"]["constant velocity"]["2s"] > 0.9
    assert told["difference"]["IoU_2s"]["difference"] < -0.9
    assert told["difference_persistence"]["IoU_1s"]["scenarios"] == 4


def test_parts_add_up_and_pair(tmp_path: Path) -> None:
    whole = Tally()
    for k in range(2):
        part = Tally(family={f"a{k}": "a", f"b{k}": "b"})
        names = [f"a{k}", f"b{k}", f"a{k}"]
        total, number = torch.tensor([6.0 + k, 0.0, 2.0]), torch.tensor([2, 0, 2])
        part.add_sums("mine", {"error": (total, number)}, names)
        said = torch.full((3, 4), 0.9)
        happened = torch.tensor([[True] * 4, [False] * 4, [True] * 4])
        part.add_table("mine", "right", reliability(said, happened, torch.ones(3, 4).bool()), names)
        part.write(tmp_path / f"{k}.json")
        whole.join(Tally.read(tmp_path / f"{k}.json"))
    # a0: (6 + 2) / (2 + 2); a1: (7 + 2) / (2 + 2); together 17 / 8. b0 and b1 have no value.
    assert whole.ratio("mine", "error", "a") == whole.ratio("mine", "error") == 17 / 8
    assert np.isnan(whole.ratio("mine", "error", "b"))
    by_scenario = whole.by_scenario("mine", "error")
    np.testing.assert_allclose(by_scenario, [2.0, 2.25, np.nan, np.nan])
    # In each part eight of family a, all rightly, and four of family b, none.
    for family, expected in {None: (24, 16), "a": (16, 16), "b": (8, 0)}.items():
        table = whole.table("mine", "right", family)
        assert table is not None
        assert (int(table.number.sum()), int(table.happened.sum())) == expected


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--data", "data", "--task", "cover"],
            "--weights default: this version ships none of task cover",
        ),
        (
            ["--data", "data", "--weights", "w", "--task", "cover"],
            "weights of task 'joint', not of cover",
        ),
        (["--data", "data", "--weights", "w", "--count", "3"], "--count: --data says already"),
        (["--data", "data", "--weights", "w", "--every", "2"], "--every: --data says already"),
        (["--data", "nowhere", "--weights", "w"], "nowhere: no store of examples"),
        (["--weights", "w", "--task", "jiont"], "--task: unknown 'jiont'; did you mean joint?"),
        (["--weights", "nowhere"], "--weights nowhere: neither"),
        (["--weights", "other"], "of task 'flying', not one that is scored here"),
        (["--weights", "w", "--families", "curv"], "did you mean curve?"),
        (["--weights", "w", "--every", "0"], "--every: must be from 0.1"),
    ],
)
def test_wrong_input_is_one_clear_line(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("drive.networks.weights._PACKAGED", tmp_path / "shipped")
    monkeypatch.chdir(tmp_path)
    constant_velocity(tmp_path / "w")
    save_weights(
        tmp_path / "other", torch.nn.Linear(1, 1), WeightsCard("flying", 1, {}, {}, "", {})
    )
    toy_store(tmp_path / "data")
    assert main(["evaluate", "forecast", *words]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_a_damaged_store_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = toy_store(tmp_path / "data")
    shard = tmp_path / "data" / "shards" / "00001.bin"
    records = np.fromfile(shard, dtype=store.maps[0].dtype)
    records["observation.history.velocity_mps"][2, 1] = np.nan
    records.tofile(shard)
    words = ["--data", str(tmp_path / "data"), "--weights", str(constant_velocity(tmp_path / "w"))]
    out = ["--workers", "0", "--out", str(tmp_path / "runs"), "--name", "run"]
    assert main(["evaluate", "forecast", *words, *out]) == 2
    assert "history_velocity_mps of world" in capsys.readouterr().err
    assert not list((tmp_path / "runs").iterdir())


def test_task_social_beside_who_looks_at_nobody(tmp_path: Path) -> None:
    save_scenario(toy_scenario(10.0, 8.0, "toy"), tmp_path / "0.scenario")
    where = ["--source", "saved", "--path", str(tmp_path)]
    told = _run(tmp_path / "runs", *where, "--task", "social")
    assert list(told["overall"])[:3] == ["social", "nobody looks at anybody", "joint"]
    assert told["overall"]["social"]["agents"] == told["overall"]["joint"]["agents"] > 0
    assert {"independent", "joint"} <= set(told)
