"""Maps of a batch in one store: none reads another's cells, nor what lies beyond its edge."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from sim.geometry.grid import BevGrid
from sim.geometry.nearest import TILE
from sim.maps.field import MapField
from sim.maps.layers import LAYERS, MapLayers
from sim.maps.tiles import Tiles, from_tiles, in_tiles, stored
from sim.scenario import Scenario
from sim.sources.procedural import draft
from tests.map_layers import read

FAMILIES = ("signalized_junction", "straight", "roundabout")
POISON = -(2**30) + 12345


@pytest.fixture(scope="module")
def scenarios() -> list[Scenario]:
    return [draft(family, seed=5, duration_s=2.0) for family in FAMILIES]


def _points(tiles: Tiles) -> Tensor:
    """For each map: anywhere on it and around it, and close to both sides of its edges."""
    random = torch.Generator().manual_seed(0)
    size_m = tiles.cells.num_cells * tiles.cells.resolution_m
    share = torch.rand(len(size_m), 4000, 2, generator=random)
    share[:, :2000] = share[:, :2000] * 1.4 - 0.2
    points = tiles.cells.min_m[:, None] + share * size_m[:, None]
    near = (torch.rand(len(size_m), 1000, generator=random) - 0.5) * 8 * tiles.cells.resolution_m
    for axis in (0, 1):
        low, high = slice(2000 + 1000 * axis, 2500 + 1000 * axis), 2500 + 1000 * axis
        edge = tiles.cells.min_m[:, axis, None]
        points[:, low, axis] = edge + near[:, :500]
        points[:, high : high + 500, axis] = edge + size_m[:, axis, None] + near[:, 500:]
    return points


def _field_answers(field: MapField, points: Tensor) -> list[Tensor]:
    yaw = torch.linspace(-3, 3, points.shape[1]).expand(points.shape[:2])
    return [
        field.offroad_distance_m(points),
        field.lane_bits_at(points),
        field.area_bits_at(points),
        *field.lane_flow(points, yaw),
    ]


def _cells_of(tiles: Tiles, row: int) -> tuple[Tensor, Tensor]:
    """Which stored cells, and which cells of the dense rasters, belong to map `row`: masks."""
    num_x, num_y = tiles.cells.num_cells[row].tolist()
    i, j = torch.meshgrid(torch.arange(num_x), torch.arange(num_y), indexing="ij")
    centers = tiles.cells.min_m[row] + (torch.stack((i, j), dim=-1) + 0.5) * 0.5
    cells = tiles.find(centers[None], torch.tensor([row]))
    assert cells.inside.all()
    kept = torch.zeros((int(tiles.stored_at.max()) + 1) * TILE**2, dtype=torch.bool)
    kept[cells.index.flatten()] = True
    dense = torch.zeros(int(tiles.cells.num_cells.prod(dim=1).sum()), dtype=torch.bool)
    first = int(tiles.cells.first[row])
    dense[first : first + num_x * num_y] = True
    return kept, dense


def test_fields_of_a_batch_are_those_of_each_map_alone(scenarios: list[Scenario]) -> None:
    both = MapField.from_scenarios(scenarios)
    points = _points(both.tiles)
    together = _field_answers(both, points)
    for k, scenario in enumerate(scenarios):
        alone = _field_answers(MapField.from_scenarios([scenario]), points[k : k + 1])
        for mine, other in zip(together, alone, strict=True):
            assert torch.equal(mine[k], other[0])
        assert (alone[1] != 0).any() and (alone[0] < 0).any()


def test_layers_of_a_batch_are_those_of_each_map_alone(scenarios: list[Scenario]) -> None:
    both = MapLayers.from_scenarios(scenarios, LAYERS, 20.0)
    points = _points(both.tiles)
    together = read(both, points)
    for k, scenario in enumerate(scenarios):
        alone = read(MapLayers.from_scenarios([scenario], LAYERS, 20.0), points[k : k + 1])
        for mine, other in zip(together, alone, strict=True):
            assert torch.equal(mine[k], other[0])
        assert (alone[0].abs() < 10).flatten(0, 1).any(dim=0)[[0, 4, 5, 7, 8]].all()


def test_no_map_reads_what_is_not_its_own(scenarios: list[Scenario]) -> None:
    """All that belongs to the others, and the part of tiles beyond a map's edge, is poisoned."""
    field = MapField.from_scenarios(scenarios)
    layers = MapLayers.from_scenarios(scenarios, LAYERS, 20.0)
    for k in range(len(scenarios)):
        row = torch.tensor([k])
        kept, dense = _cells_of(field.tiles, k)
        assert TILE**2 < kept.sum() < len(kept) // 2
        poisoned = replace(
            field,
            offroad_m=torch.where(dense, field.offroad_m, torch.nan),
            lane_bits=torch.where(kept, field.lane_bits, POISON),
            heading_bits=torch.where(kept, field.heading_bits, POISON),
            area_bits=torch.where(kept, field.area_bits, 255),
        )
        points = _points(field.tiles)[k : k + 1]
        clean = _field_answers(replace(field, row=row), points)
        answers = _field_answers(replace(poisoned, row=row), points)
        for mine, other in zip(clean, answers, strict=True):
            assert torch.equal(mine, other)
        kept, _ = _cells_of(layers.tiles, k)
        bad = replace(
            layers,
            field=torch.where(kept[:, None], layers.field, POISON),
            stop_light=torch.where(kept, layers.stop_light, POISON),
        )
        points = _points(layers.tiles)[k : k + 1]
        clean = read(replace(layers, row=row), points)
        for mine, other in zip(clean, read(replace(bad, row=row), points), strict=True):
            assert torch.equal(mine, other)


