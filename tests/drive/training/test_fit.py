"""A tiny training: the same seed, the same weights, broken off or not."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from drive.cli.main import main
from drive.features.store import Store
from drive.networks.weights import FILE, load_network, read_weights
from drive.planning.cost_volume.network import CostVolumeNetwork
from drive.planning.energy.planner import EnergyPlanner
from drive.planning.energy.sampling import AutoregressivePlanner
from drive.planning.imitation.planner import ImitationPlanner
from drive.prediction.cover import CoverPredictor
from drive.prediction.intention import IntentionPredictor
from drive.prediction.joint import JointPredictor
from drive.prediction.occupancy import OccupancyPredictor
from drive.training.config import (
    AutoregressiveEnergyTrainConfig,
    BcTrainConfig,
    CostVolumeTrainConfig,
    CoverTrainConfig,
    EnergyTrainConfig,
    IntentionTrainConfig,
    JointTrainConfig,
    OccupancyTrainConfig,
)
from drive.training.order import Order, split
from sim.errors import InputError
from tests.drive.scenes import toy_examples, toy_store

pytest.importorskip("lightning")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten examples of four scenarios."""
    return toy_store(tmp_path_factory.mktemp("store")).folders[0]


def _config(data: Path, **other) -> JointTrainConfig:
    small = {
        "width": 8, "heads": 2, "pair_width": 4, "encoder_layers": 1, "futures": 2, "steps": 4,
        "steps_per_epoch": 2, "batch_size": 3, "val_every": 2, "warmup": 1, "accelerator": "cpu",
    }  # fmt: skip
    return JointTrainConfig(data=(str(data),), **(small | other))


def _fit(config: JointTrainConfig, folder: Path) -> dict[str, torch.Tensor]:
    from drive.training.fit import fit

    fit("joint", config, folder)
    return read_weights(folder / FILE, "joint", JointPredictor.version)[1]


def _same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


