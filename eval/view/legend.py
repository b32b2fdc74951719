"""What is shown in which colour, as rows of a legend."""

import numpy as np

from eval.view import palette
from eval.view.palette import Colors
from eval.view.shapes import Rgb
from eval.view.viewed_scene import ViewedScene
from sim.scenario import EGO, AgentKind

LOW_M, HIGH_M = -0.5, 3.5  # over the ground: where the colours of points by height begin and end
Row = tuple[str, Rgb]


def legend_of(
    scene: ViewedScene, instant: int, layers: dict[str, list], color: str, colors: Colors
) -> tuple[Row, ...]:
    """Rows for what the layers at a time step hold; `color`: what the points' colour tells."""
    shown = {name for name, shapes in layers.items() if shapes}
    rows = _agents(scene, instant, colors) if "boxes" in shown else []
    if scene.hit_by(instant).any():
        rows.append(("hit", colors.hit))
    if "candidates" in shown:
        cheapest, dearest = (_rgb(one) for one in colors.by_cost(np.array((0.0, 1.0))))
        rows += [("cheapest candidate", cheapest), ("dearest candidate", dearest)]
    named = {"plan": colors.plan, "forecast": colors.forecast, "perceived": colors.perceived}
    rows += [(name, rgb) for name, rgb in named.items() if name in shown]
    if "what_if" in shown:
        rows += [("if the ego goes", colors.goes), ("if it waits", colors.waits)]
    if "points" in shown and color == "height":
        low, high = (_rgb(one) for one in palette.by_value(np.array((0.0, 1.0)), 0.0, 1.0))
        rows += [(f"point at {LOW_M:g} m", low), (f"point at {HIGH_M:g} m", high)]
    return tuple(rows)


def _agents(scene: ViewedScene, instant: int, colors: Colors) -> list[Row]:
    """The ego, and the kinds of the others that are there."""
    there = np.flatnonzero(scene.motion.valid[instant])
    kinds = sorted({int(scene.scenario.tracks.kind[k]) for k in there if k != EGO})
    names = [AgentKind(kind) for kind in kinds]
    return [("ego", colors.ego), *((kind.name.lower(), colors.kinds[kind]) for kind in names)]


def _rgb(color: np.ndarray) -> Rgb:
    red, green, blue = (int(c) for c in color)
    return red, green, blue
