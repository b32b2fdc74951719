"""Behaviour cloning: what it learns by heart, what is hidden from it, and how it drives."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from drive.features.example import Example, trimmed
from drive.features.vectors import VectorScene, vector_scene
from drive.networks.joint_head import JointFutures
from drive.networks.weights import WeightsCard, save_weights
from drive.planning.imitation.network import ImitationConfig, ImitationNetwork
from drive.planning.imitation.planner import ImitationPlanner
from drive.training.bc import BcTask, ego_figures
from drive.training.config import BcTrainConfig
from drive.training.copycat import without_ego_past
from eval.rollout import rollout
from sim import trees
from sim.errors import InputError
from sim.interface import Observation
from sim.plan_check import check_plan
from sim.scenario import EGO
from sim.simulator import Simulator
from tests.drive.scenes import toy_examples, toy_scenario

pytest.importorskip("lightning")
TINY = ImitationConfig(width=16, heads=2, pair_width=8, encoder_layers=1, modes=3)


def _task(mask_motion: float) -> BcTask:
    torch.manual_seed(0)
    return BcTask(
        BcTrainConfig(
            steps=200,
            width=16,
            heads=2,
            pair_width=8,
            encoder_layers=1,
            modes=3,
            mask_motion=mask_motion,
        )
    )


def _at_a_fork() -> Example:
    """One scene twice: once the expert slows down and pulls to the left, once it goes straight on."""
    example = trimmed(trees.take(toy_examples(), torch.zeros(2, dtype=torch.long)))
    time_s = 0.5 * torch.arange(1, 13)
    pose = example.future.pose.clone()
    pose[0, EGO, :, 0] = 10.0 * time_s - 0.5 * time_s.square()
    pose[0, EGO, :, 1] = 0.2 * time_s.square()
    return replace(example, future=replace(example.future, pose=pose))


def test_it_learns_a_fork_by_heart() -> None:
    task, example = _task(mask_motion=0.0), _at_a_fork()
    optimizer = torch.optim.Adam(task.network.parameters(), 1e-2)
    generator = torch.Generator().manual_seed(0)
    for _ in range(150):
        loss = task.losses(example, generator)
        optimizer.zero_grad()
        loss["loss"].backward()
        optimizer.step()
    figures = {name: float(total / count) for name, (total, count) in task.figures(example).items()}
    assert figures["minADE"] < 0.3
    assert figures["ADE_cv"] > 1.0
    futures = task.network(vector_scene(example.observation))
    probability = torch.softmax(futures.logit[0, :, 0], dim=0)
    to_left = futures.position_m[0, :, 0, -1, 1] > 2.5
    assert abs(float((probability * to_left).sum()) - 0.5) < 0.1


def _same(a: JointFutures, b: JointFutures) -> bool:
    return torch.equal(a.position_m, b.position_m) and torch.equal(a.logit, b.logit)


def _with_ego_past(scene: VectorScene, value: float) -> VectorScene:
    """Another past of the ego, the same present."""
    pose, velocity = scene.history_pose.clone(), scene.history_velocity_mps.clone()
    pose[:, EGO, :-1], velocity[:, EGO, :-1] = value, value
    return replace(scene, history_pose=pose, history_velocity_mps=velocity)


def test_a_hidden_past_cannot_be_copied() -> None:
    torch.manual_seed(0)
    network = ImitationNetwork(TINY)
    torch.nn.init.normal_(network.velocity.weight)
    scene = vector_scene(toy_examples().observation)
    other = _with_ego_past(scene, 3.0)
    assert not _same(network(scene), network(other))
    hidden = torch.tensor([True, True, False, True, False])
    here, there = (network(without_ego_past(s, hidden)) for s in (scene, other))
    gap = (here.position_m - there.position_m).abs().amax(dim=(1, 2, 3, 4))
    assert (gap == 0).tolist() == hidden.tolist()
    # The present speed stays, and so does everybody else's past.
    shown = without_ego_past(scene, hidden)
    torch.testing.assert_close(shown.velocity_mps, scene.velocity_mps)
    assert torch.equal(shown.history_valid[:, 1:], scene.history_valid[:, 1:])


@pytest.mark.parametrize("share", [0.0, 0.7, 1.0])
def test_the_past_is_hidden_in_that_share_of_examples(
    share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, seen = _task(mask_motion=share), []
    network = task.network.forward
    monkeypatch.setattr(task.network, "forward", lambda s: seen.append(s) or network(s))
    example = trees.take(toy_examples(), torch.arange(100) % 5)
    task.losses(example, torch.Generator().manual_seed(0))
    past = seen[0].history_valid[:, EGO, :-1].any(dim=1)
    assert (1.0 - past.float().mean().item()) == pytest.approx(share, abs=0.1)
    task.figures(example)  # and never where it is judged
    assert seen[1].history_valid[:, EGO].all()


def test_figures_by_hand() -> None:
    # The first way is 1 m off at every instant, the second is right; the second example is cut short.
    off = torch.stack((torch.ones(10, 2) * torch.tensor([0.6, 0.8]), torch.zeros(10, 2)))
    futures = JointFutures(
        off.expand(2, 2, 10, 2).unsqueeze(2), torch.tensor([[[1.0], [0.0]]]).expand(2, 2, 1), 0.5
    )
    valid = torch.ones(2, 1, 10, dtype=torch.bool)
    valid[1, 0, -1] = False
    told = ego_figures(futures, torch.zeros(2, 1, 10, 2), valid)
    expected = {"ADE": 1.0, "minADE": 0.0, "FDE1s": 1.0, "FDE2s": 1.0, "FDE3s": 1.0, "FDE5s": 1.0}
    assert {name: float(total) for name, (total, _) in told.items()} == pytest.approx(expected)
    assert all(int(count) == 1 for _, count in told.values())


# The planner


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Of a network that knows nothing: it goes on at constant velocity."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "bc.safetensors"
    network = ImitationNetwork(TINY)
    torch.nn.init.zeros_(network.velocity.weight)
    save_weights(path, network, WeightsCard("bc", 1, asdict(TINY), {}, "", {}))
    return str(path)


def test_it_drives(weights: str) -> None:
    driven = rollout(
        Simulator.from_scenarios([toy_scenario(10.0, 3.0), toy_scenario(0.0, 3.0)], "log"),
        ImitationPlanner(weights),
    )
    torch.testing.assert_close(
        driven.pose[:, -1, EGO, :2], torch.tensor([[30.0, 0.0], [0.0, 0.0]]), rtol=0, atol=0.05
    )


def test_the_plan_is_the_most_probable_way(weights: str) -> None:
    planner = ImitationPlanner(weights)
    torch.nn.init.normal_(planner.network.velocity.weight, std=0.1)
    plan = planner.plan(toy_examples().observation)
    assert plan.candidates is not None and plan.costs is not None
    assert plan.candidates.shape == (5, 3, 10, 3)
    torch.testing.assert_close((-plan.costs).exp().sum(dim=1), torch.ones(5))
    best = plan.costs.argmin(dim=1)
    assert torch.equal(plan.trajectory[..., :3], plan.candidates[torch.arange(5), best])


def _damaged(what: str) -> Observation:
    """The toy observation that lacks something."""
    observation = toy_examples().observation
    agents, history, lanes = observation.agents, observation.history, observation.lanes
    assert history is not None and lanes is not None
    if what == "no lanes":
        lanes = replace(lanes, valid=torch.zeros_like(lanes.valid))
        route = replace(observation.route, length_m=torch.zeros(5))
        return replace(observation, lanes=lanes, route=route)
    left = 0 if what == "nobody" else 1
    valid, seen = agents.valid.clone(), history.valid.clone()
    valid[:, left:], seen[:, left + 1 :] = False, False
    return replace(
        observation, agents=replace(agents, valid=valid), history=replace(history, valid=seen)
    )


@pytest.mark.parametrize("what", ["nobody", "one other", "no lanes"])
def test_what_is_missing_gives_a_plan_all_the_same(weights: str, what: str) -> None:
    observation = _damaged(what)
    plan = ImitationPlanner(weights).plan(observation)
    check_plan(plan, 5, observation.step.device, "bc")
    assert torch.isfinite(plan.trajectory).all()


def test_what_is_not_finite_is_refused(weights: str) -> None:
    observation = toy_examples().observation
    observation.agents.pose[1, 0, 0] = torch.nan
    with pytest.raises(InputError, match="world 1 holds a value that is not finite"):
        ImitationPlanner(weights).plan(observation)


def test_without_weights_it_says_how_to_make_some(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither `default`, nor a run folder"):
        ImitationPlanner(str(tmp_path / "none"))
