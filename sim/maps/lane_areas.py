"""`LaneAreas`: the lanes of maps as polygons and baselines, for exact questions about single points.

`MapField` answers faster and to half a metre; the metrics need the answer itself.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sim import trees
from sim.geometry import polyline
from sim.geometry.grid import BevGrid
from sim.maps.extent import grid_around
from sim.maps.lane_cells import CELL_M, LaneCells
from sim.scenario import EGO, Lane, LaneKind, Scenario, StopKind, StopLine
from sim.trees import shared

_FAR_M = 1e6  # where padding lies
_BEYOND_M = 100.0  # how far off the rasters lanes are known
_TOLERANCE_M = 1e-3  # of simplified outlines and baselines


@dataclass(frozen=True)
class LaneAreas:
    """The K lanes near the episode of each of M maps, world frame; world b is on map `row[b]`.

    `cells`: which of them hold a point. `connector`: the Q that are connectors, -1: padding;
    `connector_outline_m`: their outlines, the last vertex repeated. `baseline_m`: P points, the last
    one repeated, `baseline_s_m` their arc lengths. `successor[m, i, j]`: j follows i.
    `neighbor_limit_mps`: the highest limit of the lanes before and after. `block`: the road block, as
    `road_blocks` counts them. `on_route`: the ego's route leads through that block. `light`: of a
    connector, the number of the light at its start, or at the end of the lane before; -1: none.
    """

    row: Int[Tensor, " b"]
    cells: LaneCells = shared()
    connector: Int[Tensor, "m q"] = shared()
    connector_outline_m: Float[Tensor, "m q v 2"] = shared()
    baseline_m: Float[Tensor, "m k p 2"] = shared()
    baseline_s_m: Float[Tensor, "m k p"] = shared()
    successor: Bool[Tensor, "m k k"] = shared()
    is_connector: Bool[Tensor, "m k"] = shared()
    speed_limit_mps: Float[Tensor, "m k"] = shared()
    neighbor_limit_mps: Float[Tensor, "m k"] = shared()
    block: Int[Tensor, "m k"] = shared()  # -1: padding
    on_route: Bool[Tensor, "m k"] = shared()
    light: Int[Tensor, "m k"] = shared()

    @staticmethod
    def from_scenarios(scenarios: list[Scenario]) -> "LaneAreas":
        """The lanes of each scenario that its rasters cover."""
        maps = [_Lanes.of(scenario) for scenario in scenarios]
        outlines = [one.outlines_m for one in maps]
        grids = [_grid(s, rings) for s, rings in zip(scenarios, outlines, strict=True)]
        connectors = [np.flatnonzero(one.is_connector) for one in maps]
        rings = [
            _padded([one.outlines_m[k] for k in own] or [np.full((1, 2), _FAR_M)])
            for one, own in zip(maps, connectors, strict=True)
        ]

        def stack(name: str, fill: int = 0) -> Tensor:
            return trees.stack_padded([getattr(one, name) for one in maps], fill)

        return LaneAreas(
            row=torch.arange(len(maps)),
            cells=LaneCells.of(grids, outlines),
            connector=trees.stack_padded(
                [own if len(own) else np.full(1, -1) for own in connectors], -1
            ),
            connector_outline_m=_stack_lines(rings),
            baseline_m=_stack_lines([one.baseline_m for one in maps]),
            baseline_s_m=_stack_lines([one.baseline_s_m for one in maps]),
            successor=stack("successor"),
            is_connector=stack("is_connector"),
            speed_limit_mps=stack("speed_limit_mps"),
            neighbor_limit_mps=stack("neighbor_limit_mps"),
            block=stack("block", -1),
            on_route=stack("on_route"),
            light=stack("light", -1),
        )

    def hold(self, points_m: Float[Tensor, "b *p 2"]) -> Bool[Tensor, "b *p k"]:
        """Which lanes each point lies in (even-odd rule)."""
        return self.cells.hold(points_m, self.row)

    def connectors_within(
        self, place_m: Float[Tensor, "b t 2"], distance_m: float
    ) -> Bool[Tensor, "b t k"]:
        """Which connectors' outlines pass each place by less than a distance."""
        start = self.connector_outline_m[self.row].unsqueeze(1)
        gap_sq, _ = _nearest_on(start, start.roll(-1, dims=-2), place_m[:, :, None, None])
        found = (gap_sq.amin(dim=-1) < distance_m**2).to(torch.uint8)
        number = self.connector[self.row].unsqueeze(1).expand(found.shape)
        lanes = torch.zeros(
            *place_m.shape[:2], self.block.shape[1], dtype=torch.uint8, device=found.device
        )
        # Padding lies too far away to be found: it adds nothing to lane 0.
        return lanes.scatter_add(-1, number.clamp(min=0), found) > 0

    def along_m(
        self, place_m: Float[Tensor, "b t 2"], lane: Int[Tensor, "b t"]
    ) -> Float[Tensor, "b t"]:
        """Arc length of the point of a lane's baseline that is nearest to each place."""
        row = self.row.unsqueeze(1)
        line, s_m = self.baseline_m[row, lane], self.baseline_s_m[row, lane]
        gap_sq, share = _nearest_on(line[..., :-1, :], line[..., 1:, :], place_m.unsqueeze(2))
        best = gap_sq.argmin(dim=-1, keepdim=True)
        first, step = torch.gather(s_m, 2, best), torch.gather(s_m.diff(dim=-1), 2, best)
        return (first + torch.gather(share, 2, best) * step).squeeze(-1)


