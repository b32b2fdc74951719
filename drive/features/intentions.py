"""What each agent is about to do, from its motion and the lanes under it: labels for `IntentionKind`.

Generated scenarios, drives and recordings are labelled alike: by what was done, not by what was meant. A
car that waits at a light on its way to the left is stopping, until the left turn lies within the horizon.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

from sim.geometry import polyline
from sim.interface import IntentionKind
from sim.paths.lane_changes import lane_rows
from sim.scenario import AgentKind, Lane, LaneKind, Scenario
from sim.sources.routes import lane_at

UNKNOWN = -1  # not there, or not seen for half of the horizon
STANDS_MPS = 0.5
TURNS_RAD = 0.35  # by so much the heading changes in a junction, for a turn
IN_LANE_M = 1.25  # who stands farther from a lane's middle is parked
_SLOPE_S = 0.5  # speeds are slopes over so much before and after: recordings are noisy


def intentions(scenario: Scenario, horizon_s: float) -> Int[np.ndarray, "n t"]:
    """What each agent does within `horizon_s` of each instant: IntentionKind, or `UNKNOWN`.

    The first that holds: other (on foot, a thing), parked, a turn, a lane change, stopping, other (mostly
    off all lanes), keep lane. Turns are changes of heading anywhere but on plain lanes, which may bend.
    """
    tracks, lanes = scenario.tracks, scenario.map.lanes
    first, last = _runs(tracks.valid)
    instant = np.arange(tracks.valid.shape[1])
    horizon = round(horizon_s / scenario.dt_s)
    window = _Window(instant, np.minimum(instant + horizon, last))
    stands = _speed_mps(tracks.position_m[..., :2], first, last, scenario.dt_s) < STANDS_MPS
    lane = _lanes_under(lanes, tracks.position_m[..., :2], tracks.yaw_rad, tracks.valid)
    turned_rad = window.change(np.cumsum(_turns_rad(lanes, lane, tracks.yaw_rad, first), axis=1))
    to_left = window.change(np.cumsum(_lanes_to_left(lanes, lane, first), axis=1))
    standing = window.share(stands)
    waits = standing == 1.0
    in_lane = _in_lane(lanes, lane, tracks.position_m[..., :2], waits)
    walks = ~np.isin(tracks.kind, (AgentKind.VEHICLE, AgentKind.CYCLIST))[:, None]
    off_lanes = window.share(lane < 0) > 0.5 if lanes else np.zeros_like(stands)
    kind = np.select(
        [
            ~tracks.valid | (last - instant < horizon / 2),
            np.broadcast_to(walks, stands.shape),
            waits & ~in_lane,
            turned_rad > TURNS_RAD,
            turned_rad < -TURNS_RAD,
            to_left > 0,
            to_left < 0,
            waits | (~stands & (standing > 0)),
            off_lanes,
        ],
        [
            UNKNOWN,
            IntentionKind.OTHER,
            IntentionKind.PARKED,
            IntentionKind.TURN_LEFT,
            IntentionKind.TURN_RIGHT,
            IntentionKind.CHANGE_LEFT,
            IntentionKind.CHANGE_RIGHT,
            IntentionKind.STOPPING,
            IntentionKind.OTHER,
        ],
        IntentionKind.KEEP_LANE,
    )
    return kind.astype(np.int64)


class _Window:
    """From each instant to a later one `end [n t]`."""

    def __init__(self, instant: Int[np.ndarray, " t"], end: Int[np.ndarray, "n t"]) -> None:
        self._begin, self._end = np.broadcast_to(instant, end.shape), end

    def change(self, total: np.ndarray) -> np.ndarray:
        """By how much a running total grows."""
        return np.take_along_axis(total, self._end, 1) - total

    def share(self, holds: Bool[np.ndarray, "n t"]) -> Float[np.ndarray, "n t"]:
        """Of the instants at which something holds, both ends counted."""
        count = self.change(np.cumsum(holds, axis=1)) + holds
        return count / (self._end - self._begin + 1)


def _runs(valid: Bool[np.ndarray, "n t"]) -> tuple[np.ndarray, np.ndarray]:
    """First and last instant of the unbroken run that each instant is in (itself, where not valid)."""
    count = valid.shape[1]
    instant = np.broadcast_to(np.arange(count), valid.shape)
    gone = np.maximum.accumulate(np.where(valid, -1, instant), axis=1)
    next_gone = np.minimum.accumulate(np.where(valid, count, instant)[:, ::-1], axis=1)[:, ::-1]
    return np.where(valid, gone + 1, instant), np.where(valid, next_gone - 1, instant)


def _speed_mps(
    position_m: Float[np.ndarray, "n t 2"], first: np.ndarray, last: np.ndarray, dt_s: float
) -> Float[np.ndarray, "n t"]:
    steps, instant = max(1, round(_SLOPE_S / dt_s)), np.arange(first.shape[1])
    before, after = np.maximum(instant - steps, first), np.minimum(instant + steps, last)
    agent = np.arange(len(first))[:, None]
    gap_m = np.linalg.norm(position_m[agent, after] - position_m[agent, before], axis=-1)
    return gap_m / (dt_s * np.maximum(after - before, 1))


def _lanes_under(
    lanes: list[Lane], position_m: np.ndarray, yaw_rad: np.ndarray, valid: np.ndarray
) -> Int[np.ndarray, "n t"]:
    """The lane that each agent is on in its direction; -1: none."""
    found = np.full(valid.shape, -1)
    if lanes and valid.any():
        found[valid] = lane_at(lanes, position_m[valid].astype(np.float64), yaw_rad[valid])
    return found


def _turns_rad(
    lanes: list[Lane], lane: np.ndarray, yaw_rad: np.ndarray, first: np.ndarray
) -> Float[np.ndarray, "n t"]:
    """By how much the heading changed since the instant before, to the left; 0 on plain lanes."""
    plain = np.array([one.kind == LaneKind.LANE for one in lanes] + [False])[lane]
    change = np.diff(yaw_rad.astype(np.float64), axis=1, prepend=yaw_rad[:, :1])
    change = (change + np.pi) % (2 * np.pi) - np.pi
    return np.where(plain | (first == np.arange(lane.shape[1])), 0.0, change)


def _lanes_to_left(
    lanes: list[Lane], lane: np.ndarray, first: np.ndarray
) -> Int[np.ndarray, "n t"]:
    """How many lanes to the left an agent came at each instant since it was last on one."""
    instant = np.broadcast_to(np.arange(lane.shape[1]), lane.shape)
    seen = np.maximum.accumulate(np.where(lane >= 0, instant, -1), axis=1)
    before = np.pad(seen[:, :-1], ((0, 0), (1, 0)), constant_values=-1)
    there = (lane >= 0) & (before >= first)
    old = np.where(there, np.take_along_axis(lane, before.clip(min=0), 1), -1)
    shift = np.zeros(lane.shape, dtype=np.int64)
    changes = there & (old != lane)
    row, place = lane_rows(lanes)
    for a, b in {*zip(old[changes].tolist(), lane[changes].tolist(), strict=True)}:
        shift[changes & (old == a) & (lane == b)] = _between(lanes, row, place, a, b)
    return shift


def _between(lanes: list[Lane], row: np.ndarray, place: np.ndarray, a: int, b: int) -> int:
    """How many lanes b, or one that it leads on from, is to the left of a, or of one that a leads to."""
    if b in lanes[a].successors:
        return 0
    for c in (a, *lanes[a].successors):
        if row[c] == row[b]:
            return int(place[c] - place[b])
    return 0


def _in_lane(
    lanes: list[Lane], lane: np.ndarray, position_m: np.ndarray, waits: np.ndarray
) -> Bool[np.ndarray, "n t"]:
    """Whether who `waits` stands near the middle of its lane."""
    held = np.zeros(lane.shape, dtype=bool)
    for k in np.unique(lane[waits & (lane >= 0)]):
        here = waits & (lane == k)
        line = lanes[k].centerline_m.astype(np.float64)
        held[here] = np.abs(polyline.project(line, position_m[here])[1]) < IN_LANE_M
    return held
