"""Boxes of single frames as tracks: forward and backward in time, the longer of both (OYSTER, section 3.2).

Constant-velocity Kalman filters, and the assignment of least cost (Weng et al., AB3DMOT, 2020).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from drive.perception.tracks import Track

GATE = 3.0  # standard deviations from where it is expected: no farther
PATIENCE = 5  # frames that it may be hidden
_PLACE_M = 0.4  # standard deviation of a box's centre: the side that is seen changes
_PUSH_MPS2 = 3.0  # of the acceleration that nobody foresees
_SPEED_MPS = 8.0  # of the first speed
_GROWS = 0.3  # standard deviation of the logarithm of its length and of its width, from box to box
_LEAST_M = 0.3  # sizes below this are alike
_SHARED = 0.5  # of a track's boxes in others that last longer: then it is one of them

Boxes = list[Float[np.ndarray, "_ 7"]]


def track_both_ways(frames: Boxes, dt_s: float) -> list[Track]:
    """Tracks of boxes that are given frame by frame, in the world's frame; each box is part of one at most.

    Backward in time a road user is followed from where it is near, and seen well, to where it is far.
    Of tracks that share boxes the one that lasts longest keeps them.
    """
    found = [_links(frames, dt_s)]
    back = _links(frames[::-1], dt_s)
    found.append([[(len(frames) - 1 - frame, index) for frame, index in one[::-1]] for one in back])
    every = sorted(found[0] + found[1], key=lambda one: one[0][0] - one[-1][0])  # longest first
    taken: set[tuple[int, int]] = set()
    tracks = []
    for one in every:
        left = [key for key in one if key not in taken]
        if len(left) <= _SHARED * len(one):
            continue
        taken.update(left)
        frame, index = (np.array(column) for column in zip(*left, strict=True))
        boxes = np.stack([frames[f][k] for f, k in left])
        tracks.append(Track.of(frame, index, boxes))
    return sorted(tracks, key=lambda track: (track.frame[0], track.index[0]))


@dataclass
class _Filters:
    """Kalman filters of those who are followed: means (x, y, vx, vy) and covariances."""

    mean: Float[np.ndarray, "t 4"]
    spread: Float[np.ndarray, "t 4 4"]
    size_m: Float[np.ndarray, "t 2"]  # length and width of the last box
    links: list[list[tuple[int, int]]]  # of each: frame and number of its boxes
    missed: Int[np.ndarray, " t"]

    def foresee(self, dt_s: float) -> None:
        """One frame on."""
        goes = np.eye(4)
        goes[0, 2] = goes[1, 3] = dt_s
        gain = np.concatenate((0.5 * dt_s**2 * np.eye(2), dt_s * np.eye(2)))
        self.mean = self.mean @ goes.T
        self.spread = goes @ self.spread @ goes.T + _PUSH_MPS2**2 * gain @ gain.T

    def unlikeness(self, boxes: Float[np.ndarray, "k 7"]) -> Float[np.ndarray, "t k"]:
        """How many standard deviations each box is from what is expected of each who is followed."""
        doubt_m = np.sqrt(self.spread[:, 0, 0] + _PLACE_M**2)[:, None]
        place = np.linalg.norm(self.mean[:, None, :2] - boxes[:, :2], axis=2) / doubt_m
        last, new = (np.log(size.clip(min=_LEAST_M)) for size in (self.size_m, boxes[:, 3:5]))
        return np.hypot(place, np.linalg.norm(last[:, None] - new, axis=2) / _GROWS)

    def correct(self, which: Int[np.ndarray, " m"], boxes: Float[np.ndarray, "m 7"]) -> None:
        """By where these were found."""
        spread = self.spread[which]
        gain = spread[:, :, :2] @ np.linalg.inv(spread[:, :2, :2] + _PLACE_M**2 * np.eye(2))
        error = boxes[:, :2] - self.mean[which, :2]
        self.mean[which] += np.einsum("tij,tj->ti", gain, error)
        self.spread[which] = spread - gain @ spread[:, :2]
        self.size_m[which] = boxes[:, 3:5]

    def begin(self, boxes: Float[np.ndarray, "m 7"], keys: list[tuple[int, int]]) -> None:
        """Follow these as well."""
        first = np.pad(boxes[:, :2], ((0, 0), (0, 2)))
        spread = np.diag([_PLACE_M**2] * 2 + [_SPEED_MPS**2] * 2)
        self.mean = np.concatenate((self.mean, first))
        self.spread = np.concatenate((self.spread, np.tile(spread, (len(keys), 1, 1))))
        self.size_m = np.concatenate((self.size_m, boxes[:, 3:5]))
        self.missed = np.concatenate((self.missed, np.zeros(len(keys), dtype=int)))
        self.links += [[key] for key in keys]

    def let_go(self) -> list[list[tuple[int, int]]]:
        """No longer follow those who were missed for too long."""
        gone = self.missed > PATIENCE
        ended = [one for one, left in zip(self.links, gone, strict=True) if left]
        self.links = [one for one, left in zip(self.links, gone, strict=True) if not left]
        self.mean, self.spread = self.mean[~gone], self.spread[~gone]
        self.size_m, self.missed = self.size_m[~gone], self.missed[~gone]
        return ended


def _links(frames: Boxes, dt_s: float) -> list[list[tuple[int, int]]]:
    """Which boxes, by frame and number, are of one road user; forward."""
    filters = _Filters(
        np.zeros((0, 4)), np.zeros((0, 4, 4)), np.zeros((0, 2)), [], np.zeros(0, dtype=int)
    )
    ended = []
    for number, boxes in enumerate(frames):
        filters.foresee(dt_s)
        follower, found = _assigned(filters.unlikeness(boxes))
        filters.missed += 1
        filters.missed[follower] = 0
        filters.correct(follower, boxes[found])
        for one, index in zip(follower.tolist(), found.tolist(), strict=True):
            filters.links[one].append((number, index))
        new = np.setdiff1d(np.arange(len(boxes)), found)
        ended += filters.let_go()
        filters.begin(boxes[new], [(number, index) for index in new.tolist()])
    return ended + filters.links


def _assigned(
    unlikeness: Float[np.ndarray, "t k"],
) -> tuple[Int[np.ndarray, " m"], Int[np.ndarray, " m"]]:
    """Who is found as which box, so that squares sum up to least; nobody beyond the gate."""
    from scipy.optimize import linear_sum_assignment

    follower, found = linear_sum_assignment(np.minimum(unlikeness, GATE) ** 2)
    near = unlikeness[follower, found] < GATE
    return follower[near], found[near]
