"""Task intention from lidar: that it learns by heart who is there, and where they go without any track."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from drive.cli.main import main
from drive.features.sweeps import GRID
from drive.networks.weights import load_network
from drive.pipelines.evaluate.learned_predictions import load_predictor
from drive.prediction.intention import IntentionPredictor
from drive.training.config import IntentionTrainConfig
from drive.training.config_check import check
from eval.metrics.detection import Matched
from sim import trees
from sim.errors import InputError
from tests.drive.scenes import LIDAR_SPEC, toy_examples, toy_store

pytest.importorskip("lightning")
from drive.training.fit import fit, make_task
from drive.training.intention import IntentionTask, jittered

_SMALL = {
    "width": 8, "num_x": 64, "num_y": 32, "futures": 2, "steps": 1, "steps_per_epoch": 1,
    "batch_size": 2, "val_every": 2, "warmup": 1, "accelerator": "cpu", "sensors": "lidar",
}  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(toy_store(tmp_path_factory.mktemp("sweeps"), LIDAR_SPEC).folders[0])


@pytest.fixture(scope="module")
def weights(data: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("intention")
    figures = fit("intention", IntentionTrainConfig(data=(data,), **_SMALL), folder)
    assert 0.0 <= figures["val/AP_2m"] <= 1.0 and 0.0 <= figures["val/found"] <= 1.0
    return str(folder)


def test_a_few_examples_are_learned_by_heart() -> None:
    """Cars ahead at 6 and 8 m/s and somebody on foot: found, and foretold by what earlier sweeps show."""
    torch.manual_seed(0)
    example = trees.take(toy_examples(LIDAR_SPEC), torch.tensor([0, 1, 4]))
    config = IntentionTrainConfig(sensors="lidar", width=16, num_x=112, num_y=24, futures=2)
    task = IntentionTask(config)
    optimizer = torch.optim.Adam(task.network.parameters(), 4e-3)
    generator = torch.Generator().manual_seed(0)
    for k in range(60):
        optimizer.param_groups[0]["lr"] = 1e-2 if k < 40 else 3e-3
        loss = task.losses(example, generator)["loss"]
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(task.network.parameters(), 5.0)
        optimizer.step()
    task.eval()
    with torch.no_grad():
        sums = task.figures(example)
    figures = {name: float(total / count) for name, (total, count) in sums.items()}
    assert Matched.joined(task._frames["AP_2m"]).average_precision > 0.9
    assert figures["found"] > 0.9
    assert figures["class"] > 0.9 and figures["facing"] > 0.9
    assert figures["minADE5"] < 0.5 * figures["ADE_still"]


def test_boxes_are_read_a_little_beside_where_they_are() -> None:
    box = torch.tensor((20.0, 1.0, 0.8, 4.5, 1.8, 1.6, 0.5)).expand(2, 500, 7)
    off = jittered(box, torch.Generator().manual_seed(0)) - box
    reversed_ = off[..., 6] > 1.5
    assert 0.07 < reversed_.float().mean() < 0.13  # a tenth, to within three standard deviations
    off[..., 6] -= math.pi * reversed_
    spread = off.std(dim=(0, 1))
    # 0.3 m, 5 % of 4.5 and 1.8 m, 0.1 rad, to within what 1,000 draws tell (3 / sqrt(2000) of it).
    expected = torch.tensor((0.3, 0.3, 0.0, 0.225, 0.09, 0.0, 0.1))
    torch.testing.assert_close(spread, expected, rtol=0.07, atol=1e-6)


def test_trained_read_back_and_scored_from_the_terminal(
    weights: str, data: str, tmp_path: Path
) -> None:
    network, card = load_network(IntentionPredictor, weights)
    assert card.config["sensors"] == card.training["sensors"] == "lidar"
    assert network.config.grid.resolution_m == GRID.resolution_m
    score = ["evaluate", "forecast", "--weights", weights, "--workers", "0"]
    assert main([*score, "--data", data, "--out", str(tmp_path), "--name", "scored"]) == 0
    blind = str(toy_store(tmp_path / "blind").folders[0])
    assert main([*score, "--data", blind, "--out", str(tmp_path)]) == 2


def test_what_cannot_be_is_refused(weights: str, data: str) -> None:
    with pytest.raises(InputError, match=r"--resolution-m: must be 0.8 with --sensors lidar"):
        check(IntentionTrainConfig(data=(data,), sensors="lidar", resolution_m=0.5))
    with pytest.raises(InputError, match="--sensors"):
        check(IntentionTrainConfig(data=(data,), sensors="radar"))
    with pytest.raises(InputError, match="sees lidar"):
        load_predictor(weights)
    lidar = IntentionTrainConfig(data=(data,), start="default", sensors="lidar")
    with pytest.raises(InputError, match=r"of other sizes \(sensors\)"):
        make_task("intention", lidar)


def test_shipped_weights_see_tracks_and_may_be_begun_from() -> None:
    network, card = load_network(IntentionPredictor, "default")
    assert network.config.sensors == "tracks"
    config = IntentionTrainConfig(**{k: v for k, v in card.training.items() if k != "data"})
    begun = make_task("intention", replace(config, start="default")).network
    assert all(torch.equal(begun.state_dict()[k], v) for k, v in network.state_dict().items())
