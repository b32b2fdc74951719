"""Routes of recorded agents: what they drove, and on along the lanes from there."""

import numpy as np
from jaxtyping import Float

from sim.errors import InputError
from sim.geometry import polyline
from sim.scenario import EGO, AgentKind, Lane, LaneMap, Route, Tracks
from sim.scenario_check.values import FARTHEST_M, require_bounded

MOVES_M = 2.0
_LONGEST_M = 100_000.0
BACKS_UP_M = 1.0
BEYOND_M = 150.0
_BEHIND_M = 12.0
_SMOOTH_M = 9  # points, a metre apart
_ON_LANE_M = 2.5


def make_routes(tracks: Tracks, lane_map: LaneMap) -> tuple[list[Route | None], list[str]]:
    """A route for the ego and for everything on wheels that moves, forwards; None for the rest.

    A path has one direction, a car that backs up two: it follows its recording under any traffic.
    Notes say how many do.
    Raises InputError, before any line is drawn, for places that no scenario may have.
    """
    require_bounded(
        "tracks.position_m",
        np.where(tracks.valid[..., None], tracks.position_m, 0.0),
        FARTHEST_M,
        lambda n, t, _: f"agent {tracks.track_id[n]}, step {t}",
    )
    routes: list[Route | None] = []
    backing = 0
    for n in range(len(tracks.track_id)):
        xy = tracks.position_m[n, tracks.valid[n], :2].astype(np.float64)
        yaw = tracks.yaw_rad[n, tracks.valid[n]].astype(np.float64)
        driven_m = float(np.linalg.norm(np.diff(xy, axis=0), axis=1).sum())
        if driven_m > _LONGEST_M:
            told = f"agent {tracks.track_id[n]} drives {driven_m / 1000:.0f} km"
            raise InputError(f"tracks.position_m: {told}, more than {_LONGEST_M / 1000:.0f}")
        moves = np.linalg.norm(xy - xy[0], axis=1).max() > MOVES_M
        on_wheels = tracks.kind[n] in (AgentKind.VEHICLE, AgentKind.CYCLIST)
        backs = on_wheels and moves and backed_up_m(xy, yaw) > BACKS_UP_M
        backing += n != EGO and backs
        routes.append(
            _route(xy, yaw, lane_map) if n == EGO or (on_wheels and moves and not backs) else None
        )
    notes = [f"{backing} tracks back up: they follow their recording"] if backing else []
    return routes, notes


def backed_up_m(xy: Float[np.ndarray, "t 2"], yaw_rad: Float[np.ndarray, " t"]) -> float:
    """How far a track went against its heading at the most, from the farthest point that it reached."""
    steps = np.diff(xy, axis=0)
    middle = 0.5 * np.stack((np.cos(yaw_rad), np.sin(yaw_rad)), axis=-1)
    ahead = np.concatenate(([0.0], np.cumsum((steps * (middle[:-1] + middle[1:])).sum(axis=1))))
    return float((np.maximum.accumulate(ahead) - ahead).max())


def _forwards(xy: np.ndarray, yaw_rad: np.ndarray) -> list[np.ndarray]:
    """Places 0.8 m apart that were reached forwards; what was backed is left out."""
    driven, heading = [xy[0]], yaw_rad[0]
    for point, yaw in zip(xy[1:], yaw_rad[1:], strict=True):
        step = point - driven[-1]
        middle = 0.5 * np.array((np.cos(heading) + np.cos(yaw), np.sin(heading) + np.sin(yaw)))
        if np.linalg.norm(step) > 0.8 and step @ middle > 0:
            driven.append(point)
            heading = yaw
    return driven


