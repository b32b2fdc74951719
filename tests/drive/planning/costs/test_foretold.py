"""Occupancy from where everybody may be: against shapely, and by adding probabilities up."""

import math

import numpy as np
import pytest
import shapely
import torch

from drive.planning.costs.foretold import GRID, foretold_occupancy
from drive.planning.futures import Futures
from sim.geometry import se2


def _futures(pose: torch.Tensor, valid: torch.Tensor | None = None) -> Futures:
    there = torch.ones_like(pose[..., 0], dtype=torch.bool) if valid is None else valid
    return Futures(pose, torch.zeros_like(pose[..., :2]), there)


def _outline(pose: torch.Tensor, size_m: tuple[float, float]) -> shapely.Polygon:
    half = 0.5 * torch.tensor(size_m)
    signs = torch.tensor(((1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0), (1.0, -1.0)))
    return shapely.Polygon(se2.transform_points(pose, signs * half).numpy())


@pytest.mark.parametrize("size_m", [(4.6, 1.9), (0.6, 0.6)])  # the small one counts as 1 m x 1 m
def test_cells_are_those_under_the_box(size_m: tuple[float, float]) -> None:
    draw = torch.Generator().manual_seed(0)
    yaw = torch.tensor((0.0, 0.3, math.pi / 4, -1.2, 2.0))
    place = torch.tensor((-12.0, -22.0)) + torch.rand(5, 2, generator=draw) * torch.tensor(
        (85.0, 44.0)
    )
    pose = torch.cat((place, yaw[:, None]), dim=1)
    sure = torch.ones(1, 1)
    found = foretold_occupancy([_futures(pose.reshape(1, 1, 5, 3))], sure, torch.tensor([[size_m]]))
    centers = GRID.cell_centers_m().numpy()
    half = 0.5 * GRID.resolution_m
    cells = shapely.box(*(centers - half).transpose(2, 0, 1), *(centers + half).transpose(2, 0, 1))
    points = shapely.points(centers)
    for t in range(5):
        counted = max(size_m[0], 1.0), max(size_m[1], 1.0)
        outline, taken = _outline(pose[t], counted), found[0, t].numpy() > 0.5
        # A cell whose whole inner disc is in the box is taken; one that the box does not touch is not.
        well_inside = shapely.contains(outline.buffer(-half), points)
        assert taken[well_inside].all()
        assert not taken[~shapely.intersects(outline.buffer(1e-4), cells)].any()
    assert (found[0] > 0.5).any(dim=2).any(dim=1).sum() >= 4


def test_probabilities_of_the_futures_in_which_a_cell_is_taken_add_up() -> None:
    here, there = torch.tensor((10.0, 0.0, 0.0)), torch.tensor((20.0, 5.0, 0.0))
    far = torch.tensor((500.0, 0.0, 0.0))
    # Two agents, two instants, three futures: agent 0 stays; agent 1 comes there, comes here, or neither.
    modes = []
    for goal in (there, here, far):
        modes.append(
            _futures(torch.stack((torch.stack((here, here)), torch.stack((far, goal))))[None])
        )
    chance = torch.tensor([[0.5, 0.3, 0.2]])
    found = foretold_occupancy(modes, chance, torch.full((1, 2, 2), 2.0))

    def at(x_m: float, y_m: float) -> list[float]:
        i, j = (int(c) for c in GRID.cells(x_m, y_m))
        return found[0, :, i, j].tolist()

    assert at(10.2, 0.2) == pytest.approx([1.0, 1.0])  # two in one cell count once
    assert at(20.2, 5.2) == pytest.approx([0.0, 0.5])
    assert found.max() <= 1.0 + 1e-6
    # 2 m boxes on the edges of cells: 16 of them each; nobody else is anywhere.
    assert float(found.sum()) == pytest.approx(16 + 16 + 0.5 * 16, rel=0.4)


def test_who_is_not_there_is_nowhere() -> None:
    pose = torch.zeros(2, 3, 2, 3)
    pose[..., 0] = 10.0
    pose[0, 1] = math.nan
    pose[1, 0] = math.inf
    valid = torch.zeros(2, 3, 2, dtype=torch.bool)
    valid[1, 2, 1] = True
    found = foretold_occupancy(
        [_futures(pose, valid)], torch.ones(2, 1), torch.full((2, 3, 2), 2.0)
    )
    assert found[0].sum() == 0.0
    assert found[1, 0].sum() == 0.0
    assert found[1, 1].sum() > 0.0
    nobody = Futures(torch.zeros(1, 0, 4, 3), torch.zeros(1, 0, 4, 2), torch.zeros(1, 0, 4) > 0)
    empty = foretold_occupancy([nobody], torch.ones(1, 1), torch.zeros(1, 0, 2))
    assert empty.shape == (1, 4, *GRID.shape)
    assert np.count_nonzero(empty.numpy()) == 0
