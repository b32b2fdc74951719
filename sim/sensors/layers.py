"""`MapLayers`: the map as first-order distance fields, from which BEV rasters are read off.

Each cell of a layer holds the distance d of its centre to the nearest edge of that layer and the
gradient g of that distance; a point p of the cell lies at d + g . (p - centre). One read answers
"how far" for every layer at once, exactly for a straight edge. Areas: negative inside. Lines:
positive to the left of their direction.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from sim.geometry.grid import BevGrid
from sim.geometry.rasterize import fill, nearest_edge, short_edges
from sim.map_field import RESOLUTION_M, grid_around, outline
from sim.reachable import reachable_lanes
from sim.scenario import EGO, AreaKind, LaneKind, Scenario
from sim.trees import shared

AREAS = ("drivable", "intersection", "crosswalk", "obstacle")
LINES = ("centerline", "boundary", "stop_line", "route", "reachable")
LAYERS = AREAS + LINES
REACH_M = 10.0  # distances are truncated here
_BAND_M = {"reachable": REACH_M}
_OTHER_BAND_M = 2.0
_DISTANCE_STEP_M = REACH_M / 8000  # 14 bits with the sign
_GRADIENT_STEPS = 255  # 9 bits each


@dataclass(frozen=True)
class MapLayers:
    """`field [M, X, Y, L]`: d, gx, gy of each of `names`, world frame, packed into one int32 each.

    `stop_light [M, X, Y]`: the light of the nearest stop line, -1 where there is none. World b reads
    map `row[b]`.
    """

    names: tuple[str, ...]
    row: Int[Tensor, " b"]
    origin_m: Float[Tensor, "m 2"] = shared()
    size_cells: Float[Tensor, "m 2"] = shared()
    field: Int[Tensor, "m x y l"] = shared()
    stop_light: Int[Tensor, "m x y"] = shared()

    @staticmethod
    def from_scenarios(
        scenarios: list[Scenario], names: tuple[str, ...], margin_m: float
    ) -> "MapLayers":
        """Rasterise every scenario's map, padded to the largest; `margin_m`: how far the ego looks."""
        grids = [grid_around(scenario, margin_m) for scenario in scenarios]
        num_x, num_y = (max(g.shape[axis] for g in grids) for axis in (0, 1))
        nothing = int(_pack(np.array(((REACH_M, 0.0, 0.0),)))[0])
        field = torch.full((len(grids), num_x, num_y, len(names)), nothing, dtype=torch.int32)
        stop_light = torch.full((len(grids), num_x, num_y), -1, dtype=torch.int32)
        for w, (scenario, grid) in enumerate(zip(scenarios, grids, strict=True)):
            own = (w, slice(grid.num_x), slice(grid.num_y))
            for k, name in enumerate(names):
                if name in AREAS:
                    values = _area(outline(_polygons(scenario, name)), grid)
                else:
                    lines = _lines(scenario, name)
                    values, light = _line(lines, grid, _BAND_M.get(name, _OTHER_BAND_M))
                if name == "stop_line":
                    light_of = np.array([stop.light for stop in scenario.map.stop_lines] + [-1])
                    stop_light[own] = torch.from_numpy(light_of[light].astype(np.int32))
                field[(*own, k)] = torch.from_numpy(_pack(values))
        return MapLayers(
            names=names,
            row=torch.arange(len(grids)),
            origin_m=torch.tensor([(g.x_min_m, g.y_min_m) for g in grids]),
            size_cells=torch.tensor([g.shape for g in grids], dtype=torch.float32),
            field=field,
            stop_light=stop_light,
        )

    def to(self, device: torch.device | str) -> "MapLayers":
        """The same layers on `device`."""
        tensors = (self.row, self.origin_m, self.size_cells, self.field, self.stop_light)
        return MapLayers(self.names, *(tensor.to(device) for tensor in tensors))

    def read(
        self, points_m: Float[Tensor, "b *p 2"]
    ) -> tuple[Float[Tensor, "b *p l"], Float[Tensor, "b *p l 2"], Int[Tensor, "b *p"]]:
        """Distance to every layer, its gradient in the world frame, and the stop line's light.

        Off the map: `REACH_M` (outside every area, near no line).
        """
        shape = (-1, *(1,) * (points_m.ndim - 2), 2)
        place = (points_m - self.origin_m[self.row].reshape(shape)) / RESOLUTION_M
        cell = torch.floor(place)
        inside = ((cell >= 0) & (cell < self.size_cells[self.row].reshape(shape))).all(-1)
        whole = torch.where(inside.unsqueeze(-1), cell, 0.0).long()
        maps, num_x, num_y = self.stop_light.shape
        index = (self.row.reshape(shape[:-1]) * num_x + whole[..., 0]) * num_y + whole[..., 1]
        packed = self.field.reshape(maps * num_x * num_y, -1)[index]
        gx, gy = ((packed << 14) >> 23) / _GRADIENT_STEPS, ((packed << 23) >> 23) / _GRADIENT_STEPS
        rest = (place - cell - 0.5) * RESOLUTION_M
        distance = (packed >> 18) * _DISTANCE_STEP_M + gx * rest[..., :1] + gy * rest[..., 1:]
        distance = torch.where(inside.unsqueeze(-1), distance, REACH_M)
        light = torch.where(inside, self.stop_light.reshape(-1)[index], -1)
        return distance, torch.stack((gx, gy), dim=-1), light


