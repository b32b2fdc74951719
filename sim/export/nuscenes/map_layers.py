"""The map of one scenario as layers of the nuScenes map expansion 1.3, in the scenario's own frame."""

from collections.abc import Callable
from typing import Any

import numpy as np

from sim.export.nuscenes.arcline import arcline_path
from sim.scenario import AreaKind, Lane, LaneKind, LaneMap, Lights, StopKind

LAYERS = (
    "polygon", "line", "node", "drivable_area", "road_segment", "road_block", "lane", "ped_crossing",
    "walkway", "stop_line", "carpark_area", "road_divider", "lane_divider", "traffic_light",
    "lane_connector",
)  # fmt: skip
DICTIONARIES = ("arcline_path_3", "connectivity")
_STOP_TYPES = {
    StopKind.SIGNAL: "TRAFFIC_LIGHT",
    StopKind.STOP_SIGN: "STOP_SIGN",
    StopKind.YIELD: "YIELD",
}
# Layer of each kind, and the fields about which a scenario knows nothing.
_AREAS: dict[AreaKind, tuple[str, dict[str, Any]]] = {
    AreaKind.CROSSWALK: ("ped_crossing", {"road_segment_token": ""}),
    AreaKind.WALKWAY: ("walkway", {}),
    AreaKind.CARPARK: ("carpark_area", {"orientation": 0.0, "road_block_token": ""}),
    AreaKind.ROAD_BLOCK: (
        "road_block",
        {"from_edge_line_token": "", "to_edge_line_token": "", "road_segment_token": ""},
    ),
}
_STOP_DEPTH_M = 0.5  # a stop line is an area in nuScenes: it reaches so far back from the line
_LIGHT_HEIGHT_M = 5.0
_BULBS = ("RED", "YELLOW", "GREEN")

MapRows = dict[str, Any]


def map_layers(lane_map: LaneMap, lights: Lights, token: Callable[..., str]) -> MapRows:
    """All LAYERS (lists of records) and DICTIONARIES of one map; `token(*parts)` makes tokens."""
    return _Layers(lane_map, lights, token).build()


