"""Caption, table, legend, scale bar and the labels over boxes, written into a drawn image."""

from typing import Any

import numpy as np
from jaxtyping import UInt8

from eval.view.camera import Camera
from eval.view.labels import shown_labels
from eval.view.palette import colors_of
from eval.view.shapes import Drawing, Rgb

_FONT_PX = 13
_ROW_PX = 16
_KEY_PX = 190.0  # how wide the legend is
_VEIL = 190  # opacity of what text stands on, of 255


def annotate(
    image: UInt8[np.ndarray, "h w 3"], drawing: Drawing, camera: Camera, labels: bool
) -> UInt8[np.ndarray, "h w 3"]:
    """A copy of the image with everything in words, and with `labels` those over boxes."""
    page = _Page(np.ascontiguousarray(image[..., :3]), drawing.theme)
    size_px = page.canvas.size
    if labels:
        for _, (x, y), text in shown_labels(drawing, camera, size_px, page.extent):
            page.label(float(x), float(y), text)
    page.plate((0.0, 0.0, float(size_px[0]), 22.0))
    page.text(8.0, 4.0, drawing.caption)
    page.table(drawing.table)
    page.key(drawing.legend, camera.scale_bar(drawing.ego[:3], size_px))
    return np.asarray(page.canvas)


def key_image(
    drawing: Drawing, camera: Camera, size_px: tuple[int, int]
) -> UInt8[np.ndarray, "h w 3"]:
    """Legend and scale bar alone, as a picture to lay over the lower left corner of a view."""
    bar = camera.scale_bar(drawing.ego[:3], size_px)
    rows = len(drawing.legend) + (2 if bar else 0)
    page = _Page(np.zeros((_ROW_PX * rows + 8, round(_KEY_PX), 3), np.uint8), drawing.theme)
    page.key(drawing.legend, bar, opacity=255)
    return np.asarray(page.canvas)


class _Page:
    """A picture that is written on, in the colours of a theme."""

    def __init__(self, image: UInt8[np.ndarray, "h w 3"], theme: str) -> None:
        from PIL import Image, ImageDraw, ImageFont

        colors = colors_of(theme)
        self.ink, self.paper = colors.ink, colors.paper
        self.canvas = Image.fromarray(image)
        self.draw: Any = ImageDraw.Draw(self.canvas, "RGBA")
        self.font = ImageFont.load_default(_FONT_PX)

    def extent(self, text: str) -> tuple[float, float]:
        """Width and height in pixels."""
        left, top, right, bottom = self.draw.textbbox((0, 0), text, font=self.font, anchor="mb")
        return float(right - left), float(bottom - top)

    def plate(self, area: tuple[float, ...], opacity: int = _VEIL) -> None:
        self.draw.rectangle(area, fill=(*self.paper, opacity))

    def text(self, x: float, y: float, text: str, anchor: str = "la") -> None:
        self.draw.text((x, y), text, font=self.font, anchor=anchor, fill=self.ink)

    def label(self, x: float, y: float, text: str) -> None:
        """Centred at x, its lower edge at y."""
        width, height = self.extent(text)
        self.plate((x - 0.5 * width - 3, y - height - 2, x + 0.5 * width + 3, y + 2), 150)
        self.text(x, y, text, "mb")

    def table(self, table: tuple[tuple[str, ...], ...]) -> None:
        """Below the caption on the right: the first column left-justified, the others right-justified."""
        if not table:
            return
        widths = [
            max(self.draw.textlength(cell, font=self.font) for cell in column)
            for column in zip(*table, strict=True)
        ]
        right = float(self.canvas.width)
        ends = right - 8 - np.cumsum([0.0, *(w + 14 for w in widths[:0:-1])])[::-1][1:]
        left = float(ends[0] - widths[1] - 14 - widths[0])
        self.plate((left - 8.0, 22.0, right, 30.0 + _ROW_PX * len(table)))
        for number, (name, *values) in enumerate(table):
            y = 26.0 + _ROW_PX * number
            self.text(left, y, name)
            for end, value in zip(ends, values, strict=True):
                self.text(float(end), y, value, "ra")

    def key(
        self,
        legend: tuple[tuple[str, Rgb], ...],
        bar: tuple[float, float] | None,
        opacity: int = _VEIL,
    ) -> None:
        """In the lower left corner: the legend, below it the scale bar (metres, pixels)."""
        rows = len(legend) + (2 if bar else 0)
        if not rows:
            return
        height = float(self.canvas.height)
        top = height - _ROW_PX * rows - 8.0
        self.plate((0.0, top, _KEY_PX, height), opacity)
        for number, (name, rgb) in enumerate(legend):
            y = top + 4.0 + _ROW_PX * number
            self.draw.rectangle((8, y + 3, 18, y + 12), fill=rgb)
            self.text(26.0, y, name)
        if bar:
            length_m, length_px = bar
            y = height - 8.0
            self.text(8.0, y - 20.0, f"{length_m:g} m, at the ego")
            self.draw.line((8, y, 8 + length_px, y), fill=self.ink, width=2)
            for x in (8, 8 + length_px):
                self.draw.line((x, y - 4, x, y + 3), fill=self.ink, width=2)
