"""Finishing lines: who crosses them, against shapely; where a recording ends."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import shapely
import torch

from sim.goals import Goals
from tests.toy import Car, make_scenario, straight

ROAD = straight(-60, 0, 200, 0)


def test_crossings_against_shapely() -> None:
    rng = np.random.default_rng(4)
    count = 400
    lines = rng.normal(0.0, 4.0, (count, 2, 2))
    places = np.cumsum(rng.normal(0.0, 2.0, (count, 9, 2)), axis=1)
    goals = Goals(
        torch.tensor(lines).float(), torch.ones(count), torch.ones(count, dtype=torch.bool)
    )
    found = goals.reached(torch.tensor(places).float())
    for line, way, row in zip(lines, places, found.tolist(), strict=True):
        left, right = line
        reached = [False]
        for a, b in pairwise(way):
            crosses = shapely.LineString((a, b)).crosses(shapely.LineString(line))
            # Onwards: the left end is on the left of the motion.
            onwards = np.linalg.det(np.stack((b - a, left - right))) > 0
            reached.append(reached[-1] or bool(crosses and onwards))
        assert row == reached
    assert 60 < int(found[:, -1].sum()) < 300


def test_the_goal_of_a_recording_is_near_its_end() -> None:
    # 10 m/s for 4 s: the line is at 38 m, 3 m to either side.
    driven = make_scenario([ROAD], [Car(0, 0, 0, 0, 10.0)], 4.0)
    stands = make_scenario([ROAD], [Car(0, 0, 0, 0, 0.0)], 4.0)
    own = replace(driven, goal_line_m=np.array(((7.0, 2.0), (7.0, -2.0))), time_limit_s=2.5)
    goals = Goals.from_scenarios([driven, stands, own])
    assert goals.known.tolist() == [True, False, True]
    assert torch.allclose(goals.line_m[0], torch.tensor(((38.0, 3.0), (38.0, -3.0))), atol=1e-3)
    assert goals.line_m[2].tolist() == [[7.0, 2.0], [7.0, -2.0]]
    assert torch.allclose(goals.time_limit_s, torch.tensor((4.0, 4.0, 2.5)))
