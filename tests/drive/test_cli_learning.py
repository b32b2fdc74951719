"""`bevdrive collect` and `bevdrive train` as a user meets them."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from drive.cli.main import main
from drive.features.store import Store
from drive.networks.weights import FILE, WeightsCard, save_weights
from drive.planning.interpretable.network import InterpretableConfig, InterpretableCost
from sim.scenario_file import save_scenario
from tests.drive.scenes import toy_scenario, toy_store

_FEW = ["collect", "--families", "curve", "--workers", "0", "--split", "train"]


def _saved(folder: Path, count: int) -> list[str]:
    """Toy scenarios as files, and the words that collect them."""
    for k in range(count):
        save_scenario(toy_scenario(10.0 - k, 8.0), folder / f"toy{k}.scenario")
    return ["collect", "--source", "saved", "--path", str(folder), "--workers", "0"]


def test_collects_resumes_and_is_the_same_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drive.pipelines.collect.PER_SHARD", 1)
    folder = tmp_path / "store"
    words = [*_saved(tmp_path / "scenarios", 2), "--out", str(folder)]
    assert main(words) == 0
    assert "4 examples of 2 scenarios" in capsys.readouterr().out
    whole = Store.open(folder)
    # As if it had been killed before the second shard was whole.
    for name in ("store.json", "shards/00001.json"):
        (folder / name).unlink()
    kept = (folder / "shards" / "00000.bin").stat().st_mtime_ns
    assert main(words) == 0
    assert (folder / "shards" / "00000.bin").stat().st_mtime_ns == kept
    assert Store.open(folder).hash == whole.hash


def test_collects_what_a_planner_drove(tmp_path: Path) -> None:
    # The toy ego stands still in its recording; a planner drives it.
    save_scenario(toy_scenario(0.0, 2.0), tmp_path / "toy.scenario")
    words = ["collect", "--source", "saved", "--path", str(tmp_path), "--workers", "0"]
    assert main([*words, "--out", str(tmp_path / "recorded")]) == 0
    drive = ["--planner", "idm", "--traffic", "log"]
    assert main([*words, *drive, "--out", str(tmp_path / "driven")]) == 0
    recorded, driven = (Store.open(tmp_path / n).read(np.arange(1)) for n in ("recorded", "driven"))
    assert driven.future.valid[0, 0].tolist() == [True] * 4 + [False] * 8
    assert recorded.future.pose[0, 0, :4, 0].abs().max() == 0.0
    assert 0.5 < driven.future.pose[0, 0, 3, 0].item() < 5.0  # two seconds at 1 m/s2 or so


_SEEDED = """
import torch
from sim.interface import Plan

class Seeded:
    def reset(self, num_worlds, device, generator):
        self.moves = generator.initial_seed() == GOOD

    def plan(self, observation):
        # Straight on at 8 m/s, or it stays where it is.
        count = len(observation.ego.speed_mps)
        trajectory = torch.zeros(count, 40, 5)
        if self.moves:
            trajectory[:, :, 0] = 0.8 * torch.arange(1.0, 41.0)
            trajectory[:, :, 3] = 8.0
        return Plan(trajectory, 0.1)
