"""Task p3 end to end: the gradient goes through the terms into the occupancy, and both are driven by."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from drive.features.vectors import observed_scene
from drive.networks.weights import FILE, WeightsCard, begin_from, read_weights, save_weights
from drive.planning import make_planner
from drive.planning.interpretable.network import (
    InterpretableConfig,
    InterpretableCost,
    foreseen,
)
from drive.planning.interpretable.planner import InterpretablePlanner
from drive.prediction.occupancy import OccupancyConfig, OccupancyPredictor
from drive.training.config import InterpretableTrainConfig
from drive.training.config_check import check
from sim.errors import InputError
from tests.drive.scenes import toy_examples, toy_store

pytest.importorskip("lightning")

from drive.training.p3 import InterpretableTask

SMALL = OccupancyConfig(
    width=8, resolution_m=2.0, num_x=48, num_y=32, behind_m=16.0, cell_width=8, modes=1
)
GENERATOR = torch.Generator()


def _saved(folder: Path, config: OccupancyConfig = SMALL) -> str:
    """A run folder with untrained weights of task occupancy: boxes at constant velocity."""
    torch.manual_seed(0)
    network = OccupancyPredictor(config)
    folder.mkdir()
    card = WeightsCard(network.task, network.version, asdict(config), {}, "", {})
    save_weights(folder / FILE, network, card)
    return str(folder)


@pytest.fixture(scope="module")
def occupancy(tmp_path_factory: pytest.TempPathFactory) -> str:
    return _saved(tmp_path_factory.mktemp("weights") / "occupancy")


def _config(occupancy: str, **other) -> InterpretableTrainConfig:
    small = {
        "end_to_end": True, "forecast": occupancy, "steps": 4, "steps_per_epoch": 2, "batch_size": 2,
        "val_every": 2, "val_examples": 2, "warmup": 1, "accelerator": "cpu", "learning_rate": 1e-2,
    }  # fmt: skip
    return InterpretableTrainConfig(data=("x",), **(small | other))


@pytest.mark.parametrize("loss", ["margin", "likelihood"])
def test_the_gradient_of_the_cost_reaches_the_occupancy(occupancy: str, loss: str) -> None:
    task = InterpretableTask(_config(occupancy, loss=loss))
    foresight = task.network.foresight
    assert foresight is not None
    task.losses(toy_examples(), GENERATOR)["lack"].backward()
    for part in (foresight.now, foresight.update[4], foresight.backbone):
        assert sum(float(p.grad.abs().sum()) for p in part.parameters() if p.grad is not None) > 0


def test_what_was_driven_is_to_be_free_and_what_costs_too_little_to_be_taken(
    occupancy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a cell in ten is thought taken: fewer under the expert, more under the worst violator."""
    task, example = InterpretableTask(_config(occupancy)), toy_examples()
    uniform = torch.full((5, 10, 160, 80), 0.1, requires_grad=True)
    monkeypatch.setattr(task, "_foreseen", lambda example: (uniform, None))
    task.losses(example, GENERATOR)["lack"].backward()
    slope = uniform.grad
    assert slope is not None
    # World 0 drives at 10 m/s: after 1 s its centre is at x = 10, y = 0, in cell (40, 40).
    assert slope[0, 1, 36:45, 37:44].sum() > 0
    assert (slope < 0).any()


def test_a_step_lowers_the_loss(occupancy: str) -> None:
    task, example = InterpretableTask(_config(occupancy)), toy_examples()
    optimizer = torch.optim.SGD(task.parameter_groups()[1]["params"], 1e-3)
    first = task.losses(example, GENERATOR)
    first["loss"].backward()
    torch.nn.utils.clip_grad_norm_(task.network.parameters(), 1.0)
    optimizer.step()
    assert task.losses(example, GENERATOR)["loss"] < first["loss"]


def test_the_occupancys_own_loss_holds_it(occupancy: str) -> None:
    """Its own loss is part of the sum, by its weight."""
    example = toy_examples()
    alone, held = (
        InterpretableTask(_config(occupancy, occupancy_weight=w)).losses(example, GENERATOR)
        for w in (0.0, 2.0)
    )
    assert alone["occupancy"] > 0
    torch.testing.assert_close(held["loss"] - alone["loss"], 2.0 * alone["occupancy"])


def test_without_the_switch_there_is_no_network() -> None:
    task = InterpretableTask(_config("default", end_to_end=False))
    assert set(task.network.state_dict()) == {"log_each", "log_whole"}
    assert len(task.parameter_groups()) == 1
    assert set(task.losses(toy_examples(), GENERATOR)) == {"loss", "lack", "from_hand"}


