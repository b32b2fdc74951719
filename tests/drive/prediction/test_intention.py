"""The intention predictor: forms, missing things, losses by hand, and that it can learn."""

from dataclasses import replace

import pytest
import torch

from drive.features.example import Example, trimmed
from drive.features.vectors import vector_scene
from drive.prediction.intention import IntentionConfig, IntentionPredictor
from drive.prediction.intention_figures import intention_figures
from drive.prediction.losses import intention_loss, marginal_loss
from sim import trees
from sim.geometry import se2
from sim.interface import IntentionKind as K
from tests.drive.scenes import toy_examples

TINY = IntentionConfig(width=16, futures=3, resolution_m=2.0, num_x=48, num_y=32)


def test_forecasts_are_of_the_others_in_the_egos_frame() -> None:
    torch.manual_seed(0)
    network, observation = IntentionPredictor(TINY).eval(), toy_examples().observation
    forecast = network.predict_each(observation)
    assert forecast.position_m.shape == (5, 3, 3, 12, 2)
    torch.testing.assert_close(forecast.probability.sum(dim=2), torch.ones(5, 3))
    assert network.predict_intention(observation).logit.shape == (5, 3, len(K))
    # It begins near constant velocity: its mean velocity is off by less than 1 m/s.
    scene = vector_scene(observation)
    straight = scene.agent_pose[:, 1:, :2] + 6.0 * scene.velocity_mps[:, 1:]
    assert (forecast.position_m[:, :, 0, -1] - straight).norm(dim=-1).max() < 6.0


@pytest.mark.parametrize("what", ["nobody", "no map", "no history"])
def test_what_is_missing_gives_finite_futures_and_gradients(what: str) -> None:
    scene = vector_scene(toy_examples().observation)
    none = torch.zeros_like
    if what == "nobody":
        scene = replace(scene, agent_valid=none(scene.agent_valid))
    elif what == "no map":
        scene = replace(
            scene,
            line_valid=none(scene.line_valid),
            line_point_valid=none(scene.line_point_valid),
        )
    else:
        scene = replace(scene, history_valid=none(scene.history_valid))
    network = IntentionPredictor(TINY)
    found = network(scene)
    (found.futures.position_m.sum() + found.intention_logit.sum()).backward()
    assert torch.isfinite(found.futures.position_m).all()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)


def test_the_intention_loss_is_of_those_who_are_known() -> None:
    # Probabilities .5 and .25 of what they do; the third is not known, the fourth not there.
    logit = torch.log(torch.tensor([[[0.5, 0.5], [0.75, 0.25], [0.9, 0.1], [0.9, 0.1]]]))
    intention = torch.tensor([[0, 1, -1, 0]])
    there = torch.tensor([[True, True, True, False]])
    loss = intention_loss(logit, intention, there)
    assert loss.item() == pytest.approx((0.693147 + 1.386294) / 2)
    assert intention_loss(logit, intention, torch.zeros_like(there)).item() == 0.0


def _with(example: Example, intention: list[int]) -> Example:
    told = torch.tensor(intention).expand(example.num, -1)
    return replace(example, truth=replace(example.truth, intention=told))


def test_figures_count_the_others_and_those_who_act() -> None:
    example = _with(toy_examples(), [K.TURN_LEFT, K.STOPPING, K.KEEP_LANE, -1])
    scene = vector_scene(example.observation)
    logit = torch.zeros(5, 4, len(K))
    logit[..., K.STOPPING] = 20.0
    figures = intention_figures(logit, scene, example)
    # Of five scenes: one that stops, rightly told, and one that keeps its lane, wrongly.
    assert [v.item() for v in figures["intention"]] == [5, 10]
    assert [v.item() for v in figures["manoeuvre"]] == [5, 5]
    assert figures["intention_nll"][0].item() == pytest.approx(5 * 20.0, abs=1e-2)


def test_it_learns_what_three_agents_do_by_heart() -> None:
    """One braking to a stop, one to the left, one straight on: three trajectories and three intentions."""
    torch.manual_seed(0)
    first = trees.take(toy_examples(), torch.zeros(1, dtype=torch.long))
    example = trimmed(_with(first, [K.KEEP_LANE, K.STOPPING, K.TURN_LEFT, K.OTHER]))
    scene = vector_scene(example.observation)
    time_s = 0.5 * torch.arange(1, 13)
    stops = torch.stack((4.0 * (1 - torch.exp(-time_s)), 0.0 * time_s), dim=-1)
    turns = torch.stack((10.0 * torch.sin(0.2 * time_s), 10.0 - 10.0 * torch.cos(0.2 * time_s)), -1)
    ahead = torch.stack((2.0 * time_s, 0.0 * time_s), dim=-1)
    truth = torch.stack((ahead, stops, turns, ahead)).unsqueeze(0)
    valid = torch.ones(1, 4, 12, dtype=torch.bool)
    network = IntentionPredictor(TINY)
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    for k in range(90):
        optimizer.param_groups[0]["lr"] = 1e-2 if k < 60 else 2e-3
        found = network(scene)
        error = marginal_loss(found.futures, truth, valid, scene.agent_valid)
        intention = intention_loss(
            found.intention_logit, example.truth.intention, scene.agent_valid
        )
        optimizer.zero_grad()
        (error.error + error.choice + intention).backward()
        optimizer.step()
    found = network(scene)
    told = found.intention_logit.argmax(dim=2)
    assert (told == example.truth.intention).all()
    best = found.futures.logit.argmax(dim=1)
    chosen = torch.gather(
        found.futures.position_m, 1, best[:, None, :, None, None].expand(-1, 1, -1, 12, 2)
    ).squeeze(1)
    assert (chosen - truth).norm(dim=-1).mean() < 0.7  # constant velocity: some 15 m
    where = se2.transform_points(scene.agent_pose[:, :, None], truth)
    each = network.predict_each(example.observation)
    likely = each.probability.argmax(dim=2)
    seen = torch.gather(
        each.position_m, 2, likely[:, :, None, None, None].expand(-1, -1, 1, 12, 2)
    ).squeeze(2)
    assert (seen - where[:, 1:]).norm(dim=-1).mean() < 0.7
