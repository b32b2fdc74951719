"""Where scenes lie in the devkit's four cities: rectangles that do not overlap.

The devkit knows no other maps, so exported scenes have to lie in one of these.
"""

from dataclasses import dataclass

import numpy as np

from sim.errors import InputError
from sim.export.nuscenes.schema import CITIES_M
from sim.scenario import Scenario

MARGIN_M = 80.0  # on each side of a scene, so that 150 m around it hold nothing of its neighbour


@dataclass(frozen=True)
class Place:
    """A city, and what is added to the scenario's x, y to get the city's."""

    city: str
    offset_m: tuple[float, float]


def bounds_m(scenario: Scenario) -> list[float]:
    """(x_min, y_min, x_max, y_max) of map and tracks, in metres of the scenario's frame."""
    lane_map, tracks = scenario.map, scenario.tracks
    points = [tracks.position_m[tracks.valid][:, :2]]
    for lane in lane_map.lanes:
        points += [lane.polygon_m, lane.left_boundary_m, lane.right_boundary_m]
    points += [area.exterior_m for area in lane_map.areas]
    points += [stop.line_m for stop in lane_map.stop_lines]
    every = np.concatenate([np.asarray(p, dtype=np.float64) for p in points])
    return [*every.min(axis=0).tolist(), *every.max(axis=0).tolist()]


def place(bounds: list[list[float]]) -> list[Place]:
    """A place for each scene, given its `bounds_m`: rows from south to north, the deepest scenes first.

    Raises InputError where the four cities together are too small.
    """
    boxes = np.array(bounds)
    low = np.floor(boxes[:, :2]) - MARGIN_M
    size = np.ceil(boxes[:, 2:]) + MARGIN_M - low
    found: dict[int, Place] = {}
    left = sorted(range(len(boxes)), key=lambda k: (-size[k, 1], -size[k, 0], k))
    for city, extent in CITIES_M.items():
        corner = _shelves(size, left, extent)
        for k, at in corner.items():
            offset = np.array(at) - low[k]
            found[k] = Place(city, (float(offset[0]), float(offset[1])))
        left = [k for k in left if k not in corner]
    if left:
        raise InputError(
            f"{len(left)} of {len(boxes)} scenes do not fit into the four nuScenes cities: "
            "export fewer scenes into one folder"
        )
    return [found[k] for k in range(len(boxes))]


def _shelves(
    size: np.ndarray, order: list[int], extent: tuple[float, float]
) -> dict[int, tuple[float, float]]:
    """South-western corner, by scene, of those of `order` that fit: each in the first row with room.

    `size` `[N, 2]` and `extent` are width (x) and depth (y) in metres.
    """
    corner: dict[int, tuple[float, float]] = {}
    shelves: list[list[float]] = []  # south edge, depth, used width
    north = 0.0
    for k in order:
        width, depth = float(size[k, 0]), float(size[k, 1])
        shelf = next((s for s in shelves if depth <= s[1] and s[2] + width <= extent[0]), None)
        if shelf is None:
            if north + depth > extent[1] or width > extent[0]:
                continue
            shelf = [north, depth, 0.0]
            shelves.append(shelf)
            north += depth
        corner[k] = (shelf[2], shelf[0])
        shelf[2] += width
    return corner
