"""The exported map, read by the devkit and held against the scenarios by shapely."""

import math

import numpy as np
import pytest
import shapely
from nuscenes.map_expansion.arcline_path_utils import discretize_lane
from nuscenes.map_expansion.map_api import NuScenesMap, locations

from sim.export.nuscenes.arcline import arcline_path
from sim.export.nuscenes.placing import MARGIN_M, place
from sim.export.nuscenes.schema import CITIES_M
from sim.geometry import polyline
from sim.scenario import AreaKind, LaneKind
from tests.sim.export.dataset import Dataset


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return Dataset.write(tmp_path_factory.mktemp("export") / "data", 1.0, sweeps=False)


@pytest.fixture(scope="module")
def city(dataset: Dataset) -> NuScenesMap:
    return NuScenesMap(str(dataset.path), dataset.nusc.log[0]["location"])


def test_all_four_cities_load(dataset: Dataset) -> None:
    for name in locations:
        assert len(NuScenesMap(str(dataset.path), name).layer_names) == 15


def test_drivable_areas_are_the_scenarios(dataset: Dataset, city: NuScenesMap) -> None:
    assert len(city.drivable_area) == 2
    for scenario, offset, record in zip(
        dataset.scenarios, dataset.offsets_m, city.drivable_area, strict=True
    ):
        areas = [a for a in scenario.map.areas if a.kind == AreaKind.DRIVABLE]
        own = shapely.union_all([shapely.Polygon(a.exterior_m, a.holes_m) for a in areas])
        own = shapely.transform(own, lambda points, by=offset[:2]: points + by)
        read = shapely.union_all([city.extract_polygon(t) for t in record["polygon_tokens"]])
        assert read.intersection(own).area / read.union(own).area > 1 - 1e-6
        assert read.within(shapely.box(0, 0, *city.canvas_edge))


