"""Refinement: away from what stands beside the path, never to more cost, and as the bicycle can."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from drive.features.example import ExampleSpec
from drive.networks.weights import FILE, WeightsCard, save_weights
from drive.planning import make_planner
from drive.planning.behaviour.behaviours import behaviours_of, sampled
from drive.planning.behaviour.controls import controls_of, driven
from drive.planning.behaviour.descent import control_gradient, descend
from drive.planning.behaviour.network import BehaviourConfig, BehaviourCost
from drive.planning.behaviour.planner import both_levels, refined
from drive.planning.candidates import DT_S, POINTS, Candidates
from drive.planning.costs.foretold import GRID
from drive.planning.costs.terms import Surroundings, terms_in
from drive.planning.least_cost import stop
from drive.planning.samplers.frenet import FrenetSampler
from sim import trees
from sim.dynamics.bicycle import ACCELERATION_RANGE_MPS2
from sim.interface import Observation, Plan
from sim.simulator import Simulator
from tests.drive.planning.samplers.egos import off_course_m
from tests.toy import Car, make_scenario, straight

ROAD = [straight(-60.0, 0.0, 200.0, 0.0), straight(-60.0, 3.5, 200.0, 3.5)]
EGO = Car(0, 0.0, 0.0, 0.0, 8.0)


def _observed(*others: Car, map: bool = False, lanes: int = 2) -> Observation:
    beside = [(1, 0)] if lanes == 2 else []
    scenario = make_scenario(ROAD[:lanes], [EGO, *others], 3.0, beside=beside)
    simulator = Simulator.from_scenarios([scenario], "log", ExampleSpec(map=map).needs())
    return simulator.observe(simulator.reset())


def _cost(steps: int = 6) -> BehaviourCost:
    return BehaviourCost(BehaviourConfig(refine_steps=steps)).eval()


def _around(observation: Observation, x_m: tuple[float, float], y_m: tuple[float, float]):
    """With a box of cells that is taken all the time."""
    x, y = GRID.cell_centers_m().unbind(-1)
    taken = ((x > x_m[0]) & (x < x_m[1]) & (y > y_m[0]) & (y < y_m[1])).float()
    return Surroundings.of(observation, taken.expand(1, POINTS, *GRID.shape).contiguous())


def _straight_on(speed_mps: float = 8.0) -> Candidates:
    path = torch.zeros(1, 1, POINTS, 5)
    path[..., 0] = speed_mps * DT_S * torch.arange(1, POINTS + 1)
    path[..., 3] = speed_mps
    return Candidates(path, torch.ones(1, 1) > 0)


def _in_double(tree):
    """Its numbers with double precision."""
    return trees.map_tensors(lambda t: t.double() if t.is_floating_point() else t, tree)


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_it_moves_away_from_what_stands_beside_its_path(side: float) -> None:
    """A car whose flank is 1 m beside the path, where that of the ego passes: 18 m to 22 m ahead."""
    y_m = (1.0, 3.0) if side > 0.0 else (-3.0, -1.0)
    around, start = _around(_observed(), (18.0, 22.0), y_m), _straight_on()
    found = refined(_cost(), around, start)
    before = _cost().total(terms_in(around, start.trajectory))
    assert float(found.cost) < float(before) - 0.5
    passing = found.candidates.trajectory[0, 0, 3:6]  # the start is 16, 20 and 24 m ahead there
    assert (side * passing[:, 1]).max() < -0.05
    assert found.terms is not None and found.terms["clearance"] < float(
        _cost().weighted(terms_in(around, start.trajectory))["clearance"]
    )


def test_it_slows_down_before_what_stands_in_its_way() -> None:
    around = _around(_observed(), (41.0, 47.0), (-4.0, 4.0))  # its front gets to 42 m
    found = refined(_cost(), around, _straight_on())
    assert found.candidates.trajectory[0, 0, -1, 0] < 39.5
    assert float(found.cost) < float(_cost().total(terms_in(around, _straight_on().trajectory)))


def test_no_line_costs_more_than_before() -> None:
    draw = torch.Generator().manual_seed(0)
    observation = _observed()
    occupancy = (torch.rand(1, POINTS, *GRID.shape, generator=draw) > 0.98).float()
    around, sampled = Surroundings.of(observation, occupancy), FrenetSampler()(observation)
    some = sampled.take(torch.randperm(sampled.num, generator=draw)[None, :200])
    with torch.no_grad():
        before = _cost().total(terms_in(around, some.trajectory))
        found = refined(_cost(), around, some)
    assert (found.cost <= before + 1e-4)[some.valid].all()
    assert (found.cost < before - 1e-2)[some.valid].float().mean() > 0.5
    assert torch.equal(found.candidates.valid, some.valid)
    again = _cost().total(terms_in(around, found.candidates.trajectory))
    torch.testing.assert_close(found.cost, again)  # of what is handed out, not of what led there


def test_what_is_refined_can_be_driven() -> None:
    observation = _observed()
    around, sampled = _around(observation, (18.0, 22.0), (0.6, 2.6)), FrenetSampler()(observation)
    good = torch.nonzero(sampled.valid[0]).squeeze(1)[::29]
    start = sampled.take(good[None])
    found = refined(_cost(), around, start)
    moved = (found.candidates.trajectory != start.trajectory).any(dim=(2, 3))
    assert moved.sum() > 10
    path = found.candidates.take(torch.nonzero(moved[0]).squeeze(1)[None])
    speeds = torch.nn.functional.pad(path.trajectory[..., 3], (1, 0), value=8.0)
    low, high = ACCELERATION_RANGE_MPS2
    pushed = torch.diff(speeds, dim=2) / DT_S
    assert path.valid.all() and pushed.min() >= low - 1e-3 and pushed.max() <= high + 1e-3
    assert off_course_m(observation.ego, path).median() < 0.3


def test_the_gradient_is_that_of_finite_differences() -> None:
    """Of the softened cost, in all its terms, a red light's included."""
    observation = _observed()
    route = replace(observation.route, stop_s_m=observation.route.ego_s_m + 41.3)
    around = _around(replace(observation, route=route), (18.0, 22.0), (0.6, 2.6))
    around = _in_double(around.softened())
    ego, cost = around.observation.ego, _cost().double()
    draw = torch.Generator().manual_seed(3)
    start = controls_of(ego, _in_double(_straight_on()))
    controls = start + torch.tensor((0.3, 0.002)) * torch.randn(start.shape, generator=draw)
    controls = controls.double()

    def price(controls: torch.Tensor) -> torch.Tensor:
        return cost.total(terms_in(around, driven(ego, controls).trajectory)).sum()

    found = control_gradient(
        lambda path: cost.total(terms_in(around, path)), ego, controls
    ).flatten()
    eps = 1e-7
    for k in range(controls.numel()):
        bit = torch.zeros(controls.numel(), dtype=torch.float64)
        bit[k] = eps
        bit = bit.reshape(controls.shape)
        slope = (price(controls + bit) - price(controls - bit)) / (2.0 * eps)
        assert float(found[k]) == pytest.approx(float(slope), rel=1e-4, abs=1e-4)
    terms = terms_in(around, driven(ego, controls).trajectory)
    assert (terms.each.sum(dim=2) > 0.0).all()