class _Layers:
    """Fills the layers; the methods add records and return their tokens."""

    def __init__(self, lane_map: LaneMap, lights: Lights, token: Callable[..., str]) -> None:
        self.map, self.lights, self.token = lane_map, lights, token
        self.rows: MapRows = {name: [] for name in LAYERS} | {name: {} for name in DICTIONARIES}

    def build(self) -> MapRows:
        self._areas()
        for k, lane in enumerate(self.map.lanes):
            self._lane(k, lane)
        self._traffic_lights()
        self._stop_lines()
        return self.rows

    def _nodes(self, points_m: np.ndarray) -> list[str]:
        nodes = self.rows["node"]
        made = []
        for x, y in np.asarray(points_m, dtype=np.float64)[:, :2].tolist():
            made.append(self.token("node", len(nodes)))
            nodes.append({"token": made[-1], "x": x, "y": y})
        return made

    def _line(self, points_m: np.ndarray) -> str:
        token = self.token("line", len(self.rows["line"]))
        self.rows["line"].append({"token": token, "node_tokens": self._nodes(points_m)})
        return token

    def _polygon(self, exterior_m: np.ndarray, holes_m: tuple[np.ndarray, ...] = ()) -> str:
        token = self.token("polygon", len(self.rows["polygon"]))
        self.rows["polygon"].append(
            {
                "token": token,
                "exterior_node_tokens": self._nodes(exterior_m),
                "holes": [{"node_tokens": self._nodes(hole)} for hole in holes_m],
            }
        )
        return token

    def _add(self, layer: str, **fields: Any) -> str:
        token = self.token(layer, len(self.rows[layer]))
        self.rows[layer].append({"token": token, **fields})
        return token

    def _areas(self) -> None:
        areas = self.map.areas
        drivable = [
            self._polygon(a.exterior_m, a.holes_m) for a in areas if a.kind == AreaKind.DRIVABLE
        ]
        ground = self._add("drivable_area", polygon_tokens=drivable) if drivable else ""
        for area in areas:
            if area.kind == AreaKind.DRIVABLE:
                continue
            polygon = self._polygon(area.exterior_m, area.holes_m)
            if area.kind in (AreaKind.INTERSECTION, AreaKind.ROAD_SEGMENT):
                self._add(
                    "road_segment",
                    polygon_token=polygon,
                    is_intersection=area.kind == AreaKind.INTERSECTION,
                    drivable_area_token=ground,
                )
            else:
                layer, unknown = _AREAS[area.kind]
                self._add(layer, polygon_token=polygon, **unknown)

    def _lane_token(self, index: int) -> str:
        return self.token("lane", index)

    def _lane(self, index: int, lane: Lane) -> None:
        token = self._lane_token(index)
        record: dict[str, Any] = {"token": token, "polygon_token": self._polygon(lane.polygon_m)}
        if lane.kind == LaneKind.LANE:
            left, right = lane.left_boundary_m, lane.right_boundary_m
            kinds = [
                "DOUBLE_DASHED_WHITE" if n >= 0 else "NIL"
                for n in (lane.left_neighbor, lane.right_neighbor)
            ]
            record |= {
                "lane_type": "CAR",
                "from_edge_line_token": self._line(np.stack((left[0], right[0]))),
                "to_edge_line_token": self._line(np.stack((left[-1], right[-1]))),
                "left_lane_divider_segments": self._divider(left, kinds[0]),
                "right_lane_divider_segments": self._divider(right, kinds[1]),
            }
            if lane.left_neighbor >= 0:
                self._add(
                    "lane_divider",
                    line_token=self._line(left),
                    lane_divider_segments=record["left_lane_divider_segments"],
                )
        self.rows["lane" if lane.kind == LaneKind.LANE else "lane_connector"].append(record)
        self.rows["arcline_path_3"][token] = arcline_path(lane.centerline_m)
        self.rows["connectivity"][token] = {
            "incoming": [self._lane_token(k) for k in lane.predecessors],
            "outgoing": [self._lane_token(k) for k in lane.successors],
        }

    def _divider(self, boundary_m: np.ndarray, kind: str) -> list[dict[str, str]]:
        return [{"node_token": node, "segment_type": kind} for node in self._nodes(boundary_m)]

    def _traffic_lights(self) -> None:
        for x, y in np.asarray(self.lights.position_m, dtype=np.float64).tolist():
            place = {"tx": x, "ty": y, "tz": _LIGHT_HEIGHT_M, "rx": 0.0, "ry": 0.0, "rz": 0.0}
            self._add(
                "traffic_light",
                line_token=self._line(np.array(((x - 0.5, y), (x + 0.5, y)))),
                traffic_light_type="VERTICAL",
                from_road_block_token="",
                items=[
                    {
                        "color": color,
                        "shape": "CIRCLE",
                        "rel_pos": dict.fromkeys(("tx", "ty", "tz", "rx", "ry", "rz"), 0.0)
                        | {"tz": 0.35 * (1 - k)},
                        "to_road_block_tokens": [],
                    }
                    for k, color in enumerate(_BULBS)
                ],
                pose=place,
            )

    def _stop_lines(self) -> None:
        for stop in self.map.stop_lines:
            a, b = np.asarray(stop.line_m, dtype=np.float64)
            along = (b - a) / np.hypot(*(b - a))
            # A stop line runs from the right to the left of its traffic: its own left is against the traffic.
            back = _STOP_DEPTH_M * np.array((-along[1], along[0]))
            light = [self.token("traffic_light", stop.light)] if stop.light >= 0 else []
            self._add(
                "stop_line",
                polygon_token=self._polygon(np.stack((a, b, b + back, a + back))),
                stop_line_type=_STOP_TYPES[stop.kind],
                ped_crossing_tokens=[],
                traffic_light_tokens=light,
                road_block_token="",
            )
