"""nuPlan's own metric classes, run on a `Rollout`: our world said in their words, none of their code.

`Devkit(folder)` imports them from a checkout (motional/nuplan-devkit). What it imports beside them and
is not installed (cloud storage, databases, plots) is replaced by empty modules: metrics use none of it.
"""

import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pandas as pd  # noqa: F401  (before the empty modules: it looks for things that it can do without)
import scipy.signal  # noqa: F401
import shapely
import sympy  # noqa: F401

from eval.rollout import Rollout
from sim.maps.lane_areas import road_blocks
from sim.scenario import EGO, AgentKind, AreaKind, LaneKind, Scenario

_COMMON = "nuplan.planning.metrics.evaluation_metrics.common"
_PARTS = {
    "nuplan/no_at_fault_collision": "collision",
    "nuplan/drivable_area_compliance": "drivable",
    "nuplan/driving_direction_compliance": "direction",
    "nuplan/making_progress": "making",
    "nuplan/ego_progress": "progress",
    "nuplan/time_to_collision": "ttc",
    "nuplan/speed_limit_compliance": "limit",
    "nuplan/comfort": "comfort",
}


class _Empty(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Makes an empty module of whatever nobody else finds."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name.split(".")[0] == "nuplan":
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: Any) -> ModuleType:
        module = MagicMock(name=spec.name)
        module.__path__, module.__spec__, module.__name__ = [], spec, spec.name
        return module

    def exec_module(self, module: Any) -> None:
        pass


@contextmanager
def _importing(folder: Path) -> Iterator[None]:
    before = set(sys.modules)
    finder = _Empty()
    sys.path.insert(0, str(folder))
    sys.meta_path.append(finder)
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        sys.meta_path.remove(finder)
        for name in set(sys.modules) - before:  # nobody else shall find the empty ones
            if isinstance(sys.modules[name], MagicMock):
                del sys.modules[name]