def test_each_part_has_its_own_rate(occupancy: str) -> None:
    task = InterpretableTask(_config(occupancy, occupancy_rate=3e-4, warmup=0))
    groups = task.configure_optimizers()["optimizer"].param_groups
    assert [group["initial_lr"] for group in groups] == [1e-2, 3e-4]
    number = sum(len(group["params"]) for group in groups)
    assert number == len(list(task.network.parameters()))


def test_a_broken_training_ends_as_an_unbroken_one_and_drives(
    occupancy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from drive.training.fit import fit
    from drive.training.progress import Progress

    data = str(toy_store(tmp_path / "store").folders[0])
    config = replace(_config(occupancy), data=(data,))
    figures = fit("p3", config, tmp_path / "whole")
    assert 0 < figures["val/IoU_1s"] <= 1 and figures["val/L2_3s"] > 0
    shown = Progress.on_train_batch_end

    def dies(self, trainer, *more) -> None:
        if trainer.global_step == 3:
            raise OSError("killed")
        shown(self, trainer, *more)

    with monkeypatch.context() as patched:
        patched.setattr(Progress, "on_train_batch_end", dies)
        with pytest.raises(OSError, match="killed"):
            fit("p3", config, tmp_path / "broken")
    fit("p3", config, tmp_path / "broken")
    whole, broken = (
        read_weights(tmp_path / name / FILE, "p3", InterpretableCost.version)[1]
        for name in ("whole", "broken")
    )
    assert all(torch.equal(whole[name], broken[name]) for name in whole)
    begun = read_weights(Path(occupancy) / FILE, "occupancy", OccupancyPredictor.version)[1]
    assert any(not torch.equal(whole[f"foresight.{name}"], begun[name]) for name in begun)

    planner = make_planner(f"p3@{tmp_path / 'whole'}")
    assert isinstance(planner, InterpretablePlanner)
    observation, foresight = toy_examples().observation, planner.cost.foresight
    plan = planner.plan(observation)
    assert foresight is not None and plan.occupancy is not None
    with torch.no_grad():
        told = foreseen(foresight(observed_scene(observation)))
    torch.testing.assert_close(plan.occupancy.probability, told)
    assert plan.forecast is None
    assert plan.trajectory.shape == (5, 10, 5)


def test_what_it_sees_stands_where_the_others_are(occupancy: str) -> None:
    """In the frame of the terms: the car 20 m ahead is in cell (60, 40), the ego's own place is free."""
    network = InterpretableTask.make_network(_config(occupancy))
    assert network.foresight is not None
    observation = toy_examples().observation
    with torch.no_grad():
        told = foreseen(network.foresight(observed_scene(observation)))
    assert told.shape == (5, 10, 160, 80)
    ahead = int(observation.agents.pose[0, :, 1].abs().argmin())
    x, y = (observation.agents.pose[0, ahead, :2] + torch.tensor((3.0, 0.0))).tolist()  # 6 m/s
    assert told[0, 0, round((x + 10.0) / 0.5), round((y + 20.0) / 0.5)] > 0.5
    assert told[0, 0, 20, 40] < 0.1


def test_wrong_input_is_told(occupancy: str, tmp_path: Path) -> None:
    lidar = _saved(tmp_path / "lidar", replace(SMALL, sensors="lidar"))
    with pytest.raises(InputError, match="sees lidar, --end-to-end wants an occupancy of tracks"):
        InterpretableTask(_config(lidar))
    with pytest.raises(InputError, match="--occupancy-rate: must be from 0 to 1, not 2"):
        check(_config(occupancy, occupancy_rate=2.0))
    cost = InterpretableTask.make_network(_config(occupancy))
    run = tmp_path / "run"
    run.mkdir()
    card = WeightsCard("p3", InterpretableCost.version, asdict(cost.config), {}, "", {})
    save_weights(run / FILE, cost, card)
    from drive.planning.forecaster import make_forecaster

    with pytest.raises(InputError, match=r"--forecast: .*was trained end to end"):
        make_planner(f"p3@{run}", make_forecaster("joint", "default"))
    with pytest.raises(InputError, match=r"of other sizes \(occupancy\)"):
        begin_from(InterpretableCost(InterpretableConfig()), str(run))


def test_weights_from_before_the_switch_begin_a_training() -> None:
    begin_from(InterpretableCost(InterpretableConfig()), "default")
