"""An episode as pictures, by Open3D or, where that cannot draw, by matplotlib."""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from eval.view.camera import Camera
from eval.view.choices import STATIC_LAYERS
from eval.view.episode import Episode
from eval.view.plain import PlainRenderer
from eval.view.process import DrawingFailed, Open3dRenderer
from eval.view.shapes import Picture, Shape
from eval.view.stage import Stage


@runtime_checkable
class Renderer(Protocol):
    """Who draws."""

    def set_static(self, layers: dict[str, list[Shape]]) -> None: ...
    def draw(
        self, picture: Picture, camera: Camera, labels: bool = True
    ) -> UInt8[np.ndarray, "h w 3"]: ...
    def close(self) -> None: ...


def open_renderer(size_px: tuple[int, int]) -> tuple[Renderer, str]:
    """Open3D's renderer; or matplotlib's, and the reason why."""
    try:
        return Open3dRenderer(size_px), ""
    except DrawingFailed as reason:
        return PlainRenderer(size_px), str(reason)


def every(episode: Episode, fps: float, first: int = 0) -> list[int]:
    """The instants of a film at real speed, from `first` to the end."""
    per_frame = 1.0 / (fps * episode.motion.dt_s)
    count = int((episode.num_instants - 1 - first) / per_frame + 1e-6) + 1
    return [first + round(k * per_frame) for k in range(count)]


def frames(
    renderer: Renderer, stage: Stage, instants: list[int], camera: str, shown: tuple[str, ...]
) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """The image of each instant."""
    static = stage.static()
    renderer.set_static({name: static[name] for name in STATIC_LAYERS if name in shown})
    for instant in instants:
        picture = stage.picture(instant, shown=shown)
        yield renderer.draw(picture, stage.camera(camera, instant), "labels" in shown)