def _pack(values: np.ndarray) -> np.ndarray:
    """d, gx, gy `[..., 3]` as 14 + 9 + 9 bits: one load a layer, to a millimetre."""
    distance = np.round(values[..., 0].clip(-REACH_M, REACH_M) / _DISTANCE_STEP_M).astype(np.int32)
    gx, gy = np.moveaxis(np.round(values[..., 1:] * _GRADIENT_STEPS).astype(np.int32), -1, 0)
    return (distance << 18) | ((gx & 511) << 9) | (gy & 511)


def _polygons(scenario: Scenario, name: str) -> list[tuple[np.ndarray, ...]]:
    if name == "obstacle":
        return [(obstacle.footprint_m,) for obstacle in scenario.map.obstacles]
    kind = AreaKind[name.upper()]
    found = [(a.exterior_m, *a.holes_m) for a in scenario.map.areas if a.kind == kind]
    if name == "intersection":
        lanes = scenario.map.lanes
        found += [(lane.polygon_m,) for lane in lanes if lane.kind == LaneKind.CONNECTOR]
    return found


def _lines(scenario: Scenario, name: str) -> list[np.ndarray]:
    lanes, route = scenario.map.lanes, scenario.routes[EGO]
    if name == "centerline":
        return [lane.centerline_m for lane in lanes]
    if name == "boundary":  # lanes of a junction have none painted
        plain = [lane for lane in lanes if lane.kind == LaneKind.LANE]
        return [line for la in plain for line in (la.left_boundary_m, la.right_boundary_m)]
    if name == "stop_line":
        return [stop.line_m for stop in scenario.map.stop_lines]
    if name == "route":
        return [] if route is None else [route.path_m]
    return [lanes[k].centerline_m for k in reachable_lanes(scenario)]


def _area(rings: list[np.ndarray], grid: BevGrid) -> np.ndarray:
    """`[X, Y, 3]`; beyond the band only the sign counts."""
    if not rings:
        return np.broadcast_to(np.array((REACH_M, 0.0, 0.0)), (*grid.shape, 3))
    closed = [np.concatenate((ring, ring[:1])) for ring in rings]
    values, _ = _line(closed, grid, _OTHER_BAND_M)
    # Inside is to the left of every ring, so positive as yet. Only at sharp corners the side of the
    # nearest edge errs; on the outline itself it alone knows where the inside begins.
    turn = np.abs(values[..., 0]) <= 1e-3
    turn |= (values[..., 0] > 0) == fill(rings, grid)
    return np.where(turn[..., None], -values, values)


def _line(lines: list[np.ndarray], grid: BevGrid, band_m: float) -> tuple[np.ndarray, np.ndarray]:
    """`[X, Y, 3]`, and which line is the nearest (-1: none)."""
    values = np.zeros((*grid.shape, 3), dtype=np.float32)
    values[..., 0] = REACH_M
    if not lines:
        return values, np.full(grid.shape, -1)
    parts = [short_edges([line]) for line in lines]
    start, end = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
    owner = np.concatenate([np.full(len(part[0]), k) for k, part in enumerate(parts)])
    nearest, _ = nearest_edge(start, end, grid, band_m)
    i, j = np.nonzero(nearest >= 0)
    edge = nearest[i, j]
    low = np.array((grid.x_min_m, grid.y_min_m))
    center = low + (np.stack((i, j), axis=-1) + 0.5) * grid.resolution_m
    delta = end[edge] - start[edge]
    length = np.maximum(np.linalg.norm(delta, axis=1), 1e-9)
    along = (((center - start[edge]) * delta).sum(-1) / length**2).clip(0.0, 1.0)
    gap = center - (start[edge] + along[:, None] * delta)
    normal = np.stack((-delta[:, 1], delta[:, 0]), axis=-1) / length[:, None]
    side = np.where((gap * normal).sum(-1) >= 0, 1.0, -1.0)
    distance = np.linalg.norm(gap, axis=1)
    beyond = ((along <= 0) | (along >= 1)) & (distance > 1e-6)
    gradient = np.where(
        beyond[:, None], side[:, None] * gap / np.maximum(distance, 1e-6)[:, None], normal
    )
    values[i, j] = np.column_stack((side * distance, gradient))
    return values, np.where(nearest >= 0, owner[nearest], -1)
