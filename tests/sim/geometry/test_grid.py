"""Metres to cells and back, worked out by hand."""

import numpy as np
import pytest
import torch

from sim.errors import InputError
from sim.geometry.grid import BevGrid, BevGrids

# 3 x 5 cells of half a metre: x from -1 to 0.5, y from 2 to 4.5.
GRID = BevGrid(-1.0, 2.0, 0.5, 3, 5)


def test_points_to_cells_and_back() -> None:
    assert GRID.shape == (3, 5) and GRID.num_cells == 15
    assert GRID.high_m == (0.5, 4.5)
    # (0.1, 2.6) is 1.1 m and 0.6 m from the corner: cell (2, 1), at (2.2, 1.2) in cells.
    assert GRID.cells(0.1, 2.6) == pytest.approx((2.2, 1.2))
    assert GRID.point_m(2.2, 1.2) == pytest.approx((0.1, 2.6))
    assert GRID.center_m(2, 1) == (0.25, 2.75)
    assert GRID.flat(2, 1) == 11 and GRID.cell(11) == (2, 1)
    assert GRID.cell_centers_m()[2, 1].tolist() == [0.25, 2.75]


@pytest.mark.parametrize("made_of", [np.array, torch.tensor])
def test_arrays_and_tensors_alike(made_of) -> None:
    x, y = made_of([-1.0, 0.1, 0.49]), made_of([2.0, 2.6, 4.49])
    i, _ = GRID.cells(x, y)
    assert type(i) is type(x) and i.tolist() == pytest.approx([0.0, 2.2, 2.98])
    assert GRID.flat(made_of([0, 1, 2]), made_of([0, 3, 4])).tolist() == [0, 8, 14]
    # One past the last in x, one before the first in y, the last cell.
    assert GRID.holds(made_of([3, 0, 2]), made_of([0, -1, 4])).tolist() == [False, False, True]


def test_rows_and_columns_broadcast() -> None:
    i, j = np.arange(-1, 4)[:, None], np.arange(-1, 6)
    assert GRID.holds(i, j).shape == (5, 7) and GRID.holds(i, j).sum() == GRID.num_cells


def test_cells_that_a_box_touches() -> None:
    # x -0.6 to 0.1: cells 0.8 to 2.2, so 0, 1 and 2; y from far below to 2.5: the first only.
    first, last = GRID.overlap(np.array((-0.6, -9.0)), np.array((0.1, 2.5)))
    assert first.tolist() == [0, 0] and last.tolist() == [3, 1]
    part, where = GRID.part(np.array((-0.4, 2.6)), np.array((0.4, 3.4)))
    assert part == BevGrid(-0.5, 2.5, 0.5, 2, 2) and where == (slice(1, 3), slice(1, 3))
    off, _ = GRID.part(np.array((5.0, 5.0)), np.array((6.0, 6.0)))
    assert off.num_cells == 0
    first, last = GRID.overlap(np.full(2, -np.inf), np.full(2, np.inf))
    assert first.tolist() == [0, 0] and last.tolist() == [3, 5]


def test_blocks_of_cells() -> None:
    assert GRID.coarse(2) == BevGrid(-1.0, 2.0, 1.0, 2, 3)


def test_a_grid_that_covers_a_box() -> None:
    # 1.3 m in cells of half a metre: three; exactly 1 m: two.
    covering = BevGrid.covering(np.array((0.0, 1.0)), np.array((1.3, 2.0)), 0.5)
    assert covering == BevGrid(0.0, 1.0, 0.5, 3, 2)


def test_grids_of_a_batch_by_hand() -> None:
    grids = BevGrids.of([GRID, BevGrid(10.0, -3.0, 0.5, 2, 4)])
    row = torch.tensor((1, 0, 1))
    points = torch.tensor(((10.6, -2.2), (0.1, 2.6), (12.0, -1.1)))[:, None]
    x, y = grids.cells(*points.unbind(-1), row)
    assert x[:, 0].tolist() == pytest.approx((1.2, 2.2, 4.0), abs=1e-5)
    assert y[:, 0].tolist() == pytest.approx((1.6, 1.2, 3.8), abs=1e-5)
    i, j = torch.floor(x), torch.floor(y)
    assert grids.holds(i, j, row)[:, 0].tolist() == [True, True, False]  # (4, 3) of a 2 x 4 grid
    # The second grid's cells come after the 15 of the first: 15 + 1 * 4 + 1, 2 * 5 + 1.
    assert grids.flat(i.int(), j.int(), row)[:2, 0].tolist() == [20, 11]
    assert [last[:, 0].tolist() for last in grids.last(i, row)] == [[1, 2, 1], [3, 4, 3]]
    assert grids.stride(i, row)[:, 0].tolist() == [4, 5, 4]


def test_grids_of_a_batch_as_each_alone() -> None:
    rng = np.random.default_rng(0)
    alone = [
        BevGrid(*rng.uniform(-50, 50, 2), 0.5, *rng.integers(1, 40, 2).tolist()) for _ in "abc"
    ]
    grids, row = BevGrids.of(alone), torch.tensor((2, 0, 1, 1))
    points = torch.from_numpy(rng.uniform(-60, 80, (4, 7, 3, 2)))
    x, y = grids.cells(*points.unbind(-1), row)
    whole_i, whole_j = torch.floor(x), torch.floor(y)
    before = 0
    starts = [before := before + k for k in (0, alone[0].num_cells, alone[1].num_cells)]
    for b, k in enumerate(row.tolist()):
        i, j = alone[k].cells(points[b, ..., 0], points[b, ..., 1])
        assert torch.allclose(x[b], i, atol=1e-4) and torch.allclose(y[b], j, atol=1e-4)
        inside = alone[k].holds(whole_i[b], whole_j[b])
        assert torch.equal(grids.holds(whole_i, whole_j, row)[b], inside)
        number = alone[k].flat(whole_i[b], whole_j[b]).int() + starts[k]
        assert torch.equal(grids.flat(whole_i.int(), whole_j.int(), row)[b], number)


def test_more_cells_than_can_be_numbered_are_refused() -> None:
    with pytest.raises(InputError, match="2 maps have 3200000000 cells, 2147483647 at most"):
        BevGrids.of([BevGrid(0.0, 0.0, 0.5, 40_000, 40_000)] * 2)