def _route(xy: np.ndarray, yaw_rad: np.ndarray, lane_map: LaneMap) -> Route:
    """The line driven forwards, smoothed, drawn out behind its start and on along the lanes."""
    ahead = np.array((np.cos(yaw_rad[0]), np.sin(yaw_rad[0])))
    driven = _forwards(xy, yaw_rad)
    behind = xy[0] - np.arange(_BEHIND_M, 0, -1)[:, None] * ahead
    line = np.concatenate((behind, np.stack(driven)))
    if len(driven) == 1:
        line = np.concatenate((line, xy[0] + ahead[None]))
    line = polyline.resample(line, 1.0)
    end_yaw = float(polyline.headings_rad(line)[-1])
    lanes = lane_map.lanes
    last_lane = int(lane_at(lanes, line[-1:], np.array([end_yaw]))[0])
    onward = _onward(lane_map, last_lane)
    line = np.concatenate((line, _beyond(line[-1], end_yaw, lanes, onward)))
    line = polyline.resample(smoothed(line, _SMOOTH_M), 1.0)[:-1]
    of_point = lane_at(lanes, line, polyline.headings_rad(line))
    order = [int(k) for k in dict.fromkeys(of_point.tolist()) if k >= 0]
    return Route(tuple(order), line.astype(np.float32), of_point)


def lane_at(lanes: list[Lane], points: np.ndarray, yaw_rad: np.ndarray) -> np.ndarray:
    """The lane under each point that runs most nearly in its direction; -1: none."""
    from scipy.spatial import KDTree

    lines = [lane.centerline_m for lane in lanes]
    owner = np.concatenate([np.full(len(line), k) for k, line in enumerate(lines)])
    heading = np.concatenate([polyline.headings_rad(line) for line in lines])
    found = KDTree(np.concatenate(lines)).query(points, k=8)
    distance, near = np.asarray(found[0]), np.asarray(found[1])
    turn = (heading[near] - yaw_rad[:, None] + np.pi) % (2 * np.pi) - np.pi
    cost = distance + 3.0 * np.abs(turn)
    best = cost.argmin(axis=1)
    rows = np.arange(len(points))
    good = (distance[rows, best] < _ON_LANE_M) & (np.abs(turn[rows, best]) < 1.0)
    return np.where(good, owner[near[rows, best]], -1)


def _onward(lane_map: LaneMap, lane: int) -> list[int]:
    """The lane and its straightest successors, far enough."""
    found, length = [], 0.0
    while lane >= 0 and lane not in found and length < BEYOND_M + 100.0:
        found.append(int(lane))
        line = lane_map.lanes[lane].centerline_m
        length += float(polyline.arc_length_m(line)[-1])
        end = float(polyline.headings_rad(line)[-1])
        options = lane_map.lanes[lane].successors
        turns = [_net_turn(lane_map.lanes[k].centerline_m, end) for k in options]
        lane = options[int(np.argmin(turns))] if options else -1
    return found


def _net_turn(line: np.ndarray, yaw_rad: float) -> float:
    return float(abs((polyline.headings_rad(line)[-1] - yaw_rad + np.pi) % (2 * np.pi) - np.pi))


def _beyond(end: np.ndarray, yaw_rad: float, lanes: list, onward: list[int]) -> np.ndarray:
    """From the end of the driven line over to the lane's middle and along it; else straight on."""
    straight = end + np.arange(1.0, 31.0)[:, None] * (np.cos(yaw_rad), np.sin(yaw_rad))
    if not onward:
        return straight
    line = polyline.drop_repeats(
        np.concatenate([lanes[k].centerline_m for k in onward]).astype(float)
    )
    s, offset = polyline.project(line, end[None])
    targets = np.arange(s[0] + 1.0, min(s[0] + BEYOND_M, polyline.arc_length_m(line)[-1]), 1.0)
    if len(targets) < 3:
        return straight
    fade = np.clip(1.0 - np.arange(1, len(targets) + 1) / 25.0, 0.0, 1.0)
    ahead = polyline.at(line, targets)
    return polyline.offset(ahead, offset[0] * fade**2 * (3 - 2 * fade))


def smoothed(line: np.ndarray, points: int) -> np.ndarray:
    """A running mean over an odd number of points, that keeps the ends."""
    pad = min(points // 2, len(line) - 1)
    first = 2 * line[0] - line[pad:0:-1]
    last = 2 * line[-1] - line[-2 : -2 - pad : -1]
    padded = np.concatenate((first, line, last))
    kernel = np.ones(2 * pad + 1) / (2 * pad + 1)
    return np.stack([np.convolve(padded[:, k], kernel, mode="valid") for k in (0, 1)], axis=-1)
