"""Tasks that see lidar alone: trained, read back, driven; and what is said where sweeps are missing."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from drive.cli.main import main
from drive.features.example import Example
from drive.features.store import Store
from drive.features.sweeps import LIDAR, seen_scene
from drive.networks.weights import load_network
from drive.planning import make_planner
from drive.planning.cost_volume.network import CostVolumeNetwork
from drive.planning.cost_volume.planner import CostVolumePlanner
from drive.prediction.occupancy import OccupancyPredictor
from drive.training.config import CostVolumeTrainConfig, OccupancyTrainConfig
from drive.training.config_check import check
from drive.training.order import open_store
from sim.errors import InputError
from sim.interface import Observation, needs_of
from sim.scenario_file import save_scenario
from sim.simulator import Simulator
from tests.drive.scenes import LIDAR_SPEC, toy_examples, toy_scenario, toy_store

pytest.importorskip("lightning")
from drive.training.costvolume import CostVolumeTask
from drive.training.fit import fit, make_task

_SMALL = {
    "width": 8, "num_x": 64, "num_y": 32, "steps": 1, "steps_per_epoch": 1, "batch_size": 2,
    "val_every": 2, "warmup": 1, "accelerator": "cpu",
}  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(toy_store(tmp_path_factory.mktemp("sweeps"), LIDAR_SPEC).folders[0])


@pytest.fixture(scope="module")
def blind(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store without sweeps."""
    return str(toy_store(tmp_path_factory.mktemp("store")).folders[0])


