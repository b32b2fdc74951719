"""The energy of a trajectory: what it hangs on, what it does not, what it learns, and how it drives."""

from dataclasses import asdict, replace

import pytest
import torch
from torch import Tensor

from drive.features.example import Example, ExampleSpec, trimmed
from drive.features.vectors import VectorScene, vector_scene
from drive.networks.weights import WeightsCard, save_weights
from drive.planning.candidates import Candidates
from drive.planning.energy.network import EnergyConfig, EnergyNetwork
from drive.planning.energy.planner import EnergyPlanner, places
from drive.planning.trajectories import trajectory_of
from drive.training.config import EnergyTrainConfig
from drive.training.energy import EnergyTask, bent, drawn
from eval.rollout import rollout
from sim import trees
from sim.plan_check import check_plan
from sim.scenario import EGO
from sim.simulator import Simulator
from tests.drive.planning.energy.stand_in import StraightSampler, lacking
from tests.drive.scenes import toy_examples, toy_scenario

pytest.importorskip("lightning")
TINY = EnergyConfig(width=8, heads=2, pair_width=4, encoder_layers=1)
STEADY, BRAKING, AHEAD = 2 * 3 + 1, 0 * 3 + 1, slice(0, 1)  # of the stand-in; the car ahead


def _network() -> EnergyNetwork:
    torch.manual_seed(0)
    return EnergyNetwork(TINY).eval()


def _energies(network: EnergyNetwork, example: Example, scene: VectorScene | None = None) -> Tensor:
    scene = scene or vector_scene(example.observation)
    return network(network.around(scene), StraightSampler()(example.observation).trajectory)


def test_candidates_know_nothing_of_one_another() -> None:
    network, example = _network(), toy_examples()
    together = _energies(network, example)
    around = network.around(vector_scene(example.observation))
    alone = StraightSampler()(example.observation).take(torch.full((5, 1), 4)).trajectory
    torch.testing.assert_close(network(around, alone), together[:, 4:5], rtol=0, atol=1e-5)
    torch.testing.assert_close(
        network.by_instant(around, alone).sum(dim=2), network(around, alone), rtol=0, atol=1e-5
    )


def test_padding_and_the_order_of_the_others_change_nothing() -> None:
    network = _network()
    narrow, wide = (toy_examples(ExampleSpec(num_agents=n)) for n in (4, 9))
    here = _energies(network, narrow)
    torch.testing.assert_close(_energies(network, wide), here, rtol=0, atol=1e-5)
    swap = torch.tensor([0, 3, 1, 2])
    scene = vector_scene(narrow.observation)
    of_agents = {
        name: getattr(scene, name)[:, swap]
        for name in scene.__dataclass_fields__
        if name.startswith(("agent", "history"))
    }
    torch.testing.assert_close(
        _energies(network, narrow, replace(scene, **of_agents)), here, rtol=0, atol=1e-5
    )


def test_it_is_told_where_agents_are_and_how_they_move_at_each_instant() -> None:
    network = _network()
    context = network.around(vector_scene(toy_examples().observation))
    context = trees.map_tensors(lambda t: t[:1], context)
    far = replace(context, agent_pose=context.agent_pose + torch.tensor([500.0, 0.0, 0.0]))
    trajectory = torch.zeros(1, 1, 10, 5)
    gone = replace(context, agent_valid=torch.zeros_like(context.agent_valid))
    assert not torch.allclose(network(far, trajectory), network(context, trajectory), atol=1e-4)
    assert not torch.allclose(network(gone, trajectory), network(context, trajectory), atol=1e-4)
    # Where agents are at the last instant concerns the last instant alone.
    pose = context.agent_pose.clone()
    pose[:, :, -1, 0] += 20.0
    moved = network.by_instant(replace(context, agent_pose=pose), trajectory)
    same = (moved == network.by_instant(context, trajectory))[0, 0]
    assert same.tolist() == 9 * [True] + [False]


def test_agents_go_on_at_constant_velocity() -> None:
    example = toy_examples()
    around = _network().around(vector_scene(example.observation))
    truth = example.future.pose[:, 1:, :10]
    nearest = example.observation.agents.pose[..., :2].norm(dim=-1).argsort(dim=1)
    row = torch.arange(5).unsqueeze(1)
    torch.testing.assert_close(
        around.agent_pose[..., :2], truth[row, nearest][..., :2], rtol=0, atol=2e-2
    )


