"""Dropped rays, counted by hand."""

import math

import torch

from drive.perception.ray_drop import dropped, keep_beams, keep_directions


def test_every_third_laser_from_the_second_on() -> None:
    row = torch.arange(8)
    assert row[keep_beams(row, 3, 1)].tolist() == [1, 4, 7]
    assert keep_beams(row, 1, 0).all()


def test_a_quarter_of_all_directions_stays() -> None:
    # A point in the middle of each of 600 x 20 bins of 0.6 degrees; every second one in both ways.
    width = 2.0 * math.pi / 600
    azimuth, elevation = torch.meshgrid(
        (torch.arange(-300, 300) + 0.5) * width,
        (torch.arange(-10, 10) + 0.5) * width,
        indexing="ij",
    )
    flat = 7.0 * torch.cos(elevation)
    point = torch.stack(
        (flat * torch.cos(azimuth), flat * torch.sin(azimuth), 7.0 * torch.sin(elevation)), dim=-1
    ).flatten(0, 1)
    kept = keep_directions(point, 600, 1).reshape(600, 20)
    assert kept.sum() == 300 * 10
    assert kept[0].any() and not kept[1].any()
    assert kept[:, 0].any() and not kept[:, 1].any()
    assert keep_directions(point, 600, 0).all()
    assert keep_directions(3.0 * point, 600, 1).reshape(600, 20).equal(kept)  # however far


def test_chance_chooses_and_the_same_seed_chooses_the_same() -> None:
    generator = torch.Generator().manual_seed(0)
    point = torch.randn(2000, 3, generator=generator)
    row = torch.randint(32, (2000,), generator=generator)
    shares = [float(dropped(point, row, generator).float().mean()) for _ in range(60)]
    assert max(shares) == 1.0 and min(shares) < 0.2
    assert len({round(share, 1) for share in shares}) >= 4
    one, two = (dropped(point, row, torch.Generator().manual_seed(5)) for _ in range(2))
    assert one.equal(two)
