"""The same worlds on the CPU and on a GPU: steps, metrics, observations, a planner's drive."""

import pytest
import torch

from drive.planning import make_planner
from eval.metrics.suite import evaluate
from eval.rollout import rollout
from sim import trees
from sim.dynamics.bicycle import Controls
from sim.interface import Needs
from sim.maps.lane_table import LaneSpec
from sim.simulator import Simulator
from sim.sources.procedural import draft

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")
NEEDS = Needs(history_s=0.5, map=True, lanes=LaneSpec(16), perception="visible")


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    drafts = [draft("signalized_junction", seed=1), draft("crosswalk", seed=2)]
    return Simulator.from_scenarios(drafts, "idm", NEEDS)


@needs_gpu
def test_steps_are_the_same(simulator: Simulator) -> None:
    there = simulator.to("cuda")
    state = simulator.reset()
    for _ in range(50):
        # Each step from the same state: small differences do not add up.
        on_gpu = trees.to(state, "cuda")
        push, turn = torch.tensor((1.0, -0.5)), torch.tensor((0.1, -0.05))
        after = simulator.step(state, Controls(push, turn))
        other = there.step(on_gpu, Controls(push.cuda(), turn.cuda()))
        for (name, mine), (_, its) in zip(trees.tensors(after), trees.tensors(other), strict=True):
            torch.testing.assert_close(
                its.cpu(), mine, rtol=1e-4, atol=1e-3, msg=lambda m, name=name: f"{name}: {m}"
            )
        state = after


@needs_gpu
def test_observations_are_the_same(simulator: Simulator) -> None:
    state = simulator.reset()
    seen = simulator.observe(state)
    there = simulator.to("cuda").observe(trees.to(state, "cuda"))
    for (name, mine), (_, its) in zip(trees.tensors(seen), trees.tensors(there), strict=True):
        assert its.is_cuda, name
        torch.testing.assert_close(
            its.cpu(), mine, rtol=1e-4, atol=1e-3, msg=lambda m, name=name: f"{name}: {m}"
        )


@needs_gpu
@pytest.mark.parametrize("planner", ["constant_velocity", "idm", "pdm", "pdm+", "log_replay"])
def test_scores_are_the_same(simulator: Simulator, planner: str) -> None:
    results = evaluate(rollout(simulator, make_planner(planner), num_steps=60))
    there = evaluate(rollout(simulator.to("cuda"), make_planner(planner), num_steps=60))
    for name, result in results.items():
        other = there[name].value.cpu()
        torch.testing.assert_close(
            other, result.value, rtol=1e-2, atol=1e-2, msg=lambda m, name=name: f"{name}: {m}"
        )


@needs_gpu
def test_a_plan_is_followed_on_a_gpu(simulator: Simulator) -> None:
    here, there = (
        rollout(on, make_planner("idm"), num_steps=20, replan_s=0.5)
        for on in (simulator, simulator.to("cuda"))
    )
    torch.testing.assert_close(there.pose[:, :, 0].cpu(), here.pose[:, :, 0], rtol=1e-4, atol=1e-2)
