"""Detections of one instant after the other as road users with velocities, in many worlds at once.

Constant-velocity Kalman filters in a frame that stands still. As x and y are measured alike and apart
from each other, a covariance is that of place and velocity along either axis, `[2, 2]`.
"""

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from drive.perception.assignment import NOBODY, mutual_best
from drive.perception.detections import Detections
from sim import trees
from sim.geometry import se2

NUM_TRACKS = 64  # of a world
PATIENCE_S = 1.5  # that anybody may be out of sight, and not longer than it was followed before
CONTINUES, BEGINS, SURE, AT_ONCE = 0.05, 0.15, 0.15, 0.5
"""scores from which a box may be of who is followed already, and of somebody new; smoothed over time, from
which there is somebody who was seen twice, or once"""
_GATE = 3.0  # standard deviations from where it is expected: no farther
_PLACE_M = 0.3  # standard deviation of a box's centre
_PUSH = 4.0  # m2/s3, of the acceleration that nobody foresees: in a second a speed changes by 2 m/s
_SPEED_MPS = 8.0  # standard deviation of the first velocity
_KNOWN_MPS = 3.0  # a velocity with a smaller standard deviation is known
_GROWS = 0.4  # standard deviation of the logarithm of length and of width, from box to box
_LEAST_M = 0.3  # sizes below this are alike
_MOVES_MPS = 1.0  # who is slower may be turned any way
_YAW_S, _SIZE_S, _SCORE_S = 0.3, 2.0, 1.0  # over which headings, sizes and scores are smoothed


@dataclass(frozen=True)
class Tracks:
    """N places for road users in each of B worlds; what is not `valid` may hold anything.

    In a frame of each world's own that stands still. A track keeps its place and its number for as long as
    it lasts; the next one in that place has a number that is N higher.
    """

    id: Int[Tensor, "b n"]
    valid: Bool[Tensor, "b n"]
    mean: Float[Tensor, "b n 2 2"]  # place, velocity
    spread: Float[Tensor, "b n 2 2"]
    yaw_rad: Float[Tensor, "b n"]
    size_m: Float[Tensor, "b n 2"]
    hits: Int[Tensor, "b n"]  # boxes that were found of it
    score: Float[Tensor, "b n"]  # of its boxes, smoothed; where there is none it is 0
    followed_s: Float[Tensor, "b n"]  # from the first of its boxes to the last
    unseen_s: Float[Tensor, "b n"]  # since the last of its boxes

    @staticmethod
    def none(num_worlds: int, device: torch.device) -> "Tracks":
        """Nobody yet."""
        zero = torch.zeros(num_worlds, NUM_TRACKS, device=device)
        square, no = torch.zeros(*zero.shape, 2, 2, device=device), zero.bool()
        number = torch.arange(1 - NUM_TRACKS, 1, device=device).expand(zero.shape)
        return Tracks(
            id=number, valid=no, mean=square, spread=square, yaw_rad=zero, size_m=square[..., 0],
            hits=zero.long(), score=zero, followed_s=zero, unseen_s=zero,
        )  # fmt: skip

    @property
    def pose(self) -> Float[Tensor, "b n 3"]:
        return torch.cat((self.mean[..., 0, :], self.yaw_rad.unsqueeze(-1)), dim=-1)

    @property
    def velocity_mps(self) -> Float[Tensor, "b n 2"]:
        return self.mean[..., 1, :]

    @property
    def is_sure(self) -> Bool[Tensor, "b n"]:
        """Whether the boxes that were found of it of late are such as those of road users."""
        return self.score >= torch.where(self.is_new, AT_ONCE, SURE)

    @property
    def is_new(self) -> Bool[Tensor, "b n"]:
        """Who was seen once."""
        return self.hits == 1

    @property
    def velocity_known(self) -> Bool[Tensor, "b n"]:
        """Whether it was seen often enough to tell."""
        return self.spread[..., 1, 1] < _KNOWN_MPS**2


