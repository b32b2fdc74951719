"""Pieces of lanes around the ego, on a map small enough to be written down."""

import math

import numpy as np
import torch

from sim.maps.lane_table import LaneSpec, LaneTable
from sim.scenario import LightState, StopKind, StopLine
from tests.toy import Car, make_scenario, straight

SPEC = LaneSpec(num_pieces=6, num_points=5, spacing_m=4.0)


def _table() -> tuple[LaneTable, torch.Tensor]:
    """A lane of 40 m along x (three pieces: 16, 16, 8 m), one of 12 m far to the left of it."""
    stop = StopLine(np.array(((20.0, -2.0), (20.0, 2.0))), StopKind.SIGNAL, (0,), light=0)
    light = np.full((1, 101), int(LightState.RED))
    scenario = make_scenario(
        [straight(0, 0, 40, 0), straight(0, 60, 12, 60)], [Car(0, 5, 0)], stop_lines=[stop],
        light_state=light, limit_mps=12.0,
    )  # fmt: skip
    return LaneTable.from_scenarios([scenario], SPEC), torch.tensor([[int(LightState.RED)]])


def test_the_nearest_pieces_come_first_and_in_the_ego_frame() -> None:
    table, red = _table()
    # At (35, 1), facing north: the third piece (32 to 40) is nearest, then the second, the first.
    seen = table.around(torch.tensor([[35.0, 1.0, math.pi / 2]]), red)
    assert seen.valid[0].tolist() == [True] * 4 + [False] * 2
    assert seen.lane[0, :4].tolist() == [0, 0, 0, 1]
    # World (32, 0) is 3 m to the left of the ego and 1 m behind it; (36, 0) 1 m to its right.
    expected = torch.tensor(((-1.0, 3.0), (-1.0, -1.0), (-1.0, -5.0)))
    assert torch.allclose(seen.point_m[0, 0, :3], expected, atol=1e-4)
    assert seen.point_valid[0, 0].tolist() == [True, True, True, False, False]
    # Pieces of one lane meet: the second ends (32, 0) where the third begins.
    assert torch.allclose(seen.point_m[0, 1, 4], seen.point_m[0, 0, 0], atol=1e-4)
    assert torch.allclose(seen.speed_limit_mps[0, :4], torch.tensor(12.0))


def test_lights_routes_and_reach() -> None:
    table, red = _table()
    seen = table.around(torch.tensor([[35.0, 1.0, 0.0]]), red)
    # The line at x = 20 lies on the second piece.
    assert seen.light[0].tolist() == [0, int(LightState.RED), 0, 0, 0, 0]
    assert seen.on_route[0].tolist() == [True, True, True, False, False, False]
    assert seen.reachable[0].tolist() == [True, True, True, False, False, False]


def test_a_map_does_not_see_the_pieces_of_another() -> None:
    lines = [straight(0, 4 * k, 200, 4 * k) for k in range(3)]
    many = make_scenario(lines, [Car(0, 5, 0)])
    few = make_scenario([straight(0, 0, 8, 0)], [Car(0, 5, 0)])
    table = LaneTable.from_scenarios([many, few], SPEC)
    here = torch.zeros(2, 3)
    seen = table.around(here, torch.zeros(2, 0, dtype=torch.long))
    assert seen.valid[0].all() and seen.valid[1].tolist() == [True] + [False] * 5
