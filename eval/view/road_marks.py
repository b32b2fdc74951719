"""What is painted on a road: lines of lanes by their kind, the bars of zebra crossings. World frame."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from jaxtyping import Float

from sim.geometry import polyline
from sim.scenario import Lane, LaneKind, MapArea

_SPACING_M = 1.0
_NEAR_M = 0.8  # points of lines that are one line: half a spacing along it, 0.6 m across
_ALONG = 0.8  # cosine between lines that are one
_DASH_M, _PERIOD_M = 3.0, 9.0  # 3 m of line, 6 m of gap, as in German towns (RMS-1)
_BAR_M, _BAR_PERIOD_M = 0.5, 1.0
_SMALLEST_BAR_M2 = 0.05


class LineKind(IntEnum):
    """What a line of a lane lies between."""

    EDGE = 0  # the lane, and no other
    DIVIDER = 1  # lanes of the same direction
    MIDDLE = 2  # lanes of opposite directions
    CONNECTOR = 3  # a way through a junction, and whatever is beside it


@dataclass(frozen=True)
class _Samples:
    """Points of the boundaries of lanes; `ahead`: unit vectors of travel; `line`: one number a boundary."""

    point_m: Float[np.ndarray, "n 2"]
    ahead: Float[np.ndarray, "n 2"]
    lane: np.ndarray
    is_left: np.ndarray
    line: np.ndarray
    s_m: np.ndarray  # along the boundary


def lane_lines(lanes: list[Lane]) -> list[tuple[LineKind, Float[np.ndarray, "k 2"]]]:
    """Each line once, of its kind; a divider as its dashes.

    A line between lanes of opposite directions is the left one of both (the right one where traffic keeps
    left); between lanes of the same direction it is the left one of one and the right one of the other.
    """
    connectors = [
        (LineKind.CONNECTOR, line)
        for lane in lanes if lane.kind == LaneKind.CONNECTOR
        for line in (lane.left_boundary_m, lane.right_boundary_m) if len(line) > 1
    ]  # fmt: skip
    samples = _sample(lanes)
    if samples is None:
        return connectors
    kind, hidden = _kinds(samples)
    hidden |= (kind == LineKind.DIVIDER) & (samples.s_m % _PERIOD_M >= _DASH_M)
    return connectors + _stretches(samples, kind, hidden)


def zebra_bars(crosswalk: MapArea) -> list[Float[np.ndarray, "v 2"]]:
    """Outlines of the bars of a zebra crossing: side by side along its longer axis."""
    import shapely

    outline = shapely.Polygon(crosswalk.exterior_m, crosswalk.holes_m).buffer(0.0)
    if outline.is_empty:
        return []
    a, b, c = shapely.get_coordinates(shapely.oriented_envelope(outline))[:3]
    if np.linalg.norm(b - a) < np.linalg.norm(c - b):
        a, b, c = b, c, c + (a - b)
    length_m = float(np.linalg.norm(b - a))
    along, across = (b - a) / length_m, c - b
    first = a + along * np.arange(0.25, length_m, _BAR_PERIOD_M)[:, None]
    last = first + along * _BAR_M
    bars = shapely.polygons(np.stack((first, last, last + across, first + across), axis=1))
    parts = shapely.get_parts(shapely.intersection(bars, outline))
    parts = parts[shapely.area(parts) > _SMALLEST_BAR_M2]
    return [shapely.get_coordinates(shapely.get_exterior_ring(part))[:-1] for part in parts]


def _sample(lanes: list[Lane]) -> _Samples | None:
    """The boundaries of all lanes but connectors, every metre; None: there are none."""
    point, ahead, lane_of, is_left, s_m = [], [], [], [], []
    for number, lane in enumerate(lanes):
        for left, line in ((True, lane.left_boundary_m), (False, lane.right_boundary_m)):
            if lane.kind != LaneKind.LANE or polyline.length_m(line) < _SPACING_M:
                continue
            dense = polyline.resample(line, _SPACING_M)
            yaw = polyline.headings_rad(dense)
            driven = lane.centerline_m[-1] - lane.centerline_m[0]
            sign = 1.0 if (line[-1] - line[0]) @ driven >= 0.0 else -1.0
            point.append(dense)
            ahead.append(sign * np.stack((np.cos(yaw), np.sin(yaw)), axis=1))
            lane_of.append(np.full(len(dense), number))
            is_left.append(np.full(len(dense), left))
            s_m.append(polyline.arc_length_m(dense))
    if not point:
        return None
    line_of = np.repeat(np.arange(len(point)), [len(one) for one in point])
    return _Samples(
        np.concatenate(point), np.concatenate(ahead), np.concatenate(lane_of),
        np.concatenate(is_left), line_of, np.concatenate(s_m),
    )  # fmt: skip


def _kinds(samples: _Samples) -> tuple[np.ndarray, np.ndarray]:
    """The `LineKind` of each point, and whether another lane's line shows it."""
    from scipy.spatial import KDTree

    pairs = KDTree(samples.point_m).query_pairs(_NEAR_M, output_type="ndarray")
    a, b = pairs[samples.lane[pairs[:, 0]] != samples.lane[pairs[:, 1]]].T
    cosine = (samples.ahead[a] * samples.ahead[b]).sum(axis=1)
    one_side = samples.is_left[a] == samples.is_left[b]
    opposite, same = (cosine < -_ALONG) & one_side, (cosine > _ALONG) & ~one_side
    kind = np.full(len(samples.point_m), LineKind.EDGE)
    kind[a[opposite]] = kind[b[opposite]] = LineKind.MIDDLE
    kind[a[same]] = kind[b[same]] = LineKind.DIVIDER
    hidden = (kind == LineKind.DIVIDER) & ~samples.is_left
    other = np.where(samples.lane[a] > samples.lane[b], a, b)[opposite]
    hidden[other[kind[other] == LineKind.MIDDLE]] = True
    return kind, hidden


def _stretches(
    samples: _Samples, kind: np.ndarray, hidden: np.ndarray
) -> list[tuple[LineKind, Float[np.ndarray, "k 2"]]]:
    """Runs of shown points of one kind and one boundary, each up to the point after it."""
    look = np.stack((samples.line, kind, hidden), axis=1)
    starts = np.flatnonzero((np.diff(look, axis=0) != 0).any(axis=1)) + 1
    begins, ends = np.r_[0, starts], np.r_[starts, len(look)]
    lines = []
    for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
        goes_on = end < len(look) and samples.line[end] == samples.line[begin]
        points = samples.point_m[begin : end + goes_on]
        if not hidden[begin] and len(points) > 1:
            lines.append((LineKind(int(kind[begin])), points))
    return lines
