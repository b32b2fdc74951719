"""A map expansion of a few hand-made records: every polygon layer, connectors without a polygon."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
import torch
from nuscenes.map_expansion.map_api import NuScenesMap

from sim.errors import InputError
from sim.export.nuscenes.map_layers import DICTIONARIES, LAYERS, map_layers
from sim.maps.field import MapField
from sim.maps.layers import LAYERS as RASTERS
from sim.maps.layers import MapLayers
from sim.scenario import AreaKind, LaneKind, LaneMap, Lights, MapArea
from sim.sources.nuscenes.city import City
from sim.sources.nuscenes.map import read_map
from sim.sources.procedural import generate

TOWN = "singapore-onenorth"
EGO_M = np.array(((405.0, 500.0), (440.0, 500.0)))
ORIGIN_M = np.array((405.0, 500.0))
STRAIGHT, LEFT = "ahead", "left"
# Lowest x, y, highest x, y in the city's frame; the car park has a hole of 10 x 5 m.
BOXES = {
    "drivable": ("drivable_area", (390, 490, 520, 510), {}),
    "junction": ("road_segment", (450, 490, 460, 510), {"is_intersection": True}),
    "road": ("road_segment", (400, 490, 450, 510), {"is_intersection": False}),
    "block": ("road_block", (400, 490, 450, 500), {"road_segment_token": "road"}),
    "zebra": ("ped_crossing", (446, 490, 449, 510), {"road_segment_token": "road"}),
    "pavement": ("walkway", (390, 510, 450, 513), {}),
    "carpark": ("carpark_area", (400, 520, 440, 540), {"orientation": 1.5, "road_block_token": ""}),
    "in": ("lane", (400, 498.25, 450, 501.75), {"lane_type": "CAR"}),
    "out": ("lane", (460, 498.25, 510, 501.75), {"lane_type": "CAR"}),
}
KINDS = {
    AreaKind.DRIVABLE: 130 * 20, AreaKind.INTERSECTION: 10 * 20, AreaKind.ROAD_SEGMENT: 50 * 20,
    AreaKind.ROAD_BLOCK: 50 * 10, AreaKind.CROSSWALK: 3 * 20, AreaKind.WALKWAY: 60 * 3,
    AreaKind.CARPARK: 40 * 20 - 10 * 5,
}  # fmt: skip


def make_map() -> dict[str, Any]:
    """Lanes `in` and `out`, a connector straight on, and one to the left that leads nowhere."""
    layers: dict[str, Any] = {name: [] for name in LAYERS} | {name: {} for name in DICTIONARIES}
    layers |= {"version": "1.3", "canvas_edge": [1585.6, 2025.0]}

    def nodes(box: tuple[float, ...]) -> list[str]:
        low_x, low_y, high_x, high_y = box
        corners = ((low_x, low_y), (high_x, low_y), (high_x, high_y), (low_x, high_y))
        names = [f"n{len(layers['node']) + k}" for k in range(4)]
        rows = zip(names, corners, strict=True)
        layers["node"] += [{"token": name, "x": x, "y": y} for name, (x, y) in rows]
        return names

    for token, (layer, box, fields) in BOXES.items():
        holes = [{"node_tokens": nodes((410, 525, 420, 530))}] if token == "carpark" else []
        outline = {"token": f"p-{token}", "exterior_node_tokens": nodes(box), "holes": holes}
        layers["polygon"].append(outline)
        several = layer == "drivable_area"
        link = {"polygon_tokens": [f"p-{token}"]} if several else {"polygon_token": f"p-{token}"}
        layers[layer].append({"token": token, **link, **fields})
    layers["lane"] = [
        row | {f"{side}_lane_divider_segments": [] for side in ("left", "right")}
        for row in layers["lane"]
    ]
    layers["lane_connector"] = [{"token": STRAIGHT}, {"token": LEFT}]
    layers["arcline_path_3"] = {
        "in": [_piece((400, 500, 0), (450, 500, 0), 999.0, [0, 50, 0])],
        "out": [_piece((460, 500, 0), (510, 500, 0), 999.0, [0, 50, 0])],
        STRAIGHT: [_piece((450, 500, 0), (460, 500, 0), 999.0, [0, 10, 0])],
        LEFT: [_piece((450, 500, 0), (460, 510, math.pi / 2), 10.0, [5 * math.pi, 0, 0])],
    }
    layers["connectivity"] = {
        "in": {"incoming": [], "outgoing": [STRAIGHT, LEFT]},
        "out": {"incoming": [STRAIGHT], "outgoing": []},
        STRAIGHT: {"incoming": ["in"], "outgoing": ["out"]},
        LEFT: {"incoming": ["in"], "outgoing": []},
    }
    return layers


def _piece(
    start: tuple[float, ...], end: tuple[float, ...], radius: float, length: list[float]
) -> dict[str, Any]:
    return {
        "start_pose": list(start),
        "end_pose": list(end),
        "shape": "LSL",
        "radius": radius,
        "segment_length": length,
    }


def read(dataroot: Path, layers: dict[str, Any]) -> LaneMap:
    folder = dataroot / "maps" / "expansion"
    folder.mkdir(parents=True)
    (folder / f"{TOWN}.json").write_text(json.dumps(layers))
    lane_map, _, notes = read_map(City.open(dataroot, TOWN), EGO_M, ORIGIN_M)
    assert notes == []
    return lane_map


def test_what_lies_far_off_the_city_is_left_out_and_said(tmp_path: Path) -> None:
    """A corner of the walkway at 1e7 m, a connector as long as the way to the moon."""
    layers = make_map()
    (walkway,) = (p for p in layers["polygon"] if p["token"] == "p-pavement")
    corner = walkway["exterior_node_tokens"][2]
    (node,) = (n for n in layers["node"] if n["token"] == corner)
    node["x"] = 1e7
    layers["arcline_path_3"][LEFT][0]["segment_length"] = [3.8e8, 0, 0]
    folder = tmp_path / "maps" / "expansion"
    folder.mkdir(parents=True)
    (folder / f"{TOWN}.json").write_text(json.dumps(layers))
    lane_map, _, notes = read_map(City.open(tmp_path, TOWN), EGO_M, ORIGIN_M)
    assert AreaKind.WALKWAY not in {a.kind for a in lane_map.areas}
    assert {lane.lane_id for lane in lane_map.lanes} == {"in", "out", STRAIGHT}
    assert notes == ["left out 1 polygons of the map: corners far off the city"]


def test_a_map_without_drivable_area_is_refused(tmp_path: Path) -> None:
    layers = make_map()
    layers["drivable_area"] = []
    with pytest.raises(InputError, match=rf"{TOWN}\.json: drivable_area: none near the ego"):
        read(tmp_path, layers)


def _area_m2(lane_map: LaneMap, kind: AreaKind) -> float:
    areas = [a for a in lane_map.areas if a.kind == kind]
    return sum(shapely.Polygon(a.exterior_m, a.holes_m).area for a in areas)


def test_every_polygon_layer_is_read(tmp_path: Path) -> None:
    lane_map = read(tmp_path, make_map())
    assert {a.kind for a in lane_map.areas} == set(AreaKind) == set(KINDS)
    for kind, area_m2 in KINDS.items():
        assert _area_m2(lane_map, kind) == pytest.approx(area_m2, rel=1e-4), kind
    (carpark,) = [a for a in lane_map.areas if a.kind == AreaKind.CARPARK]
    assert carpark.exterior_m.min(axis=0) == pytest.approx((-5.0, 20.0))  # 400 - 405, 520 - 500


def test_every_polygon_layer_is_written(tmp_path: Path) -> None:
    """Through the exporter and the devkit, and back."""
    before = read(tmp_path / "first", make_map())
    none = Lights(np.zeros((0, 1), dtype=np.int64), np.zeros((0, 2), dtype=np.float32))
    rows = map_layers(before, none, lambda *parts: "-".join(map(str, parts)))
    for node in rows["node"]:
        node["x"], node["y"] = node["x"] + ORIGIN_M[0], node["y"] + ORIGIN_M[1]
    for pieces in rows["arcline_path_3"].values():
        for pose in (piece[end] for piece in pieces for end in ("start_pose", "end_pose")):
            pose[0], pose[1] = pose[0] + ORIGIN_M[0], pose[1] + ORIGIN_M[1]
    after = read(tmp_path / "second", {"version": "1.3", "canvas_edge": [1585.6, 2025.0]} | rows)
    for kind, area_m2 in KINDS.items():
        assert _area_m2(after, kind) == pytest.approx(area_m2, rel=1e-4), kind
    devkit = NuScenesMap(str(tmp_path / "second"), TOWN)
    # Fields as the map expansion's schema has them.
    fields = {
        "carpark_area": "token polygon_token orientation road_block_token",
        "road_block": "token polygon_token from_edge_line_token to_edge_line_token road_segment_token",
        "road_segment": "token polygon_token is_intersection drivable_area_token",
        "ped_crossing": "token polygon_token road_segment_token",
        "walkway": "token polygon_token",
    }
    for layer, names in fields.items():
        for record in getattr(devkit, layer):
            assert set(names.split()) <= record.keys(), layer
    found = devkit.layers_on_point(430.0, 535.0)
    assert found["carpark_area"] and not found["walkway"] and not found["road_block"]
    assert not devkit.layers_on_point(415.0, 527.0)["carpark_area"]  # in the hole


def test_layers_that_nobody_draws_change_no_raster() -> None:
    """Car parks, road segments and blocks over everything: the same tensors, to the bit."""
    scenario = generate(["signalized_junction"], 1, duration_s=1.0)[0]
    square = np.array(((-60, -60), (60, -60), (60, 60), (-60, 60)), dtype=np.float32)
    kinds = (AreaKind.CARPARK, AreaKind.ROAD_SEGMENT, AreaKind.ROAD_BLOCK)
    areas = [*scenario.map.areas, *(MapArea(kind, square) for kind in kinds)]
    more = replace(scenario, map=replace(scenario.map, areas=areas))
    for make in (
        lambda one: MapField.from_scenarios([one]),
        lambda one: MapLayers.from_scenarios([one], RASTERS, 40.0),
    ):
        plain, full = vars(make(scenario)), vars(make(more))
        for name, value in plain.items():
            if isinstance(value, torch.Tensor):
                assert torch.equal(value, full[name]), name
    zebra = replace(
        scenario, map=replace(scenario.map, areas=[*areas, MapArea(AreaKind.CROSSWALK, square)])
    )
    drawn = MapField.from_scenarios([zebra]).area_bits
    assert not torch.equal(drawn, MapField.from_scenarios([scenario]).area_bits)


def _no_token(layers: dict[str, Any]) -> None:
    """As the recorded cities have it: arclines alone."""


def _empty_token(layers: dict[str, Any]) -> None:
    for record in layers["lane_connector"]:
        record["polygon_token"] = ""


def _empty_polygon(layers: dict[str, Any]) -> None:
    layers["polygon"].append({"token": "none", "exterior_node_tokens": [], "holes": []})
    for record in layers["lane_connector"]:
        record["polygon_token"] = "none"


@pytest.mark.parametrize("spoil", [_no_token, _empty_token, _empty_polygon])
def test_connectors_without_a_polygon_are_as_wide_as_a_lane(
    spoil: Callable[[dict[str, Any]], None], tmp_path: Path
) -> None:
    layers = make_map()
    spoil(layers)
    lanes = {lane.lane_id: lane for lane in read(tmp_path, layers).lanes}
    assert {k for k, lane in lanes.items() if lane.kind == LaneKind.CONNECTOR} == {STRAIGHT, LEFT}
    names = list(lanes)
    assert {names[k] for k in lanes["in"].successors} == {STRAIGHT, LEFT}
    assert [names[k] for k in lanes[STRAIGHT].successors] == ["out"]
    assert [names[k] for k in lanes[LEFT].predecessors] == ["in"]
    # 10 m by 3.5 m; a quarter of the ring between the radii 10 - 1.75 and 10 + 1.75.
    areas = {STRAIGHT: 35.0, LEFT: 0.25 * math.pi * (11.75**2 - 8.25**2)}
    for name, area_m2 in areas.items():
        assert shapely.Polygon(lanes[name].polygon_m).area == pytest.approx(area_m2, rel=0.01)
    left = lanes[LEFT].centerline_m + ORIGIN_M
    assert left[0] == pytest.approx((450, 500), abs=0.01)
    assert left[-1] == pytest.approx((460, 510), abs=0.05)
    # On the circle around (450, 510), and both sides 1.75 m off it.
    center = np.array((450.0, 510.0))
    assert np.linalg.norm(left - center, axis=1) == pytest.approx(10.0, abs=0.02)
    for side, radius in (("left_boundary_m", 8.25), ("right_boundary_m", 11.75)):
        edge = getattr(lanes[LEFT], side) + ORIGIN_M
        assert np.linalg.norm(edge - center, axis=1) == pytest.approx(radius, abs=0.05)