@dataclass(frozen=True)
class _Boxes:
    """What was found in K places, in the frame of the tracks."""

    pose: Float[Tensor, "b k 3"]
    size_m: Float[Tensor, "b k 2"]
    score: Float[Tensor, "b k"]

    @staticmethod
    def of(found: Detections, world_SE2_ego: Float[Tensor, "b 3"]) -> "_Boxes":
        """And in one more place nothing, as there may be none."""
        box = torch.nn.functional.pad(found.box, (0, 0, 0, 1))
        pose = se2.compose(world_SE2_ego.unsqueeze(1), box[..., [0, 1, 6]])
        return _Boxes(pose, box[..., 3:5], torch.nn.functional.pad(found.score, (0, 1)))

    def at(self, index: Int[Tensor, "b n"]) -> "_Boxes":
        """The boxes of these numbers."""
        wide = index.unsqueeze(-1)
        return _Boxes(
            self.pose.gather(1, wide.expand(*index.shape, 3)),
            self.size_m.gather(1, wide.expand(*index.shape, 2)),
            self.score.gather(1, index),
        )


def track(
    before: Tracks, found: Detections, world_SE2_ego: Float[Tensor, "b 3"], dt_s: float
) -> Tracks:
    """The tracks `dt_s` later, when this was found by an ego there; `world`: the frame of the tracks."""
    boxes, expected = _Boxes.of(found, world_SE2_ego), _expected(before, dt_s)
    paired = mutual_best(_cost(expected, boxes))
    is_seen = paired != NOBODY
    seen = _corrected(expected, boxes.at(paired.clamp(min=0)), dt_s)
    tracks = _where(is_seen, seen, expected)
    patience_s = (
        tracks.followed_s.clamp(max=PATIENCE_S) + 1e-3
    )  # steps add up to it but for rounding
    tracks = replace(tracks, valid=tracks.valid & (tracks.unseen_s <= patience_s))
    number = torch.arange(boxes.score.shape[1], device=paired.device)
    taken = (paired.unsqueeze(2) == number).any(dim=1)
    return _with_new(tracks, boxes, ~taken & (boxes.score >= BEGINS))


def _expected(tracks: Tracks, dt_s: float) -> Tracks:
    """Where everybody ought to be after that time, at constant velocity.

    The noise is that of an acceleration that is white in continuous time (Bar-Shalom et al. 2001, 6.2.2),
    so that the same follows from many short times as from a long one.
    """
    goes = tracks.mean.new_tensor(((1.0, dt_s), (0.0, 1.0)))
    noise = tracks.mean.new_tensor(((dt_s**3 / 3.0, dt_s**2 / 2.0), (dt_s**2 / 2.0, dt_s)))
    return replace(
        tracks,
        mean=goes @ tracks.mean,
        spread=goes @ tracks.spread @ goes.T + _PUSH * noise,
        score=tracks.score * math.exp(-dt_s / _SCORE_S),
        unseen_s=tracks.unseen_s + dt_s,
    )


def _cost(tracks: Tracks, boxes: _Boxes) -> Float[Tensor, "b n k"]:
    """How unlikely it is that they are the same; infinite beyond the gate.

    Minus twice the logarithm of the likelihood: who may be anywhere takes no box from who is known to be
    there.
    """
    doubt = tracks.spread[..., 0, 0] + _PLACE_M**2
    gap = tracks.mean[:, :, None, 0] - boxes.pose[:, None, :, :2]
    size, other = (s.clamp(min=_LEAST_M).log() for s in (tracks.size_m, boxes.size_m))
    unlike = gap.square().sum(dim=-1) / doubt.unsqueeze(2)
    unlike = unlike + (size.unsqueeze(2) - other.unsqueeze(1)).square().sum(dim=-1) / _GROWS**2
    there = tracks.valid.unsqueeze(2) & (boxes.score >= CONTINUES).unsqueeze(1)
    cost = unlike + 2.0 * (doubt / _PLACE_M**2).log().unsqueeze(2)
    return torch.where(there & (unlike < _GATE**2), cost, torch.inf)