def test_the_seed_alone_decides_and_a_broken_training_ends_as_an_unbroken_one(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from drive.training.progress import Progress, metrics_path

    config = _config(data)
    whole = _fit(config, tmp_path / "whole")
    assert not _same(whole, _fit(_config(data, seed=1), tmp_path / "other"))

    shown = Progress.on_train_batch_end

    def dies(self, trainer, *more) -> None:
        if trainer.global_step == 3:
            raise OSError("killed")
        shown(self, trainer, *more)

    with monkeypatch.context() as patched:
        patched.setattr(Progress, "on_train_batch_end", dies)
        with pytest.raises(OSError, match="killed"):
            _fit(config, tmp_path / "broken")
    assert not (tmp_path / "broken" / FILE).exists()
    assert _same(whole, _fit(config, tmp_path / "broken"))
    lines = metrics_path(tmp_path / "broken").read_text()
    assert lines == metrics_path(tmp_path / "whole").read_text()
    assert [line.partition(",")[0] for line in lines.splitlines()] == ['{"step": 2', '{"step": 4']

    network, card = load_network(JointPredictor, str(tmp_path / "whole"))
    assert card.data_hash == Store.open(data).hash
    assert card.training["seed"] == 0
    assert card.figures["step"] == 4
    assert not network.training
    torch.testing.assert_close(dict(network.state_dict()), whole)


def test_the_marginal_loss_trains_too(data: Path, tmp_path: Path) -> None:
    assert _fit(_config(data, loss="marginal", steps=2, precision="bf16-mixed"), tmp_path)


_IMAGE = {
    "width": 8, "resolution_m": 4.0, "num_x": 16, "num_y": 16, "steps": 2,
    "steps_per_epoch": 1, "batch_size": 3, "val_every": 2, "warmup": 1, "accelerator": "cpu",
}  # fmt: skip


def test_how_the_ego_is_looked_at_is_trained_alone(data: Path, tmp_path: Path) -> None:
    before = _fit(_config(data), tmp_path / "all")
    config = _config(data, start=str(tmp_path / "all"), condition=1.0, condition_only=True, steps=2)
    after = _fit(config, tmp_path / "told")
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved and all(name.startswith("head.reaction.") for name in moved)


def test_intentions_are_trained_and_read_back(data: Path, tmp_path: Path) -> None:
    from drive.training.fit import fit

    figures = fit(
        "intention", IntentionTrainConfig(data=(str(data),), futures=2, **_IMAGE), tmp_path
    )
    network, card = load_network(IntentionPredictor, str(tmp_path))
    assert network.config.grid.shape == (16, 16)
    assert card.figures == figures
    assert 0 <= figures["val/intention"] <= 1
    assert network.predict_intention(toy_examples().observation).logit.shape == (5, 3, 8)


def test_the_set_of_trajectories_is_part_of_the_weights(data: Path, tmp_path: Path) -> None:
    from drive.training.fit import fit

    config = CoverTrainConfig(data=(str(data),), epsilon_m=2.0, futures=2, **_IMAGE)
    fit("cover", config, tmp_path)
    network, _ = load_network(CoverPredictor, str(tmp_path))
    # Everyone in the toy scenes goes straight on, at speeds that are more than 2 m apart after 6 s, so
    # each is one of the set: the others at 1, 6 and 8 m/s, the ego at 10 (scenarios a) or 5 m/s (b).
    # Scenarios that are kept for validation have no part in it.
    store = Store.open(data)
    trained = {store.scenario_ids()[k] for k in store.scenario_numbers()[split(store, config)[0]]}
    egos = {{"a": 10.0, "b": 5.0}[name[-1]] for name in trained}
    ends = network.set_m[:, -1]
    assert sorted(round(float(x) / 6.0, 2) for x in ends[:, 0]) == sorted({1.0, 6.0, 8.0} | egos)
    assert ends[:, 1].abs().max() < 1e-2
    forecast = network.predict_each(toy_examples().observation)
    assert forecast.position_m.shape == (5, 3, 2, 12, 2)
    torch.testing.assert_close(forecast.probability.sum(dim=2), torch.ones(5, 3))


def test_occupancy_is_trained_and_read_back(data: Path, tmp_path: Path) -> None:
    from drive.training.fit import fit

    config = OccupancyTrainConfig(data=(str(data),), cell_width=8, precision="bf16-mixed", **_IMAGE)
    figures = fit("occupancy", config, tmp_path)
    network, card = load_network(OccupancyPredictor, str(tmp_path))
    assert card.config["cell_width"] == 8
    assert 0 < figures["val/IoU_1s_cv"] <= 1
    assert network.predict_occupancy(toy_examples().observation).probability.shape == (
        5,
        10,
        16,
        16,
    )


def test_behaviour_cloning_is_trained_and_drives(data: Path, tmp_path: Path) -> None:
    from drive.training.fit import fit

    config = BcTrainConfig(
        data=(str(data),), width=8, heads=2, pair_width=4, encoder_layers=1, modes=2, steps=2,
        steps_per_epoch=1, batch_size=3, val_every=2, accelerator="cpu", precision="bf16-mixed",
    )  # fmt: skip
    figures = fit("bc", config, tmp_path)
    assert figures["val/minADE"] <= figures["val/ADE"]
    plan = ImitationPlanner(str(tmp_path)).plan(toy_examples().observation)
    assert plan.trajectory.shape == (5, 10, 5)


@pytest.mark.parametrize("negatives", ["sampler", "langevin"])
def test_energies_are_trained_and_drive(negatives: str, data: Path, tmp_path: Path) -> None:
    from drive.training.fit import fit

    config = EnergyTrainConfig(
        data=(str(data),), width=8, heads=2, pair_width=4, encoder_layers=1, negatives=negatives,
        langevin_steps=2, steps=2, steps_per_epoch=1, batch_size=3, val_every=2, accelerator="cpu",
        precision="bf16-mixed",
    )  # fmt: skip
    figures = fit("energy", config, tmp_path)
    assert 0.0 <= figures["val/lower"] <= 1.0
    assert figures["val/minADE"] <= figures["val/ADE"]
    assert EnergyPlanner(str(tmp_path)).plan(toy_examples().observation).trajectory.shape == (
        5,
        10,
        5,
    )


def test_energies_of_steps_are_trained_and_drive(data: Path, tmp_path: Path) -> None:
    from drive.training.fit import fit

    config = AutoregressiveEnergyTrainConfig(
        data=(str(data),), width=8, heads=2, pair_width=4, encoder_layers=1, steps=2,
        steps_per_epoch=1, batch_size=3, val_every=2, accelerator="cpu", precision="bf16-mixed",
    )  # fmt: skip
    figures = fit("autoregressive_energy", config, tmp_path)
    # Nearly untrained: about log 42 = 3.7 nats a step.
    assert 2.0 < figures["train/loss"] < 6.0
    assert figures["val/minADE"] <= figures["val/ADE"]
    planner = AutoregressivePlanner(str(tmp_path))
    planner.reset(5, torch.device("cpu"), torch.Generator().manual_seed(0))
    assert planner.plan(toy_examples().observation).trajectory.shape == (5, 10, 5)


@pytest.mark.parametrize("relu_inside", [True, False])
def test_a_cost_volume_is_trained_and_read_back(
    data: Path, tmp_path: Path, relu_inside: bool
) -> None:
    from drive.training.fit import fit

    config = CostVolumeTrainConfig(
        data=(str(data),), candidates=16, relu_inside=relu_inside, **_IMAGE
    )
    figures = fit("costvolume", config, tmp_path)
    network, card = load_network(CostVolumeNetwork, str(tmp_path))
    assert network.config.grid.shape == (16, 16)
    assert card.figures == figures
    assert 0 <= figures["val/collides_3s"] <= 1
    assert figures["val/L2_3s"] > 0


def test_batches_follow_from_seed_and_number() -> None:
    numbers, sizes = np.arange(100, 150), np.arange(200) % 7
    shards = numbers // 20
    order = Order(numbers, shards, sizes, 4, seed=5)
    batches = [order.batch(k) for k in range(25)]
    again = Order(numbers, shards, sizes, 4, seed=5)
    assert all((again.batch(k) == batches[k]).all() for k in (24, 3, 0))
    # Every example once in each pass of 50: 8 batches of 4 make a group, so look at both passes.
    seen = np.concatenate([order.batch(k) for k in range(200)])
    assert (np.unique(seen, return_counts=True)[1] == 16).all()
    # Within a group the sizes of a batch are neighbours in the sorted row of all 32.
    group = np.sort(sizes[np.concatenate(batches[:8])]).reshape(8, 4)
    assert sorted(np.sort(sizes[b]).tolist() for b in batches[:8]) == sorted(group.tolist())
    assert (Order(numbers, shards, sizes, 4, seed=6).batch(0) != batches[0]).any()


def test_few_shards_are_read_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    # 48 shards of 10, shuffled 100 at a time: the 96 of 8 batches of 12 lie in two such, so in 20 shards at
    # most. Five groups are a pass.
    monkeypatch.setattr("drive.training.order._BUFFER", 100)
    numbers = np.arange(480)
    order = Order(numbers, numbers // 10, np.ones(480), 12, seed=1)
    groups = [np.concatenate([order.batch(8 * k + j) for j in range(8)]) for k in range(10)]
    assert all(len(np.unique(group // 10)) <= 20 for group in groups)
    first, second = np.concatenate(groups[:5]), np.concatenate(groups[5:])
    assert set(first) == set(second) == set(numbers)
    assert (first != second).mean() > 0.9


def test_validation_has_scenarios_of_its_own(data: Path) -> None:
    store, config = Store.open(data), _config(data)
    train, val = split(store, config)
    scenario = store.scenario_numbers()
    assert not set(scenario[train]) & set(scenario[val])
    assert len(set(scenario[val])) == 2
    with pytest.raises(InputError, match="4 scenarios: too few to keep one in 10"):
        split(store, JointTrainConfig(data=(str(data),)))


def test_what_was_collected_twice_of_a_scenario_is_on_one_side(tmp_path: Path) -> None:
    folders = tuple(str(toy_store(tmp_path / name).folders[0]) for name in ("recorded", "driven"))
    store = Store.open(*map(Path, folders))
    train, val = split(store, JointTrainConfig(data=folders, val_every=2))
    of = np.array(store.scenario_ids())[store.scenario_numbers()]
    assert not set(of[train]) & set(of[val])
    assert len(train) + len(val) == len(store) == 20


def test_every_epoch_and_every_process_has_batches_of_its_own(data: Path) -> None:
    from drive.training.data import ExampleData

    config = _config(data, batch_size=2)
    store, module = Store.open(data), ExampleData(config)
    order = Order.of(store, config)

    def steps(epoch: int, rank: int, processes: int) -> list[list[int]]:
        module.trainer = SimpleNamespace(  # type: ignore[assignment]
            current_epoch=epoch, global_rank=rank, world_size=processes
        )
        return [example.observation.step.tolist() for example in module.train_dataloader()]

    def expected(*batches: int) -> list[list[int]]:
        return [store.read(order.batch(k)).observation.step.tolist() for k in batches]

    assert steps(0, 0, 1) == expected(0, 1)
    assert steps(3, 0, 1) == expected(6, 7)
    assert steps(3, 0, 2) == expected(12, 14)
    assert steps(3, 1, 2) == expected(13, 15)


def test_two_processes_train_as_one_with_twice_the_batches_and_go_on_where_one_ended(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from drive.training.progress import Progress

    small = ["--width", "8", "--heads", "2", "--pair-width", "4", "--encoder-layers", "1", "--steps", "4",
             "--steps-per-epoch", "2", "--batch-size", "3", "--val-every", "2", "--warmup", "1",
             "--accelerator", "cpu"]  # fmt: skip
    words = ["train", "joint", "--data", str(data), *small, "--out", str(tmp_path)]
    assert main([*words, "--accumulate", "2", "--name", "one"]) == 0

    def dies(self, trainer, *more) -> None:
        if trainer.global_step == 3:
            raise OSError(5, "killed")

    with monkeypatch.context() as patched:
        patched.setattr(Progress, "on_train_batch_end", dies)
        assert main([*words, "--accumulate", "2", "--name", "broken"]) == 1
    command = [sys.executable, "-m", "drive.cli.main"]
    two = ["--devices", "2", "--strategy", "ddp", "--accumulate", "1"]
    resumed = ["train", "joint", "--resume", str(tmp_path / "broken")]
    for started in ([*words, "--name", "two"], resumed):
        told = subprocess.run([*command, *started, *two], capture_output=True, text=True)
        assert told.returncode == 0, told.stderr
    # Not weights: those whose gradient is nothing but rounding go where that leads.
    one, both, gone_on = (_last_figures(tmp_path / name) for name in ("one", "two", "broken"))
    assert one == pytest.approx(both, rel=1e-4) and len(one) > 5
    assert one == pytest.approx(gone_on, rel=1e-4)


def _last_figures(folder: Path) -> dict[str, float]:
    """Of validation."""
    last = json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])
    return {name: value for name, value in last.items() if name.startswith("val/")}


def test_begins_from_weights_of_the_same_sizes_alone(data: Path, tmp_path: Path) -> None:
    first = _fit(_config(data), tmp_path / "first")
    config = _config(data, start=str(tmp_path / "first"), steps=2, learning_rate=1e-9, seed=5)
    same = _fit(config, tmp_path / "second")
    for name, tensor in first.items():  # at this rate two steps move nothing
        torch.testing.assert_close(same[name], tensor, atol=1e-6, rtol=0)
    with pytest.raises(InputError, match=r"of other sizes \(futures\)"):
        _fit(_config(data, start=str(tmp_path / "first"), futures=3), tmp_path / "third")