class Devkit:
    """Their classes, and how a drive of ours is put to them."""

    def __init__(self, folder: Path) -> None:
        def load(path: str) -> Any:
            return importlib.import_module(path)

        with _importing(folder):
            self.metrics = {
                name: load(f"{_COMMON}.{name}")
                for name in (
                    "ego_lane_change", "no_ego_at_fault_collisions", "drivable_area_compliance",
                    "driving_direction_compliance", "ego_progress_along_expert_route",
                    "time_to_collision_within_bound", "speed_limit_compliance", "ego_jerk",
                    "ego_lat_acceleration", "ego_lon_acceleration", "ego_lon_jerk",
                    "ego_yaw_acceleration", "ego_yaw_rate",
                )
            }  # fmt: skip
            state = "nuplan.common.actor_state."
            self.ego_state = load(f"{state}ego_state").EgoState
            representation = load(f"{state}state_representation")
            self.se2, self.vector = representation.StateSE2, representation.StateVector2D
            self.time = representation.TimePoint
            self.vehicle = load(f"{state}vehicle_parameters").VehicleParameters
            self.box = load(f"{state}oriented_box").OrientedBox
            self.agent = load(f"{state}agent").Agent
            self.static = load(f"{state}static_object").StaticObject
            self.metadata = load(f"{state}scene_object").SceneObjectMetadata
            self.tracks = load(f"{state}tracked_objects").TrackedObjects
            self.types = load(f"{state}tracked_objects_types").TrackedObjectType
            self.maps = load("nuplan.common.maps.abstract_map_objects")
            self.layers = load("nuplan.common.maps.maps_datatypes").SemanticMapLayer
            history = load("nuplan.planning.simulation.history.simulation_history")
            self.history, self.sample = history.SimulationHistory, history.SimulationHistorySample
            observation = load("nuplan.planning.simulation.observation.observation_type")
            self.detections = observation.DetectionsTracks

    def parts(self, rollout: Rollout, world: int) -> dict[str, float]:
        """The value of each part of nuPlan's score for one world."""
        history, scenario = self._history(rollout, world)
        found = self._run(history, scenario)
        return {key: found[name] for key, name in _PARTS.items()}

    def _run(self, history: Any, scenario: Any) -> dict[str, float]:
        def new(module: str, name: str, *values: Any, **named: Any) -> Any:
            metric = getattr(self.metrics[module], name)(module, "", *values, **named)
            metric.outcome = metric.compute(history, scenario)
            return metric

        lane = new("ego_lane_change", "EgoLaneChangeStatistics", max_fail_rate=0.3)
        hit = new(
            "no_ego_at_fault_collisions", "EgoAtFaultCollisionStatistics", lane,
        )  # fmt: skip
        ttc = new(
            "time_to_collision_within_bound", "TimeToCollisionStatistics", lane, hit,
            time_step_size=0.1, time_horizon=3.0, least_min_ttc=0.95,
        )  # fmt: skip
        drivable = new(
            "drivable_area_compliance", "DrivableAreaComplianceStatistics", lane,
            max_violation_threshold=0.3,
        )  # fmt: skip
        direction = new(
            "driving_direction_compliance", "DrivingDirectionComplianceStatistics", lane
        )
        limit = new(
            "speed_limit_compliance", "SpeedLimitComplianceStatistics",
            SimpleNamespace(ego_driven_route=self._lanes_alone(lane.ego_driven_route)),
            max_violation_threshold=1, max_overspeed_value_threshold=2.23,
        )  # fmt: skip
        progress = new("ego_progress_along_expert_route", "EgoProgressAlongExpertRouteStatistics")
        comfort = [
            new("ego_jerk", "EgoJerkStatistics", max_abs_mag_jerk=8.37),
            new("ego_lat_acceleration", "EgoLatAccelerationStatistics", max_abs_lat_accel=4.89),
            new("ego_lon_acceleration", "EgoLonAccelerationStatistics",
                min_lon_accel=-4.05, max_lon_accel=2.40),
            new("ego_lon_jerk", "EgoLonJerkStatistics", max_abs_lon_jerk=4.13),
            new("ego_yaw_acceleration", "EgoYawAccelerationStatistics", max_abs_yaw_accel=1.93),
            new("ego_yaw_rate", "EgoYawRateStatistics", max_abs_yaw_rate=0.95),
        ]  # fmt: skip
        made = float(progress.outcome[0].statistics[-1].value)
        return {
            "collision": float(hit.outcome[0].metric_score),
            "ttc": float(ttc.outcome[0].metric_score),
            "drivable": float(drivable.outcome[0].metric_score),
            "direction": float(direction.outcome[0].metric_score),
            "limit": float(limit.outcome[0].metric_score),
            "progress": made,
            "making": float(made >= 0.2),
            "comfort": float(all(metric.within_bound_status for metric in comfort)),
        }

    def _lanes_alone(self, route: list[list[Any]]) -> list[list[Any]]:
        """The route with the fastest lane of each set that holds a lane and more.

        Their maps fork in connectors only; ours fork in lanes as well, and a drive may end where both
        branches still overlap. Their speed limit raises there: it takes a lane that is alone.
        """
        alone = []
        for edges in route:
            lanes = [edge for edge in edges if isinstance(edge, self.maps.Lane)]
            alone.append([max(lanes, key=lambda la: la.speed_limit_mps)] if lanes else edges)
        return alone

    def _history(self, rollout: Rollout, world: int) -> tuple[Any, Any]:
        scenario = rollout.world.scenarios[world]
        steps = int(rollout.active[world].sum())
        poses = rollout.pose[world, :steps].numpy().astype(float)
        speeds = rollout.velocity_mps[world, :steps].numpy().astype(float)
        valid = rollout.valid[world, :steps].numpy()
        egos = self._egos(poses[:, EGO], speeds[:, EGO], scenario)
        data = [
            self.sample(
                iteration=None, ego_state=ego, trajectory=None, traffic_light_status=[],
                observation=self.detections(self._tracked(scenario, poses[t], speeds[t], valid[t], ego)),
            )
            for t, ego in enumerate(egos)
        ]  # fmt: skip
        tracks = scenario.tracks
        there = tracks.valid[EGO]
        recorded = np.column_stack((tracks.position_m[EGO, there, :2], tracks.yaw_rad[EGO, there]))
        expert = self._egos(recorded.astype(float), tracks.velocity_mps[EGO, there], scenario)
        named = SimpleNamespace(
            get_expert_ego_trajectory=lambda: expert, scenario_type="", scenario_name="",
            log_name="", token="",
        )  # fmt: skip
        return self.history(_Map(self, scenario), None, data), named

    def _egos(self, poses: np.ndarray, velocity: np.ndarray, scenario: Scenario) -> list[Any]:
        """Their ego, its derivatives made as `eval.metrics.comfort` makes them."""
        length, width, height = (float(v) for v in scenario.tracks.size_m[EGO])
        base = 0.6 * length
        vehicle = self.vehicle(
            width, 0.5 * (length + base), 0.5 * (length - base), 0.5 * base, base, "", "", height
        )
        yaw = poses[:, 2]
        speed = velocity[:, 0] * np.cos(yaw) + velocity[:, 1] * np.sin(yaw)
        along = np.diff(speed) / scenario.dt_s
        turn = np.diff(yaw)
        rate = np.arctan2(np.sin(turn), np.cos(turn)) / scenario.dt_s
        along, rate = np.append(along[:1], along), np.append(rate[:1], rate)
        return [
            self.ego_state.build_from_rear_axle(
                self.se2(x - 0.5 * base * np.cos(h), y - 0.5 * base * np.sin(h), h),
                self.vector(float(np.hypot(*velocity[t])), 0.0),
                self.vector(along[t], speed[t] * rate[t]),
                0.0, self.time(round(1e6 * scenario.dt_s) * t), vehicle,
            )
            for t, (x, y, h) in enumerate(poses)
        ]  # fmt: skip

    def _tracked(
        self, scenario: Scenario, poses: np.ndarray, speeds: np.ndarray, valid: np.ndarray, ego: Any
    ) -> Any:
        types = self.types
        kinds = {
            int(AgentKind.VEHICLE): types.VEHICLE, int(AgentKind.CYCLIST): types.BICYCLE,
            int(AgentKind.PEDESTRIAN): types.PEDESTRIAN, int(AgentKind.OBJECT): types.TRAFFIC_CONE,
        }  # fmt: skip
        found = []
        for n in range(1, scenario.num_agents):
            if not valid[n]:
                continue
            kind = kinds[int(scenario.tracks.kind[n])]
            length, width, height = (float(v) for v in scenario.tracks.size_m[n])
            box = self.box(self.se2(*poses[n]), length, width, height)
            about = self.metadata(ego.time_point.time_us, str(n), n, str(n))
            if kind == types.TRAFFIC_CONE:
                found.append(self.static(kind, box, about))
            else:
                found.append(self.agent(kind, box, self.vector(*speeds[n]), about))
        return self.tracks(found)


