"""How far the road goes on to the left and the right of every path: found once, on the map's polygons."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from sim.paths.paths import Paths
from sim.scenario import AreaKind, LaneMap, Scenario

ROOM_EVERY_M = 4  # along a path
MOST_ROOM_M = 8.0


def road_room_m(scenarios: list[Scenario], paths: Paths) -> Float[Tensor, "m p 2 k"]:
    """From every path to the edge of the road, to its left and right; at most 8 m."""
    frame, count = paths.frame.cpu().numpy(), paths.num_points.cpu().numpy()
    maps, num_paths, points = frame.shape[:3]
    knots = (points + ROOM_EVERY_M - 1) // ROOM_EVERY_M
    room = np.zeros((maps, num_paths, 2, knots), dtype=np.float32)
    for m, scenario in enumerate(scenarios):
        at = frame[m, :, ::ROOM_EVERY_M]
        real = np.arange(knots) * ROOM_EVERY_M < count[m][:, None]
        across = np.stack((-at[..., 3], at[..., 2]), axis=-1)[real]
        for side, sign in enumerate((1.0, -1.0)):
            room[m, :, side][real] = _to_the_edge(
                scenario.map, at[real][:, :2], sign * MOST_ROOM_M * across
            )
    return torch.from_numpy(room).to(paths.frame.device)


def _to_the_edge(lane_map: LaneMap, start_m: np.ndarray, reach_m: np.ndarray) -> np.ndarray:
    """How far `[K]` one comes from each start `[K, 2]` on the road, of a way `[K, 2]`."""
    import shapely

    areas = [area for area in lane_map.areas if area.kind == AreaKind.DRIVABLE]
    road = shapely.union_all([shapely.Polygon(a.exterior_m, a.holes_m).buffer(0.0) for a in areas])
    shapely.prepare(road)
    origin = shapely.points(start_m)
    ways = shapely.linestrings(np.stack((start_m, start_m + reach_m), axis=1))
    left_at = shapely.distance(origin, shapely.intersection(ways, road.boundary))
    free = np.where(np.isnan(left_at), MOST_ROOM_M, left_at)
    return np.where(shapely.contains(road, origin), free, 0.0)