def _corrected(tracks: Tracks, boxes: _Boxes, dt_s: float) -> Tracks:
    """The tracks after their boxes, one each."""
    spread, hits = tracks.spread, tracks.hits + 1
    gain = spread[..., :1] / (spread[..., :1, :1] + _PLACE_M**2)
    error = boxes.pose[..., None, :2] - tracks.mean[..., :1, :]
    mean = tracks.mean + gain * error
    yaw, turned = _headings(tracks.yaw_rad, boxes.pose[..., 2], mean[..., 1, :])
    share = (1.0 / hits).clamp(min=1.0 - math.exp(-dt_s / _SIZE_S)).unsqueeze(-1)
    return replace(
        tracks,
        mean=mean,
        spread=spread - gain * spread[..., :1, :],
        yaw_rad=se2.wrap_angle(yaw + (1.0 - math.exp(-dt_s / _YAW_S)) * turned),
        size_m=torch.lerp(tracks.size_m, boxes.size_m, share),
        hits=hits,
        score=tracks.score + (1.0 - math.exp(-dt_s / _SCORE_S)) * boxes.score,
        followed_s=tracks.followed_s + tracks.unseen_s,
        unseen_s=torch.zeros_like(tracks.unseen_s),
    )


def _headings(
    yaw_rad: Float[Tensor, "b n"], found_rad: Float[Tensor, "b n"], velocity_mps: Tensor
) -> tuple[Tensor, Tensor]:
    """The heading so far, and the turn from it to the one that was found, both without half turns too many.

    Who moves looks where it goes; who does not, where it did.
    """
    course = torch.atan2(velocity_mps[..., 1], velocity_mps[..., 0])
    moves = velocity_mps.norm(dim=-1) > _MOVES_MPS
    yaw = torch.where(moves, course + _half_turned(yaw_rad - course), yaw_rad)
    return yaw, _half_turned(found_rad - yaw)


def _half_turned(angle_rad: Tensor) -> Tensor:
    """The angle, or half a turn from it: whichever is in [-pi/2, pi/2)."""
    return torch.remainder(angle_rad + 0.5 * math.pi, math.pi) - 0.5 * math.pi


def _with_new(tracks: Tracks, boxes: _Boxes, new: Bool[Tensor, "b k"]) -> Tracks:
    """The tracks, and new ones of these boxes in free places: the surest first, while there are any."""
    free = ~tracks.valid
    rank = free.cumsum(dim=1) - 1
    filled = free & (rank < new.sum(dim=1, keepdim=True))
    order = torch.argsort((~new).long(), dim=1, stable=True)  # boxes come the surest first
    box = boxes.at(order.gather(1, rank.clamp(0, order.shape[1] - 1)))
    place_m = box.pose[..., :2]
    first = tracks.spread.new_tensor(((_PLACE_M**2, 0.0), (0.0, _SPEED_MPS**2)))
    zero = torch.zeros_like(tracks.yaw_rad)
    begun = Tracks(
        id=tracks.id + NUM_TRACKS,
        valid=filled,
        mean=torch.stack((place_m, torch.zeros_like(place_m)), dim=2),
        spread=first.expand_as(tracks.spread),
        yaw_rad=box.pose[..., 2],
        size_m=box.size_m,
        hits=torch.ones_like(tracks.hits),
        score=box.score,
        followed_s=zero,
        unseen_s=zero,
    )
    return _where(filled, begun, tracks)


def _where(mask: Bool[Tensor, "b n"], new: Tracks, old: Tracks) -> Tracks:
    """Place by place that of `new` where `mask` holds, else that of `old`."""
    values = iter([tensor for _, tensor in trees.tensors(new)])

    def pick(tensor: Tensor) -> Tensor:
        return torch.where(
            mask.reshape(*mask.shape, *(1,) * (tensor.ndim - 2)), next(values), tensor
        )

    return trees.map_tensors(pick, old)
