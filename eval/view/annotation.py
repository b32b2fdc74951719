"""The caption, the table and the labels over boxes, written into a drawn image."""

from typing import Any

import numpy as np
from jaxtyping import UInt8

from eval.view.camera import NEAR_M, Camera
from eval.view.palette import INK, PAPER
from eval.view.shapes import Drawing

_FONT_PX = 13
_ROW_PX = 16


def annotate(
    image: UInt8[np.ndarray, "h w 3"], drawing: Drawing, camera: Camera, labels: bool
) -> UInt8[np.ndarray, "h w 3"]:
    """A copy of the image with caption and table, and with `labels` those that do not cover nearer ones."""
    from PIL import Image, ImageDraw, ImageFont

    canvas = Image.fromarray(np.ascontiguousarray(image[..., :3]))
    draw = ImageDraw.Draw(canvas, "RGBA")
    font = ImageFont.load_default(_FONT_PX)
    taken: list[tuple[float, float, float, float]] = []
    for (x, y), text in _places(drawing, camera, canvas.size) if labels else []:
        left, top, right, bottom = draw.textbbox((x, y), text, font=font, anchor="mb")
        area = (left - 3, top - 2, right + 3, bottom + 2)
        if any(_overlap(area, other) for other in taken):
            continue
        taken.append(area)
        draw.rectangle(area, fill=(*PAPER, 150))
        draw.text((x, y), text, font=font, anchor="mb", fill=INK)
    draw.rectangle((0, 0, canvas.width, 22), fill=(*PAPER, 190))
    draw.text((8, 4), drawing.caption, font=font, fill=INK)
    _write_table(draw, drawing.table, canvas.width, font)
    return np.asarray(canvas)


def _write_table(draw: Any, table: tuple[tuple[str, ...], ...], width_px: int, font: Any) -> None:
    """Below the caption on the right: the first column left-justified, the others right-justified."""
    if not table:
        return
    widths = [
        max(draw.textlength(cell, font=font) for cell in column)
        for column in zip(*table, strict=True)
    ]
    ends = width_px - 8 - np.cumsum([0.0, *(w + 14 for w in widths[:0:-1])])[::-1][1:]
    left = ends[0] - widths[1] - 14 - widths[0]
    draw.rectangle((left - 8, 22, width_px, 30 + _ROW_PX * len(table)), fill=(*PAPER, 190))
    for number, (name, *values) in enumerate(table):
        y = 26 + _ROW_PX * number
        draw.text((left, y), name, font=font, fill=INK)
        for end, value in zip(ends, values, strict=True):
            draw.text((end, y), value, font=font, anchor="ra", fill=INK)


def _places(
    drawing: Drawing, camera: Camera, size_px: tuple[int, int]
) -> list[tuple[tuple[float, float], str]]:
    """Pixel and text of each label in front of the camera, the nearest first."""
    labels = drawing.labels()
    if not labels:
        return []
    above = np.array([place for place, _ in labels])
    pixel, depth = camera.project(above, size_px)
    order = [k for k in np.argsort(depth) if depth[k] > NEAR_M]
    return [((float(pixel[k, 0]), float(pixel[k, 1])), labels[k][1]) for k in order]


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
