"""The cells that others will occupy, against shapely."""

import numpy as np
import shapely

from eval.view.future_occupancy import GRID, future_occupancy
from eval.view.viewed_scene import ViewedScene
from tests.toy import Car, make_scenario, straight


def test_the_future_occupancy_is_what_shapely_says() -> None:
    cars = [Car(0, 0.0, 0.0), Car(-1, 12.0, 4.0, 0.5, speed_mps=2.0)]
    scenario = make_scenario([straight(-20, 0, 80, 0)], cars, duration_s=5.0)
    cells, _, _ = future_occupancy(ViewedScene.of(scenario), 4)
    turn = np.array(((np.cos(0.5), -np.sin(0.5)), (np.sin(0.5), np.cos(0.5))))
    ring = np.array(((2, 1), (-2, 1), (-2, -1), (2, -1))) @ turn.T + np.array((12.0, 4.0))
    # At instant 4 it has gone 0.8 m, then a metre more every half second.
    ahead = np.array((np.cos(0.5), np.sin(0.5)))
    centers = GRID.cell_centers_m().numpy().reshape(-1, 2)
    assert len(cells) == 8
    for k, level in enumerate(cells):
        moved = shapely.Polygon(ring + (1.8 + k) * ahead)
        truth = shapely.contains_xy(moved, *centers.T).reshape(GRID.shape)
        assert truth.sum() > 20 and (level.astype(bool) != truth).sum() <= 1
