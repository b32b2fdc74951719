"""The unicycle of those on foot."""

import torch
from jaxtyping import Float
from torch import Tensor

from sim.geometry import se2


def unicycle_step(
    pose: Float[Tensor, "*k 3"],
    speed_mps: Float[Tensor, "*k"],
    acceleration_mps2: Float[Tensor, "*k"],
    yaw_rate_radps: Float[Tensor, "*k"],
    dt_s: float,
) -> tuple[Tensor, Tensor]:
    """Pose and speed one step on of somebody on foot, who turns on the spot and never walks back.

    Midpoint rule: the step is taken along the mean of the headings, at the mean of the speeds.
    """
    next_speed = (speed_mps + acceleration_mps2 * dt_s).clamp(min=0.0)
    x, y, yaw = pose.unbind(-1)
    step_m = 0.5 * (speed_mps + next_speed) * dt_s
    middle = yaw + 0.5 * yaw_rate_radps * dt_s
    moved = (x + step_m * torch.cos(middle), y + step_m * torch.sin(middle))
    yaw = se2.wrap_angle(yaw + yaw_rate_radps * dt_s)
    return torch.stack((*moved, yaw), dim=-1), next_speed
