"""What the window's process and the process that has the scene say to each other.

First `Opening` goes to the window; then each `DrawingRequest` is answered by a `Drawing`, until
`CLOSED`. Imports no torch, so that the window opens quickly.
"""

from dataclasses import dataclass

from eval.view.option_names import AHEAD_S
from eval.view.shapes import Rgb, Shape

READY = "ready"  # the renderer's first message, when Open3D runs
CLOSED = "closed"  # the window's last message


@dataclass(frozen=True)
class WindowSettings:
    """How the window begins: `instant` is a time step, `shown` the names of the visible layers.

    `ahead_s`: how far ahead a cost volume is shown.
    """

    size_px: tuple[int, int]
    instant: int
    camera: str
    color: str
    shown: tuple[str, ...]
    ahead_s: float = AHEAD_S
    playing: bool = False


@dataclass(frozen=True)
class Opening:
    """What does not change while the window is open, and how it begins."""

    title: str
    num_instants: int
    dt_s: float
    layers: tuple[str, ...]  # names of those for which the scene has data
    static: dict[str, list[Shape]]
    background: Rgb
    settings: WindowSettings
    times_ahead_s: tuple[float, ...] = ()  # the instants of a cost volume, from now


@dataclass(frozen=True)
class DrawingRequest:
    """Asks for the drawing at a time step, with points coloured by `color`, layers `shown` only.

    `ahead_s`: how far ahead a cost volume is shown.
    """

    instant: int
    color: str
    shown: tuple[str, ...]
    ahead_s: float
