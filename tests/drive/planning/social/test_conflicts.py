"""Which trajectories meet, against shapely's polygons."""

import numpy as np
import shapely
import torch
from torch import Tensor

from drive.planning.social.conflicts import Pairs, meetings
from sim.geometry.box import corners


def _drawn(pairs: int, num: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    pose = torch.randn(pairs, num, 3, 3, generator=generator) * torch.tensor((6.0, 6.0, 2.0))
    return pose, 1.0 + 4.0 * torch.rand(pairs, 2, generator=generator)


def _polygons(pose: Tensor, size_m: Tensor) -> np.ndarray:
    return np.asarray(shapely.polygons(corners(pose, size_m[:, None, None]).double().numpy()))


def test_boxes_that_meet_are_those_of_shapely() -> None:
    (pose_a, size_a), (pose_b, size_b) = _drawn(40, 5, 1), _drawn(40, 7, 2)
    met = meetings(pose_a, size_a[:, None, None], pose_b, size_b)
    found = torch.zeros(40, 5, 7, 3, dtype=torch.bool)
    found[met.pair, met.first, met.second, met.instant] = True
    a, b = _polygons(pose_a, size_a), _polygons(pose_b, size_b)
    area = shapely.area(shapely.intersection(a[:, :, None], b[:, None]))
    assert 0.02 < (area > 0.0).mean() < 0.5
    clear = (area == 0.0) | (area > 1e-4)  # whether they touch by a hair, float32 cannot say
    np.testing.assert_array_equal(found.numpy()[clear], (area > 0.0)[clear])


def test_near_ones_are_not_forgotten_and_far_ones_are() -> None:
    (pose_a, size_a), (pose_b, size_b) = _drawn(40, 5, 3), _drawn(40, 7, 4)
    met = meetings(pose_a, size_a[:, None, None], pose_b, size_b, near_m=1.0)
    near = torch.zeros(40, 5, 7, 3, dtype=torch.bool)
    near[met.pair, met.first, met.second, met.instant] = True
    gap = shapely.distance(
        _polygons(pose_a, size_a)[:, :, None], _polygons(pose_b, size_b)[:, None]
    )
    # Along the best of four axes two boxes are at most as far apart as they are, and at least 0.7 of it.
    assert near.numpy()[gap < 1.0].all()
    assert not near.numpy()[gap > 1.5].any()
    assert (met.depth_m > -1.0).all()


def test_who_is_not_there_meets_nobody() -> None:
    # 150 pairs at three instants: more than are tested at once. Some are nowhere, and some never.
    (pose_a, size_a), (pose_b, size_b) = _drawn(150, 5, 5), _drawn(150, 7, 6)
    wanted = meetings(pose_a, size_a[:, None, None], pose_b, size_b)
    gone_a, gone_b = torch.rand(150, 5, 3) < 0.3, torch.rand(150, 7, 3) < 0.3
    gone_a[7] = True
    pose_a[gone_a], pose_b[gone_b] = torch.nan, torch.nan
    met = meetings(pose_a, size_a[:, None, None], pose_b, size_b)
    kept = ~gone_a[wanted.pair, wanted.first, wanted.instant]
    kept &= ~gone_b[wanted.pair, wanted.second, wanted.instant]
    assert 0 < len(met.pair) < len(wanted.pair)
    for name, value in vars(met).items():
        torch.testing.assert_close(value, getattr(wanted, name)[kept])


def test_sums_and_worst_instants() -> None:
    # One pair; the first trajectory of a meets that of b at both instants, 1 m and 2 m deep.
    a = torch.tensor([[[[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]], [[50.0, 0.0, 0.0], [50.0, 0.0, 0.0]]]])
    b = torch.tensor([[[[3.0, 0.0, 0.0], [2.0, 0.0, 0.0]]]])
    size = torch.tensor([[4.0, 2.0]])
    met = meetings(a, size[:, None, None], b, size)
    assert met.sums(met.depth_m, (1, 2, 1)).tolist() == [[[3.0], [0.0]]]
    assert met.most(met.depth_m, (1, 2, 1)).tolist() == [[[2.0], [0.0]]]


def test_pairs_within_reach_lose_none_that_meets() -> None:
    generator = torch.Generator().manual_seed(0)
    start = 30.0 * torch.randn(6, 5, 1, 1, 2, generator=generator)
    way = 3.0 * torch.randn(6, 5, 4, 3, 2, generator=generator).cumsum(dim=3)
    yaw = torch.randn(6, 5, 4, 3, 1, generator=generator)
    pose, size = torch.cat((start + way, yaw), dim=-1), torch.full((6, 5, 2), 3.0)
    valid = torch.rand(6, 5, 4, generator=generator) < 0.8
    valid[0, 1] = False
    pairs = Pairs.within_reach(pose, valid, size)
    kept = set(zip(pairs.world.tolist(), pairs.first.tolist(), pairs.second.tolist(), strict=True))
    assert len(kept) < 6 * 10
    assert all(i < j for _, i, j in kept)
    assert not any(1 in pair[1:] for pair in kept if pair[0] == 0)
    hulls = _polygons(pose.flatten(0, 1), size.flatten(0, 1)).reshape(6, 5, 4, 3)
    for w in range(6):
        for i in range(5):
            for j in range(i + 1, 5):
                a, b = hulls[w, i][valid[w, i]], hulls[w, j][valid[w, j]]
                if shapely.intersects(a[:, None], b[None]).any():
                    assert (w, i, j) in kept