def _nearest_on(start: Tensor, end: Tensor, point: Tensor) -> tuple[Tensor, Tensor]:
    """Squared distance of points to segments, and the share of the segment that lies before."""
    x, y = start.unbind(-1)
    (to_x, to_y), (at_x, at_y) = end.unbind(-1), point.unbind(-1)
    dx, dy, gap_x, gap_y = to_x - x, to_y - y, at_x - x, at_y - y
    length_sq = (dx**2 + dy**2).clamp(min=1e-12)
    share = ((gap_x * dx + gap_y * dy) / length_sq).clamp(0.0, 1.0)
    return (gap_x - share * dx) ** 2 + (gap_y - share * dy) ** 2, share


def road_blocks(lanes: list[Lane]) -> list[int]:
    """The number of each lane's road block: lanes side by side, or connectors from one to another."""
    block = list(range(len(lanes)))
    for k, lane in enumerate(lanes):
        for side in (lane.left_neighbor, lane.right_neighbor):
            if side >= 0 and lanes[side].kind == lane.kind == LaneKind.LANE:
                old, new = sorted((block[k], block[side]))[::-1]
                block = [new if b == old else b for b in block]
    ends: dict[tuple, int] = {}
    for k, lane in enumerate(lanes):
        if lane.kind == LaneKind.CONNECTOR and (lane.predecessors or lane.successors):
            before = tuple(sorted({block[j] for j in lane.predecessors}))
            after = tuple(sorted({block[j] for j in lane.successors}))
            block[k] = ends.setdefault((before, after), k)
    return block


def connector_signals(scenario: Scenario) -> dict[int, StopLine]:
    """The stop line with a light that each connector has: its own, or that of a lane before it."""
    lanes, found = scenario.map.lanes, {}
    for stop in scenario.map.stop_lines:
        for k in stop.lanes if stop.kind == StopKind.SIGNAL else ():
            own = lanes[k].kind == LaneKind.CONNECTOR
            for connector in (k,) if own else lanes[k].successors:
                if lanes[connector].kind == LaneKind.CONNECTOR and (own or connector not in found):
                    found[connector] = stop
    return found


