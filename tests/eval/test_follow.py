"""A plan that is followed until the next one is made: by hand, and against planning at every step."""

import math

import pytest
import torch

from drive.planning import make_planner
from eval.follow import HeldPlan, cells_of_then
from eval.rollout import Rollout, rollout
from sim.geometry.grid import BevGrid
from sim.interface import Agents, Forecast, Observation, Plan
from sim.simulator import Simulator
from tests.toy import Car, make_scenario, straight

QUARTER = math.pi / 2


def _pose(*values: float) -> torch.Tensor:
    return torch.tensor([values])


def _straight(dt_s: float, count: int, speed_mps: float = 10.0, **shown: object) -> Plan:
    x = torch.arange(1, count + 1) * dt_s * speed_mps
    trajectory = torch.zeros(1, count, 5)
    trajectory[0, :, 0], trajectory[0, :, 3] = x, speed_mps
    return Plan(trajectory, dt_s, **shown)


def _held(plan: Plan, *made_at: float) -> HeldPlan:
    return HeldPlan(plan, _pose(*made_at), torch.tensor([10.0]))


def test_what_is_left_ahead_of_an_ego_on_its_plan() -> None:
    """10 m/s for 1 s; 0.3 s later the ego is 3 m on: 1 ... 7 m are left, then the last one holds."""
    left = _held(_straight(0.1, 10), 0.0, 0.0, 0.0).left(_pose(3.0, 0.0, 0.0), 3, 0.1)
    assert left.dt_s == 0.1
    assert left.trajectory[0, :, 0].tolist() == pytest.approx(
        [1, 2, 3, 4, 5, 6, 7, 7, 7, 7], abs=1e-5
    )
    assert left.trajectory[0, :, 3].tolist() == [10.0] * 10


def test_what_is_left_for_an_ego_beside_its_plan() -> None:
    """Made at (100, 50) facing north: entry k is at (100, 50 + k). 0.2 s later at (99, 52), facing
    west: entry 3, 1 m to the east and 1 m to the north, is 1 m behind and 1 m to the right; north is
    a quarter turn to the right."""
    held = _held(_straight(0.1, 10), 100.0, 50.0, QUARTER)
    left = held.left(_pose(99.0, 52.0, math.pi), 2, 0.1)
    assert left.trajectory[0, 0, :3].tolist() == pytest.approx([-1.0, -1.0, -QUARTER], abs=1e-4)
    assert left.trajectory[0, 7, :3].tolist() == pytest.approx([-1.0, -8.0, -QUARTER], abs=1e-4)


def test_a_coarse_plan_is_read_between_its_entries() -> None:
    """Entries at 5 and 10 m, 0.5 s apart; after 0.2 s, 2 m on, every 0.1 s: 1, 2 ... 8 m, then held."""
    left = _held(_straight(0.5, 2), 0.0, 0.0, 0.0).left(_pose(2.0, 0.0, 0.0), 2, 0.1)
    x = [1, 2, 3, 4, 5, 6, 7, 8, 8, 8]
    assert left.trajectory[0, :, 0].tolist() == pytest.approx(x, abs=1e-4)


def test_what_a_followed_plan_shows_stays_where_it_was() -> None:
    """The ego went 3 m on and turned left: what was 10 m ahead is 7 m to its right, what was 5 m 2 m."""
    ahead = torch.tensor([10.0, 0.0])
    plan = _straight(
        0.1, 5,
        candidates=torch.cat((ahead, torch.zeros(1))).expand(1, 2, 5, 3), costs=torch.ones(1, 2),
        forecast=Forecast(ahead.expand(1, 3, 1, 5, 2), torch.ones(1, 3, 1), 0.1),
    )  # fmt: skip
    seen = _held(plan, 5.0, 5.0, 0.0).moved(_pose(8.0, 5.0, QUARTER))
    assert seen.candidates is not None and seen.forecast is not None
    assert seen.candidates[0, 1, 4].tolist() == pytest.approx([0.0, -7.0, -QUARTER], abs=1e-5)
    assert seen.forecast.position_m[0, 2, 0, 4].tolist() == pytest.approx([0.0, -7.0], abs=1e-5)
    assert seen.trajectory[0, 4, :2].tolist() == pytest.approx([0.0, -2.0], abs=1e-5)
    assert seen.dt_s == 0.1 and torch.equal(seen.costs, torch.ones(1, 2))  # type: ignore[arg-type]


