"""Overlaps against shapely, one pair after the other; off-road on a road 3.5 m wide."""

import itertools

import shapely
import shapely.affinity
import torch

from eval.forecasts.plausibility import has_left_road, has_overlapped
from sim.maps.field import MapField
from tests.toy import Car, make_scenario, straight


def _polygon(pose: torch.Tensor, size_m: torch.Tensor) -> shapely.Polygon:
    (x, y, yaw), (length, width) = pose.tolist(), size_m.tolist()
    upright = shapely.box(-length / 2, -width / 2, length / 2, width / 2)
    return shapely.affinity.translate(
        shapely.affinity.rotate(upright, yaw, origin=(0, 0), use_radians=True), x, y
    )


def test_overlaps_like_shapely() -> None:
    num_b, num_f, num_n, num_t = 2, 3, 4, 5
    generator = torch.Generator().manual_seed(0)
    pose = torch.randn(num_b, num_f, num_n, num_t, 3, generator=generator)
    pose[..., :2] *= 5.0
    size = torch.tensor((4.0, 1.5)) + torch.rand(num_b, num_n, 2, generator=generator)
    valid = torch.rand(num_b, num_n, num_t, generator=generator) < 0.7
    ours = has_overlapped(pose, size, valid)
    poisoned = torch.where(valid[:, None, ..., None], pose, torch.nan)
    assert torch.equal(has_overlapped(poisoned, size, valid), ours)
    for b, f, n in itertools.product(range(num_b), range(num_f), range(num_n)):
        happened = False
        for t in range(num_t):
            for other in range(num_n):
                if other != n and valid[b, n, t] and valid[b, other, t]:
                    boxes = [_polygon(pose[b, f, i, t], size[b, i]) for i in (n, other)]
                    happened |= boxes[0].intersection(boxes[1]).area > 0
            assert ours[b, f, n, t] == happened
    assert 0.1 < ours.float().mean() < 0.9


def test_overlap_rate_of_joint_futures() -> None:
    # Cars of 4 m drive towards each other along x. First future: centres 6, 3, 5 m apart, so they
    # overlap from the second instant on; second future: 6 m throughout.
    pose = torch.zeros(1, 2, 2, 3, 3)
    pose[0, 0, 1, :, 0] = torch.tensor((6.0, 3.0, 5.0))
    pose[0, 1, 1, :, 0] = 6.0
    size = torch.tensor((4.0, 2.0)).expand(1, 2, 2)
    hit = has_overlapped(pose, size, torch.ones(1, 2, 3, dtype=torch.bool))
    assert hit.any(dim=2).float().mean(dim=(0, 1)).tolist() == [0.0, 0.5, 0.5]


def test_nobody_and_one_alone_do_not_overlap() -> None:
    for num in (0, 1):
        pose, size = torch.zeros(1, 2, num, 3, 3), torch.ones(1, num, 2)
        assert not has_overlapped(pose, size, torch.ones(1, num, 3, dtype=torch.bool)).any()


def test_off_road_beside_the_lane() -> None:
    # The lane lies along x, 1.75 m to either side.
    field = MapField.from_scenarios([make_scenario([straight(-60, 0, 60, 0)], [Car(0, 0, 0)])])
    across = torch.tensor(
        [[[torch.nan, 1.2, -1.2], [0.0, 2.5, 0.0]], [[-2.5, 0.0, 0.0], [0.0, 0.0, 1.2]]]
    )  # two futures of two agents
    position = torch.stack((torch.zeros_like(across), across), dim=-1).unsqueeze(0)
    valid = torch.tensor([[[False, True, True], [True, True, True]]])
    expected = [
        [[False, False, False], [False, True, True]],
        [[False, False, False], [False, False, False]],  # the first is not there when it is off
    ]
    assert has_left_road(position, valid, field)[0].tolist() == expected
