"""What a trajectory does, by hand; and which behaviours are to be had on roads of one to three lanes."""

import numpy as np
import pytest
import torch

from drive.planning.behaviour.behaviours import Behaviour, behaviours_of, best_of_each, sampled
from drive.planning.candidates import POINTS, Candidates
from drive.planning.samplers.frenet import Courses
from sim.interface import Needs
from sim.maps.lane_table import LaneSpec
from sim.simulator import Simulator
from tests.toy import Car, make_scenario, straight

LANES_M = (0.0, 3.5, -3.5)


def _does(
    offsets_m: list[float],
    start_m: float = 0.0,
    speed_mps: float = 8.0,
    yaw_rad: float = 0.0,
    beside: tuple[bool, bool] = (True, True),
) -> Behaviour:
    """Of a candidate that is so far left of the route, at first and in thirds of its time."""
    offset_m = torch.tensor(offsets_m).repeat_interleave(4)[:POINTS].reshape(1, 1, POINTS)
    trajectory = torch.zeros(1, 1, POINTS, 5)
    trajectory[..., -1, 2], trajectory[..., -1, 3] = yaw_rad, speed_mps
    candidates = Candidates(trajectory, torch.ones(1, 1) > 0)
    valid = torch.tensor([[True, *beside]])
    courses = Courses(candidates, offset_m, torch.tensor([start_m]), torch.tensor([LANES_M]), valid)
    return Behaviour(int(behaviours_of(courses)))


@pytest.mark.parametrize(
    ("offsets_m", "given", "wanted"),
    [
        ([0.0, 0.0, 0.0], {}, Behaviour.KEEP),
        ([0.4, 0.5, 0.0], {"start_m": 0.4}, Behaviour.KEEP),
        ([0.0, 2.0, 0.0], {}, Behaviour.NUDGE),
        ([0.0, -1.0, -1.0], {}, Behaviour.NUDGE),  # not yet back, nearest to its own lane
        ([0.0, 2.0, 3.4], {}, Behaviour.CHANGE_LEFT),
        ([0.0, 2.0, 3.4], {"beside": (False, True)}, Behaviour.NUDGE),  # into no lane
        ([0.0, -1.0, -3.6], {}, Behaviour.CHANGE_RIGHT),
        ([3.5, 3.5, 3.5], {"start_m": 3.5}, Behaviour.KEEP),  # in the lane left of its route's
        ([3.0, 1.0, 0.0], {"start_m": 3.5}, Behaviour.CHANGE_RIGHT),
        ([0.0, 0.0, 0.0], {"yaw_rad": -1.2}, Behaviour.TURN),
        ([0.0, 1.5, 0.0], {"yaw_rad": -1.2}, Behaviour.NUDGE),
        ([0.0, 2.0, 3.4], {"speed_mps": 0.2}, Behaviour.STOP),
    ],
)
def test_behaviours_by_hand(offsets_m: list[float], given: dict, wanted: Behaviour) -> None:
    assert _does(offsets_m, **given) == wanted


def _possible(lines_m: list[np.ndarray], num_lanes: int, ego: Car) -> set[Behaviour]:
    pairs = [(k + 1, k) for k in range(num_lanes - 1)]
    scenario = make_scenario(lines_m, [ego], 3.0, beside=pairs)
    simulator = Simulator.from_scenarios([scenario], "log", Needs(lanes=LaneSpec()))
    courses = sampled(simulator.observe(simulator.reset()))
    does = behaviours_of(courses)[courses.candidates.valid]
    return {Behaviour(int(kind)) for kind in does.unique()}


def test_every_behaviour_is_proposed_where_it_is_possible() -> None:
    rows = [straight(-60.0, y, 200.0, y) for y in (0.0, 3.5, 7.0)]
    always = {Behaviour.KEEP, Behaviour.STOP, Behaviour.NUDGE}
    left, right = {Behaviour.CHANGE_LEFT}, {Behaviour.CHANGE_RIGHT}
    assert _possible(rows[:1], 1, Car(0, 0.0, 0.0, 0.0, 8.0)) == always
    assert _possible(rows[:2], 2, Car(0, 0.0, 0.0, 0.0, 8.0)) == always | left
    assert _possible(rows[:2], 2, Car(1, 0.0, 3.5, 0.0, 8.0)) == always | right
    assert _possible(rows, 3, Car(1, 0.0, 3.5, 0.0, 8.0)) == always | left | right


def test_it_turns_where_the_route_does() -> None:
    angle = np.arange(0.0, 1.5, 0.05)
    bend = 10.0 + 20.0 * np.stack((np.sin(angle), 1.0 - np.cos(angle)), axis=1) * (1.0, 1.0)
    bend[:, 1] -= 10.0
    line = np.concatenate((straight(-40.0, 0.0, 9.0, 0.0), bend))
    found = _possible([line], 1, Car(0, 0.0, 0.0, 0.0, 8.0))
    assert Behaviour.TURN in found and Behaviour.STOP in found
    assert not found & {Behaviour.CHANGE_LEFT, Behaviour.CHANGE_RIGHT}


def test_the_best_of_each_by_brute_force() -> None:
    draw = torch.Generator().manual_seed(0)
    cost = torch.rand(5, 40, generator=draw)
    valid = torch.rand(5, 40, generator=draw) > 0.3
    behaviour = torch.randint(0, len(Behaviour) - 1, (5, 40), generator=draw)  # none of the last
    index, least = best_of_each(cost, valid, behaviour)
    for world in range(5):
        for kind in Behaviour:
            fits = [k for k in range(40) if valid[world, k] and behaviour[world, k] == kind]
            if not fits:
                assert least[world, kind] == torch.inf
                continue
            best = min(fits, key=lambda k: float(cost[world, k]))
            assert int(index[world, kind]) == best and least[world, kind] == cost[world, best]
    assert (least[:, -1] == torch.inf).all()