def test_cells_are_those_of_then() -> None:
    grid = BevGrid(-2.0, -2.0, 1.0, 4, 4)
    of_then = grid.flat(3, 1)  # around (1.5, -0.5)
    # 1 m on without a turn it is at (0.5, -0.5): cell (2, 1); what was unseen is nowhere.
    moved = cells_of_then(grid, torch.tensor([[-1.0, 0.0, 0.0]]))[0]
    assert (moved == of_then).nonzero().tolist() == [[2, 1]]
    assert (moved[3] == -1).all() and (moved[:3] >= 0).all()
    # After a left turn it is at (-0.5, -1.5): cell (1, 0).
    turned = cells_of_then(grid, torch.tensor([[0.0, 0.0, -QUARTER]]))[0]
    assert (turned == of_then).nonzero().tolist() == [[1, 0]]


def test_whom_a_followed_plan_took_to_be_there_stays_where_it_was() -> None:
    """As above: a car 10 m ahead that drove ahead, at 4 m/s, is 7 m to the right, and drives to the right."""
    one, nobody = torch.ones(1, 1), torch.zeros(1, 1)
    ahead, speed = torch.tensor([[[10.0, 0.0, 0.0]]]), torch.tensor([[[4.0, 0.0]]])
    there = Agents(one.long(), ahead, speed, torch.ones(1, 1, 2), nobody.long(), one.bool())
    held = _held(_straight(0.1, 5, perceived=there), 5.0, 5.0, 0.0)
    seen = held.moved(_pose(8.0, 5.0, QUARTER)).perceived
    assert seen is not None and torch.equal(seen.id, there.id)
    assert seen.pose[0, 0].tolist() == pytest.approx([0.0, -7.0, -QUARTER], abs=1e-5)
    assert seen.velocity_mps[0, 0].tolist() == pytest.approx([0.0, -4.0], abs=1e-5)
    assert held.left(_pose(8.0, 5.0, QUARTER), 3, 0.1).perceived is None


class Counting:
    """Goes straight on, and counts how often it is asked."""

    def __init__(self) -> None:
        self.steps: list[int] = []

    def plan(self, observation: Observation) -> Plan:
        self.steps.append(int(observation.step))
        return _straight(0.1, 20, float(observation.ego.speed_mps))


def _simulator() -> Simulator:
    cars = [Car(0, -40, 0, 0, 8.0), Car(0, 0, 0, 0, 4.0)]
    return Simulator.from_scenarios([make_scenario([straight(-60, 0, 200, 0)], cars, 2.0)], "idm")


def _bytes(driven: Rollout) -> bytes:
    return driven.pose.numpy().tobytes() + driven.plan.numpy().tobytes()


def test_replanning_every_step_changes_nothing() -> None:
    simulator = _simulator()

    def driven(replan_s: float | None) -> bytes:
        return _bytes(rollout(simulator, make_planner("pdm"), num_steps=8, replan_s=replan_s))

    every = driven(None)
    assert driven(0.1) == every
    assert driven(0.5) != every


def test_nothing_is_observed_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    observed: list[int] = []
    observe = Simulator.observe

    def count(simulator: Simulator, state):
        observed.append(int(state.step))
        return observe(simulator, state)

    monkeypatch.setattr(Simulator, "observe", count)
    planner, shown = Counting(), []
    watch = lambda held, pose: shown.append((held, pose))  # noqa: E731
    driven = rollout(_simulator(), planner, watch=watch, replan_s=0.5)
    assert planner.steps == observed == [0, 5, 10, 15] and len(shown) == 20
    assert len({id(held) for held, _ in shown}) == 4 and shown[4][0] is not shown[5][0]
    assert [float(pose[0, 0]) for _, pose in shown] == pytest.approx(
        [-40 + 0.8 * k for k in range(20)], abs=0.05
    )
    # Straight on at constant speed, planned or followed: 8 m/s for 2 s.
    assert float(driven.pose[0, -1, 0, 0]) == pytest.approx(-40 + 16, abs=0.05)
    # The points of each step's plan half a second apart lie where the ego will be then.
    assert driven.plan[0, 7, 0, :2].tolist() == pytest.approx([-40 + 8 * 1.2, 0.0], abs=0.05)


def test_the_recording_is_followed_exactly() -> None:
    simulator = _simulator()
    driven = rollout(simulator, make_planner("log_replay"), replan_s=0.5)
    assert torch.allclose(driven.pose[:, :, 0], simulator.world.log.pose[:, 0], atol=1e-4)
