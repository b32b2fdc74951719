"""The layers of a scene (points, boxes, map, plan, ...) as shapes, before any renderer is involved."""

from collections.abc import Callable, Iterable

import numpy as np
from jaxtyping import UInt8

from eval.view import palette
from eval.view.agent_shapes import box_shapes, shown_boxes, trail_shapes
from eval.view.camera import Camera, follow
from eval.view.future_occupancy import future_occupancy
from eval.view.ground_heights import GroundHeights
from eval.view.legend import HIGH_M, LOW_M, legend_of
from eval.view.lidar_points import LabeledPoints, SimulatedPoints
from eval.view.map_shapes import light_shapes, map_shapes, route_shapes
from eval.view.option_names import AHEAD_S, COLORS, LAYERS, SHOWN_LAYERS, THEMES
from eval.view.palette import Colors, colors_of
from eval.view.planner_shapes import (
    candidate_shapes,
    cell_shapes,
    cost_shapes,
    forecast_shapes,
    occupancy_shapes,
    perceived_shapes,
    plan_shapes,
)
from eval.view.shapes import Drawing, Points, Shape
from eval.view.thought import Thought
from eval.view.viewed_scene import ViewedScene
from sim.errors import one_of
from sim.scenario import EGO
from sim.sensors.lidar_scene import LidarClass

_FAINT = 0.45


class SceneLayers:
    """Turns a `ViewedScene` into shapes: the static layers once, the others at each instant."""

    def __init__(
        self,
        scene: ViewedScene,
        color: str = "height",
        ahead_s: float = AHEAD_S,
        theme: str = "dark",
    ) -> None:
        """`color`: what the points' colour tells, one of `COLORS`; `theme`: one of `THEMES`; InputError for
        any other. `ahead_s`: how far ahead a cost volume is shown.
        """
        one_of("--color", color, COLORS)
        one_of("--theme", theme, THEMES)
        self.scene, self.color, self.ahead_s, self.theme = scene, color, ahead_s, theme
        self.colors = colors_of(theme)
        self._heights = GroundHeights(scene.scenario)

    def static(self) -> dict[str, list[Shape]]:
        """The layers of `STATIC_LAYERS`."""
        scenario = self.scene.scenario
        return {
            "map": map_shapes(scenario, self._heights, self.colors),
            "route": route_shapes(scenario, self._heights, self.colors),
        }

    def available(self) -> tuple[str, ...]:
        """Names of the layers for which this scene has data, in the order of `LAYERS`."""
        thought, scenario = self._thought(self.scene.first_instant), self.scene.scenario
        there = {"points", "boxes", "labels"}
        there |= {"ground"} if isinstance(self.scene.points, SimulatedPoints) else set()
        there |= {"trails", "future"} if self.scene.num_instants > 1 else set()
        there |= {"map"} if scenario.map.lanes or scenario.map.areas else set()
        there |= {"lights"} if scenario.map.stop_lines else set()
        there |= {"route"} if scenario.routes[EGO] is not None else set()
        there |= thought.layers() if thought else set()
        return tuple(layer for layer in LAYERS if layer in there)

    def shown_at_first(self) -> tuple[str, ...]:
        """The layers to show unless others are asked for: occupancy would cover a cost volume, and it,
        candidates and forecast what is expected if the ego does something else."""
        covering = {"occupancy"} if self.times_ahead_s() else set()
        thought = self._thought(self.scene.first_instant)
        if thought is not None and thought.what_if is not None:
            covering |= {"occupancy", "candidates", "forecast"}
        return tuple(layer for layer in SHOWN_LAYERS if layer not in covering)

    def times_ahead_s(self) -> tuple[float, ...]:
        """The instants of the cost volume, from now; none where there is no volume."""
        thought = self._thought(self.scene.first_instant)
        return thought.cell_costs.times_s if thought and thought.cell_costs else ()

    def at(
        self,
        instant: int,
        color: str | None = None,
        shown: Iterable[str] = SHOWN_LAYERS,
        ahead_s: float | None = None,
    ) -> Drawing:
        """The scene at time step `instant` (0 is the start): the layers of `shown` that change.

        `color` and `ahead_s` replace those that were given at first.
        """
        scene = self.scene
        points, thought = scene.points.at(instant), self._thought(instant)
        ahead_s, color = ahead_s or self.ahead_s, color or self.color
        make = self._makers(points, instant, color)
        make |= self._thought_makers(thought, ahead_s) if thought else {}
        layers = {name: make[name]() for name in shown if name in make}
        speed_mps = np.linalg.norm(scene.motion.velocity_mps(instant)[EGO])
        time_s = instant * scene.motion.dt_s
        caption = f"{scene.title}   t = {time_s:4.1f} s   {speed_mps:4.1f} m/s"
        boxes = shown_boxes(scene, instant, points)
        table = thought.table(ahead_s) if thought else ()
        if thought is not None and thought.what_if is not None:
            table = (*table, *thought.what_if.rows())
        legend = legend_of(scene, instant, layers, color, self.colors)
        return Drawing(layers, boxes, scene.ego(instant), caption, table, legend, self.theme)

    def _makers(
        self, points: LabeledPoints | None, instant: int, color: str
    ) -> dict[str, Callable[[], list[Shape]]]:
        """For each layer that changes, the function that makes its shapes."""
        scene, heights, colors = self.scene, self._heights, self.colors
        return {
            "points": lambda: self._points(points, instant, color, on_ground=False),
            "ground": lambda: self._points(points, instant, color, on_ground=True),
            "boxes": lambda: box_shapes(scene, instant, colors),
            "trails": lambda: trail_shapes(scene, heights, instant, colors),
            "lights": lambda: light_shapes(scene.scenario, heights, instant, colors),
            "future": lambda: cell_shapes(*future_occupancy(scene, instant), heights),
        }

    def _thought_makers(
        self, thought: Thought, ahead_s: float
    ) -> dict[str, Callable[[], list[Shape]]]:
        """The same for the layers of a planner."""
        heights, colors = self._heights, self.colors
        ego_size_m = self.scene.scenario.tracks.size_m[EGO]
        return {
            "plan": lambda: plan_shapes(thought, heights, colors),
            "candidates": lambda: candidate_shapes(thought, heights, colors),
            "forecast": lambda: forecast_shapes(thought, heights, colors),
            "occupancy": lambda: occupancy_shapes(thought, heights),
            "costs": lambda: cost_shapes(thought, heights, ahead_s, ego_size_m, colors),
            "what_if": lambda: (
                thought.what_if.shapes(thought.pose, heights, colors) if thought.what_if else []
            ),
            "perceived": lambda: perceived_shapes(thought, heights, colors),
        }

    def _thought(self, instant: int) -> Thought | None:
        source = self.scene.thoughts
        return None if source is None else source.at(instant)

    def camera(self, kind: str, instant: int) -> Camera:
        """The camera `kind` (one of `CAMERAS`) for where the ego is at `instant`."""
        return follow(kind, self.scene.ego(instant))

    def _points(
        self, points: LabeledPoints | None, instant: int, color: str, on_ground: bool
    ) -> list[Shape]:
        """The simulated points on the ground, small and faint; or all others."""
        if points is None or len(points.xyz_m) == 0:
            return []
        rgb = point_colors(points, color, float(self.scene.ego(instant)[2]), self.colors)
        ground = points.label == LidarClass.GROUND
        if not on_ground:
            return [Points(points.xyz_m[~ground], rgb[~ground])]
        faint = _FAINT * rgb[ground] + (1.0 - _FAINT) * np.array(self.colors.background)
        return [Points(points.xyz_m[ground], faint.astype(np.uint8), 1.0)]


