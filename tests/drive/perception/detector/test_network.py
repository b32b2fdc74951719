"""The detector sees a shifted scene as the same scene, and nothing in what is no point."""

import pytest
import torch
from torch import Tensor, nn

from drive.perception.detector.network import STRIDE, Detector, DetectorConfig, Pillars
from sim.geometry.grid import BevGrid

GRID = BevGrid(-19.2, -19.2, 0.2, 192, 192)
_FELT_CELLS = 15  # a side of the grid is felt no farther in


@pytest.fixture(scope="module")
def detector() -> Detector:
    """Untrained, with averages as a training leaves them, and bold enough to find something."""
    torch.manual_seed(0)
    network = Detector(DetectorConfig(width=8))
    assert network.head.bias is not None
    with torch.no_grad():
        network.head.bias[0] = 0.0
        network.head.weight *= 10.0
    points = clutter(40_000)
    network.train()
    for _ in range(20):
        network(points, torch.ones(1, 40_000) > 0, GRID)
    return network.eval()


def clutter(number: int) -> Tensor:
    """Points on a lattice, none of them at the edge of a pillar."""
    generator = torch.Generator().manual_seed(1)
    place = torch.randint(-450, 450, (1, number, 2), generator=generator) * 0.04 + 0.02
    height = torch.rand(1, number, 1, generator=generator) * 2.0
    heap = (place[..., :1] * 0.7).sin() * (place[..., 1:] * 0.9).sin() > 0.6
    return torch.where(heap, torch.cat((place, height), dim=-1), torch.nan)


def everywhere(points: Tensor) -> Tensor:
    return torch.ones(points.shape[:2]) > 0


def test_a_shift_by_eight_pillars_shifts_what_is_said(detector: Detector) -> None:
    points = clutter(40_000)
    with torch.no_grad():
        here = detector(points, everywhere(points), GRID)
        there = detector(points + torch.tensor((1.6, -3.2, 0.0)), everywhere(points), GRID)
    inner = slice(_FELT_CELLS + 4, -_FELT_CELLS - 4)
    for one, other in ((here.logit, there.logit), (here.code, there.code)):
        other = other.roll((-2, 4), dims=(1, 2))
        torch.testing.assert_close(one[:, inner, inner], other[:, inner, inner], atol=1e-4, rtol=0)
        assert one[:, inner, inner].std() > 0.01
        assert (one - one.roll(1, dims=1))[:, inner, inner].abs().max() > 0.1  # by one cell: not


def test_the_same_is_said_on_a_larger_grid(detector: Detector) -> None:
    points = clutter(40_000)
    large = BevGrid(-38.4, -25.6, 0.2, 400, 256)
    with torch.no_grad():
        small, wide = (detector(points, everywhere(points), grid) for grid in (GRID, large))
    inner = slice(_FELT_CELLS, -_FELT_CELLS)
    for one, other in ((small.logit, wide.logit), (small.code, wide.code)):
        same = other[:, 24 : 24 + 48, 8 : 8 + 48]  # 19.2 and 6.4 m farther to the low corner
        torch.testing.assert_close(one[:, inner, inner], same[:, inner, inner], atol=1e-4, rtol=0)


def test_norms_that_are_part_of_convolutions_are_torch_s_own(detector: Detector) -> None:
    stages = [stage for stage in detector.modules() if isinstance(stage, nn.Sequential)]
    blocks = [stage for stage in stages if any(isinstance(m, nn.BatchNorm2d) for m in stage)]
    assert len(blocks) == 10
    draw = torch.Generator().manual_seed(2)
    for block in blocks:
        convolution, norm, _ = block
        assert isinstance(convolution, nn.Conv2d) and norm.running_var.std() > 0.0
        image = torch.randn(2, convolution.in_channels, 16, 24, generator=draw)
        with torch.no_grad():
            one_by_one = torch.relu(norm(convolution(image)))
            torch.testing.assert_close(block(image), one_by_one, atol=1e-5, rtol=1e-4)


