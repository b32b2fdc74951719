"""`MapField`: the static map as rasters, so that a question about a point is one gather.

Built on the CPU from a `Scenario`; asked on any device, batched, by metrics, planners and traffic.
"""

import math
from dataclasses import dataclass
from enum import IntFlag
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor

from sim.geometry import polyline
from sim.geometry.grid import BevGrid
from sim.geometry.rasterize import distance_to_outline_m, fill
from sim.scenario import EGO, AreaKind, Lane, LaneKind, Scenario
from sim.trees import shared

RESOLUTION_M = 0.5
HEADING_BINS = 32
_MAX_LANE_BITS = 62  # of an int64
_LANE_REACH_M = 10.0  # lanes nearer than this to one another get different bits
_MARGIN_M = 30.0


class AreaBit(IntFlag):
    """Bits of `MapField.area_bits`."""

    INTERSECTION = 1
    CROSSWALK = 2
    ROUTE = 4  # lanes of the ego's route and their neighbours of the same direction


@dataclass(frozen=True)
class MapField:
    """Rasters `[M, X, Y]` of `RESOLUTION_M`, padded to the largest map; the world frame.

    World b reads raster `row[b]`.

    `lane_bits`: one bit per lane covering the cell; lanes that lie near one another never share a
    bit, so "one lane holds all of these nearby points" is the `&` of their bits.
    `heading_bits`: bit k is set where some lane flows in direction `k * 2 pi / HEADING_BINS`.
    """

    row: Int[Tensor, " b"]
    origin_m: Float[Tensor, "m 2"] = shared()
    offroad_m: Float[Tensor, "m x y"] = shared()
    lane_bits: Int[Tensor, "m x y"] = shared()
    heading_bits: Int[Tensor, "m x y"] = shared()
    area_bits: Integer[Tensor, "m x y"] = shared()

    @staticmethod
    def from_scenarios(scenarios: list[Scenario]) -> "MapField":
        """Rasterise each scenario's map around the tracks and the ego's route."""
        layers = [_rasterize(scenario) for scenario in scenarios]
        num_x = max(layer.offroad_m.shape[0] for layer in layers)
        num_y = max(layer.offroad_m.shape[1] for layer in layers)

        def stack(arrays: list[np.ndarray], mode: Literal["constant", "edge"]) -> Tensor:
            beyond = [((0, num_x - a.shape[0]), (0, num_y - a.shape[1])) for a in arrays]
            padded = [np.pad(a, gap, mode) for a, gap in zip(arrays, beyond, strict=True)]
            return torch.from_numpy(np.stack(padded))

        return MapField(
            row=torch.arange(len(layers)),
            origin_m=torch.tensor([(la.grid.x_min_m, la.grid.y_min_m) for la in layers]),
            offroad_m=stack([layer.offroad_m for layer in layers], "edge"),
            lane_bits=stack([layer.lane_bits for layer in layers], "constant"),
            heading_bits=stack([layer.heading_bits for layer in layers], "constant"),
            area_bits=stack([layer.area_bits for layer in layers], "constant"),
        )

    def to(self, device: torch.device | str) -> "MapField":
        """The same rasters on `device`."""
        return MapField(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))

    def offroad_distance_m(self, points_m: Float[Tensor, "b *p 2"]) -> Float[Tensor, "b *p"]:
        """Signed distance to the edge of the drivable area, positive off it; bilinear.

        Outside the raster: that of the nearest cell.
        """
        cell = (points_m - self._origin(points_m)) / RESOLUTION_M - 0.5
        limit = cell.new_tensor((self.offroad_m.shape[1] - 1, self.offroad_m.shape[2] - 1))
        # fmax: a NaN (padding) becomes cell 0, so that it can be gathered and masked later.
        cell = torch.fmin(torch.fmax(cell, torch.zeros_like(limit)), limit)
        low = torch.floor(torch.minimum(cell, limit - 1))
        fraction = cell - low
        index = self._flat(low.long())
        stride = self.offroad_m.shape[2]
        field = self.offroad_m.reshape(-1)
        near = torch.lerp(field[index], field[index + 1], fraction[..., 1])
        far = torch.lerp(field[index + stride], field[index + stride + 1], fraction[..., 1])
        return torch.lerp(near, far, fraction[..., 0])

    def lane_bits_at(self, points_m: Float[Tensor, "b *p 2"]) -> Int[Tensor, "b *p"]:
        """Which lanes cover each point (0 outside the raster)."""
        return self._lookup(self.lane_bits, points_m)

    def area_bits_at(self, points_m: Float[Tensor, "b *p 2"]) -> Integer[Tensor, "b *p"]:
        """`AreaBit`s of each point."""
        return self._lookup(self.area_bits, points_m)

    def lane_flow(
        self, points_m: Float[Tensor, "b *p 2"], yaw_rad: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Whether a lane covers each point, and whether one of them flows within 90 deg of the yaw."""
        bits = self._lookup(self.heading_bits, points_m)
        table = torch.tensor(_ALONG_MASKS, device=bits.device)
        return bits != 0, (bits & table[heading_bin(yaw_rad)]) != 0

    def _lookup(self, raster: Tensor, points_m: Tensor) -> Tensor:
        cell = torch.floor((points_m - self._origin(points_m)) / RESOLUTION_M)
        limit = cell.new_tensor(raster.shape[1:])
        inside = ((cell >= 0) & (cell < limit)).all(-1)
        cell = torch.where(inside.unsqueeze(-1), cell, 0.0).long()
        return torch.where(inside, raster.reshape(-1)[self._flat(cell)], 0)

    def _origin(self, points_m: Tensor) -> Tensor:
        return self.origin_m[self.row].reshape(-1, *(1,) * (points_m.ndim - 2), 2)

    def _flat(self, cell: Tensor) -> Tensor:
        _, num_x, num_y = self.offroad_m.shape
        row = self.row.reshape(-1, *(1,) * (cell.ndim - 2))
        return (row * num_x + cell[..., 0]) * num_y + cell[..., 1]


def heading_bin(yaw_rad: Tensor) -> Tensor:
    """The bin of `MapField.heading_bits` that a direction falls in."""
    yaw_rad = torch.nan_to_num(yaw_rad)
    return torch.round(yaw_rad * (HEADING_BINS / (2 * math.pi))).long() % HEADING_BINS


# _ALONG_MASKS[k]: the bins within 90 degrees of bin k.
_ALONG_MASKS = [
    sum(1 << ((k + d) % HEADING_BINS) for d in range(-HEADING_BINS // 4 + 1, HEADING_BINS // 4))
    for k in range(HEADING_BINS)
]


@dataclass(frozen=True)
class _Layers:
    grid: BevGrid
    offroad_m: np.ndarray
    lane_bits: np.ndarray
    heading_bits: np.ndarray
    area_bits: np.ndarray


def _rasterize(scenario: Scenario) -> _Layers:
    grid = grid_around(scenario)
    lane_bits = np.zeros(grid.shape, dtype=np.int64)
    heading_bits = np.zeros(grid.shape, dtype=np.int64)
    area_bits = np.zeros(grid.shape, dtype=np.uint8)
    lanes = scenario.map.lanes
    near = [k for k, lane in enumerate(lanes) if _touches(lane.polygon_m, grid)]
    on_route = _route_lanes(scenario)
    for k, bit in zip(near, _color([lanes[k] for k in near]), strict=True):
        patch, where = _patch(lanes[k].polygon_m, grid)
        inside = fill([lanes[k].polygon_m], patch)
        lane_bits[where][inside] |= np.int64(1) << bit
        heading_bits[where][inside] |= _heading_bits(lanes[k], patch, inside)
        if lanes[k].kind == LaneKind.CONNECTOR:
            area_bits[where][inside] |= AreaBit.INTERSECTION
        if k in on_route:
            area_bits[where][inside] |= AreaBit.ROUTE
    for area in scenario.map.areas:
        bit = {AreaKind.INTERSECTION: 1, AreaKind.CROSSWALK: 2}.get(area.kind)
        if bit and _touches(area.exterior_m, grid):
            patch, where = _patch(area.exterior_m, grid)
            area_bits[where][fill([area.exterior_m, *area.holes_m], patch)] |= bit
    return _Layers(grid, _offroad_distance_m(scenario, grid), lane_bits, heading_bits, area_bits)


def grid_around(scenario: Scenario, margin_m: float = _MARGIN_M) -> BevGrid:
    """The cells around the tracks and the ego's route; far-away parked cars do not count."""
    tracks = scenario.tracks
    points = [tracks.position_m[tracks.valid][:, :2]]
    ego_route = scenario.routes[EGO]
    if ego_route is not None:
        points.append(ego_route.path_m)
    points = np.concatenate(points)
    # Far-away parked cars must not blow up the raster: stay within 150 m of the ego's recording.
    ego = tracks.position_m[EGO, tracks.valid[EGO], :2]
    low = np.maximum(points.min(0), ego.min(0) - 150.0) - margin_m
    high = np.minimum(points.max(0), ego.max(0) + 150.0) + margin_m
    cells = np.ceil((high - low) / RESOLUTION_M).astype(int)
    return BevGrid(float(low[0]), float(low[1]), RESOLUTION_M, int(cells[0]), int(cells[1]))


def _offroad_distance_m(scenario: Scenario, grid: BevGrid) -> np.ndarray:
    """Signed distance to the outline of the union of the drivable areas, positive outside."""
    rings = outline(
        [
            (area.exterior_m, *area.holes_m)
            for area in scenario.map.areas
            if area.kind == AreaKind.DRIVABLE
        ]
    )
    if not rings:
        return np.full(grid.shape, 1e3, dtype=np.float32)
    distance = distance_to_outline_m(rings, grid)
    return np.where(fill(rings, grid), -distance, distance).astype(np.float32)


def outline(polygons_m: list[tuple[np.ndarray, ...]]) -> list[np.ndarray]:
    """The rings of the union of some polygons (exterior, holes...); inside is to the left of each."""
    import shapely
    from shapely.geometry.polygon import orient

    shapes = [shapely.Polygon(exterior, holes) for exterior, *holes in polygons_m]
    union = shapely.union_all([p if p.is_valid else p.buffer(0) for p in shapes])
    parts = [orient(p) for p in shapely.get_parts(union) if p.geom_type == "Polygon"]
    return [np.asarray(ring.coords)[:-1] for p in parts for ring in (p.exterior, *p.interiors)]


def _route_lanes(scenario: Scenario) -> set[int]:
    route = scenario.routes[EGO]
    if route is None:
        return set()
    lanes = scenario.map.lanes
    found, open_ends = set(route.lanes), list(route.lanes)
    while open_ends:
        lane = lanes[open_ends.pop()]
        for side in (lane.left_neighbor, lane.right_neighbor):
            if side >= 0 and side not in found:
                found.add(side)
                open_ends.append(side)
    return found


def _color(lanes: list[Lane]) -> list[int]:
    """A bit per lane such that lanes within `_LANE_REACH_M` of one another differ (greedy).

    Where more lanes meet than there are bits, the least used bit nearby is shared.
    """
    import shapely

    boxes = [(*lane.polygon_m.min(0), *lane.polygon_m.max(0)) for lane in lanes]
    if not boxes:
        return []
    shapes = shapely.box(*np.array(boxes).T)
    tree = shapely.STRtree(shapes)
    grown = shapely.buffer(shapes, _LANE_REACH_M, join_style="mitre")
    rows, others = tree.query(grown, predicate="intersects")
    colors = [-1] * len(lanes)
    for k in range(len(lanes)):
        used = np.zeros(_MAX_LANE_BITS, dtype=int)
        for other in others[rows == k]:
            if colors[other] >= 0:
                used[colors[other]] += 1
        colors[k] = int(used.argmin())
    return colors


def _heading_bits(lane: Lane, patch: BevGrid, inside: np.ndarray) -> np.ndarray:
    """The heading bit of each inside cell, from the nearest point of the centreline."""
    from scipy.spatial import KDTree

    line = polyline.resample(lane.centerline_m, 1.0)
    i, j = np.nonzero(inside)
    low = np.array((patch.x_min_m, patch.y_min_m))
    centers = low + (np.stack((i, j), axis=-1) + 0.5) * patch.resolution_m
    _, nearest = KDTree(line).query(centers) if len(centers) else (None, np.zeros(0, int))
    yaw = polyline.headings_rad(line)[nearest]
    bins = np.round(yaw * (HEADING_BINS / (2 * np.pi))).astype(np.int64) % HEADING_BINS
    return np.int64(1) << bins


def _touches(polygon_m: np.ndarray, grid: BevGrid) -> bool:
    low, high = polygon_m.min(0), polygon_m.max(0)
    size_x, size_y = grid.num_x * grid.resolution_m, grid.num_y * grid.resolution_m
    return bool(
        high[0] > grid.x_min_m
        and high[1] > grid.y_min_m
        and low[0] < grid.x_min_m + size_x
        and low[1] < grid.y_min_m + size_y
    )


def _patch(polygon_m: np.ndarray, grid: BevGrid) -> tuple[BevGrid, tuple[slice, slice]]:
    """The part of the grid under a polygon's bounding box, and its slices."""
    low = np.array((grid.x_min_m, grid.y_min_m))
    limit = np.array(grid.shape)
    first = np.floor((polygon_m.min(0) - low) / grid.resolution_m).astype(int).clip(0, limit)
    last = np.ceil((polygon_m.max(0) - low) / grid.resolution_m).astype(int).clip(0, limit)
    corner = low + first * grid.resolution_m
    cells = last - first
    patch = BevGrid(
        float(corner[0]), float(corner[1]), grid.resolution_m, int(cells[0]), int(cells[1])
    )
    return patch, (slice(first[0], last[0]), slice(first[1], last[1]))
