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

from sim.compiling import materialize
from sim.geometry.grid import BevGrid
from sim.geometry.nearest import TILE
from sim.maps.areas import Polygon, outline, polygons_of
from sim.maps.extent import grid_around
from sim.maps.first_order import REACH_M, FirstOrder, area_distance, line_distance
from sim.maps.reachable import reachable_lanes
from sim.maps.tiles import StoredCells, Tiles, stored
from sim.scenario import EGO, AreaKind, LaneKind, Scenario
from sim.trees import shared

AREAS = ("drivable", "intersection", "crosswalk", "obstacle")
LINES = ("centerline", "boundary", "stop_line", "route", "reachable")
LAYERS = AREAS + LINES
_BAND_M = {"reachable": REACH_M}
_OTHER_BAND_M = 2.0
_DISTANCE_STEP_M = REACH_M / 8000  # 14 bits with the sign
_GRADIENT_STEPS = 255  # 9 bits each


@dataclass(frozen=True)
class MapLayers:
    """Layers `names` of M maps, world frame; world b reads map `row[b]`, the rest is shared.

    `field [S, L]`: d, gx, gy of each layer in each cell that `tiles` stores, packed into one int32.
    `stop_light [S]`: the light of the nearest stop line, -1 where there is none. `speed_limit_mps
    [S]`: of the lane whose centreline is nearest, 0 where none is within 2 m.
    """

    names: tuple[str, ...]
    row: Int[Tensor, " b"]
    tiles: Tiles = shared()
    field: Int[Tensor, "stored l"] = shared()
    stop_light: Int[Tensor, " stored"] = shared()
    speed_limit_mps: Float[Tensor, " stored"] = shared()

    @staticmethod
    def from_scenarios(
        scenarios: list[Scenario], names: tuple[str, ...], margin_m: float
    ) -> "MapLayers":
        """Rasterise the layers `names` of every map; `margin_m`: how far the ego looks."""
        grids = [grid_around(scenario, margin_m) for scenario in scenarios]
        made = [_rasterize(s, names, grid) for s, grid in zip(scenarios, grids, strict=True)]
        occupied, field, stop_light, limit = (list(part) for part in zip(*made, strict=True))
        return MapLayers(
            names=names,
            row=torch.arange(len(grids)),
            tiles=Tiles.of(grids, occupied),
            field=stored(field, _NOTHING),
            stop_light=stored(stop_light, -1),
            speed_limit_mps=stored(limit, 0),
        )

    def find(self, x_m: Float[Tensor, "b *p"], y_m: Float[Tensor, "b *p"]) -> StoredCells:
        """The cells that hold these points, to ask about."""
        found = self.tiles.find_xy(x_m, y_m, self.row)
        # Every layer reads them.
        return StoredCells(*materialize(found.index, found.inside, found.x_m, found.y_m))

    def distance_m(self, name: str, cells: StoredCells) -> Float[Tensor, "b *p"]:
        """Signed distance to a layer; `REACH_M` off the map: outside every area, near no line."""
        packed = self._packed(name, cells)
        gx, gy = _gradient(packed)
        distance = (packed >> 18) * _DISTANCE_STEP_M + gx * cells.x_m + gy * cells.y_m
        return torch.where(cells.inside, distance, REACH_M)

    def gradient(self, name: str, cells: StoredCells) -> tuple[Tensor, Tensor]:
        """That of the distance to a layer, along x and y of the world frame."""
        return _gradient(self._packed(name, cells))

    def light(self, cells: StoredCells) -> Int[Tensor, "b *p"]:
        """The light of the nearest stop line, -1: none."""
        return self.stop_light[cells.index]

    def limit_mps(self, cells: StoredCells) -> Float[Tensor, "b *p"]:
        """The speed limit, 0 away from lanes; layer centerline must be there."""
        return torch.where(cells.inside, self.speed_limit_mps[cells.index].float(), 0.0)

    def _packed(self, name: str, cells: StoredCells) -> Int[Tensor, "b *p"]:
        return self.field[cells.index, self.names.index(name)]


def _gradient(packed: Int[Tensor, "b *p"]) -> tuple[Tensor, Tensor]:
    return ((packed << 14) >> 23) / _GRADIENT_STEPS, ((packed << 23) >> 23) / _GRADIENT_STEPS


def _pack(values: np.ndarray) -> np.ndarray:
    """d, gx, gy `[3, ...]` as 14 + 9 + 9 bits: one load a layer, to a millimetre."""
    distance = np.round(values[0].clip(-REACH_M, REACH_M) / _DISTANCE_STEP_M).astype(np.int32)
    gx, gy = np.round(values[1:] * _GRADIENT_STEPS).astype(np.int32)
    return (distance << 18) | ((gx & 511) << 9) | (gy & 511)


_NOTHING = int(_pack(np.array(((REACH_M,), (0.0,), (0.0,))))[0])


def _rasterize(scenario: Scenario, names: tuple[str, ...], grid: BevGrid) -> tuple[np.ndarray, ...]:
    """Tiles in which some layer has something; what the tensors of `MapLayers` hold there."""
    layers = {name: _layer(scenario, name, grid) for name in names}
    near = np.zeros(grid.coarse(TILE).num_cells, dtype=bool)
    for layer in layers.values():
        near[layer.tile] = True
    occupied = np.flatnonzero(near)
    field = np.full((len(occupied), TILE, TILE, len(names)), _NOTHING, dtype=np.int32)
    stop_light = np.full(field.shape[:3], -1, dtype=np.int32)
    limit_mps = np.zeros(field.shape[:3], dtype=np.float16)
    for k, (name, layer) in enumerate(layers.items()):
        where = np.searchsorted(occupied, layer.tile)
        field[where, ..., k] = np.moveaxis(_pack(layer.values), -1, 0)
        if name == "stop_line":
            light_of = np.array([stop.light for stop in scenario.map.stop_lines] + [-1])
            stop_light[where] = np.moveaxis(light_of[layer.line], -1, 0)
        if name == "centerline":
            limit_of = np.array([lane.speed_limit_mps for lane in scenario.map.lanes] + [0.0])
            limit_mps[where] = np.moveaxis(limit_of[layer.line], -1, 0)
    return occupied, field, stop_light, limit_mps


def _layer(scenario: Scenario, name: str, grid: BevGrid) -> FirstOrder:
    if name in AREAS:
        return area_distance(outline(_polygons(scenario, name)), grid)
    return line_distance(_lines(scenario, name), grid, _BAND_M.get(name, _OTHER_BAND_M))


def _polygons(scenario: Scenario, name: str) -> list[Polygon]:
    if name == "obstacle":
        return [(obstacle.footprint_m,) for obstacle in scenario.map.obstacles]
    found = polygons_of(scenario.map, AreaKind[name.upper()])
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
