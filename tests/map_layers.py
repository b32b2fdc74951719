"""All that map layers say of points, at once."""

import torch
from torch import Tensor

from sim.maps.layers import MapLayers


def read(layers: MapLayers, points_m: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Distances `[B, *P, L]`, their gradients `[B, *P, L, 2]`, and the light of the nearest stop line."""
    cells = layers.find(points_m[..., 0], points_m[..., 1])
    distance = [layers.distance_m(name, cells) for name in layers.names]
    gradient = [torch.stack(layers.gradient(name, cells), dim=-1) for name in layers.names]
    return torch.stack(distance, dim=-1), torch.stack(gradient, dim=-2), layers.light(cells)