def test_arclines_lie_on_the_centrelines(dataset: Dataset, city: NuScenesMap) -> None:
    """The devkit's discretised lane within 5 cm of the centreline, and the other way round."""
    records = iter(zip(*[iter(city.arcline_path_3.items())], strict=True))
    for scenario, offset in zip(dataset.scenarios, dataset.offsets_m, strict=True):
        for lane in scenario.map.lanes:
            ((token, pieces),) = next(records)
            poses = np.array(discretize_lane(pieces, 0.2))
            line = lane.centerline_m.astype(np.float64) + offset[:2]
            own, read = shapely.LineString(line), shapely.LineString(poses[:, :2])
            assert shapely.hausdorff_distance(own, read, densify=0.05) < 0.05
            assert poses[0, :2] == pytest.approx(line[0], abs=1e-6)
            assert poses[-1, :2] == pytest.approx(line[-1], abs=1e-6)
            ahead = np.arctan2(*np.diff(line, axis=0)[len(line) // 2][::-1])
            middle = np.linalg.norm(poses[:, :2] - line[len(line) // 2], axis=1).argmin()
            assert abs(math.remainder(poses[middle, 2] - ahead, 2 * math.pi)) < 0.1
            layer = "lane" if lane.kind == LaneKind.LANE else "lane_connector"
            assert city.get(layer, token)["polygon_token"]


def test_lane_queries_find_lane_and_connections(dataset: Dataset, city: NuScenesMap) -> None:
    scenario, offset = dataset.scenarios[0], dataset.offsets_m[0]
    tokens = list(city.arcline_path_3)[: len(scenario.map.lanes)]
    for k, lane in enumerate(scenario.map.lanes):
        assert city.get_outgoing_lane_ids(tokens[k]) == [tokens[n] for n in lane.successors]
        assert city.get_incoming_lane_ids(tokens[k]) == [tokens[n] for n in lane.predecessors]
    straight = next(k for k, lane in enumerate(scenario.map.lanes) if lane.kind == LaneKind.LANE)
    line = scenario.map.lanes[straight].centerline_m
    x, y = line[len(line) // 2] + offset[:2]
    assert city.get_closest_lane(x, y, radius=2) == tokens[straight]
    assert city.layers_on_point(x, y)["lane"] == tokens[straight]


def test_stop_lines_lights_and_crossings(dataset: Dataset, city: NuScenesMap) -> None:
    maps = [s.map for s in dataset.scenarios]
    assert len(city.stop_line) == sum(len(m.stop_lines) for m in maps) > 0
    assert len(city.traffic_light) == len(dataset.scenarios[0].lights.position_m) > 0
    crossings = [a for m in maps for a in m.areas if a.kind == AreaKind.CROSSWALK]
    assert len(city.ped_crossing) == len(crossings)
    first = dataset.scenarios[0].map.stop_lines[0]
    drawn = city.extract_polygon(city.stop_line[0]["polygon_token"])
    line = shapely.LineString(first.line_m + dataset.offsets_m[0][:2])
    assert drawn.boundary.hausdorff_distance(line) < 0.6  # half a metre deep
    # It reaches back, against the direction of the lane.
    lane = dataset.scenarios[0].map.lanes[first.lanes[0]].centerline_m
    s_line, s_area = (
        polyline.project(lane, np.array([point]) - dataset.offsets_m[0][:2])[0][0]
        for point in (line.centroid.coords[0], drawn.centroid.coords[0])
    )
    assert s_area == pytest.approx(s_line - 0.25, abs=0.02)


def test_the_picture_shows_the_road(dataset: Dataset, city: NuScenesMap) -> None:
    mask = dataset.nusc.map[0]["mask"]
    for scenario, offset in zip(dataset.scenarios, dataset.offsets_m, strict=True):
        points = np.concatenate([lane.centerline_m[1:-1] for lane in scenario.map.lanes])
        assert mask.is_on_mask(*(points + offset[:2]).T).all()
        ego = scenario.tracks.position_m[0, 0, :2] + offset[:2]
        aside = ego + np.array([(dx, dy) for dx in (-60, 60) for dy in (-60, 60)])
        on_road = [any(
            city.extract_polygon(t).contains(shapely.Point(p))
            for area in city.drivable_area for t in area["polygon_tokens"]
        ) for p in aside]  # fmt: skip
        assert mask.is_on_mask(*aside.T).tolist() == on_road


def test_a_quarter_circle_is_one_arc() -> None:
    """Radius 20 to the left: one arc of 20 * pi / 2 = 31.416 m from heading 0 to pi / 2."""
    angle = np.linspace(0, math.pi / 2, 32)
    points = 20 * np.stack((np.sin(angle), 1 - np.cos(angle)), axis=-1)
    (piece,) = arcline_path(points)
    assert piece["shape"] == "LSL" and piece["radius"] == pytest.approx(20)
    assert piece["segment_length"] == pytest.approx([31.416, 0, 0], abs=1e-3)
    assert piece["start_pose"] == pytest.approx([0, 0, 0], abs=1e-6)
    assert piece["end_pose"] == pytest.approx([20, 20, math.pi / 2])
    (mirrored,) = arcline_path(points * (1, -1))
    assert mirrored["shape"] == "RSR" and mirrored["radius"] == pytest.approx(20)


@pytest.mark.parametrize("seed", range(4))
def test_arclines_follow_any_curve(seed: int) -> None:
    """Wandering lines, straights and corners among them: within 4 cm, with few pieces."""
    rng = np.random.default_rng(seed)
    curvature = np.repeat(rng.uniform(-0.1, 0.1, 12) * rng.integers(0, 2, 12), 15)
    yaw = np.cumsum(curvature) + np.repeat(rng.choice((0.0, 0.0, 0.6), 2), 90)
    points = 700.0 + np.cumsum(np.stack((np.cos(yaw), np.sin(yaw)), axis=-1), axis=0)
    pieces = arcline_path(points.astype(np.float32))
    assert len(pieces) < 60
    read = shapely.LineString(np.array(discretize_lane(pieces, 0.1))[:, :2])
    assert max(read.distance(shapely.Point(p)) for p in points) < 0.04
    line = shapely.LineString(points)
    # Between two vertices 1 m apart an arc of curvature 0.1 bulges by 0.1 / 8 = 0.0125 m.
    assert max(line.distance(shapely.Point(p)) for p in read.coords) < 0.04


def test_tiles_neither_overlap_nor_leave_the_city() -> None:
    rng = np.random.default_rng(0)
    size = rng.uniform((100, 30), (500, 400), (100, 2))
    low = rng.uniform(-1000, 1000, (100, 2))
    bounds = np.concatenate((low, low + size), axis=1)
    placed = place(bounds.tolist())
    for city, extent in CITIES_M.items():
        own = [k for k in range(100) if placed[k].city == city]
        boxes = [shapely.box(*(bounds[k] + np.tile(placed[k].offset_m, 2))) for k in own]
        assert all(box.within(shapely.box(0, 0, *extent)) for box in boxes)
        for n, box in enumerate(boxes):
            assert all(box.distance(other) >= 2 * MARGIN_M for other in boxes[:n])
    with pytest.raises(ValueError, match=r"of 400 scenes do not fit into the four nuScenes cities"):
        place(np.tile(bounds, (4, 1)).tolist())
