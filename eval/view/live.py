"""The window's other half: makes the pictures that the window, in a process of its own, asks for."""

from dataclasses import dataclass

from eval.view.choices import STATIC_LAYERS
from eval.view.process import DrawingProcess
from eval.view.shapes import Shape
from eval.view.stage import Stage


@dataclass(frozen=True)
class WindowSettings:
    """How the window begins."""

    size_px: tuple[int, int]
    instant: int
    camera: str
    color: str
    shown: tuple[str, ...]
    playing: bool = False


@dataclass(frozen=True)
class Opening:
    """What the window is told first."""

    title: str
    num_instants: int
    dt_s: float
    layers: tuple[str, ...]  # those that hold anything in this episode
    static: dict[str, list[Shape]]
    settings: WindowSettings


def show(process: DrawingProcess, stage: Stage, settings: WindowSettings) -> None:
    """Serve a window until it is closed; `DrawingFailed` where none can be opened."""
    episode = stage.episode
    static = {name: shapes for name, shapes in stage.static().items() if name in STATIC_LAYERS}
    process.wait_ready()
    process.send(
        Opening(
            episode.title,
            episode.num_instants,
            episode.motion.dt_s,
            stage.layers(),
            static,
            settings,
        )
    )
    while (asked := process.receive(None)) != "closed":
        instant, color, shown = asked
        process.send(stage.picture(instant, color, shown))