@pytest.fixture(scope="module")
def foresight(data: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("occupancy")
    config = OccupancyTrainConfig(data=(data,), cell_width=8, sensors="lidar", **_SMALL)
    figures = fit("occupancy", config, folder)
    assert 0.0 <= figures["val/IoU_1s"] <= 1.0
    return str(folder)


@pytest.fixture(scope="module")
def planner(data: str, foresight: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("costvolume")
    fit("costvolume", _cost_config(data, foresight), folder)
    return str(folder)


def _cost_config(data: str, foresight: str) -> CostVolumeTrainConfig:
    return CostVolumeTrainConfig(
        data=(data,), candidates=16, sensors="lidar", forecast=foresight, **_SMALL
    )


def _moved_others(example: Example) -> Example:
    """Everybody else is 7 m further on, and always was."""
    observation = example.observation
    history = observation.history
    assert history is not None
    shift = torch.tensor((7.0, 3.0, 0.5))
    past = torch.cat((history.pose[:, :1], history.pose[:, 1:] + shift), dim=1)
    agents = replace(observation.agents, pose=observation.agents.pose + shift)
    history = replace(history, pose=past)
    return replace(example, observation=replace(observation, agents=agents, history=history))


def test_occupancy_from_lidar_hangs_on_sweeps_and_on_no_track(foresight: str) -> None:
    network, card = load_network(OccupancyPredictor, foresight)
    assert card.config["sensors"] == card.training["sensors"] == "lidar"
    torch.nn.init.normal_(network.now.weight)  # so that what it sees matters
    example = toy_examples(LIDAR_SPEC)

    def seen(example: Example) -> torch.Tensor:
        with torch.no_grad():
            found = network.predict_occupancy(example.observation, example.sweeps)
        return found.probability

    assert torch.equal(seen(example), seen(_moved_others(example)))
    assert example.sweeps is not None
    empty = replace(example, sweeps=torch.zeros_like(example.sweeps))
    assert not torch.equal(seen(example), seen(empty))
    with pytest.raises(ValueError, match="no sweeps"):
        seen(replace(example, sweeps=None))


def test_a_cost_volume_keeps_the_foresight_that_it_was_given(
    planner: str, foresight: str, data: str
) -> None:
    network, card = load_network(CostVolumeNetwork, planner)
    assert card.training["sensors"] == "lidar"
    given, _ = load_network(OccupancyPredictor, foresight)
    assert network.foresight is not None
    for name, tensor in given.state_dict().items():
        assert torch.equal(network.foresight.state_dict()[name], tensor)
    # It lies where the foresight has it: 12.8 m behind is 34 cells of 0.8 m into that grid.
    example = toy_examples(LIDAR_SPEC)
    with torch.no_grad():
        whole = given.predict_occupancy(example.observation, example.sweeps).probability
        found = network.foreseen(seen_scene(example.observation, example.sweeps, "lidar"))
    assert torch.equal(found[:, :, :30], whole[:, :, 34:])
    make_task("costvolume", replace(_cost_config(data, foresight), start=planner))


def _broken(observation: Observation) -> Observation:
    """Whoever looks at tracks sees nothing but NaN."""
    agents, history = observation.agents, observation.history
    assert history is not None
    nan = torch.full_like(agents.pose, torch.nan)
    pose = torch.cat((history.pose[:, :1], torch.full_like(history.pose[:, 1:], torch.nan)), 1)
    return replace(
        observation,
        agents=replace(agents, pose=nan, velocity_mps=nan[..., :2], size_m=nan[..., :2]),
        history=replace(history, pose=pose),
    )


@pytest.mark.parametrize("name", ["costvolume", "costvolume_dp"])
def test_drives_from_lidar_alone(planner: str, name: str) -> None:
    named = f"{name}@{planner}"
    needs = needs_of(make_planner(named))
    assert needs.lidar == LIDAR
    simulator = Simulator.from_scenarios([toy_scenario()], "log", needs)
    plans = {}
    for shown in (lambda o: o, _broken):
        state, driver = simulator.reset(), make_planner(named)
        for _ in range(6):
            plan = driver.plan(shown(simulator.observe(state)))
            state = simulator.step(state, plan)
        plans[shown] = plan.trajectory
    first, second = plans.values()
    assert torch.isfinite(first).all()
    assert torch.equal(first, second)


def test_weights_of_tracks_are_no_foresight_from_lidar(data: str) -> None:
    with pytest.raises(InputError, match=r"--forecast default: sees tracks.*--sensors lidar first"):
        CostVolumeTask(_cost_config(data, "default"))


def test_a_store_without_sweeps_is_refused(blind: str, foresight: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no sweeps; collect it with bevdrive collect"):
        open_store(OccupancyTrainConfig(data=(blind,), sensors="lidar", val_every=2))
    open_store(OccupancyTrainConfig(data=(blind,), val_every=2))
    words = ["evaluate", "forecast", "--weights", foresight, "--workers", "0"]
    assert main([*words, "--data", blind, "--out", str(tmp_path)]) == 2


def test_options_that_make_no_sense_are_refused(
    data: str, planner: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match="--sensors"):
        check(OccupancyTrainConfig(data=(data,), sensors="radar"))
    with pytest.raises(InputError, match=r"--resolution-m: must be 0.8 with --sensors lidar"):
        check(OccupancyTrainConfig(data=(data,), sensors="lidar", resolution_m=0.5))
    with pytest.raises(InputError, match=r"--refine pdm: looks at tracks"):
        make_planner(f"costvolume@{planner}", refine="pdm")
    drive = ["simulate", "--count", "1", "--workers", "0", "--videos", "0", "--planner"]
    assert main([*drive, f"costvolume@{planner}", "--sensors", "tracks"]) == 2
    assert "sees lidar" in capsys.readouterr().err
    assert main([*drive, "costvolume", "--sensors", "lidar"]) == 2
    assert "costvolume sees tracks" in capsys.readouterr().err
    assert main([*drive, f"costvolume@{planner}", "--forecast", "joint"]) == 2
    assert "--forecast: of tracks" in capsys.readouterr().err
    open_loop = ["evaluate", "planning", "--planner", f"costvolume@{planner}", "--count", "1"]
    assert main(open_loop) == 2
    assert "needs lidar" in capsys.readouterr().err


def test_shipped_weights_see_tracks() -> None:
    network, card = load_network(OccupancyPredictor, "default")
    assert network.config.sensors == "tracks"
    assert isinstance(make_planner("costvolume"), CostVolumePlanner)
    config = OccupancyTrainConfig(**{k: v for k, v in card.training.items() if k != "data"})
    make_task("occupancy", replace(config, start="default"))


def test_scored_and_driven_from_the_terminal(
    planner: str, foresight: str, data: str, tmp_path: Path
) -> None:
    save_scenario(toy_scenario(10.0, 3.0), tmp_path / "toy.scenario")
    saved = ["--source", "saved", "--path", str(tmp_path), "--workers", "0"]
    store = tmp_path / "store"
    assert main(["collect", *saved, "--sensors", "lidar", "--out", str(store)]) == 0
    Store.open(store).require_sweeps()
    assert main(["collect", *saved, "--sensors", "radar", "--out", str(store)]) == 2
    score = ["evaluate", "forecast", "--weights", foresight, "--workers", "0"]
    out = ["--out", str(tmp_path / "runs"), "--name"]
    assert main([*score, "--data", data, *out, "stored"]) == 0
    assert main([*score[:4], *saved, *out, "made"]) == 0
    drive = ["simulate", *saved, "--planner", f"costvolume@{planner}", "--sensors", "lidar"]
    assert main([*drive, "--replan", "0.5", "--traffic", "log", "--videos", "0", *out, "run"]) == 0
