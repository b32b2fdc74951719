"""Tracks as rigid bodies: headings that agree, one size, the corner that was seen in its place.

What a lidar sees of a car is its near side, another one in every sweep, or always the same; boxes around that
turn by a quarter and move about although the car does not.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from drive.perception.shapes import Size
from drive.perception.tracks import Track, smoothed
from sim.geometry import box

SIZE_QUANTILE = 0.95  # of what was seen of it: its size
_DRIVES_M, _DRIVES_MPS = 3.0, 1.0  # who gets so far, so fast, heads where it goes


def aligned(track: Track, dt_s: float) -> Track:
    """The same boxes, those turned by a quarter that lie across: sides change places, nothing else.

    Along: where it drives, or, if it stands, as the long sides of its boxes lie.
    """
    boxes = track.box.copy()
    along = _heading(track, dt_s)
    across = np.abs(_half_turn(boxes[:, 6] - along)) > 0.25 * np.pi
    boxes[across, 3:5] = boxes[across][:, [4, 3]]
    boxes[across, 6] += 0.5 * np.pi
    boxes[:, 6] = along + np.median(_half_turn(boxes[track.seen, 6] - along[track.seen]))
    return Track(track.frame, boxes, track.seen, track.index)


def whole(track: Track, size: Size, sensor_m: Float[np.ndarray, "n 2"]) -> Track:
    """Aligned boxes as those of one size, the corner nearest to where the sensor was held (OYSTER, 3.2)."""
    boxes = track.box.copy()
    if size.across:
        boxes[:, 3:5] = boxes[:, [4, 3]]
        boxes[:, 6] += 0.5 * np.pi
    sizes = np.tile((size.length_m, size.width_m, size.height_m), (track.span, 1))
    boxes = resized(*(torch.from_numpy(part) for part in (boxes, sizes, sensor_m)))
    return Track(track.frame, boxes.numpy(), track.seen, track.index)


def size_of(track: Track) -> Size:
    """Nearly the largest that was seen, as the far side often is not."""
    length, width, height = np.quantile(track.box[track.seen, 3:6], SIZE_QUANTILE, axis=0)
    return Size(float(length), float(width), float(height))


def speed_mps(track: Track, dt_s: float) -> float:
    """From its first to its last box; 0 of who gets nowhere."""
    far_m = float(np.linalg.norm(track.box[-1, :2] - track.box[0, :2]))
    speed = far_m / (dt_s * track.span)
    return speed if far_m > _DRIVES_M and speed > _DRIVES_MPS else 0.0


def resized(
    boxes: Float[Tensor, "k 7"], size_m: Float[Tensor, "k 3"], sensor_m: Float[Tensor, "k 2"]
) -> Float[Tensor, "k 7"]:
    """Boxes of another length, width and height, of which the corner nearest to the sensor stays.

    That corner was seen; the far ones were guessed. The bottom stays as well. OYSTER, section 3.2.
    """
    pose = torch.cat((boxes[:, :2], boxes[:, 6:]), dim=1)
    corner = box.corners(pose, boxes[:, 3:5])
    nearest = (corner - sensor_m.unsqueeze(1)).norm(dim=-1).argmin(dim=1)
    row = torch.arange(len(boxes), device=boxes.device)
    unmoved = box.corners(pose, size_m[:, :2])[row, nearest]
    shift = corner[row, nearest] - unmoved
    bottom = boxes[:, 2] - 0.5 * boxes[:, 5]
    height = (bottom + 0.5 * size_m[:, 2]).unsqueeze(1)
    return torch.cat((boxes[:, :2] + shift, height, size_m, boxes[:, 6:]), dim=1)


def _heading(track: Track, dt_s: float) -> Float[np.ndarray, " n"]:
    """Where it points in each frame, or the other way round."""
    velocity = smoothed(track.box[:, :2], dt_s, derivative=1)
    if speed_mps(track, dt_s) > 0.0:
        fast = np.linalg.norm(velocity, axis=1) > _DRIVES_MPS
        last = np.maximum.accumulate(np.where(fast, np.arange(track.span), fast.argmax()))
        return np.unwrap(np.arctan2(velocity[last, 1], velocity[last, 0]))
    # Headings are known but for half a turn: the mean of twice the angle; long boxes say more.
    weight = (track.box[:, 3] - track.box[:, 4]) * track.box[:, 3] * track.seen
    return np.full(track.span, 0.5 * np.angle((weight * np.exp(2j * track.box[:, 6])).sum()))


def _half_turn(angle_rad: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """From -90 to 90 degrees, half turns taken away."""
    return (angle_rad + 0.5 * np.pi) % np.pi - 0.5 * np.pi
