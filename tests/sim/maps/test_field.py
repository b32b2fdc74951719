"""The map's rasters against shapely on random points."""

import math
from dataclasses import replace

import numpy as np
import shapely
import torch

from sim.maps.extent import RESOLUTION_M, grid_around
from sim.maps.field import MapField
from sim.maps.lane_bits import AreaBit
from sim.scenario import AreaKind, Scenario
from sim.sources.procedural import FAMILIES, draft
from tests.conftest import needs_shared_data
from tests.real_scenes import FILES, real_scene
from tests.toy import Car, make_scenario, straight

LINES = [straight(-60, 0, 60, 0), straight(60, 3.5, -60, 3.5), straight(0, -50, 0, 50)]


def _field_and_points() -> tuple[MapField, torch.Tensor, list[shapely.Polygon]]:
    scenario = make_scenario(LINES, [Car(0, -50, 0)])
    points = np.random.default_rng(0).uniform((-75, -25), (75, 25), (10_000, 2))
    polygons = [shapely.Polygon(lane.polygon_m) for lane in scenario.map.lanes]
    return MapField.from_scenarios([scenario]), torch.tensor(points[None]).float(), polygons


def _exact_offroad_m(scenario: Scenario, points: np.ndarray) -> np.ndarray:
    """Signed distance to the edge of the union of the drivable polygons, by shapely."""
    areas = [area for area in scenario.map.areas if area.kind == AreaKind.DRIVABLE]
    polygons = [shapely.Polygon(area.exterior_m, area.holes_m) for area in areas]
    union = shapely.union_all([p if p.is_valid else p.buffer(0) for p in polygons])
    rings = [shapely.get_coordinates(r) for r in shapely.get_rings(shapely.get_parts(union))]
    edges = np.concatenate([np.stack((ring[:-1], ring[1:]), axis=1) for ring in rings])
    query = shapely.points(points.astype(np.float64))
    tree = shapely.STRtree(shapely.linestrings(edges))
    _, distance = tree.query_nearest(query, return_distance=True, all_matches=False)
    shapely.prepare(union)
    return np.where(shapely.contains(union, query), -distance, distance)


def _require_exact(scenarios: list[Scenario], points_each: int) -> None:
    """At random points of the raster; nothing is truncated there, near the edge or far from it."""
    rng = np.random.default_rng(0)
    field = MapField.from_scenarios(scenarios)
    grids = [grid_around(scenario) for scenario in scenarios]
    points = np.stack(
        [
            (grid.x_min_m, grid.y_min_m)
            + rng.random((points_each, 2)) * np.array(grid.shape) * RESOLUTION_M
            for grid in grids
        ]
    ).astype(np.float32)
    ours = field.offroad_distance_m(torch.from_numpy(points)).numpy()
    for w, scenario in enumerate(scenarios):
        truth = _exact_offroad_m(scenario, points[w])
        assert np.abs(ours[w] - truth).max() < 0.5 * RESOLUTION_M, scenario.scenario_id
        far = np.abs(truth) > RESOLUTION_M
        assert (np.sign(ours[w]) == np.sign(truth))[far].all(), scenario.scenario_id
        assert 0.01 < (truth < 0).mean() < 0.99  # both sides are asked about


def test_offroad_distance_on_generated_maps() -> None:
    _require_exact([draft(family, seed=3) for family in FAMILIES], 10_000 // len(FAMILIES) + 1)


@needs_shared_data
def test_offroad_distance_on_real_maps() -> None:
    _require_exact([real_scene(path) for path in FILES[::2]], 10_000 // len(FILES) + 1)


def test_lane_bits_tell_lanes_apart() -> None:
    field, points, polygons = _field_and_points()
    bits = field.lane_bits_at(points)[0].numpy()
    query = shapely.points(points[0].numpy().astype(np.float64))
    inside = np.array([shapely.contains(p, query) for p in polygons])
    near_edge = np.min([shapely.distance(p.boundary, query) for p in polygons], axis=0)
    sure = near_edge > RESOLUTION_M
    count = np.array([int(b).bit_count() for b in bits])
    assert (count == inside.sum(axis=0))[sure].all()
    only = [bits[sure & inside[k] & (inside.sum(axis=0) == 1)] for k in range(3)]
    assert [len(set(o.tolist())) for o in only] == [1, 1, 1]
    assert len({int(o[0]) for o in only}) == 3


def test_lane_flow_knows_the_direction() -> None:
    field, _, _ = _field_and_points()
    # On the eastbound lane, the westbound lane, the northbound lane, and beside the road.
    points = torch.tensor([[(-30.0, 0.0), (-30.0, 3.5), (0.0, 20.0), (-30.0, 12.0)]])
    east = torch.zeros(1, 4)
    on_lane, along = field.lane_flow(points, east)
    assert on_lane.tolist() == [[True, True, True, False]]
    assert along.tolist() == [[True, False, False, False]]
    _, along = field.lane_flow(points, east + math.radians(100))
    assert along.tolist() == [[False, True, True, False]]


def test_route_bit_marks_the_ego_lane_only() -> None:
    field, _, _ = _field_and_points()
    points = torch.tensor([[(-30.0, 0.0), (-30.0, 3.5)]])
    on_route = field.area_bits_at(points) & AreaBit.ROUTE
    assert (on_route != 0).tolist() == [[True, False]]


def test_lanes_that_lead_along_the_route() -> None:
    """An exit: the right lane (1) goes on to lane 3, which leaves; the left one (0) goes on to lane 2."""
    lines = [
        straight(-50.0, 3.5, 0.0, 3.5), straight(-50.0, 0.0, 0.0, 0.0),
        straight(0.0, 3.5, 50.0, 3.5), straight(0.0, 0.0, 50.0, -20.0),
    ]  # fmt: skip
    scenario = make_scenario(lines, [Car(1, -40.0, 0.0)], beside=[(0, 1)])
    lanes = scenario.map.lanes
    after = {0: (2,), 1: (3,)}
    lanes = [replace(lane, successors=after.get(k, ())) for k, lane in enumerate(lanes)]
    ways = {"exits": (1, 3), "stays": (1,)}
    found = {}
    points = torch.tensor([[(-30.0, 3.5), (-30.0, 0.0), (10.0, 3.5), (10.0, -4.0)]])
    for name, way in ways.items():
        route = scenario.routes[0]
        assert route is not None
        told = replace(
            scenario,
            map=replace(scenario.map, lanes=lanes),
            routes=[replace(route, lanes=way)],
        )
        field = MapField.from_scenarios([told])
        found[name] = ((field.area_bits_at(points) & AreaBit.LEADS) != 0)[0].tolist()
    assert found["exits"] == [False, True, False, True]  # who stays left passes the exit
    assert found["stays"] == [True, True, False, False]  # beside the end of the route is as good


def test_worlds_of_a_batch_do_not_mix() -> None:
    small = make_scenario([straight(-20, 0, 20, 0)], [Car(0, -10, 0)])
    large = make_scenario(LINES, [Car(0, -50, 0)])
    points = torch.rand(2, 50, 2, generator=torch.Generator().manual_seed(0)) * 40 - 20
    both = MapField.from_scenarios([small, large])
    for k, scenario in enumerate((small, large)):
        alone = MapField.from_scenarios([scenario])
        torch.testing.assert_close(
            both.offroad_distance_m(points)[k], alone.offroad_distance_m(points[k : k + 1])[0]
        )
        assert torch.equal(
            both.lane_bits_at(points)[k] != 0, alone.lane_bits_at(points[k : k + 1])[0] != 0
        )
