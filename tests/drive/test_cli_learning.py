"""`bevdrive collect` and `bevdrive train` as a user meets them."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from drive.cli.main import main
from drive.features.store import Store

_FEW = ["collect", "--families", "curve", "--workers", "0", "--split", "train"]


def test_collects_resumes_and_is_the_same_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drive.pipelines.collect.PER_SHARD", 1)
    words = [*_FEW, "--count", "2", "--duration-s", "2", "--out", str(tmp_path)]
    assert main(words) == 0
    assert "2 examples of 2 scenarios" in capsys.readouterr().out
    whole = Store.open(tmp_path)
    # As if it had been killed before the second shard was whole.
    for name in ("store.json", "shards/00001.json"):
        (tmp_path / name).unlink()
    kept = (tmp_path / "shards" / "00000.bin").stat().st_mtime_ns
    assert main(words) == 0
    assert (tmp_path / "shards" / "00000.bin").stat().st_mtime_ns == kept
    assert Store.open(tmp_path).hash == whole.hash


def test_collects_what_a_planner_drove(tmp_path: Path) -> None:
    words = [*_FEW, "--count", "1", "--duration-s", "2", "--planner", "constant_velocity"]
    assert main([*words, "--out", str(tmp_path / "d")]) == 0
    store = Store.open(tmp_path / "d")
    example = store.read(np.arange(len(store)))
    assert example.future.valid[0, 0].tolist() == [True] * 4 + [False] * 8
    # The ego drives straight on at its speed, which it would not in a curve of its own accord.
    along = example.observation.ego.speed_mps.item() * 0.5 * torch.arange(1, 5)
    torch.testing.assert_close(example.future.pose[0, 0, :4, 0], along, rtol=0, atol=0.05)
    assert example.future.pose[0, 0, :4, 1].abs().max() < 0.05


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([*_FEW, "--planner", "pdn", "--out", "x"], "did you mean pdm?"),
        ([*_FEW, "--every", "0", "--out", "x"], "--every: must be from 0.1"),
        ([*_FEW, "--perception", "all", "--out", "x"], "--perception: unknown 'all'"),
        (["train", "jiont"], "task: unknown 'jiont'; did you mean joint?"),
        (["train", "joint"], "--data: which store?"),
        (["train", "joint", "--data", "nowhere"], "nowhere: no store of examples"),
        (["train", "joint", "--preset", "smal"], "did you mean small?"),
        (["train", "joint", "--preset", "x.yaml"], "x.yaml: no such preset"),
        (["train", "joint", "--data", "x", "--loss", "both"], "--loss: unknown 'both'"),
        (
            ["train", "joint", "--data", "x", "--heads", "3"],
            "--heads: 3 does not divide --width 64",
        ),
        (["train", "joint", "--data", "x", "--steps", "7"], "--steps: 7 is no multiple"),
        (["train", "joint", "--resume", "nowhere"], "nowhere: no run folder"),
    ],
)
def test_wrong_input_is_one_clear_line(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_trains_into_a_run_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("lightning")
    data, runs = tmp_path / "data", tmp_path / "runs"
    assert main([*_FEW, "--count", "4", "--duration-s", "4", "--out", str(data)]) == 0
    tiny = ["--steps", "2", "--steps-per-epoch", "1", "--batch-size", "2", "--val-every", "2"]
    small = ["--width", "8", "--heads", "2", "--pair-width", "4", "--accelerator", "cpu"]
    words = ["train", "joint", "--data", str(data), *tiny, *small]
    assert main([*words, "--out", str(runs), "--name", "one"]) == 0
    assert "minADE5" in capsys.readouterr().out
    run = runs / "one"
    assert (runs / "latest").resolve() == run.resolve()
    for name in ("config.yaml", "weights.safetensors", "checkpoints/last.ckpt", "tensorboard"):
        assert (run / name).exists(), name
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2]
    # The same name again is refused; going on with what is finished changes nothing.
    assert main([*words, "--out", str(runs), "--name", "one"]) == 2
    before = (run / "weights.safetensors").read_bytes()
    assert main(["train", "joint", "--resume", str(run)]) == 0
    assert (run / "weights.safetensors").read_bytes() == before
    assert main(["train", "joint", "--resume", str(run), "--seed", "4"]) == 2
    assert "keeps its own settings" in capsys.readouterr().err
