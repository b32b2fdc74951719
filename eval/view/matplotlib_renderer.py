"""Draws by matplotlib where Open3D cannot: nearer shapes are painted over those further away."""

from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from eval.view.annotation import annotate
from eval.view.camera import NEAR_M, Camera
from eval.view.option_names import STATIC_LAYERS
from eval.view.palette import colors_of
from eval.view.shapes import Drawing, Lines, Mesh, Points, Shape

_DPI = 100


class MatplotlibRenderer:
    """A `Renderer` without graphics libraries: slower, and surfaces hide others only roughly.

    Layers are painted one over the other, the static ones first; within a shape the far parts first.
    """

    def __init__(self, size_px: tuple[int, int]) -> None:
        """`size_px`: width and height of the images."""
        self.size_px = size_px
        self._static: dict[str, list[Shape]] = {}

    def set_static(self, layers: dict[str, list[Shape]]) -> None:
        self._static |= layers

    def draw(
        self, drawing: Drawing, camera: Camera, labels: bool = True
    ) -> UInt8[np.ndarray, "h w 3"]:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        width, height = self.size_px
        figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI)
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        axes.set(xlim=(0, width), ylim=(height, 0))
        axes.set_axis_off()
        red, green, blue = (c / 255.0 for c in colors_of(drawing.theme).background)
        figure.set_facecolor((red, green, blue))
        layers = self._static | drawing.layers
        order = [*STATIC_LAYERS, *(name for name in layers if name not in STATIC_LAYERS)]
        for rank, name in enumerate(order):
            for shape in layers.get(name, []):
                _add(axes, shape, camera, self.size_px, rank)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        image = np.asarray(canvas.buffer_rgba())[..., :3]
        return annotate(image, drawing, camera, labels)

    def close(self) -> None:
        """There is nothing to release."""


def _add(axes: Any, shape: Shape, camera: Camera, size_px: tuple[int, int], rank: int) -> None:
    """Paint a shape over all of lower `rank`."""
    from matplotlib.collections import LineCollection, PolyCollection

    if isinstance(shape, Points):
        pixel, depth = camera.project(shape.xyz_m, size_px)
        order = _far_first(depth[:, None])
        size = (shape.size_px * 72.0 / _DPI) ** 2
        color = shape.rgb[order] / 255.0
        axes.scatter(*pixel[order].T, s=size, c=color, marker="s", linewidths=0, zorder=rank)
    elif isinstance(shape, Lines):
        start, depth_a = camera.project(shape.start_m, size_px)
        end, depth_b = camera.project(shape.end_m, size_px)
        order = _far_first(np.stack((depth_a, depth_b), axis=1))
        pieces = np.stack((start, end), axis=1)[order]
        width = shape.width_px * 72.0 / _DPI
        colors = shape.rgb[order] / 255.0
        axes.add_collection(
            LineCollection(list(pieces), linewidths=width, colors=colors, zorder=rank)
        )
    elif isinstance(shape, Mesh) and len(shape.triangle):
        pixel, depth = camera.project(shape.vertex_m, size_px)
        order = _far_first(depth[shape.triangle])
        triangles = shape.triangle[order]
        colors = shape.rgb[triangles[:, 0]] / 255.0
        axes.add_collection(
            PolyCollection(
                list(pixel[triangles]), facecolors=colors, edgecolors="none", alpha=shape.opacity,
                zorder=rank, antialiaseds=False,
            )
        )  # fmt: skip


def _far_first(depth: Float[np.ndarray, "n k"]) -> np.ndarray:
    """Row numbers, the furthest first, of those wholly in front of the camera; `depth` in metres."""
    shown = np.flatnonzero((depth > NEAR_M).all(axis=1))
    return shown[np.argsort(-depth[shown].mean(axis=1), kind="stable")]
