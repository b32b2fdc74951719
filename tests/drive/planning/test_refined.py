"""Rule-based refinement: what PDM-Closed's rules think of a planner's own favourites."""

import pytest
import torch

from drive.planning import make_planner
from drive.planning.candidates import DT_S, POINTS, Candidates
from drive.planning.rated import Rated, RatedPlanner
from drive.planning.refined import RefinedPlanner
from eval.rollout import rollout
from sim.errors import InputError
from sim.interface import Needs, Observation
from sim.scenario import EGO, Scenario
from sim.simulator import Simulator
from tests.toy import Car, make_scenario, straight

# The ego drives at 10 m/s; 40 m ahead a car stands in its lane.
SCENARIO = make_scenario(
    [straight(-50.0, 0.0, 250.0, 0.0)],
    [Car(0, 0.0, 0.0, 0.0, 10.0), Car(0, 40.0, 0.0, 0.0, 0.0)],
    6.0,
)


class Favours(RatedPlanner):
    """Goes straight on at its speed, or brakes with 2 m/s2; likes to go on best."""

    def __init__(self, brakes: bool = True, cost: tuple[float, float] = (0.0, 1.0)) -> None:
        self.brakes, self.cost = brakes, cost

    def rated(self, observation: Observation) -> Rated:
        speed = observation.ego.speed_mps[:, None, None]
        time_s = DT_S * torch.arange(1, POINTS + 1)
        rate = torch.tensor((0.0, -2.0))[:, None]
        moving_s = torch.minimum(time_s, torch.where(rate < 0, speed / 2.0, torch.inf))
        x = speed * moving_s + 0.5 * rate * moving_s.square()
        zero = torch.zeros_like(x)
        trajectory = torch.stack((x, zero, zero, speed + rate * moving_s, zero), dim=-1)
        valid = torch.tensor([[True, self.brakes]]).expand(len(speed), -1)
        return Rated(
            Candidates(trajectory, valid), torch.tensor([self.cost]).expand(len(speed), -1)
        )


def _last_x_m(planner: object, scenario: Scenario = SCENARIO) -> float:
    simulator = Simulator.from_scenarios([scenario], "log")
    driven = rollout(simulator, planner, replan_s=0.5)  # type: ignore[arg-type]
    return float(driven.pose[0, -1, EGO, 0])


def test_what_runs_into_somebody_is_not_taken_though_it_is_liked_best() -> None:
    assert _last_x_m(Favours()) > 50.0
    # 10 m/s are gone after 25 m; it may roll on for the progress, but not into the car.
    assert 20.0 < _last_x_m(RefinedPlanner(Favours())) < 36.0


def test_what_the_planner_minds_much_outweighs_the_rules() -> None:
    """On a free road the rules would go on: for its progress, 5/12 of the score and 21 of cost at most."""
    free = make_scenario([straight(-50.0, 0.0, 250.0, 0.0)], [Car(0, 0.0, 0.0, 0.0, 10.0)], 6.0)
    assert _last_x_m(RefinedPlanner(Favours(cost=(1.0, 0.0))), free) > 50.0
    assert _last_x_m(RefinedPlanner(Favours(cost=(25.0, 0.0))), free) < 36.0


def test_what_cannot_be_driven_is_not_taken_either() -> None:
    """Left with going on, and with a stop that no rule asks for: it goes on."""
    assert _last_x_m(RefinedPlanner(Favours(brakes=False))) > 50.0


def test_it_asks_for_the_map_beside_what_its_planner_needs() -> None:
    planner = Favours()
    planner.needs = Needs(history_s=0.5)  # type: ignore[attr-defined]
    needs = RefinedPlanner(planner).needs
    assert needs.map and needs.history_s == 0.5


def test_who_rates_nothing_cannot_be_refined() -> None:
    with pytest.raises(InputError, match="idm rates no candidates"):
        make_planner("idm", refine="pdm")
    with pytest.raises(InputError, match="choices: pdm"):
        make_planner("hand_cost", refine="idm")
