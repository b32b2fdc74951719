"""Which lanes hold a point, and which connectors are near it, against shapely."""

import numpy as np
import shapely
import torch

from sim.geometry.grid import BevGrid
from sim.maps.extent import grid_around
from sim.maps.lane_areas import LaneAreas, nearby_lanes
from sim.maps.lane_cells import LaneCells
from sim.scenario import LaneKind
from sim.sources.procedural import FAMILIES, generate


def test_points_in_the_lanes_of_generated_maps() -> None:
    scenarios = generate(list(FAMILIES), len(FAMILIES), duration_s=1.0)
    areas = LaneAreas.from_scenarios(scenarios)
    rng = np.random.default_rng(0)
    points = []
    for scenario in scenarios:
        grid = grid_around(scenario)
        low = np.array((grid.x_min_m, grid.y_min_m))
        points.append(rng.uniform(low - 150.0, np.array(grid.high_m) + 150.0, (2000, 2)))
    found = areas.hold(torch.from_numpy(np.stack(points)).float())
    near = areas.connectors_within(torch.from_numpy(np.stack(points)).float(), 5.0)
    assert found.any(dim=1).sum() > 5 * len(FAMILIES) / 2, "most lanes should be met"
    for b, scenario in enumerate(scenarios):
        for i, k in enumerate(nearby_lanes(scenario)):
            lane = scenario.map.lanes[k]
            polygon = shapely.Polygon(lane.polygon_m)
            place = shapely.points(points[b])
            off_edge_m = shapely.distance(place, polygon.exterior)
            grid = grid_around(scenario)
            known = shapely.box(grid.x_min_m, grid.y_min_m, *grid.high_m).buffer(99.0)
            clear = (off_edge_m > 0.01) & shapely.contains(known, place)
            inside = shapely.contains(polygon, place)
            np.testing.assert_array_equal(found[b, clear, i], inside[clear])
            if lane.kind == LaneKind.CONNECTOR:
                clear = np.abs(off_edge_m - 5.0) > 0.01
                np.testing.assert_array_equal(near[b, clear, i], off_edge_m[clear] < 5.0)
            else:
                assert not near[b, :, i].any()


def test_points_in_rugged_outlines() -> None:
    """Stars of 40 corners over many cells, one small, and one with edges on the lines of the grid."""
    rng = np.random.default_rng(1)
    angle = np.arange(40) * (2 * np.pi / 40)
    stars = [
        rng.uniform(5, 30, (40, 1)) * np.stack((np.cos(angle), np.sin(angle)), axis=-1)
        + rng.uniform(-20, 20, 2)
        for _ in range(6)
    ]
    square = np.array(((-8.0, -8.0), (12.0, -8.0), (12.0, 4.0), (-8.0, 4.0)))
    tiny = np.array(((1.0, 1.0), (1.5, 1.1), (1.2, 1.6)))
    rings = [*stars, square, tiny]
    grid = BevGrid(-60.0, -60.0, 4.0, 30, 30)
    cells = LaneCells.of([grid], [rings])
    points = rng.uniform(-55, 55, (20_000, 2))
    found = cells.hold(torch.from_numpy(points).float()[None], torch.zeros(1, dtype=torch.long))[0]
    for k, ring in enumerate(rings):
        polygon, place = shapely.Polygon(ring), shapely.points(points)
        clear = shapely.distance(place, shapely.LinearRing(ring)) > 1e-3
        np.testing.assert_array_equal(found[clear, k], shapely.contains(polygon, place)[clear])


def test_a_map_without_lanes_and_padding_hold_nothing() -> None:
    cells = LaneCells.of([BevGrid(0.0, 0.0, 4.0, 1, 1)], [[]])
    points = torch.tensor([[[1.0, 1.0], [torch.nan, torch.nan], [1e9, -1e9]]])
    assert not cells.hold(points, torch.zeros(1, dtype=torch.long)).any()
