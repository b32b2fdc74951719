"""Losses, baselines and figures on numbers worked out by hand."""

from dataclasses import replace

import pytest
import torch

from drive.features.example import trimmed
from drive.features.vectors import vector_scene
from drive.networks.joint_head import JointFutures
from drive.prediction.baselines import (
    along_true_route,
    constant_turn_rate_and_velocity,
    constant_velocity,
)
from drive.prediction.figures import figures_of
from drive.prediction.joint import JointConfig, JointPredictor
from drive.prediction.losses import agent_errors, joint_loss, marginal_loss
from sim import trees
from tests.drive.scenes import toy_examples

_LOGIT = torch.log(torch.tensor([[[0.8, 0.5], [0.2, 0.5]]]))  # of 2 futures and 2 agents


def _futures() -> JointFutures:
    """One instant; what happens is (0, 0). Future 0 misses by 1 and 5 m, future 1 by 2 and 3 m."""
    miss = torch.tensor([[1.0, 5.0], [2.0, 3.0]])
    position = torch.stack((miss, torch.zeros(2, 2)), dim=-1)[None, :, :, None]
    return JointFutures(position, _LOGIT, 0.5)


def _truth() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return (
        torch.zeros(1, 2, 1, 2),
        torch.ones(1, 2, 1, dtype=torch.bool),
        torch.ones(1, 2, dtype=torch.bool),
    )


def test_errors_are_hubers() -> None:
    # Beyond half a metre: the distance less a quarter. 0.2 m: 0.5 * 0.04 / 0.5.
    error = agent_errors(_futures().position_m, *_truth()[:2])
    assert error[0].tolist() == [pytest.approx([0.75, 4.75]), pytest.approx([1.75, 2.75])]
    near = torch.tensor([0.2, 0.0]).reshape(1, 1, 1, 1, 2)
    one = torch.ones(1, 1, 1, dtype=torch.bool)
    assert agent_errors(near, torch.zeros(1, 1, 1, 2), one).item() == pytest.approx(0.04, abs=1e-3)


def test_the_joint_loss_takes_one_future_for_all() -> None:
    # 0.75 + 4.75 against 1.75 + 2.75: the second, 4.5 for two agents.
    loss = joint_loss(_futures(), *_truth())
    assert loss.error.item() == pytest.approx(2.25)
    # Scores of the scene: mean logits, sqrt(.8 * .5) against sqrt(.2 * .5), which is 2 to 1.
    assert loss.choice.item() == pytest.approx(-torch.tensor(1 / 3).log().item())


def test_relaxed_the_other_futures_count_a_little() -> None:
    # Futures miss by 5.5 and 4.5 m together: 4.5 + 0.1 * 5.0, for two agents.
    assert joint_loss(_futures(), *_truth(), relaxed=0.1).error.item() == pytest.approx(2.5)
    # 0.75 + 0.1 * 1.25 and 2.75 + 0.1 * 3.75.
    assert marginal_loss(_futures(), *_truth(), relaxed=0.1).error.item() == pytest.approx(2.0)


def test_the_marginal_loss_takes_the_best_of_each() -> None:
    # 0.75 of the first, 2.75 of the second.
    loss = marginal_loss(_futures(), *_truth())
    assert loss.error.item() == pytest.approx(1.75)
    expected = -0.5 * (torch.tensor(0.8).log() + torch.tensor(0.5).log())
    assert loss.choice.item() == pytest.approx(expected.item())


@pytest.mark.parametrize("loss", [joint_loss, marginal_loss])
def test_agents_that_are_not_there_count_for_nothing(loss) -> None:
    futures, (truth, valid, there) = _futures(), _truth()
    poisoned = truth.clone()
    poisoned[:, 1] = torch.nan
    gone = valid.clone()
    gone[:, 1] = False
    assert loss(futures, poisoned, gone, there).error.item() == pytest.approx(0.75)
    nobody = loss(futures, poisoned, torch.zeros_like(valid), there)
    assert nobody.error.item() == 0.0
    assert torch.isfinite(nobody.choice)


def test_baselines_go_on_as_now() -> None:
    example = toy_examples()
    scene = vector_scene(example.observation)
    # Everyone in the toy scene keeps its velocity, along its lane.
    truth = example.future.pose[..., :2]
    for forecast in (
        constant_velocity(scene, 12, 0.5),
        constant_turn_rate_and_velocity(scene, 12, 0.5),
        along_true_route(example, scene, 12, 0.5),
    ):
        torch.testing.assert_close(forecast, truth, rtol=0, atol=2e-2)


