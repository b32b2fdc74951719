"""Frames varied by chance: boxes go where their points go."""

import math

import torch

from drive.perception.detector.frames import FrameBatch, Sample, TrainingFrame, varied
from sim.geometry import box as boxes_

SENSOR = (-0.3, 0.2, 1.7)


def frame(number: int = 4000) -> TrainingFrame:
    """Two cars full of points between points everywhere, 64 lasers."""
    generator = torch.Generator().manual_seed(0)
    box = torch.tensor(
        [[8.0, 3.0, 0.8, 4.5, 1.9, 1.6, 0.5], [-20.0, 9.0, 1.0, 4.0, 1.8, 1.9, -1.0]]
    )
    point = (torch.rand(number, 3, generator=generator) - 0.5) * torch.tensor((60.0, 60.0, 4.0))
    for k in range(2):
        inside = (torch.rand(500, 3, generator=generator) - 0.5) * box[k, 3:6] * 0.98
        x, y, z = inside.unbind(-1)
        cos, sin = math.cos(float(box[k, 6])), math.sin(float(box[k, 6]))
        turned = torch.stack((cos * x - sin * y, sin * x + cos * y, z), dim=-1)
        point = torch.cat((point, turned + box[k, :3]))
    row = torch.randint(64, (len(point),), generator=generator)
    return TrainingFrame(point, row, box, torch.ones(2, dtype=torch.bool), torch.tensor(SENSOR))


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_points_stay_in_their_boxes_and_at_their_distance() -> None:
    one = frame()
    number = boxes_.points_in_boxes(one.point_m, one.box)
    assert (number >= 500).all()
    before = (one.point_m[:, :2] - one.sensor_m[:2]).norm(dim=1)
    scales, sides = [], []
    for seed in range(12):
        sample = varied(one, 100.0, False, seeded(seed))
        found = boxes_.points_in_boxes(sample.point_m, sample.box)
        assert (found - number).abs().max() <= 2  # that lay on a surface
        scale = sample.reach_m / 100.0
        torch.testing.assert_close(sample.point_m[:, :2].norm(dim=1), scale * before)
        torch.testing.assert_close(sample.box[:, 3:6], scale * one.box[:, 3:6])
        a, b = sample.box[0, :2], sample.box[1, :2]
        sides.append(float(a[0] * b[1] - a[1] * b[0]) > 0)
        scales.append(scale)
    assert 0.95 <= min(scales) < 0.97 and 1.03 < max(scales) <= 1.05
    assert 3 <= sum(sides) <= 9  # mirrored or not


def test_the_same_chance_the_same_frame() -> None:
    one, again, other = (varied(frame(), 20.0, True, seeded(seed)) for seed in (3, 3, 4))
    assert torch.equal(one.point_m, again.point_m) and torch.equal(one.box, again.box)
    assert not torch.equal(one.box, other.box)


def test_fewer_rays_where_that_is_asked_for_and_no_far_or_broken_points() -> None:
    one = frame()
    one.point_m[0] = torch.nan
    one.point_m[1, 0] = torch.inf
    full = [len(varied(one, 100.0, False, seeded(seed)).point_m) for seed in range(12)]
    assert full == [len(one.point_m) - 2] * 12
    fewer = [len(varied(one, 100.0, True, seeded(seed)).point_m) for seed in range(12)]
    assert min(fewer) < 0.4 * full[0] and max(fewer) <= full[0] and len(set(fewer)) > 2
    near = varied(one, 10.0, False, seeded(0))
    assert 0 < len(near.point_m) < 2000 and near.point_m[:, :2].abs().max() < 10.0


def test_a_batch_is_padded_and_boxes_that_nothing_hit_are_not_there() -> None:
    car = (0.0, 5.0, 0.8, 4.0, 2.0, 1.6, 0.0)
    points = torch.tensor([[0.5, 5.5, 1.0], [9.0, 9.0, 0.0]])
    hit = Sample(points, torch.tensor([car]), torch.tensor([True]), 40.0)
    far = (0.0, 15.0, 0.8, 4.0, 2.0, 1.6, 0.0)
    sure = torch.tensor([True, True, False, False])
    more = Sample(points[:1], torch.tensor([far, car, car, far]), sure, 41.0)
    nothing = Sample(torch.zeros(0, 3), torch.zeros(0, 7), sure[:0], 42.0)
    batch = FrameBatch.of([hit, more, nothing])
    assert batch.valid.tolist() == [[True, True], [True, False], [False, False]]
    nobody = [False] * 4
    assert batch.there.tolist() == [[True, *nobody[1:]], [False, True, False, False], nobody]
    assert batch.doubted.tolist() == [nobody, [False, False, True, False], nobody]
    assert batch.reach_m.tolist() == [40.0, 41.0, 42.0]
    torch.testing.assert_close(batch.box[1, 0], torch.tensor(far))
