"""Draws by Open3D, off-screen: needs neither a display nor a GPU, but Open3D's libraries."""

import numpy as np
from jaxtyping import UInt8

from eval.view.annotation import annotate
from eval.view.camera import Camera
from eval.view.palette import colors_of
from eval.view.renderer_process import DrawingFailed, RendererProcess
from eval.view.shapes import Drawing, Shape

_DRAW_S = 120.0


class Open3dRenderer:
    """A `Renderer` whose Open3D runs in a process of its own."""

    def __init__(self, size_px: tuple[int, int]) -> None:
        """`size_px`: width and height of the images. Raises DrawingFailed where it cannot draw."""
        width, height = size_px
        self._process = RendererProcess(f"{width}x{height}")
        try:
            self._process.wait_ready()
        except DrawingFailed:
            self._process.close()
            raise

    def set_static(self, layers: dict[str, list[Shape]]) -> None:
        self._process.send(("shapes", layers))

    def draw(
        self, drawing: Drawing, camera: Camera, labels: bool = True
    ) -> UInt8[np.ndarray, "h w 3"]:
        self._process.send(("shapes", drawing.layers))
        self._process.send(("background", colors_of(drawing.theme).background))
        self._process.send(("draw", camera))
        image = self._process.receive(_DRAW_S)
        return annotate(image, drawing, camera, labels)

    def close(self) -> None:
        self._process.close()