@dataclass(frozen=True)
class _Lanes:
    """Those of one map; fields as in `LaneAreas`, baselines padded among themselves."""

    outlines_m: list[np.ndarray]
    baseline_m: np.ndarray
    baseline_s_m: np.ndarray
    successor: np.ndarray
    is_connector: np.ndarray
    speed_limit_mps: np.ndarray
    neighbor_limit_mps: np.ndarray
    block: np.ndarray
    on_route: np.ndarray
    light: np.ndarray

    @staticmethod
    def of(scenario: Scenario) -> "_Lanes":
        lanes = scenario.map.lanes
        keep = nearby_lanes(scenario)
        place = {k: i for i, k in enumerate(keep)}
        nowhere = [np.full((3, 2), _FAR_M)]  # tables have one lane at least
        lines = [_simplified(lanes[k].centerline_m, ring=False) for k in keep] or nowhere
        successor = np.zeros((max(len(keep), 1), max(len(keep), 1)), dtype=bool)
        for i, k in enumerate(keep):
            successor[i, [place[j] for j in lanes[k].successors if j in place]] = True
        around = [(*lanes[k].predecessors, *lanes[k].successors) for k in keep]
        highest = [max((lanes[j].speed_limit_mps for j in js), default=np.inf) for js in around]
        blocks, lights = road_blocks(lanes), connector_signals(scenario)
        route = scenario.routes[EGO]
        through = {blocks[k] for k in route.lanes} if route else set()
        return _Lanes(
            outlines_m=[_simplified(lanes[k].polygon_m, ring=True) for k in keep],
            baseline_m=_padded(lines),
            baseline_s_m=_padded([polyline.arc_length_m(line) for line in lines]),
            successor=successor,
            is_connector=_array([lanes[k].kind == LaneKind.CONNECTOR for k in keep], bool),
            speed_limit_mps=_array([lanes[k].speed_limit_mps for k in keep], np.float32),
            neighbor_limit_mps=_array(highest, np.float32),
            block=np.array([blocks[k] for k in keep] or [-1], dtype=np.int64),
            on_route=_array([blocks[k] in through for k in keep], bool),
            light=np.array([lights[k].light if k in lights else -1 for k in keep] or [-1]),
        )


def nearby_lanes(scenario: Scenario) -> list[int]:
    """The lanes that the rasters around an episode touch, ascending: those that `LaneAreas` holds."""
    grid = grid_around(scenario)
    low = np.array((grid.x_min_m, grid.y_min_m))
    high = low + np.array(grid.shape) * grid.resolution_m
    return [
        k
        for k, lane in enumerate(scenario.map.lanes)
        if (lane.polygon_m.max(0) > low).all() and (lane.polygon_m.min(0) < high).all()
    ]


def _simplified(line_m: np.ndarray, ring: bool) -> np.ndarray:
    """The line without the vertices that it does not need, to a millimetre."""
    import shapely

    line = polyline.drop_repeats(np.asarray(line_m, dtype=np.float64))
    if ring:
        return shapely.get_coordinates(
            shapely.LinearRing(line).simplify(_TOLERANCE_M, preserve_topology=True)
        )[:-1]
    return shapely.get_coordinates(shapely.LineString(line).simplify(_TOLERANCE_M))


def _lengthened(lines: np.ndarray, length: int) -> np.ndarray:
    """Lines `[K, V, ...]` with their last entries repeated up to a length."""
    more = np.repeat(lines[:, -1:], length - lines.shape[1], axis=1)
    return np.concatenate((lines, more), axis=1)


def _stack_lines(tables: list[np.ndarray]) -> Tensor:
    """Lines `[K, V, ...]` of several maps, their last entries repeated to the longest."""
    most = max(table.shape[1] for table in tables)
    return trees.stack_padded([_lengthened(table, most) for table in tables], _FAR_M)


def _padded(lines: list[np.ndarray]) -> np.ndarray:
    """Stacked, each with its last entry repeated."""
    most = max(len(line) for line in lines)
    return np.concatenate([_lengthened(line[None], most) for line in lines]).astype(np.float32)


def _array(values: list, dtype: type) -> np.ndarray:
    return np.array(values or [0], dtype=dtype)


def _grid(scenario: Scenario, outlines_m: list[np.ndarray]) -> BevGrid:
    """The cells of all that is known of the lanes: to their ends, or some way off the rasters."""
    rasters = grid_around(scenario)
    low = np.array((rasters.x_min_m, rasters.y_min_m)) - _BEYOND_M
    high = np.array(rasters.high_m) + _BEYOND_M
    if outlines_m:
        points = np.concatenate(outlines_m)
        low, high = np.maximum(low, points.min(0)), np.minimum(high, points.max(0))
    return BevGrid.covering(low, np.maximum(high, low + CELL_M), CELL_M)
