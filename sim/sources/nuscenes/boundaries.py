"""Left and right boundary of a lane: its dividers where the map has them, else its polygon's edge."""

from typing import Any

import numpy as np
from jaxtyping import Float

from sim.geometry import polyline

_COVERS = 0.8  # share of the lane's length that a divider must run along
_WIDEST_M = 8.0  # the edge of the polygon is looked for so far from the centreline
_INSET = 0.1  # share of the first and last segment by which the first and last ray start inside
_HALF_WIDTH_M = 1.75  # of lanes whose polygon has no edge beside the centreline


def lane_boundaries(
    record: dict[str, Any],
    line_m: Float[np.ndarray, "k 2"],
    ring_m: Float[np.ndarray, "v 2"],
    offset_m: Float[np.ndarray, "2"],
) -> tuple[Float[np.ndarray, "l 2"], Float[np.ndarray, "r 2"]]:
    """Left and right boundary, in the lane's direction, of a lane of the map expansion.

    `line_m` is its centreline, `ring_m` its polygon, both in the scenario's frame. `record` is its row
    of the map; its dividers are in the dataset's frame and are moved by `-offset_m`.
    """
    sides = []
    for side, sign in (("left", 1.0), ("right", -1.0)):
        nodes = record.get(f"{side}_lane_divider_segment_nodes", [])
        points = np.array([(n["x"], n["y"]) for n in nodes], dtype=np.float64).reshape(-1, 2)
        divider = _along(line_m, polyline.drop_repeats(points - offset_m))
        sides.append(_edge(line_m, ring_m, sign) if divider is None else divider)
    return sides[0], sides[1]


def _along(line_m: np.ndarray, divider_m: np.ndarray) -> np.ndarray | None:
    """The divider in the lane's direction; None where it covers too little of the lane."""
    if len(divider_m) < 2:
        return None
    s, _ = polyline.project(line_m, divider_m[[0, -1]])
    if abs(s[1] - s[0]) < _COVERS * polyline.arc_length_m(line_m)[-1]:
        return None
    return divider_m if s[1] > s[0] else divider_m[::-1]


def _edge(line_m: np.ndarray, ring_m: np.ndarray, sign: float) -> np.ndarray:
    """Where the normals of the centreline's vertices leave the polygon; `sign` 1: left, -1: right."""
    import shapely

    inner = line_m.copy()  # rays of the ends start inside: else they run along the polygon's edge
    inner[0] += _INSET * (line_m[1] - line_m[0])
    inner[-1] += _INSET * (line_m[-2] - line_m[-1])
    far = polyline.offset(inner, sign * _WIDEST_M)
    rays = shapely.linestrings(np.stack((inner, far), axis=1))
    hits = shapely.intersection(rays, shapely.LinearRing(ring_m))
    reach = np.asarray(shapely.distance(hits, shapely.points(inner)))  # NaN: no hit
    known = np.isfinite(reach) & (reach > 0.1)
    if not known.any():
        return polyline.offset(line_m, sign * _HALF_WIDTH_M)
    at = np.arange(len(line_m))
    return polyline.offset(line_m, sign * np.interp(at, at[known], reach[known]))
