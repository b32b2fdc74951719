"""Images of the world around the ego, for `render_mode="rgb_array"`."""

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from sim.geometry.grid import BevGrid
from sim.palette import LIGHT, over
from sim.sensors.raster import RasterSpec

# Painted in this order, the later over the earlier.
_COLORS = {
    "drivable": LIGHT.drivable,
    "crosswalk": over(LIGHT.zebra, LIGHT.drivable),
    "boundary": LIGHT.edge,
    "route": over(LIGHT.route, LIGHT.drivable),
    "light_red": LIGHT.red,
    "light_yellow": LIGHT.yellow,
    "light_green": LIGHT.green,
    "obstacle": LIGHT.building,
    "objects": LIGHT.object,
    "vehicles": LIGHT.vehicle,
    "cyclists": LIGHT.cyclist,
    "pedestrians": LIGHT.pedestrian,
    "ego": LIGHT.ego,
}
PICTURE = RasterSpec(BevGrid(-24.0, -36.0, 0.2, 360, 360), tuple(_COLORS))


def paint(image: Float[Tensor, "b c x y"]) -> UInt8[np.ndarray, "b x y 3"]:
    """RGB images of rasters drawn with the spec `PICTURE`: rows from x_max down, columns from y_max down.

    So the ego points up and its left is on the left.
    """
    batch, _, num_x, num_y = image.shape
    picture = torch.tensor(LIGHT.ground, dtype=torch.uint8).expand(batch, num_x, num_y, 3)
    for channel, color in zip(image.cpu().unbind(1), _COLORS.values(), strict=True):
        shown = (channel > 0.5).unsqueeze(-1)
        picture = torch.where(shown, torch.tensor(color, dtype=torch.uint8), picture)
    return picture.flip(1, 2).numpy()
