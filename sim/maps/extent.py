"""Which part of the world the rasters of a scenario's map cover, in cells of which size."""

import numpy as np

from sim.geometry.grid import BevGrid
from sim.scenario import EGO, Scenario

RESOLUTION_M = 0.5
_MARGIN_M = 30.0
_FROM_EGO_M = 150.0


def grid_around(scenario: Scenario, margin_m: float = _MARGIN_M) -> BevGrid:
    """The cells around the tracks and the ego's route; far-away parked cars do not count."""
    tracks = scenario.tracks
    points = [tracks.position_m[tracks.valid][:, :2]]
    ego_route = scenario.routes[EGO]
    if ego_route is not None:
        points.append(ego_route.path_m)
    points = np.concatenate(points)
    # Far-away parked cars must not blow up the raster: stay near the ego's recording.
    ego = tracks.position_m[EGO, tracks.valid[EGO], :2]
    low = np.maximum(points.min(0), ego.min(0) - _FROM_EGO_M) - margin_m
    high = np.minimum(points.max(0), ego.max(0) + _FROM_EGO_M) + margin_m
    return BevGrid.covering(low, high, RESOLUTION_M)