def test_where_the_steps_lead_has_a_gradient_in_the_weights() -> None:
    """By finite differences over all steps, what is differentiated twice included."""
    around = _around(_observed(), (18.0, 22.0), (1.0, 3.0)).softened()
    around, start = _in_double(around), _in_double(_straight_on())
    ego, cost = around.observation.ego, _cost().double()

    def aside(steps_down: bool) -> torch.Tensor:
        found = descend(lambda path: cost.total(terms_in(around, path)), ego, start, 4, steps_down)
        return driven(ego, found[-1]).trajectory[..., 1].sum()

    aside(True).backward()
    for weights in (cost.log_each, cost.log_whole):
        assert weights.grad is not None
        for k in range(len(weights)):
            slopes = []
            for bit in (1e-4, -1e-4):
                with torch.no_grad():
                    weights[k] += bit
                    slopes.append(float(aside(False)))
                    weights[k] -= bit
            wanted = (slopes[0] - slopes[1]) / 2e-4
            assert float(weights.grad[k]) == pytest.approx(wanted, rel=2e-3, abs=1e-5)
    assert cost.log_each.grad is not None and float(cost.log_each.grad[1].abs()) > 1e-3


def test_without_steps_it_is_the_coarse_choice() -> None:
    observation = _observed()
    courses = sampled(observation)
    around = _around(observation, (18.0, 22.0), (0.6, 2.6))
    with torch.no_grad():
        coarse = _cost().total(terms_in(around, courses.candidates.trajectory))
        coarse = torch.where(courses.candidates.valid, coarse, torch.inf)
        none, some = (both_levels(_cost(steps), around, courses) for steps in (0, 6))
    best = courses.candidates.trajectory[0, int(coarse.argmin())]
    assert torch.equal(none.candidates.trajectory[0, int(none.cost.argmin())], best)
    assert float(some.cost[some.candidates.valid].min()) <= float(coarse.min())
    assert none.candidates.num == some.candidates.num == courses.candidates.num + 3


