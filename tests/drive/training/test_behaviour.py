"""Task behaviour: its losses fall, weights of an expert are found again, and from data to weights."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from drive.features.example import Example, concatenated, make_examples
from drive.networks.weights import load_network
from drive.planning.behaviour.behaviours import sampled
from drive.planning.behaviour.network import BehaviourCost
from drive.planning.behaviour.planner import both_levels
from drive.planning.candidates import POINTS
from drive.planning.costs.terms import WHOLE, Surroundings
from drive.training.config import BehaviourTrainConfig
from drive.training.config_check import check
from drive.training.terms import recorded_occupancy
from sim.errors import InputError
from sim.scenario import EGO
from tests.drive.scenes import SPEC, toy_scenario, toy_store

pytest.importorskip("lightning")

from drive.training.behaviour import BehaviourTask

GENERATOR = torch.Generator()
CONFIG = BehaviourTrainConfig(data=("x",), occupancy="recorded", prior=0.0)


def _examples(num: int) -> Example:
    """Instants of drives at different speeds."""
    scenarios = [toy_scenario(4.0 + 0.6 * k, 9.0) for k in range(num // 3 + 1)]
    found = concatenated(list(make_examples(scenarios, SPEC)))
    return _first(found, num)


def _first(example: Example, num: int) -> Example:
    from sim import trees

    return trees.take(example, torch.arange(num))


def _trained(task: BehaviourTask, example: Example, steps: int) -> list[float]:
    optimizer = torch.optim.Adam(task.network.parameters(), lr=0.1)
    losses = []
    for _ in range(steps):
        loss = task.losses(example, GENERATOR)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


def test_it_overfits_32_examples() -> None:
    """By both levels together, and by the trajectories alone."""
    example = _examples(32)
    task = BehaviourTask(CONFIG)
    losses = _trained(task, example, 8)
    assert losses[-1] < 0.8 * losses[0]
    before = BehaviourTask(CONFIG).losses(example, GENERATOR)["metres"]
    assert task.losses(example, GENERATOR)["metres"] < before


def _driven_by(cost: BehaviourCost, example: Example) -> Example:
    """What a planner of that cost would do, as what was recorded."""
    observation = example.observation
    with torch.no_grad():
        around = Surroundings.of(observation, recorded_occupancy(example))
        rated = both_levels(cost, around, sampled(observation))
    price = torch.where(rated.candidates.valid, rated.cost, torch.inf)
    path = rated.candidates.take(price.argmin(dim=1, keepdim=True)).trajectory[:, 0]
    future = example.future
    pose, valid = future.pose.clone(), future.valid.clone()
    pose[:, EGO, :POINTS], valid[:, EGO, :POINTS] = path[..., :3], True
    return replace(example, future=replace(future, pose=pose, valid=valid))


def test_the_weight_of_an_expert_is_found_again() -> None:
    """A fourth of the hand-set weight of progress: of several weights the expert's explains its drives best,
    and from the hand-set one the slope leads there."""
    example, task, column = _examples(32), BehaviourTask(CONFIG), WHOLE.index("progress")
    expert, weights = task.make_network(CONFIG), task.network.log_whole
    hand = weights.detach()[column].clone()
    with torch.no_grad():
        expert.log_whole[column] -= 1.4
    shown, metres = _driven_by(expert, example), {}
    for less in (2.2, 1.4, 0.7, 0.0):
        with torch.no_grad():
            weights[column] = hand - less
        weights.grad = None
        found = task.losses(shown, GENERATOR)["metres"]
        found.backward()
        metres[less] = float(found.detach())
    assert min(metres, key=metres.__getitem__) == 1.4
    assert weights.grad is not None
    assert weights.grad[column] > 0.05


def test_it_is_trained_and_read_back(tmp_path: Path) -> None:
    from drive.training.fit import fit

    data = toy_store(tmp_path / "data").folders[0]
    config = BehaviourTrainConfig(
        data=(str(data),), steps=2, steps_per_epoch=2, batch_size=3, val_every=2, warmup=1,
        accelerator="cpu", learning_rate=0.1, refine_steps=2, occupancy="recorded",
    )  # fmt: skip
    figures = fit("behaviour", config, tmp_path / "run")
    network, card = load_network(BehaviourCost, str(tmp_path / "run"))
    assert card.figures == figures and network.config.refine_steps == 2
    assert 0.0 <= figures["val/collides_3s"] <= 1.0
    hand = BehaviourCost(network.config)
    for own, before in ((network.log_each, hand.log_each), (network.log_whole, hand.log_whole)):
        assert torch.isfinite(own).all() and 0.0 < float((own - before).abs().amax()) < 1.0


def test_nobody_around_and_nothing_recorded() -> None:
    example = _examples(3)
    agents = example.observation.agents
    alone = replace(
        example.observation, agents=replace(agents, valid=torch.zeros_like(agents.valid))
    )
    future = replace(example.future, valid=torch.zeros_like(example.future.valid))
    losses = BehaviourTask(CONFIG).losses(
        replace(example, observation=alone, future=future), GENERATOR
    )
    assert float(losses["loss"]) == 0.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"refine_steps": -1}, "--refine-steps: must be at least 0"),
        ({"mismatch_m": -1.0}, "--mismatch-m: must be at least 0"),
        ({"occupancy": "seen"}, "--occupancy"),
        ({"near_m": 0.0}, "--near-m: must be from 0.01 to 100"),
    ],
)
def test_wrong_options_are_told(options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check(replace(CONFIG, **options))
