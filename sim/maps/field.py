"""`MapField`: the static map as rasters, so that a question about a point is a gather or two.

Built on the CPU from a `Scenario`; asked on any device, batched, by metrics, planners and traffic.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor

from sim.geometry.edges import Edges
from sim.geometry.fill import fill
from sim.geometry.grid import BevGrid
from sim.geometry.nearest import nearest_edges
from sim.maps.areas import outline, polygons_of
from sim.maps.extent import grid_around
from sim.maps.lane_bits import HEADING_BINS, LaneBits
from sim.maps.tiles import Tiles, from_tiles, in_tiles, stored
from sim.scenario import AreaKind, Scenario
from sim.short_repr import short_repr
from sim.trees import shared


@short_repr
@dataclass(frozen=True)
class MapField:
    """Rasters of M maps in the world frame; world b reads those of map `row[b]`, the rest is shared.

    `offroad_m`: every cell of one map after the other (`tiles.cells`); beyond the edge of the map its
    last cells go on. The others are stored in `tiles`, and 0 elsewhere.
    `lane_bits`: one bit per lane covering the cell; lanes that lie near one another never share a
    bit, so "one lane holds all of these nearby points" is the `&` of their bits.
    `heading_bits`: bit k is set where some lane flows in direction `k * 2 pi / HEADING_BINS`.
    `area_bits`: see `AreaBit`.
    """

    row: Int[Tensor, " b"]
    tiles: Tiles = shared()
    offroad_m: Float[Tensor, " cells"] = shared()
    lane_bits: Int[Tensor, " stored"] = shared()
    heading_bits: Int[Tensor, " stored"] = shared()
    area_bits: Integer[Tensor, " stored"] = shared()

    @staticmethod
    def from_scenarios(scenarios: list[Scenario]) -> "MapField":
        """Rasterise each scenario's map around the tracks and the ego's route."""
        grids = [grid_around(scenario) for scenario in scenarios]
        made = [_rasterize(s, grid) for s, grid in zip(scenarios, grids, strict=True)]
        offroad, occupied, lane, heading, area = (list(part) for part in zip(*made, strict=True))
        return MapField(
            row=torch.arange(len(grids)),
            tiles=Tiles.of(grids, occupied),
            offroad_m=torch.from_numpy(np.concatenate(offroad)),
            lane_bits=stored(lane, 0),
            heading_bits=stored(heading, 0),
            area_bits=stored(area, 0),
        )

    def offroad_distance_m(self, points_m: Float[Tensor, "b *p 2"]) -> Float[Tensor, "b *p"]:
        """Signed distance to the edge of the drivable area, positive off it; bilinear.

        Outside the raster: that of the nearest cell.
        """
        grids = self.tiles.cells
        x, y = grids.cells(points_m[..., 0], points_m[..., 1], self.row)
        x_last, y_last = grids.last(x, self.row)
        low_i, part_x = _below(x - 0.5, x_last)
        low_j, part_y = _below(y - 0.5, y_last)
        index, stride = grids.flat(low_i, low_j, self.row), grids.stride(x, self.row)
        field = self.offroad_m
        near = torch.lerp(field[index], field[index + 1], part_y)
        far = torch.lerp(field[index + stride], field[index + stride + 1], part_y)
        return torch.lerp(near, far, part_x)

    def lane_bits_at(self, points_m: Float[Tensor, "b *p 2"]) -> Int[Tensor, "b *p"]:
        """Which lanes cover each point (0 outside the raster)."""
        return self.lane_bits[self._find(points_m)]

    def area_bits_at(self, points_m: Float[Tensor, "b *p 2"]) -> Integer[Tensor, "b *p"]:
        """`AreaBit`s of each point."""
        return self.area_bits[self._find(points_m)]

    def lane_flow(
        self, points_m: Float[Tensor, "b *p 2"], yaw_rad: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Whether a lane covers each point, and whether one of them flows within 90 deg of the yaw."""
        bits = self.heading_bits[self._find(points_m)]
        table = torch.tensor(_ALONG_MASKS, device=bits.device)
        return bits != 0, (bits & table[heading_bin(yaw_rad)]) != 0

    def _find(self, points_m: Tensor) -> Tensor:
        return self.tiles.find(points_m, self.row).index


def _below(place: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
    """The cell whose centre lies before a place, not the last one, and how far on to the next."""
    # fmax: a NaN (padding) becomes cell 0, so that it can be gathered and masked later.
    place = torch.fmin(torch.fmax(place, torch.zeros_like(place)), last)
    low = torch.floor(torch.minimum(place, last - 1))
    return low.int(), place - low


def heading_bin(yaw_rad: Tensor) -> Tensor:
    """The bin of `MapField.heading_bits` that a direction falls in."""
    yaw_rad = torch.nan_to_num(yaw_rad)
    return torch.round(yaw_rad * (HEADING_BINS / (2 * math.pi))).long() % HEADING_BINS


# _ALONG_MASKS[k]: the bins within 90 degrees of bin k.
_ALONG_MASKS = [
    sum(1 << ((k + d) % HEADING_BINS) for d in range(-HEADING_BINS // 4 + 1, HEADING_BINS // 4))
    for k in range(HEADING_BINS)
]


def _rasterize(scenario: Scenario, grid: BevGrid) -> tuple[np.ndarray, ...]:
    """Off-road distance, flat; numbers of the tiles with lanes or areas; lane, heading, area bits."""
    bits = LaneBits.of(scenario, grid)
    lane, heading, area = (in_tiles(raster) for raster in (bits.lane, bits.heading, bits.area))
    occupied = np.flatnonzero(((lane != 0) | (area != 0)).any(axis=(0, 1)))
    return (
        _offroad_distance_m(scenario, grid).ravel(),
        occupied,
        *(np.moveaxis(tiles[..., occupied], -1, 0) for tiles in (lane, heading, area)),
    )


def _offroad_distance_m(scenario: Scenario, grid: BevGrid) -> np.ndarray:
    """Signed distance to the outline of the union of the drivable areas, positive outside."""
    rings = outline(polygons_of(scenario.map, AreaKind.DRIVABLE))
    if not rings:
        return np.full(grid.shape, 1e3, dtype=np.float32)
    near = nearest_edges(Edges.of_rings(rings), grid)
    distance = from_tiles(near.distance_m.astype(np.float32), near.tile, grid)
    return np.where(fill(rings, grid), -distance, distance)