def test_beyond_its_edge_a_map_is_empty_and_the_road_no_nearer(scenarios: list[Scenario]) -> None:
    field = MapField.from_scenarios(scenarios)
    low, high = field.tiles.cells.min_m, field.tiles.cells.num_cells * 0.5
    inside = low[:, None] + high[:, None] * torch.tensor((1.0, 0.4)) - torch.tensor((0.25, 0.0))
    outside = inside + torch.tensor((700.0, 0.0))
    near, far = field.offroad_distance_m(inside), field.offroad_distance_m(outside)
    assert torch.equal(near, far)
    assert (field.lane_bits_at(outside) == 0).all() and (field.area_bits_at(outside) == 0).all()
    assert not field.lane_flow(outside, torch.zeros(3, 1))[0].any()


def test_nan_is_nowhere() -> None:
    field = MapField.from_scenarios([draft("straight", seed=1, duration_s=1.0)])
    nothing = torch.full((1, 2, 2), torch.nan)
    assert torch.isfinite(field.offroad_distance_m(nothing)).all()  # to be masked later
    assert (field.lane_bits_at(nothing) == 0).all()


def test_rasters_in_tiles_and_back() -> None:
    # 6 x 5 cells: two by two tiles; cell (5, 4) is (1, 0) of tile (1, 1), number 3.
    grid = BevGrid(0.0, 0.0, 0.5, 6, 5)
    raster = np.arange(30).reshape(6, 5)
    tiles = in_tiles(raster)
    assert tiles.shape == (TILE, TILE, 4) and tiles[1, 0, 3] == 29
    assert tiles[2, 0, 3] == 0  # beyond the edge
    order = np.array((2, 0, 3, 1))
    assert (from_tiles(tiles[..., order], order, grid) == raster).all()


def test_where_cells_are_stored_by_hand() -> None:
    # Two maps; the first stores nothing but its tile 2, the second its tiles 0 and 1.
    grids = [BevGrid(0.0, 0.0, 0.5, 8, 8), BevGrid(100.0, 0.0, 0.5, 4, 8)]
    tiles = Tiles.of(grids, [np.array((2,)), np.array((0, 1))])
    values = stored([np.full((1, TILE, TILE), 20), np.arange(32).reshape(2, TILE, TILE)], -5)
    points = torch.tensor((((2.1, 0.1), (0.1, 0.1)), ((101.9, 2.3), (99.9, 0.1))))
    cells = tiles.find(points, torch.tensor((0, 1)))
    # (2.1, 0.1): cell (4, 0), tile 2. (101.9, 2.3): cell (3, 4), the last row of the second tile.
    assert values[cells.index].tolist() == [[20, -5], [16 + 3 * TILE, -5]]
    assert cells.inside.tolist() == [[True, True], [True, False]]
    place_m = (float(cells.x_m[0, 0]), float(cells.y_m[0, 0]))
    assert place_m == pytest.approx((-0.15, -0.15))