def test_the_cheapest_of_three_behaviours_are_refined(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Candidates] = []

    def spy(cost_of, ego, start, steps, differentiable=False):
        begun.append(start)
        return []

    monkeypatch.setattr("drive.planning.behaviour.planner.descend", spy)
    observation = _observed()
    courses = sampled(observation)
    around = _around(observation, (18.0, 22.0), (0.6, 2.6))
    with torch.no_grad():
        both_levels(_cost(), around, courses)
        cost = _cost().total(terms_in(around, courses.candidates.trajectory))[0].tolist()
    does, valid = behaviours_of(courses)[0].tolist(), courses.candidates.valid[0].tolist()
    best: dict[int, int] = {}
    for k in sorted(range(len(cost)), key=lambda k: cost[k]):
        if valid[k]:
            best.setdefault(does[k], k)
    wanted = list(best.values())[:3]  # in the order of their costs
    assert len(best) > 3
    assert torch.equal(begun[0].trajectory[0], courses.candidates.trajectory[0, wanted])


def _planned(observation: Observation, run: str, refine: str | None = None) -> Plan:
    planner = make_planner(f"behaviour@{run}" if run else "behaviour", refine=refine)
    planner.reset(1, torch.device("cpu"), torch.Generator().manual_seed(0))  # type: ignore[attr-defined]
    plan = planner.plan(observation)
    assert isinstance(plan, Plan)
    shown = (plan.trajectory, plan.candidates, plan.costs)
    assert all(t is not None and bool(torch.isfinite(t).all()) for t in shown)
    return plan


@pytest.fixture
def run(tmp_path: Path) -> str:
    """A run folder with the hand-tuned weights."""
    cost = _cost()
    card = WeightsCard("behaviour", 1, asdict(cost.config), {}, "", {})
    save_weights(tmp_path / FILE, cost, card)
    return str(tmp_path)


def test_plans_are_finite_and_sensible(run: str) -> None:
    free = _observed()
    there = _planned(free, run)
    assert there.trajectory[0, -1, 0] > 20.0
    stops = _planned(_observed(Car(-1, 18.0, 0.0, 0.0, 0.0, (4.0, 7.0, 1.6)), lanes=1), run)
    assert stops.trajectory[0, :, 0].max() < 14.01  # a wall from 16 m on; the front is 2 m ahead
    assert there.terms is not None and there.costs is not None
    torch.testing.assert_close(torch.stack(list(there.terms.values())).sum(dim=0), there.costs)


def test_the_same_observation_gives_the_same_plan(run: str) -> None:
    observation, kept = _observed(Car(0, 30.0, 0.8, 0.0, 3.0)), []
    first = _planned(observation, run)
    for number in range(4):
        kept.append(torch.zeros(7 * number + 1))  # what comes next lies elsewhere in memory
        assert torch.equal(_planned(observation, run).trajectory, first.trajectory)


def test_the_shipped_weights_drive() -> None:
    assert _planned(_observed(), "").trajectory[0, -1, 0] > 20.0
    stops = _planned(_observed(Car(-1, 18.0, 0.0, 0.0, 0.0, (4.0, 7.0, 1.6)), lanes=1), "")
    assert stops.trajectory[0, :, 0].max() < 14.01


def test_nothing_to_go_by(run: str) -> None:
    free = _observed()
    lanes = free.lanes
    assert lanes is not None
    none = replace(
        lanes, valid=torch.zeros_like(lanes.valid), point_valid=torch.zeros_like(lanes.point_valid)
    )
    _planned(replace(free, lanes=none), run)
    # At 30 m/s with the wheel hard over nothing can be driven: it brakes.
    ego = replace(free.ego, speed_mps=torch.tensor([30.0]), steering_rad=torch.tensor([1.0]))
    lost = replace(free, ego=ego)
    candidates = sampled(lost).candidates
    assert not candidates.valid.any()
    assert torch.equal(_planned(lost, run).trajectory, stop(lost, candidates))


def test_pdms_rules_refine_it_too(run: str) -> None:
    plan = _planned(_observed(Car(0, 30.0, 0.0, 0.0, 0.0), map=True), run, "pdm")
    assert plan.trajectory[0, 1:, 0].min() > 0.0
