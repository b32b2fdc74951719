"""Sweeps with the road users in them, varied by chance and put into batches to train on."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from drive.perception.ray_drop import dropped
from sim.geometry import box, se2

_SCALES = (0.95, 1.05)


@dataclass(frozen=True)
class TrainingFrame:
    """A sweep in the ego frame, z over the ground: points, by which laser, and boxes of road users.

    `sensor_m`: where it was taken from; `sure`: which boxes hold a road user, the others may.
    """

    point_m: Float[Tensor, "n 3"]
    row: Int[Tensor, " n"]
    box: Float[Tensor, "k 7"]
    sure: Bool[Tensor, " k"]
    sensor_m: Float[Tensor, " 3"]


@dataclass(frozen=True)
class Sample:
    """A frame as it is trained on, x and y from the sensor; within `reach_m` all road users are known."""

    point_m: Float[Tensor, "n 3"]
    box: Float[Tensor, "k 7"]
    sure: Bool[Tensor, " k"]
    reach_m: float


@dataclass(frozen=True)
class FrameBatch:
    """Samples side by side, padded to the largest: `valid` points, and boxes of somebody who is `there`, or
    may be: `doubted`."""

    point_m: Float[Tensor, "b p 3"]
    valid: Bool[Tensor, "b p"]
    box: Float[Tensor, "b k 7"]
    there: Bool[Tensor, "b k"]
    doubted: Bool[Tensor, "b k"]
    reach_m: Float[Tensor, " b"]

    @property
    def num(self) -> int:
        return len(self.point_m)

    @staticmethod
    def of(samples: list[Sample]) -> "FrameBatch":
        """Boxes in which nothing was hit are not there: there is nothing to see of them."""
        hit = [box.points_in_boxes(one.point_m, one.box) > 0 for one in samples]
        there = [seen & one.sure for seen, one in zip(hit, samples, strict=True)]
        doubted = [seen & ~one.sure for seen, one in zip(hit, samples, strict=True)]
        every = [torch.ones(len(one.point_m), dtype=torch.bool) for one in samples]
        return FrameBatch(
            pad_sequence([one.point_m for one in samples], batch_first=True),
            pad_sequence(every, batch_first=True),
            pad_sequence([one.box for one in samples], batch_first=True),
            pad_sequence(there, batch_first=True),
            pad_sequence(doubted, batch_first=True),
            torch.tensor([one.reach_m for one in samples]),
        )


def varied(frame: TrainingFrame, range_m: float, drops: bool, generator: torch.Generator) -> Sample:
    """A frame as it might have been: turned, mirrored in y, scaled; with `drops` by fewer rays (`ray_drop`).

    All its road users within `range_m` are known. Points that are not finite, or farther in x or y, are
    left out.
    """
    turn, mirror, size = torch.rand(3, generator=generator).tolist()
    scale = _SCALES[0] + (_SCALES[1] - _SCALES[0]) * size
    yaw, side = torch.tensor(2.0 * math.pi * turn), -1.0 if mirror < 0.5 else 1.0

    def moved(xy_m: Float[Tensor, "n 2"]) -> Float[Tensor, "n 2"]:
        seen_m = (xy_m - frame.sensor_m[:2]) * torch.tensor((1.0, side))
        return scale * se2.rotate(seen_m, yaw)

    keep = frame.point_m.isfinite().all(dim=1)
    if drops:
        keep &= dropped(frame.point_m - frame.sensor_m, frame.row, generator)
    point_m = frame.point_m[keep]
    point_m = torch.cat((moved(point_m[:, :2]), scale * point_m[:, 2:]), dim=1)
    inside = (point_m[:, :2].abs() < range_m).all(dim=1)
    heading = side * frame.box[:, 6:] + yaw
    boxes = torch.cat((moved(frame.box[:, :2]), scale * frame.box[:, 2:6], heading), dim=1)
    return Sample(point_m[inside], boxes, frame.sure, scale * range_m)