"""


def test_the_best_of_several_drives_is_kept(tmp_path: Path) -> None:
    """Only one seed of two drives on; without a goal nobody succeeds, and the better score counts."""
    save_scenario(toy_scenario(8.0, 2.0), tmp_path / "toy.scenario")
    words = ["collect", "--source", "saved", "--path", str(tmp_path), "--workers", "0"]
    drive = [*words, "--traffic", "log", "--replan", "0.5"]

    def way_m(good: int, *more: str) -> float:
        planner = tmp_path / f"seeded{good}{''.join(more)}.py"
        planner.write_text(_SEEDED.replace("GOOD", str(good)))
        out = str(tmp_path / planner.stem)
        assert main([*drive, "--planner", f"{planner}:Seeded", *more, "--out", out]) == 0
        return Store.open(Path(out)).read(np.arange(1)).future.pose[0, 0, 3, 0].item()

    assert way_m(1, "--tries", "2") > 10.0
    assert way_m(1) < 8.0  # seed 0 alone: it brakes from 8 m/s


def test_a_success_is_better_than_any_score(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from drive.pipelines import expert_drives

    # Three worlds, three tries: score, success.
    told = {
        0: ((0.9, 1.0, 0.2), (0.0, 0.0, 0.0)),
        1: ((0.3, 0.0, 0.4), (1.0, 1.0, 0.0)),
        2: ((0.5, 0.9, 0.1), (1.0, 0.0, 0.0)),
    }

    def evaluate(drive: int, families: object) -> dict[str, SimpleNamespace]:
        score, success = (SimpleNamespace(value=torch.tensor(values)) for values in told[drive])
        return {expert_drives.SCORE: score, expert_drives.SUCCESS: success}

    monkeypatch.setattr("eval.metrics.suite.evaluate", evaluate)
    best, succeeds = expert_drives._best([0, 1, 2])  # type: ignore[list-item]
    assert best == [2, 1, 1]
    assert succeeds == [True, True, False]


def test_scenarios_without_success_are_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "drive.pipelines.expert_drives._best", lambda tries: ([1] * 2, [True, False])
    )
    for k in range(2):
        save_scenario(toy_scenario(10.0, 1.0, f"toy{k}"), tmp_path / f"toy{k}.scenario")
    words = ["collect", "--source", "saved", "--path", str(tmp_path), "--workers", "0"]
    words += ["--planner", "idm", "--traffic", "log", "--tries", "2"]
    out = tmp_path / "store"
    assert main([*words, "--successful", "--replan", "1", "--out", str(out)]) == 1
    told = capsys.readouterr()
    assert "no success in 2 drives" in told.out + told.err + (
        out / "store.json"
    ).read_text() + "".join(path.read_text() for path in (out / "shards").glob("*.json"))
    assert len(set(Store.open(out).scenario_ids())) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([*_FEW, "--planner", "pdn", "--out", "x"], "did you mean pdm?"),
        ([*_FEW, "--every", "0", "--out", "x"], "--every: must be from 0.1"),
        ([*_FEW, "--perception", "all", "--out", "x"], "--perception: unknown 'all'"),
        ([*_FEW, "--tries", "0", "--out", "x"], "--tries: must be at least 1, not 0"),
        ([*_FEW, "--tries", "2", "--out", "x"], "--replan: of which --planner?"),
        ([*_FEW, "--successful", "--out", "x"], "--replan: of which --planner?"),
        ([*_FEW, "--replan", "0.5", "--out", "x"], "--replan: of which --planner?"),
        (
            [*_FEW, "--planner", "idm", "--replan", "0", "--out", "x"],
            "--replan: must be above 0, not 0.0",
        ),
        (["train", "jiont"], "task: unknown 'jiont'; did you mean joint?"),
        (["train", "joint"], "--data: which store?"),
        (["train", "joint", "--data", "nowhere"], "nowhere: no store of examples"),
        (
            ["train", "joint", "--data", "x", "--gradient-clip", "-1"],
            "--gradient-clip: must be at least 0",
        ),
        (
            ["train", "joint", "--data", "x", "--strategy", "dpp"],
            "--strategy: unknown 'dpp'; did you mean ddp",
        ),
        (["train", "joint", "--preset", "smal"], "did you mean small?"),
        (["train", "joint", "--preset", "x.yaml"], "--preset: x.yaml: no such file"),
        (["train", "joint", "--data", "x", "--loss", "both"], "--loss: unknown 'both'"),
        (
            ["train", "joint", "--data", "x", "--heads", "3"],
            "--heads: 3 does not divide --width 64",
        ),
        (["train", "joint", "--data", "x", "--steps", "7"], "--steps: 7 is no multiple"),
        (
            ["train", "intention", "--data", "x", "--width", "12"],
            "--width: must be a multiple of 8",
        ),
        (["train", "cover", "--data", "x", "--epsilon-m", "0"], "--epsilon-m: must be from 0.1"),
        (
            ["train", "occupancy", "--data", "x", "--cell-width", "9"],
            "--cell-width: must be a multiple",
        ),
        (
            ["train", "bc", "--data", "x", "--mask-motion", "2"],
            "--mask-motion: must be from 0 to 1",
        ),
        (["train", "bc", "--data", "x", "--heads", "3"], "--heads: 3 does not divide"),
        (["train", "bc", "--data", "x", "--modes", "0"], "--modes: must be at least 1"),
        (["train", "energy", "--data", "x", "--negatives", "all"], "--negatives: unknown 'all'"),
        (["train", "energy", "--data", "x", "--langevin-steps", "0"], "must be at least 1"),
        (["train", "social", "--data", "x", "--hidden", "0"], "--hidden: must be at least 1"),
        (["simulate", "--mode", "social", "--planner", "pdm"], "--mode: not taken by pdm"),
        (["simulate", "--mode", "kind", "--planner", "social"], "--mode: unknown 'kind'"),
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
    toy_store(data)
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


def test_weights_that_runs_latest_names_are_those_of_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    network = InterpretableCost(InterpretableConfig())
    save_weights(
        Path("runs/trained") / FILE,
        network,
        WeightsCard("p3", InterpretableCost.version, {}, {}, "", {}),
    )
    Path("runs/latest").symlink_to("trained")
    save_scenario(toy_scenario(5.0, 2.0), Path("toy.scenario"))
    words = ["--source", "saved", "--path", "toy.scenario", "--planner", "p3@runs/latest"]
    assert main(["simulate", *words, "--workers", "0", "--videos", "0", "--name", "driven"]) == 0
    assert Path("runs/latest").resolve().name == "driven"
    assert "p3@trained" in Path("runs/driven/metrics.json").read_text()
