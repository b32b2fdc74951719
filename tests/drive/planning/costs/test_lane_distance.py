"""Distance transforms of lanes: against scipy's exact one, and lanes by hand."""

import numpy as np
import pytest
import torch
from scipy.ndimage import distance_transform_edt

from drive.planning.costs.foretold import GRID
from drive.planning.costs.lane_distance import FURTHEST_M, distance_m, lane_distances_m
from sim.interface import Needs
from sim.maps.lane_table import LaneSpec
from sim.simulator import Simulator
from tests.toy import Car, make_scenario, straight


@pytest.mark.parametrize("resolution_m", [0.5, 1.0])
def test_is_eight_percent_off_at_most(resolution_m: float) -> None:
    seeds = torch.rand(2, 3, 40, 30, generator=torch.Generator().manual_seed(0)) > 0.995
    seeds[1, 2] = False
    found = distance_m(seeds, resolution_m)
    for b, c in np.ndindex(2, 3):
        if not seeds[b, c].any():
            assert (found[b, c] == FURTHEST_M).all()
            continue
        truth = resolution_m * np.asarray(distance_transform_edt(~seeds[b, c].numpy()))
        truth, seen = truth.clip(max=FURTHEST_M), found[b, c].numpy()
        assert (seen >= truth - 1e-4).all()
        assert (seen <= 1.083 * truth + 1e-4).all()
        assert seen.max() <= FURTHEST_M


def test_of_lanes_by_hand() -> None:
    """The ego's own lane along y = 0, one beside it that it may not use, at y = 8."""
    lines = [straight(-60.0, 0.0, 200.0, 0.0), straight(200.0, 8.0, -60.0, 8.0)]
    scenario = make_scenario(lines, [Car(0, 0.0, 0.0, 0.0, 5.0)], 3.0)
    simulator = Simulator.from_scenarios([scenario], "log", Needs(lanes=LaneSpec()))
    grid = GRID.coarse(2)
    found = lane_distances_m(simulator.observe(simulator.reset()), grid)[0]
    y = grid.cell_centers_m()[..., 1]
    # Of the middle of the cells that hold the lanes: y = 0 is in [0, 1), 8 in [8, 9).
    own, other = (y - 0.5).abs(), (y - 8.5).abs()
    ahead = slice(15, 35)  # x from 5 to 25 m, where the pieces of both lanes are in view
    for k, wanted in enumerate((torch.minimum(own, other), own, own)):
        torch.testing.assert_close(found[k, ahead], wanted[ahead].clamp(max=FURTHEST_M))
