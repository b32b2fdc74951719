"""Drawing a scene off-screen: who can draw, and which instants become images."""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from eval.view.camera import Camera
from eval.view.matplotlib_renderer import MatplotlibRenderer
from eval.view.open3d_renderer import Open3dRenderer
from eval.view.option_names import STATIC_LAYERS
from eval.view.renderer_process import DrawingFailed
from eval.view.scene_layers import SceneLayers
from eval.view.shapes import Drawing, Shape
from eval.view.viewed_scene import ViewedScene


@runtime_checkable
class Renderer(Protocol):
    """Turns shapes into images of a fixed size."""

    def set_static(self, layers: dict[str, list[Shape]]) -> None:
        """Add layers that are drawn into every image from now on."""
        ...

    def draw(
        self, drawing: Drawing, camera: Camera, labels: bool = True
    ) -> UInt8[np.ndarray, "h w 3"]:
        """The image (sRGB), with the caption, and the boxes' labels unless `labels` is False."""
        ...

    def close(self) -> None:
        """Release what it holds; it cannot draw any more."""
        ...


def open_renderer(size_px: tuple[int, int]) -> tuple[Renderer, str]:
    """Open3D's renderer and "", or where it cannot draw matplotlib's and the reason.

    `size_px` is width, height.
    """
    try:
        return Open3dRenderer(size_px), ""
    except DrawingFailed as reason:
        return MatplotlibRenderer(size_px), str(reason)


def film_instants(scene: ViewedScene, fps: float, first: int = 0) -> list[int]:
    """The time steps that make a film at real speed, from `first` to the end of the scene."""
    per_frame = 1.0 / (fps * scene.motion.dt_s)
    count = int((scene.num_instants - 1 - first) / per_frame + 1e-6) + 1
    return [first + round(k * per_frame) for k in range(count)]


def draw_instants(
    renderer: Renderer,
    layers: SceneLayers,
    instants: list[int],
    camera: str,
    shown: tuple[str, ...],
) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """An image for each of the time steps; `camera` is one of `CAMERAS`, `shown` of `LAYERS`."""
    static = layers.static()
    renderer.set_static({name: static[name] for name in STATIC_LAYERS if name in shown})
    for instant in instants:
        drawing = layers.at(instant, shown=shown)
        yield renderer.draw(drawing, layers.camera(camera, instant), "labels" in shown)