def point_colors(
    points: LabeledPoints, color: str, ground_m: float, colors: Colors
) -> UInt8[np.ndarray, "n 3"]:
    """A colour for each point.

    `height`: above `ground_m` (z in the world frame), dark blue at `LOW_M`, yellow at `HIGH_M`.
    `intensity`: of the return. `class`: of what was hit. `instance`: one colour for each agent; what
    belongs to none has the colour of its class at half brightness.
    """
    if color == "height":
        return palette.by_value(points.xyz_m[:, 2] - ground_m, LOW_M, HIGH_M)
    if color == "intensity":
        return palette.by_value(np.sqrt(np.clip(points.intensity, 0.0, 1.0)), 0.0, 0.8)
    if color == "class":
        return _class_colors(colors)[points.label]
    by_agent = palette.by_number(np.maximum(points.agent, 0))
    of_class = _class_colors(colors)[points.label] // 2
    return np.where(points.agent[:, None] >= 0, by_agent, of_class)


def _class_colors(colors: Colors) -> UInt8[np.ndarray, "c 3"]:
    """A row for each `LidarClass`; the last row (index -1) is for points of unknown class."""
    names = {LidarClass[kind.name]: rgb for kind, rgb in colors.kinds.items()}
    names |= {LidarClass[kind.name]: rgb for kind, rgb in colors.obstacles.items()}
    names |= {LidarClass.GROUND: colors.ground_point}
    table = np.array([names.get(one, colors.stray_point) for one in LidarClass], dtype=np.uint8)
    return np.vstack((table, np.array(colors.ground_point, dtype=np.uint8)))
