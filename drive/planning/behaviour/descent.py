"""Down a cost by steps on the controls, unrolled: what is found has a gradient in the weights of the cost."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from drive.planning.behaviour.controls import controls_of, driven, scales
from drive.planning.candidates import Candidates
from sim.interface import EgoState

Cost = Callable[[Tensor], Tensor]  # [b k t 5] -> [b k]
FIRST, LAST = 0.2, 0.05  # lengths of steps, in `scales`, over all instants
STEEP = 1.0  # where the gradient is that large, in cost a scale, a step is 0.7 of its length


def descend(
    cost_of: Cost, ego: EgoState, start: Candidates, steps: int, differentiable: bool = False
) -> list[Float[Tensor, "b k t 2"]]:
    """Controls after each step, from those that come nearest to the candidates.

    A step is against the gradient, that of all accelerations as long as is said, and that of all curvature
    rates; shorter where it is flat. `differentiable`: in what the cost depends on, by all derivatives.
    """
    scale = scales(ego)
    unit = controls_of(ego, start) / scale
    found = []
    for number in range(steps):
        length = FIRST * (LAST / FIRST) ** (number / max(1, steps - 1))
        slope = control_gradient(cost_of, ego, unit * scale, differentiable) * scale
        steepness = slope.square().sum(dim=2, keepdim=True)
        unit = unit - length * slope * torch.rsqrt(steepness + STEEP**2)
        found.append(unit * scale)
    return found


def control_gradient(
    cost_of: Cost, ego: EgoState, controls: Float[Tensor, "b k t 2"], differentiable: bool = False
) -> Float[Tensor, "b k t 2"]:
    """Of the cost of where the controls lead."""
    with torch.enable_grad():
        controls = controls if controls.requires_grad else controls.detach().requires_grad_()
        cost = cost_of(driven(ego, controls).trajectory)
        return torch.autograd.grad(cost.sum(), controls, create_graph=differentiable)[0]
