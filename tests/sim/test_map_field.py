"""The map's rasters against shapely on random points."""

import math

import numpy as np
import shapely
import torch

from sim.map_field import RESOLUTION_M, AreaBit, MapField
from tests.toy import Car, make_scenario, straight

LINES = [straight(-60, 0, 60, 0), straight(60, 3.5, -60, 3.5), straight(0, -50, 0, 50)]


def _field_and_points() -> tuple[MapField, torch.Tensor, list[shapely.Polygon]]:
    scenario = make_scenario(LINES, [Car(0, -50, 0)])
    points = np.random.default_rng(0).uniform((-75, -25), (75, 25), (10_000, 2))
    polygons = [shapely.Polygon(lane.polygon_m) for lane in scenario.map.lanes]
    return MapField.from_scenarios([scenario]), torch.tensor(points[None]).float(), polygons


def test_offroad_distance_against_shapely() -> None:
    field, points, polygons = _field_and_points()
    union = shapely.union_all(polygons)
    query = shapely.points(points[0].numpy().astype(np.float64))
    truth = shapely.distance(union.boundary, query)
    truth = np.where(shapely.contains(union, query), -truth, truth)
    ours = field.offroad_distance_m(points)[0].numpy()
    assert np.abs(ours - truth).max() < 0.5 * RESOLUTION_M
    far = np.abs(truth) > RESOLUTION_M
    assert (np.sign(ours) == np.sign(truth))[far].all()


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
