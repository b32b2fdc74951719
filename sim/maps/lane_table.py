"""Lanes as polylines of equal length: a table made once per map, and the part of it around the ego."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sim import trees
from sim.geometry import polyline, se2
from sim.maps.reachable import reachable_lanes
from sim.scenario import EGO, LightState, Scenario
from sim.short_repr import short_repr
from sim.trees import shared

_FAR_M = 1e6  # where padding lies
_UNKNOWN = int(LightState.UNKNOWN)


@dataclass(frozen=True)
class LaneSpec:
    """How many pieces of lanes are shown, the nearest first, and how long each is.

    A piece has `num_points` points `spacing_m` apart; longer lanes are several pieces.
    """

    num_pieces: int = 64
    num_points: int = 20
    spacing_m: float = 2.0


@short_repr
@dataclass(frozen=True)
class VectorMap:
    """E pieces of lanes of P points around the ego, the nearest first; ego frame.

    `light`: the LightState of the stop line on the piece. `on_route`: its lane is one of the ego's
    route; `reachable`: the rules let the ego get there. `lane`: equal for pieces of one lane.
    """

    point_m: Float[Tensor, "b e p 2"]
    point_valid: Bool[Tensor, "b e p"]
    lane: Int[Tensor, "b e"]
    kind: Int[Tensor, "b e"]  # LaneKind
    speed_limit_mps: Float[Tensor, "b e"]
    light: Int[Tensor, "b e"]
    on_route: Bool[Tensor, "b e"]
    reachable: Bool[Tensor, "b e"]
    valid: Bool[Tensor, "b e"]


@short_repr
@dataclass(frozen=True)
class LaneTable:
    """All pieces of the lanes of M maps, world frame; world b is on map `row[b]`."""

    spec: LaneSpec
    row: Int[Tensor, " b"]
    point_m: Float[Tensor, "m e p 2"] = shared()
    point_valid: Bool[Tensor, "m e p"] = shared()
    lane: Int[Tensor, "m e"] = shared()  # -1: padding
    kind: Int[Tensor, "m e"] = shared()
    speed_limit_mps: Float[Tensor, "m e"] = shared()
    light: Int[Tensor, "m e"] = shared()  # index of the light; -1: none
    on_route: Bool[Tensor, "m e"] = shared()
    reachable: Bool[Tensor, "m e"] = shared()

    @staticmethod
    def from_scenarios(scenarios: list[Scenario], spec: LaneSpec) -> "LaneTable":
        """Cut every lane into pieces; at least `spec.num_pieces` a map, padded."""
        maps = [_Pieces.of(scenario, spec) for scenario in scenarios]
        fill = {"point_m": _FAR_M, "lane": -1, "light": -1}
        least = np.zeros(spec.num_pieces)  # so that as many can always be picked

        def stack(name: str) -> Tensor:
            arrays = [getattr(one, name) for one in maps]
            arrays.append(np.zeros((len(least), *arrays[0].shape[1:]), dtype=arrays[0].dtype))
            return trees.stack_padded(arrays, fill.get(name, 0))[:-1]

        names = [name for name in LaneTable.__dataclass_fields__ if name not in ("spec", "row")]
        return LaneTable(spec, torch.arange(len(maps)), **{name: stack(name) for name in names})

    def around(
        self, world_SE2_ego: Float[Tensor, "b 3"], light_state: Int[Tensor, "b l"]
    ) -> VectorMap:
        """The pieces nearest to the ego, and the lights on them."""
        gap_x, gap_y = (
            self.point_m[..., axis][self.row] - world_SE2_ego[:, None, None, axis]
            for axis in (0, 1)
        )
        # x and y apart: eager sums over an axis of two are slow.
        distance = (gap_x.square() + gap_y.square()).amin(dim=2)
        # Stable: pieces that meet beside the ego are equally near, and keep their order everywhere.
        nearest = distance.argsort(dim=1, stable=True)[:, : self.spec.num_pieces]
        row = self.row.unsqueeze(1)
        lane, light = self.lane[row, nearest], self.light[row, nearest]
        return VectorMap(
            point_m=se2.transform_points(
                se2.inverse(world_SE2_ego)[:, None, None], self.point_m[row, nearest]
            ),
            point_valid=self.point_valid[row, nearest],
            lane=lane,
            kind=self.kind[row, nearest],
            speed_limit_mps=self.speed_limit_mps[row, nearest],
            light=_state_of(light_state, light),
            on_route=self.on_route[row, nearest],
            reachable=self.reachable[row, nearest],
            valid=lane >= 0,
        )


def _state_of(light_state: Int[Tensor, "b l"], light: Int[Tensor, "b e"]) -> Int[Tensor, "b e"]:
    if light_state.shape[1] == 0:
        return torch.full_like(light, _UNKNOWN)
    return torch.where(light >= 0, torch.gather(light_state, 1, light.clamp(min=0)), _UNKNOWN)


@dataclass(frozen=True)
class _Pieces:
    """The pieces of one map, unpadded; fields as in `LaneTable`."""

    point_m: np.ndarray
    point_valid: np.ndarray
    lane: np.ndarray
    kind: np.ndarray
    speed_limit_mps: np.ndarray
    light: np.ndarray
    on_route: np.ndarray
    reachable: np.ndarray

    @staticmethod
    def of(scenario: Scenario, spec: LaneSpec) -> "_Pieces":
        lanes, route = scenario.map.lanes, scenario.routes[EGO]
        cut = [_cut(lane.centerline_m, spec) for lane in lanes]
        owner = np.repeat(np.arange(len(lanes)), [len(points) for points, _ in cut])
        none = np.zeros((0, spec.num_points, 2), dtype=np.float32)
        point = np.concatenate([points for points, _ in cut] or [none])
        valid = np.concatenate([there for _, there in cut] or [none[..., 0] > 0])
        of_route = set(route.lanes) if route is not None else set()
        reach = set(reachable_lanes(scenario))
        return _Pieces(
            point_m=point.astype(np.float32),
            point_valid=valid,
            lane=owner,
            kind=np.array([int(lane.kind) for lane in lanes], dtype=np.int64)[owner],
            speed_limit_mps=np.array([la.speed_limit_mps for la in lanes], dtype=np.float32)[owner],
            light=_lights(scenario, owner, point, valid),
            on_route=np.array([k in of_route for k in range(len(lanes))], dtype=bool)[owner],
            reachable=np.array([k in reach for k in range(len(lanes))], dtype=bool)[owner],
        )


def _cut(line_m: np.ndarray, spec: LaneSpec) -> tuple[np.ndarray, np.ndarray]:
    """Pieces `[E, P, 2]`, each beginning where the one before ended; padded with the last point."""
    points = polyline.resample(line_m, spec.spacing_m)
    step = spec.num_points - 1
    index = np.arange(0, max(len(points) - 1, 1), step)[:, None] + np.arange(spec.num_points)
    return points[index.clip(max=len(points) - 1)], index < len(points)


def _lights(
    scenario: Scenario, owner: np.ndarray, point_m: np.ndarray, valid: np.ndarray
) -> np.ndarray:
    """For each piece the light of the stop line that lies on it, -1: none."""
    light = np.full(len(owner), -1)
    for stop in scenario.map.stop_lines:
        if stop.light < 0:
            continue
        for lane in stop.lanes:
            own = np.flatnonzero(owner == lane)
            gap = np.linalg.norm(point_m[own] - stop.line_m.mean(axis=0), axis=-1)
            if len(own):
                light[own[np.where(valid[own], gap, np.inf).min(axis=1).argmin()]] = stop.light
    return light
