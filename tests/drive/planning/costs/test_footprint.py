"""What lies under the ego's box: against shapely, against scipy, and by finite differences."""

import math

import numpy as np
import pytest
import shapely
import torch
from scipy.ndimage import map_coordinates

from drive.planning.costs.footprint import footprint_m, look_at, look_up, reduced
from sim.geometry import se2
from sim.geometry.grid import BevGrid

GRID = BevGrid(-6.0, -4.0, 0.5, 30, 18)
SIZE_M = torch.tensor([[4.4, 1.9]])


def _trajectory(num: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """`[1, num, 3, 5]` around the grid, some of it off it."""
    draw = torch.Generator().manual_seed(seed)
    unit = torch.rand(1, num, 3, 5, generator=draw, dtype=dtype)
    low = torch.tensor((-7.0, -5.0, -4.0, 0.0, 0.0), dtype=dtype)
    high = torch.tensor((10.0, 6.0, 4.0, 10.0, 0.1), dtype=dtype)
    return low + unit * (high - low)


def test_points_fill_the_box_to_its_corners() -> None:
    for wider_m, longer_m in ((0.0, 0.0), (0.6, 1.0)):
        points = footprint_m(SIZE_M, wider_m, longer_m)[0].double()
        x, y = 2.2 + longer_m, 0.95 + wider_m
        outline = shapely.box(-x, -y, x, y)
        found = shapely.MultiPoint(points.numpy())
        assert outline.buffer(1e-5).covers(found)
        assert shapely.area(found.convex_hull) == pytest.approx(4 * x * y, rel=1e-4)
        # No place in the box is farther than a metre or so from one of them.
        assert outline.difference(found.buffer(1.15)).is_empty


def _in_cells(trajectory: torch.Tensor, point_m: torch.Tensor, ahead_s: float) -> np.ndarray:
    """`[k, t, q, 2]`: where the points are, in cells, one by one."""
    out = np.zeros((*trajectory.shape[1:3], point_m.shape[1], 2))
    for k, t, q in np.ndindex(*out.shape[:3]):
        x, y, yaw, speed, _ = trajectory[0, k, t].tolist()
        along, across = point_m[0, q].tolist()
        along += ahead_s * speed
        px = x + along * math.cos(yaw) - across * math.sin(yaw)
        py = y + along * math.sin(yaw) + across * math.cos(yaw)
        out[k, t, q] = (px + 6.0) / 0.5, (py + 4.0) / 0.5
    return out


@pytest.mark.parametrize("ahead_s", [0.0, 0.4])
@pytest.mark.parametrize("smooth", [False, True])
def test_reads_what_is_there(smooth: bool, ahead_s: float) -> None:
    volume = torch.rand(1, 3, *GRID.shape, generator=torch.Generator().manual_seed(1))
    trajectory, points = _trajectory(40), footprint_m(SIZE_M)
    ahead = torch.full(points.shape[1:2], ahead_s) if ahead_s else None
    found = look_up(volume, GRID, trajectory, points, ahead, smooth)[0].numpy()
    cells = _in_cells(trajectory, points, ahead_s)
    for t in range(3):
        at, layer = cells[:, t].reshape(-1, 2).T, volume[0, t].numpy().astype(float)
        if smooth:
            wanted = map_coordinates(layer, at - 0.5, order=1, mode="grid-constant", cval=0.0)
            sure = np.ones(len(wanted), dtype=bool)
        else:
            i, j = np.floor(at).astype(int)
            held = (i >= 0) & (i < GRID.num_x) & (j >= 0) & (j < GRID.num_y)
            wanted = np.where(held, layer[i.clip(0, 29), j.clip(0, 17)], 0.0)
            sure = (np.abs(at - np.round(at)) > 1e-3).all(axis=0)
        assert 0.2 < (wanted == 0.0).mean() < 0.8
        np.testing.assert_allclose(found[:, t].reshape(-1)[sure], wanted[sure], atol=1e-4)


def test_what_has_a_gradient_reads_the_same() -> None:
    volume = torch.rand(1, 3, *GRID.shape, generator=torch.Generator().manual_seed(1))
    trajectory, points = _trajectory(200), footprint_m(SIZE_M, 0.6)
    found = look_up(volume, GRID, trajectory.clone().requires_grad_(), points, smooth=True)
    assert found.requires_grad
    wanted = look_up(volume, GRID, trajectory, points, smooth=True)
    torch.testing.assert_close(found.detach(), wanted, atol=1e-4, rtol=0)


@pytest.mark.parametrize("at_once", [1, 100, 10**6])
def test_the_most_under_a_footprint_in_parts_is_that_of_its_points(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drive.planning.costs.footprint._AT_ONCE", at_once)
    volume = torch.rand(1, 3, *GRID.shape, generator=torch.Generator().manual_seed(2))
    trajectory, points = _trajectory(30), footprint_m(SIZE_M)
    found = reduced(lambda seen: seen.amax(dim=-1), volume, GRID, trajectory, points, smooth=True)
    cells = _in_cells(trajectory, points, 0.0)
    wanted = np.zeros((30, 3))
    for k, t in np.ndindex(30, 3):
        layer = volume[0, t].numpy().astype(float)
        at = cells[k, t].T - 0.5
        wanted[k, t] = map_coordinates(layer, at, order=1, mode="grid-constant", cval=0.0).max()
    np.testing.assert_allclose(found[0].numpy(), wanted, atol=1e-4)


def test_each_world_and_instant_has_its_own_raster() -> None:
    volume = torch.arange(6.0).reshape(2, 3, 1, 1).expand(2, 3, *GRID.shape).contiguous()
    still = torch.zeros(2, 4, 3, 5)
    found = look_up(volume, GRID, still, torch.zeros(2, 1, 2))
    wanted = torch.arange(6.0).reshape(2, 1, 3, 1).expand(2, 4, 3, 1)
    assert torch.equal(found, wanted)


def test_gradients_are_those_of_finite_differences() -> None:
    draw = torch.Generator().manual_seed(2)
    small = BevGrid(-6.0, -4.0, 2.0, 8, 5)
    volume = torch.rand(1, 3, 8, 5, generator=draw, dtype=torch.float64, requires_grad=True)
    trajectory = _trajectory(2, 3, torch.float64).requires_grad_()
    points = footprint_m(SIZE_M.double())[:, ::7]
    ahead = torch.full((points.shape[1],), 0.3, dtype=torch.float64)

    def smooth(volume: torch.Tensor, trajectory: torch.Tensor) -> torch.Tensor:
        return look_up(volume, small, trajectory, points, ahead, smooth=True)

    assert torch.autograd.gradcheck(smooth, (volume, trajectory))
    assert torch.autograd.gradgradcheck(smooth, (volume, trajectory))
    fixed = trajectory.detach()
    assert torch.autograd.gradcheck(lambda v: look_up(v, small, fixed, points, ahead), (volume,))


def test_a_box_over_a_cell_sees_it_and_one_beside_it_does_not() -> None:
    """Cells of half a metre are smaller than the gaps between points: what a car fills is seen."""
    draw = torch.Generator().manual_seed(4)
    for _ in range(50):
        unit = torch.rand(6, generator=draw)
        ego = torch.tensor((0.0, 0.0, 0.0)) + 6.0 * (unit[:3] - 0.5)
        car = torch.tensor((2.0, 1.0, 0.0)) + torch.tensor((8.0, 5.0, 6.0)) * (unit[3:] - 0.5)
        outlines = [
            shapely.Polygon(
                se2.transform_points(
                    pose, 0.5 * torch.tensor(((4.4, 1.9), (-4.4, 1.9), (-4.4, -1.9), (4.4, -1.9)))
                ).numpy()
            )
            for pose in (ego, car)
        ]
        centers = shapely.points(GRID.cell_centers_m().numpy())
        taken = torch.tensor(shapely.contains(outlines[1], centers), dtype=torch.float32)
        trajectory = torch.cat((ego, torch.zeros(2))).reshape(1, 1, 1, 5)
        seen = look_up(taken[None, None], GRID, trajectory, footprint_m(SIZE_M)).amax() > 0.0
        on_grid = outlines[0].intersection(outlines[1]).intersection(shapely.box(-6, -4, 9, 5))
        if outlines[0].distance(outlines[1]) > 0.36:  # half the diagonal of a cell
            assert not seen
        elif not on_grid.buffer(-0.75).is_empty:
            assert seen


def test_rasters_at_points_by_hand() -> None:
    grid = BevGrid(-1.0, -2.0, 1.0, 3, 4)
    raster = torch.arange(12.0).reshape(
        1, 1, 3, 4
    )  # 4 i + j in the cell with middle (i - 0.5, j - 1.5)
    points = torch.tensor([[(0.5, 0.5), (1.0, 0.5), (0.5, -0.25), (9.0, 0.5), (0.5, -9.0)]])
    # Cells (1, 2); between it and (2, 2); a quarter of (1, 1); off the grid (2, 2) and (1, 0).
    assert look_at(raster, grid, points).flatten().tolist() == [6.0, 8.0, 5.25, 10.0, 4.0]
