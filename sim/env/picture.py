"""Images of the world around the ego, for `render_mode="rgb_array"`."""

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from sim.geometry.grid import BevGrid
from sim.sensors.raster import RasterSpec

_GROUND = (226, 226, 222)
# Painted in this order, the later over the earlier.
_COLORS = {
    "drivable": (150, 152, 156),
    "crosswalk": (190, 192, 198),
    "boundary": (244, 244, 244),
    "route": (122, 176, 230),
    "light_red": (214, 40, 40),
    "light_yellow": (240, 190, 40),
    "light_green": (60, 170, 90),
    "obstacle": (120, 100, 84),
    "objects": (230, 130, 40),
    "vehicles": (44, 62, 120),
    "cyclists": (130, 60, 150),
    "pedestrians": (190, 40, 120),
    "ego": (20, 140, 60),
}
PICTURE = RasterSpec(BevGrid(-24.0, -36.0, 0.2, 360, 360), tuple(_COLORS))


def paint(image: Float[Tensor, "b c x y"]) -> UInt8[np.ndarray, "b x y 3"]:
    """RGB images of rasters drawn with the spec `PICTURE`: rows from x_max down, columns from y_max down.

    So the ego points up and its left is on the left.
    """
    batch, _, num_x, num_y = image.shape
    picture = torch.tensor(_GROUND, dtype=torch.uint8).expand(batch, num_x, num_y, 3)
    for channel, color in zip(image.cpu().unbind(1), _COLORS.values(), strict=True):
        shown = (channel > 0.5).unsqueeze(-1)
        picture = torch.where(shown, torch.tensor(color, dtype=torch.uint8), picture)
    return picture.flip(1, 2).numpy()