class _Map:
    """Their map: lanes, connectors, blocks, drivable area and intersections of a scenario."""

    def __init__(self, devkit: Devkit, scenario: Scenario) -> None:
        lanes, self.layers = scenario.map.lanes, devkit.layers
        bases = {LaneKind.LANE: devkit.maps.Lane, LaneKind.CONNECTOR: devkit.maps.LaneConnector}
        blocks = road_blocks(lanes)
        self.edges = [_edge(bases[LaneKind(la.kind)], k) for k, la in enumerate(lanes)]
        for k, (edge, lane) in enumerate(zip(self.edges, lanes, strict=True)):
            edge.polygon = shapely.Polygon(lane.polygon_m).buffer(0)
            edge.baseline_path = SimpleNamespace(linestring=shapely.LineString(lane.centerline_m))
            edge.speed_limit_mps = lane.speed_limit_mps
            edge.outgoing_edges = [self.edges[j] for j in lane.successors]
            edge.incoming_edges = [self.edges[j] for j in lane.predecessors]
            edge.block = str(blocks[k])
        self.blocks = {
            name: _Area(shapely.union_all([e.polygon for e in self.edges if e.block == name]))
            for name in map(str, blocks)
        }
        self.connectors = [k for k, lane in enumerate(lanes) if lane.kind == LaneKind.CONNECTOR]
        self.drivable = _union(scenario, AreaKind.DRIVABLE)
        crossings = [self.edges[k].polygon for k in self.connectors]
        self.junctions = _Area(
            shapely.union_all([_union(scenario, AreaKind.INTERSECTION).polygon, *crossings])
        )

    def _holding(self, pose: Any, connectors: bool) -> list[Any]:
        chosen = set(self.connectors)
        return [
            edge
            for k, edge in enumerate(self.edges)
            if (k in chosen) == connectors and edge.contains_point(pose)
        ]

    def get_one_map_object(self, pose: Any, layer: Any) -> Any:
        return next(iter(self._holding(pose, connectors=False)), None)

    def get_all_map_objects(self, pose: Any, layer: Any) -> list[Any]:
        return self._holding(pose, connectors=True)

    def is_in_layer(self, pose: Any, layer: Any) -> bool:
        area = self.junctions if layer == self.layers.INTERSECTION else self.drivable
        return area.contains_point(pose)

    def get_map_object(self, name: str, layer: Any) -> Any:
        return self.blocks[name]

    def get_distance_to_nearest_map_object(self, pose: Any, layer: Any) -> tuple[str, float]:
        return "", float(self.drivable.polygon.distance(shapely.Point(pose.x, pose.y)))


class _Area:
    def __init__(self, polygon: Any) -> None:
        self.polygon = polygon
        shapely.prepare(polygon)

    def contains_point(self, pose: Any) -> bool:
        return bool(shapely.contains_xy(self.polygon, pose.x, pose.y))


def _union(scenario: Scenario, kind: AreaKind) -> _Area:
    areas = [a for a in scenario.map.areas if a.kind == kind]
    return _Area(
        shapely.union_all([shapely.Polygon(a.exterior_m, a.holes_m).buffer(0) for a in areas])
    )


def _edge(base: type, number: int) -> Any:
    """An object of their class, all of whose properties are plain attributes."""
    names = (
        "polygon",
        "baseline_path",
        "speed_limit_mps",
        "outgoing_edges",
        "incoming_edges",
        "id",
    )
    members: dict[str, Any] = dict.fromkeys(names)
    members["contains_point"] = _Area.contains_point
    members["get_roadblock_id"] = lambda self: self.block
    kind = type("Edge", (base,), members)
    kind.__abstractmethods__ = frozenset()
    edge = kind.__new__(kind)
    edge.id = str(number)
    return edge
