"""One sweep from above, with what was found and what was there."""

import numpy as np
import torch
from jaxtyping import UInt8

from drive.perception.labels import Labels
from drive.perception.logs.sweep_log import SweepFrame
from sim.geometry import box as boxes_of

_RANGE_M, _SIZE_IN, _DPI = 82.0, 10.0, 100


def draw_frame(frame: SweepFrame, found: Labels) -> UInt8[np.ndarray, "h w 3"]:
    """Points in grey, higher ones darker; boxes found in orange, the less sure the fainter; annotated ones in
    blue, dashed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_SIZE_IN, _SIZE_IN), dpi=_DPI)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    x, y, z = frame.point_m.T
    axes.scatter(
        x, y, s=0.3, c=np.clip(z, 0.0, 2.5), cmap="Greys", vmin=-1.0, vmax=2.5, linewidths=0
    )
    if frame.truth is not None:
        _outline(axes, frame.truth.box, np.ones(len(frame.truth.box)), "#1f77b4", "--")
    _outline(axes, found.box, found.score, "#ff7f0e", "-")
    axes.plot(0.0, 0.0, "k^", markersize=6)
    axes.set(xlim=(-_RANGE_M, _RANGE_M), ylim=(-_RANGE_M, _RANGE_M), aspect="equal")
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _outline(axes, box: np.ndarray, opacity: np.ndarray, color: str, style: str) -> None:
    held = torch.from_numpy(box)
    corners = boxes_of.corners(held[:, [0, 1, 6]], held[:, 3:5]).numpy()
    for corner, alpha in zip(corners, opacity, strict=True):
        ring = np.vstack((corner, corner[:1]))
        axes.plot(ring[:, 0], ring[:, 1], style, color=color, linewidth=1.0, alpha=float(alpha))
