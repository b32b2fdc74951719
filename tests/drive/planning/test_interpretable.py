"""Planners of an interpretable cost: plans that are finite, weights that fit, draws that come again."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from drive.cli.main import main
from drive.features.example import ExampleSpec
from drive.networks.weights import FILE, WeightsCard, find_weights, save_weights
from drive.planning import PLANNERS, make_planner
from drive.planning.costs.terms import EACH, OF_OTHERS, WHOLE, Terms, terms_of
from drive.planning.interpretable.network import (
    HAND_EACH,
    HAND_WHOLE,
    InterpretableConfig,
    InterpretableCost,
)
from drive.planning.interpretable.planner import HandCostPlanner, RandomCostPlanner
from drive.planning.oncoming import without_wrong_way
from drive.planning.rated import BEST
from drive.planning.samplers.frenet import FrenetSampler
from sim.errors import InputError
from sim.interface import Observation, Plan
from sim.simulator import Simulator
from tests.toy import Car, make_scenario, straight

ROAD = [straight(-60.0, 0.0, 200.0, 0.0)]
EGO = Car(0, 0.0, 0.0, 0.0, 8.0)


def _run(folder: Path) -> str:
    """A run folder with the hand-tuned cost."""
    folder.mkdir()
    cost = InterpretableCost(InterpretableConfig())
    card = WeightsCard("p3", InterpretableCost.version, asdict(cost.config), {}, "", {})
    save_weights(folder / FILE, cost, card)
    return str(folder)


def _observed(*others: Car) -> Observation:
    scenario = make_scenario(ROAD, [EGO, *others], 3.0)
    simulator = Simulator.from_scenarios([scenario], "log", ExampleSpec().needs())
    return simulator.observe(simulator.reset())


def _without_map(observation: Observation) -> Observation:
    lanes = observation.lanes
    assert lanes is not None
    nothing = torch.zeros_like(lanes.valid)
    none = replace(lanes, valid=nothing, point_valid=torch.zeros_like(lanes.point_valid))
    return replace(observation, lanes=none)


def _planned(name: str, observation: Observation, seed: int = 0) -> Plan:
    planner = make_planner(name)
    generator = torch.Generator().manual_seed(seed)
    planner.reset(1, torch.device("cpu"), generator)  # type: ignore[attr-defined]
    with torch.no_grad():
        plan = planner.plan(observation)
    assert isinstance(plan, Plan)
    return plan


def _finite(plan: Plan) -> bool:
    shown = (plan.trajectory, plan.candidates, plan.costs)
    return all(t is not None and bool(torch.isfinite(t).all()) for t in shown)


@pytest.mark.parametrize("kind", ["hand_cost", "p3", "random_cost"])
def test_plans_are_finite_and_sensible(kind: str, tmp_path: Path) -> None:
    name = f"p3@{_run(tmp_path / 'run')}" if kind == "p3" else kind
    free = _observed()
    blocked = _observed(Car(-1, 18.0, 0.0, 0.0, 0.0, (4.0, 7.0, 1.6)))
    there = _planned(name, free)
    stops = _planned(name, blocked)
    assert _finite(there) and _finite(stops) and _finite(_planned(name, _without_map(free)))
    assert there.trajectory.shape == (1, 10, 5)
    assert there.occupancy is not None and stops.occupancy is not None
    assert there.occupancy.probability.sum() == 0.0
    assert 0.5 < stops.occupancy.probability.max() <= 1.0 + 1e-5
    assert there.trajectory[0, -1, 0] > 20.0
    if kind != "random_cost":
        # The wall begins 16 m ahead of the ego's centre; its front is 2 m ahead.
        assert stops.trajectory[0, :, 0].max() < 14.01
        assert torch.equal(there.trajectory, _planned("hand_cost", free).trajectory)


def test_draws_are_the_generators_and_each_world_has_its_own() -> None:
    terms = Terms(torch.ones(3, 2, 1, len(EACH)), torch.ones(3, 2, len(WHOLE)))

    def drawn(seed: int) -> torch.Tensor:
        planner = RandomCostPlanner()
        planner.reset(3, torch.device("cpu"), torch.Generator().manual_seed(seed))
        with torch.no_grad():
            weighted = planner.weighted(terms, torch.arange(3))
            return torch.stack(list(weighted.values())).sum(dim=0)

    first = drawn(0)
    assert torch.equal(first, drawn(0))
    assert not torch.equal(first, drawn(1))
    assert len(set(first[:, 0].tolist())) == 3
    assert torch.equal(first[:, 0], first[:, 1])


def test_the_best_are_those_of_all_candidates_priced_in_full() -> None:
    others = [
        Car(-1, 25.0, 0.0, 0.0, 3.0),
        Car(-1, 8.0, 3.5, 0.0, 9.0),
        Car(-1, -12.0, 0.0, 0.0, 9.0),
    ]
    observation = _observed(*others)
    planner = HandCostPlanner()
    planner.reset(1, torch.device("cpu"), torch.Generator().manual_seed(0))
    with torch.no_grad():
        rated = planner.rated(observation)
        assert rated.occupancy is not None
        all_of_them = FrenetSampler()(observation)
        terms = terms_of(observation, all_of_them, rated.occupancy.probability)
        cost = planner.cost.total(terms)
    valid = without_wrong_way(observation, all_of_them).valid
    wanted = torch.where(valid, cost, torch.inf).sort(dim=1).values[:, :BEST]
    found = torch.where(rated.candidates.valid, rated.cost, torch.inf).sort(dim=1).values[:, :BEST]
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
    assert float((terms.each[..., : len(OF_OTHERS)].sum(dim=(2, 3)) > 0.0).float().mean()) > 0.2
    assert float((rated.cost - cost)[valid].abs().max()) > 1.0  # of those that nobody looks at
    planner.best = all_of_them.num
    with torch.no_grad():
        told = planner.rated(observation)
    torch.testing.assert_close(told.cost[valid], cost[valid], rtol=1e-5, atol=1e-5)


def test_the_untrained_cost_is_the_hand_tuned_one() -> None:
    cost = InterpretableCost(InterpretableConfig())
    draw = torch.Generator().manual_seed(0)
    terms = Terms(
        torch.rand(1, 2, 3, len(EACH), generator=draw), torch.rand(1, 2, len(WHOLE), generator=draw)
    )
    each, whole = cost(terms)
    wanted = sum(HAND_EACH[n] * terms.each[0, 1, :, k].sum() for k, n in enumerate(EACH))
    wanted += sum(HAND_WHOLE[n] * terms.whole[0, 1, k] for k, n in enumerate(WHOLE))
    torch.testing.assert_close(each.sum(dim=2)[0, 1] + whole[0, 1], torch.as_tensor(wanted))
    weighted = cost.weighted(terms)
    assert set(weighted) == {*EACH, *WHOLE}
    total = torch.stack(list(weighted.values())).sum(dim=0)
    torch.testing.assert_close(total, each.sum(dim=2) + whole)


def test_weights_that_do_not_fit_are_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    of_joint = find_weights("default", "joint")
    few = ["simulate", "--families", "curve", "--count", "1", "--planner"]
    drive = ["collect", "--families", "curve", "--count", "1", "--out", "x", "--planner"]
    for words in (few, drive):
        for name, message in (
            (f"p3@{of_joint}", "weights of task 'joint', not of p3"),
            ("p3@nowhere", "nowhere: neither `default`, nor a run folder, nor a file"),
            ("idm@x", "--planner idm@x: IdmPlanner takes no weights"),
        ):
            assert main([*words, name]) == 2
            error = capsys.readouterr().err
            assert message in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match="takes no weights"):
        make_planner("idm@x")


def test_it_is_called_after_its_run() -> None:
    assert PLANNERS.labels(["p3@runs/mine", "pdm", "p3", "p3@other/mine"]) == {
        "p3@runs/mine": "p3@mine", "pdm": "pdm", "p3": "p3", "p3@other/mine": "p3@mine-2",
    }  # fmt: skip