def _task(**other) -> EnergyTask:
    torch.manual_seed(0)
    config = EnergyTrainConfig(
        steps=100, width=16, heads=2, pair_width=4, encoder_layers=1, candidates=12, jittered=4
    )
    task = EnergyTask(replace(config, **other))
    task.sampler = StraightSampler()
    return task


def _one_with_a_car_ahead_and_one_without() -> Example:
    """The same instant twice; the expert brakes for the car 20 m ahead, and without it drives on."""
    example = trimmed(trees.take(toy_examples(), torch.zeros(2, dtype=torch.long)))
    observation = example.observation
    agents, history = observation.agents, observation.history
    assert history is not None
    ahead = int((agents.pose[0, :, 1].abs() < 0.1).nonzero()[0])
    valid, seen = agents.valid.clone(), history.valid.clone()
    valid[1, ahead], seen[1, ahead + 1] = False, False
    observation = replace(
        observation, agents=replace(agents, valid=valid), history=replace(history, valid=seen)
    )
    proposed = StraightSampler()(observation).trajectory
    pose = example.future.pose.clone()
    pose[0, EGO, :10], pose[1, EGO, :10] = proposed[0, BRAKING, :, :3], proposed[1, STEADY, :, :3]
    return replace(example, observation=observation, future=replace(example.future, pose=pose))


def test_it_learns_to_brake_for_a_car_and_only_for_a_car() -> None:
    task, example = _task(), _one_with_a_car_ahead_and_one_without()
    optimizer = torch.optim.Adam(task.network.parameters(), 1e-2)
    generator = torch.Generator().manual_seed(0)
    for _ in range(80):
        loss = task.losses(example, generator)
        optimizer.zero_grad()
        loss["loss"].backward()
        optimizer.step()
    with torch.no_grad():
        energy = _energies(task.network, example)
        figures = {name: float(a / b) for name, (a, b) in task.figures(example).items()}
    assert energy[0, BRAKING] < energy[0, STEADY] - 1.0
    assert energy[1, STEADY] < energy[1, BRAKING] - 1.0
    assert energy.argmin(dim=1).tolist() == [BRAKING, STEADY]
    assert figures["ADE"] < 1e-4
    assert figures["lower"] == 0.0


def test_counter_examples_lie_down_the_energy_and_the_penalty_holds_it_flat() -> None:
    example = _one_with_a_car_ahead_and_one_without()
    found = {}
    for steps in (1, 20):
        task = _task(negatives="langevin", langevin_steps=steps)
        *_, weight, _bias = task.network.energy.parameters()
        torch.nn.init.normal_(weight, std=30.0)  # steep
        ego, around = (
            example.observation.ego,
            task.network.around(vector_scene(example.observation)),
        )
        start = places(StraightSampler()(example.observation))
        generator = torch.Generator().manual_seed(0)
        end, penalty = task._down_the_energy(around, start, ego, generator)
        found[steps] = task.network(around, trajectory_of(end, ego)).mean().item()
        assert penalty.item() > 1.0
    assert found[20] < found[1] - 1.0
    generator.manual_seed(0)
    losses = task.losses(example, generator)
    optimizer = torch.optim.SGD(task.network.parameters(), 1e-3)
    losses["penalty"].backward()
    assert task.network.seen_agent.weight.grad is not None
    torch.nn.utils.clip_grad_norm_(task.network.parameters(), 1.0)
    optimizer.step()
    generator.manual_seed(0)
    before = losses["penalty"].item()
    assert 0 < task.losses(example, generator)["penalty"].item() < before


def test_who_has_no_whole_future_teaches_nothing() -> None:
    task, example = _task(), toy_examples()
    valid = example.future.valid.clone()
    valid[:, EGO, 7:] = False
    cut = replace(example, future=replace(example.future, valid=valid))
    assert task.losses(cut, torch.Generator().manual_seed(0))["loss"].item() == 0.0


