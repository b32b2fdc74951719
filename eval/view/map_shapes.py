"""The map as shapes: areas, lane boundaries, obstacles, the ego's route, stop lines and lights."""

import numpy as np

from eval.view.ground_heights import GroundHeights, triangulate
from eval.view.palette import Colors
from eval.view.road_marks import LineKind, lane_lines, zebra_bars
from eval.view.shapes import (
    Lines,
    Mesh,
    Rgb,
    Shape,
    join_lines,
    join_meshes,
    paint,
    polyline,
    quads,
    raised,
)
from sim.scenario import EGO, AreaKind, LightState, Scenario, StaticObstacle

# Heights over the ground that put what lies on top on top.
_AREA_M = {AreaKind.WALKWAY: -0.12, AreaKind.DRIVABLE: -0.08}
_ZEBRA_M = -0.04
_LINE_M, _ROUTE_M = 0.0, 0.02
_ROUTE_HALF_WIDTH_M = 0.6
_SUN = np.array((0.45, -0.35, 0.82))  # towards the light that shades walls and roofs


def map_shapes(scenario: Scenario, heights: GroundHeights, colors: Colors) -> list[Shape]:
    """Layer `map`: drivable areas, walkways, zebra crossings; lines of lanes; obstacles."""
    meshes: list[Mesh] = []
    for area in scenario.map.areas:
        if area.kind in _AREA_M:
            rgb, above_m = colors.areas[area.kind], _AREA_M[area.kind]
            meshes += _flat(area.exterior_m, area.holes_m, above_m, rgb, heights)
        elif area.kind == AreaKind.CROSSWALK:
            for bar in zebra_bars(area):
                meshes += _flat(bar, (), _ZEBRA_M, colors.zebra, heights)
    meshes += [_prism(obstacle, heights, colors) for obstacle in scenario.map.obstacles]
    look = {
        LineKind.EDGE: (colors.lane_line, 2.0),
        LineKind.DIVIDER: (colors.lane_line, 2.0),
        LineKind.MIDDLE: (colors.middle_line, 2.0),
        LineKind.CONNECTOR: (colors.connector, 1.0),
    }
    lines = [
        polyline(heights.lift(points, _LINE_M), *look[kind])
        for kind, points in lane_lines(scenario.map.lanes)
    ]
    return [*join_meshes(meshes), *join_lines(lines)]


def _flat(
    exterior_m: np.ndarray,
    holes_m: tuple[np.ndarray, ...],
    above_m: float,
    rgb: Rgb,
    heights: GroundHeights,
) -> list[Mesh]:
    """An area on the ground; nothing where it has no triangles."""
    points, triangles = triangulate(exterior_m, holes_m)
    if not len(triangles):
        return []
    vertices, triangles = heights.drape(points, triangles, above_m)
    return [Mesh(vertices, triangles, paint(len(vertices), rgb))]


def route_shapes(scenario: Scenario, heights: GroundHeights, colors: Colors) -> list[Shape]:
    """Layer `route`: the ego's route as a band on the ground; nothing where it has none."""
    route = scenario.routes[EGO]
    if route is None or len(route.path_m) < 2:
        return []
    return [band(route.path_m, _ROUTE_HALF_WIDTH_M, heights, _ROUTE_M, colors.route)]


def band(
    path_m: np.ndarray,
    half_width_m: float,
    heights: GroundHeights,
    above_m: float,
    rgb: Rgb,
    opacity: float = 1.0,
) -> Mesh:
    """A strip `2 half_width_m` wide along a path `[K, 2]`, `above_m` over the ground."""
    tangent = np.gradient(np.asarray(path_m, dtype=np.float64), axis=0)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-9)
    side = half_width_m * np.stack((-tangent[:, 1], tangent[:, 0]), axis=1)
    vertices = heights.lift(np.concatenate((path_m + side, path_m - side)), above_m)
    k, n = np.arange(len(path_m) - 1), len(path_m)
    triangles = np.concatenate(
        (np.stack((k, k + n, k + 1), axis=1), np.stack((k + 1, k + n, k + n + 1), axis=1))
    )
    return Mesh(vertices, triangles.astype(np.int32), paint(len(vertices), rgb), opacity)


def _prism(obstacle: StaticObstacle, heights: GroundHeights, colors: Colors) -> Mesh:
    """Walls and roof of an obstacle, translucent, so that the road behind it stays visible."""
    ring = np.asarray(obstacle.footprint_m, dtype=np.float64)
    base = float(heights.at(ring.mean(axis=0)))
    points, triangles = triangulate(ring)
    roof = np.column_stack((points, np.full(len(points), base + obstacle.height_m)))
    after = np.roll(ring, -1, axis=0)
    corners = [(ring, 0.0), (after, 0.0), (after, obstacle.height_m), (ring, obstacle.height_m)]
    walls = np.stack([np.column_stack((p, np.full(len(p), base + z))) for p, z in corners], axis=1)
    rgb = colors.obstacles[obstacle.kind]
    sides, shades = box_faces(walls, rgb)
    count = len(walls) * 4
    return Mesh(
        np.concatenate((walls.reshape(-1, 3), roof)).astype(np.float32),
        np.concatenate((sides, triangles + count)).astype(np.int32),
        np.concatenate((shades, paint(len(roof), shade(rgb, np.array((0.0, 0.0, 1.0)))))),
        0.4,
    )


def box_faces(quads_m: np.ndarray, rgb: Rgb) -> tuple[np.ndarray, np.ndarray]:
    """Triangles `[2F, 3]` and shaded vertex colours `[4F, 3]` of F quadrilaterals `[F, 4, 3]`."""
    normal = np.cross(quads_m[:, 1] - quads_m[:, 0], quads_m[:, 3] - quads_m[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    colors = np.repeat(np.array([shade(rgb, one) for one in normal], dtype=np.uint8), 4, axis=0)
    return quads(len(quads_m)), colors


def shade(rgb: Rgb, normal: np.ndarray) -> Rgb:
    """The colour of a face with this normal (length 1) under the light from `_SUN`."""
    light = 0.62 + 0.38 * abs(float(normal @ _SUN))
    red, green, blue = (round(light * c) for c in rgb)
    return red, green, blue


def light_shapes(
    scenario: Scenario, heights: GroundHeights, instant: int, colors: Colors
) -> list[Shape]:
    """Layer `lights`: stop lines in the colour of their traffic light, and a lamp of it above.

    A stop line without a light is grey.
    """
    lines: list[Lines] = []
    state = scenario.lights.state
    now = min(instant, state.shape[1] - 1)
    for stop in scenario.map.stop_lines:
        rgb = colors.stop_line
        if stop.light >= 0:
            rgb = colors.lights[LightState(int(state[stop.light, now]))]
        ends = heights.lift(np.asarray(stop.line_m), 0.04)
        lines.append(polyline(ends, rgb, 5.0))
        if stop.light >= 0:
            lamp = heights.lift(np.asarray(stop.line_m).mean(axis=0)[None], 0.0)[0]
            pole = np.stack((raised(lamp, 4.6), raised(lamp, 5.6))).astype(np.float32)
            lines.append(polyline(pole, rgb, 8.0))
    return list(join_lines(lines))