def test_what_is_no_point_is_not_seen(detector: Detector) -> None:
    points = clutter(20_000)
    nonsense = torch.tensor(
        [
            [torch.nan, 0, 0],
            [0, torch.inf, 1],
            [1e30, 0, 1],
            [19.21, 0, 1],
            [0, -19.21, 1],
            [3, 3, 1],
        ]
    )
    more = torch.cat((points, nonsense.unsqueeze(0)), dim=1)
    valid = everywhere(more)
    valid[:, -1] = False
    with torch.no_grad():
        alone, beside = (
            detector(p, v, GRID) for p, v in ((points, everywhere(points)), (more, valid))
        )
    torch.testing.assert_close(alone.logit, beside.logit, atol=0, rtol=0)
    with torch.no_grad():
        seen = detector(more, everywhere(more), GRID)
    assert not torch.equal(alone.logit, seen.logit)  # the last one is a point, where it is valid


def test_sweeps_of_a_batch_do_not_see_one_another(detector: Detector) -> None:
    points = clutter(20_000)
    both = torch.cat((points, points.flip(-2) + torch.tensor((0.4, 0.0, 0.5))))
    with torch.no_grad():
        together = detector(both, everywhere(both), GRID).logit
        alone = detector(both[1:], everywhere(both[1:]), GRID).logit
    torch.testing.assert_close(together[1:], alone, atol=1e-4, rtol=0)


def test_a_pillar_holds_the_largest_of_its_points_and_passes_the_gradient_to_them() -> None:
    torch.manual_seed(0)
    pillars, grid = Pillars(16), BevGrid(0.0, 0.0, 0.2, 8, 8)
    points = torch.rand(2, 150, 3) * 2.0  # as far as 2 m: some beside the grid of 1.6 m
    valid = torch.rand(2, 150) > 0.2
    said = pillars(points, valid, grid)
    by_hand: dict[tuple[int, int, int], Tensor] = {}
    for b in range(2):
        for point in points[b, valid[b]]:
            at = (point[:2] / 0.2).tolist()
            i, j = int(at[0]), int(at[1])
            if max(i, j) < 8:
                place = torch.tensor(
                    (2 * (at[0] - i) - 1, 2 * (at[1] - j) - 1, float(point[2]) / 2)
                )
                one = pillars.point(place)
                by_hand[b, i, j] = torch.maximum(one, by_hand.get((b, i, j), torch.zeros(16)))
    wanted = torch.zeros_like(said)
    for (b, i, j), most in by_hand.items():
        wanted[b, :, i, j] = most
    assert 60 < len(by_hand) < 128  # several points a pillar, and empty ones
    assert wanted.amax(dim=(0, 2, 3)).count_nonzero() > 4
    torch.testing.assert_close(said, wanted, atol=1e-5, rtol=0)
    weight = torch.rand_like(said)
    slopes = (torch.autograd.grad((x * weight).sum(), pillars.parameters()) for x in (said, wanted))
    for one, other in zip(*slopes, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_an_empty_sweep_and_one_beam() -> None:
    network = Detector(DetectorConfig(width=8))
    for number in (0, 7):
        found = network.detect(torch.zeros(2, number, 3), torch.zeros(2, number) > 0, GRID)
        assert found.box.isfinite().all() and not found.score.any()
    turn = torch.linspace(0.0, 6.28, 500)
    beam = torch.stack((9.0 * turn.cos(), 9.0 * turn.sin(), torch.ones(500)), dim=-1).unsqueeze(0)
    found = network.detect(beam, everywhere(beam), GRID)
    assert found.box.isfinite().all() and found.score.isfinite().all()
    assert network.training  # as it was


def test_other_grids_are_refused() -> None:
    network = Detector(DetectorConfig(width=8))
    points = torch.zeros(1, 1, 3)
    for grid in (BevGrid(0.0, 0.0, 0.25, 64, 64), BevGrid(0.0, 0.0, 0.2, 64, 60)):
        with pytest.raises(ValueError, match="multiple of 8"):
            network(points, everywhere(points), grid)


def test_cells_are_four_pillars_wide(detector: Detector) -> None:
    maps = detector(clutter(100), torch.ones(1, 100) > 0, BevGrid(0.0, 0.0, 0.2, 64, 40))
    assert maps.logit.shape == (1, 64 // STRIDE, 40 // STRIDE)