@pytest.mark.parametrize("rate_radps", [0.4, -0.25, 0.0])
def test_who_turns_goes_on_along_its_circle(rate_radps: float) -> None:
    """At 5 m/s, heading 3.2 rad now; a heading that jumps from pi to -pi turns no further for it."""
    scene = vector_scene(toy_examples().observation)
    history = scene.history_pose.clone()
    ago = 0.1 * torch.arange(-10.0, 1.0)
    yaw = 3.2 + rate_radps * ago
    history[..., 2] = torch.atan2(torch.sin(yaw), torch.cos(yaw))
    velocity = 5.0 * torch.stack((torch.cos(yaw), torch.sin(yaw)), dim=-1)
    scene = replace(
        scene,
        history_pose=history,
        history_velocity_mps=velocity.expand_as(scene.history_velocity_mps),
        history_valid=torch.ones_like(scene.history_valid),
    )
    moved = constant_turn_rate_and_velocity(scene, 12, 0.5) - scene.agent_pose[:, :, None, :2]
    time_s = 0.5 * torch.arange(1.0, 13.0)
    if rate_radps == 0.0:
        expected = time_s[:, None] * velocity[-1]
    else:  # from the centre of the circle, v / w to the left
        radius_m, now = 5.0 / rate_radps, yaw[-1]
        then = now + rate_radps * time_s
        expected = radius_m * torch.stack(
            (torch.sin(then) - torch.sin(now), torch.cos(now) - torch.cos(then)), dim=-1
        )
    torch.testing.assert_close(moved, expected.expand_as(moved), rtol=0, atol=1e-3)


def test_along_a_route_that_turns() -> None:
    # A route that runs north; an agent one metre to its right, at 3 m/s, with points 3 m apart.
    example = toy_examples()
    scene = vector_scene(example.observation)
    here = scene.agent_pose[:, 1:2, :2]
    steps = torch.arange(40.0)[:, None] * torch.tensor([0.0, 3.0])
    path = here[:, :, None] + torch.tensor([-1.0, 0.0]) + steps
    truth = replace(
        example.truth,
        path_m=path.expand(-1, 4, -1, -1),
        path_valid=torch.ones_like(example.truth.path_valid),
    )
    velocity = torch.zeros_like(scene.history_velocity_mps)
    velocity[..., 1] = 3.0
    scene = replace(scene, history_velocity_mps=velocity)
    moved = along_true_route(replace(example, truth=truth), scene, 4, 0.5)[:, 1]
    expected = here + torch.tensor([[0.0, 1.5], [0.0, 3.0], [0.0, 4.5], [0.0, 6.0]])
    torch.testing.assert_close(moved, expected, rtol=0, atol=1e-4)


def test_figures_are_of_agents_that_move() -> None:
    example = toy_examples()
    scene = vector_scene(example.observation)
    stands = torch.zeros(5, 1, 4, 12, 2)
    futures = JointFutures(stands, torch.zeros(5, 1, 4), 0.5)
    figures = figures_of(futures, scene, example, per_agent=False)
    # The three others move (the ego's future is not counted), at 6, 8 and 1 m/s; who says that they
    # stand is wrong by the speed times 2.75 s on average over 5 s.
    total, count = figures["ADE1"]
    assert count.item() == 15
    assert (total / count).item() == pytest.approx(5.0 * 2.75, rel=1e-3)
    total, count = figures["ADE_cv"]
    assert (total / count).item() == pytest.approx(0.0, abs=1e-2)


@pytest.mark.parametrize("loss", [joint_loss, marginal_loss])
def test_at_a_fork_both_ways_are_kept(loss) -> None:
    """The same scene goes two ways: everyone drifts to the left in one of them, to the right in the other."""
    torch.manual_seed(0)
    example = trimmed(trees.take(toy_examples(), torch.zeros(2, dtype=torch.long)))
    scene = vector_scene(example.observation)
    time_s = 0.5 * torch.arange(1, 13)
    ahead = torch.stack((2.0 * time_s, 0.0 * time_s), dim=-1).expand(2, 4, 12, 2)
    aside = torch.stack((0.0 * time_s, time_s), dim=-1) * torch.tensor([1.0, -1.0]).reshape(
        2, 1, 1, 1
    )
    valid = torch.ones(2, 4, 12, dtype=torch.bool)
    network = JointPredictor(
        JointConfig(width=16, heads=2, pair_width=8, encoder_layers=0, futures=6)
    )
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    for k in range(200):
        futures = network(scene)
        relaxed = 0.1 * max(0.0, 1.0 - k / 100)
        found = loss(futures, ahead + aside, valid, scene.agent_valid, relaxed)
        optimizer.zero_grad()
        (found.error + found.choice).backward()
        optimizer.step()
    assert found.error < 0.4  # a future between the two would be 3 m off
    probability = torch.softmax(futures.logit[0], dim=0)
    on_left = futures.position_m[0, :, :, -1, 1] > 3.0
    assert ((probability * on_left).sum(dim=0) - 0.5).abs().max() < 0.15
