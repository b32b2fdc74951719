"""`Stage`: an episode as a picture at any instant, layer by layer, before anyone draws it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from eval.view import palette
from eval.view.agent_shapes import box_shapes, shown_boxes, trail_shapes
from eval.view.camera import Camera, follow
from eval.view.choices import COLORS, LAYERS, SHOWN_LAYERS
from eval.view.clouds import Cloud
from eval.view.episode import Episode
from eval.view.future import true_future
from eval.view.ground import Heights
from eval.view.map_shapes import light_shapes, map_shapes, route_shapes
from eval.view.planner_shapes import (
    candidate_shapes,
    cell_shapes,
    forecast_shapes,
    occupancy_shapes,
    plan_shapes,
)
from eval.view.shapes import Picture, Points, Shape
from sim.errors import InputError
from sim.scenario import EGO
from sim.sensors.lidar_scene import LidarClass


@dataclass(frozen=True)
class StageSettings:
    """How points are coloured (one of `COLORS`) and how large they are."""

    color: str = "height"
    point_px: float = 2.0


class Stage:
    """Makes the shapes of an episode; the static ones once."""

    def __init__(self, episode: Episode, settings: StageSettings) -> None:
        """Raises InputError for an unknown way to colour."""
        if settings.color not in COLORS:
            raise InputError(f"--color: unknown {settings.color!r} (choices: {', '.join(COLORS)})")
        self.episode, self.settings = episode, settings
        self._heights = Heights(episode.scenario)

    def static(self) -> dict[str, list[Shape]]:
        """The layers that stay the same at every instant."""
        scenario = self.episode.scenario
        return {
            "map": map_shapes(scenario, self._heights),
            "route": route_shapes(scenario, self._heights),
        }

    def layers(self) -> tuple[str, ...]:
        """Those that this episode can hold."""
        recording, scenario = self.episode.recording, self.episode.scenario
        there = {"points", "boxes", "labels"}
        there |= {"trails", "future"} if self.episode.num_instants > 1 else set()
        there |= {"map"} if scenario.map.lanes or scenario.map.areas else set()
        there |= {"lights"} if scenario.map.stop_lines else set()
        there |= {"route"} if scenario.routes[EGO] is not None else set()
        if recording is not None:
            there |= {"plan"}
            there |= {n for n in ("forecast", "occupancy") if getattr(recording, n) is not None}
            there |= {"candidates"} if recording.candidates is not None else set()
        return tuple(layer for layer in LAYERS if layer in there)

    def picture(
        self, instant: int, color: str | None = None, shown: Iterable[str] = SHOWN_LAYERS
    ) -> Picture:
        """The layers of `shown` that change, the boxes that can be picked, and the caption."""
        episode = self.episode
        cloud = episode.clouds.at(instant) if episode.clouds else None
        make = self._makers(cloud, instant, color or self.settings.color)
        layers = {name: make[name]() for name in shown if name in make}
        speed = np.linalg.norm(episode.motion.velocity_mps(instant)[EGO])
        time_s = instant * episode.motion.dt_s
        caption = f"{episode.title}   t = {time_s:4.1f} s   {speed:4.1f} m/s"
        boxes = shown_boxes(episode, instant, cloud)
        return Picture(layers, boxes, episode.ego(instant), caption)

    def _makers(
        self, cloud: Cloud | None, instant: int, color: str
    ) -> dict[str, Callable[[], list[Shape]]]:
        """What makes each layer that changes; layers without anything to show are absent."""
        episode, heights, recording = self.episode, self._heights, self.episode.recording
        makers: dict[str, Callable[[], list[Shape]]] = {
            "points": lambda: self._points(cloud, instant, color),
            "boxes": lambda: box_shapes(episode, instant),
            "trails": lambda: trail_shapes(episode, heights, instant),
            "lights": lambda: light_shapes(episode.scenario, heights, instant),
            "future": lambda: cell_shapes(*true_future(episode, instant), heights),
        }
        if recording is not None:
            makers |= {
                "plan": lambda: plan_shapes(recording, heights, instant),
                "candidates": lambda: candidate_shapes(recording, heights, instant),
                "forecast": lambda: forecast_shapes(recording, heights, instant),
                "occupancy": lambda: occupancy_shapes(recording, heights, instant),
            }
        return makers

    def camera(self, kind: str, instant: int) -> Camera:
        """A camera that moves with the ego."""
        return follow(kind, self.episode.ego(instant))

    def _points(self, cloud: Cloud | None, instant: int, color: str) -> list[Shape]:
        if cloud is None or len(cloud.xyz_m) == 0:
            return []
        rgb = point_colors(cloud, color, float(self.episode.ego(instant)[2]))
        return [Points(cloud.xyz_m, rgb, self.settings.point_px)]


def point_colors(cloud: Cloud, color: str, ground_m: float) -> UInt8[np.ndarray, "n 3"]:
    """The colour of each point: by height over `ground_m`, intensity, class or instance."""
    if color == "height":
        return palette.by_value(cloud.xyz_m[:, 2] - ground_m, -0.5, 3.5)
    if color == "intensity":
        return palette.by_value(np.sqrt(np.clip(cloud.intensity, 0.0, 1.0)), 0.0, 0.8)
    if color == "class":
        return _class_table()[cloud.label]
    own = palette.by_number(np.maximum(cloud.agent, 0))
    return np.where(cloud.agent[:, None] >= 0, own, _class_table()[cloud.label] // 2)


def _class_table() -> UInt8[np.ndarray, "c 3"]:
    """Colours by `LidarClass`; the last row is for points of unknown class (-1)."""
    names = {LidarClass[kind.name]: rgb for kind, rgb in palette.KINDS.items()}
    names |= {LidarClass[kind.name]: rgb for kind, rgb in palette.OBSTACLES.items()}
    names |= {LidarClass.GROUND: palette.GROUND}
    table = np.array([names.get(one, palette.STRAY) for one in LidarClass], dtype=np.uint8)
    return np.vstack((table, np.array(palette.GROUND, dtype=np.uint8)))