def test_bends_keep_place_and_velocity_of_now() -> None:
    still = torch.zeros(1, 1, 10, 2)
    y = torch.tensor([[[[1.0, 0.0], [0.0, -1.0]]]])
    moved = bent(still, y)[0, 0]
    # y_1 moves by 6 m ahead at the end, y_2 by 2 m to the right; half-way by a quarter, and an eighth.
    assert moved[-1].tolist() == pytest.approx([6.0, -2.0])
    assert moved[4].tolist() == pytest.approx([6.0 / 4, -2.0 / 8])


def test_valid_ones_are_drawn_first() -> None:
    valid = torch.tensor([[False, True, False, True, True]])
    number = torch.arange(5.0).reshape(1, 5, 1, 1).expand(1, 5, 10, 5)
    taken = drawn(Candidates(number, valid), 3, torch.Generator().manual_seed(0))
    assert sorted(taken.trajectory[0, :, 0, 0].tolist()) == [1.0, 3.0, 4.0]
    assert taken.valid.all()


# The planner


@pytest.fixture(scope="module")
def planner(tmp_path_factory: pytest.TempPathFactory) -> EnergyPlanner:
    """With random weights."""
    path = tmp_path_factory.mktemp("weights") / "energy.safetensors"
    save_weights(path, _network(), WeightsCard("energy", 1, asdict(TINY), {}, "", {}))
    made = EnergyPlanner(str(path))
    made.sampler = StraightSampler()
    return made


def test_it_drives(planner: EnergyPlanner) -> None:
    simulator = Simulator.from_scenarios([toy_scenario(10.0, 2.0), toy_scenario(0.0, 2.0)], "log")
    assert torch.isfinite(rollout(simulator, planner).pose[:, :, EGO]).all()


def test_the_plan_is_the_valid_candidate_of_the_lowest_energy(planner: EnergyPlanner) -> None:
    observation = toy_examples().observation
    proposed = StraightSampler()(observation)
    plan = planner.plan(observation)
    with torch.no_grad():
        energy = planner.rated(observation).cost
    best = energy.argmin(dim=1)
    row = torch.arange(5)
    torch.testing.assert_close(plan.trajectory, proposed.trajectory[row, best])
    # That one cannot be driven now, and holds nothing.
    proposed.valid[row, best] = False
    proposed.trajectory[row, best] = torch.nan
    spoilt = _with_sampler(planner, proposed).plan(observation)
    second = energy.scatter(1, best.unsqueeze(1), torch.inf).argmin(dim=1)
    torch.testing.assert_close(spoilt.trajectory, proposed.trajectory[row, second])
    # Nor can all but the worst, though to stand still is rated higher in some worlds.
    worst = energy.argmax(dim=1)
    proposed = StraightSampler()(observation)
    proposed.valid[:] = False
    proposed.valid[row, worst] = True
    left = _with_sampler(planner, proposed).plan(observation)
    torch.testing.assert_close(left.trajectory, proposed.trajectory[row, worst])
    # Nor can any.
    proposed.valid[:] = False
    stops = _with_sampler(planner, proposed).plan(observation)
    assert (stops.trajectory[:, -1, 3] == 0).all() and (stops.trajectory[..., 1] == 0).all()


def test_a_few_candidates_at_once_cost_what_all_at_once_do(
    planner: EnergyPlanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    observation = toy_examples().observation
    whole = planner.rated(observation).cost
    # Two of each of the five worlds at once.
    monkeypatch.setattr("drive.planning.energy.planner._AT_ONCE", 10)
    torch.testing.assert_close(planner.rated(observation).cost, whole, rtol=1e-5, atol=1e-5)


def _with_sampler(planner: EnergyPlanner, proposed: Candidates) -> EnergyPlanner:
    other = EnergyPlanner.__new__(EnergyPlanner)
    other.network = planner.network
    other.sampler = lambda observation, generator=None: proposed
    return other


@pytest.mark.parametrize("what", ["nobody", "no rows", "one other", "no lanes"])
def test_what_is_missing_gives_a_plan_all_the_same(planner: EnergyPlanner, what: str) -> None:
    observation = lacking(what)
    plan = planner.plan(observation)
    check_plan(plan, 5, observation.step.device, "energy")
