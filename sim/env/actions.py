"""What an action of an environment means: pedals and a wheel."""

import numpy as np
import torch
from gymnasium import spaces
from jaxtyping import Float
from torch import Tensor

from sim.dynamics.bicycle import ACCELERATION_RANGE_MPS2, MAX_STEERING_RAD, Controls
from sim.interface import EgoState

STEER_TO_MPS2 = 6.0  # full lock asks for no more lateral acceleration than this
ACTION_SPACE = spaces.Box(-1.0, 1.0, (2,), np.float32)


def controls(action: Float[Tensor, "b 2"], ego: EgoState, dt_s: float) -> Controls:
    """Controls from actions in [-1, 1]: pedals (positive: up to 4 m/s2, negative: down to -8), wheel.

    The wheel's action is a steering angle, left positive: 1 is the angle that bends the path with
    STEER_TO_MPS2 across at the present speed, at most MAX_STEERING_RAD. It is turned to at the rate
    that would get there in one step; the bicycle limits that rate and lags behind it.
    """
    pedals, wheel = action.clamp(-1.0, 1.0).unbind(-1)
    hardest, strongest = ACCELERATION_RANGE_MPS2
    speed = ego.speed_mps.abs().clamp(min=0.1)
    full = torch.atan(STEER_TO_MPS2 * ego.wheelbase_m / speed**2)
    wanted = wheel * full.clamp(max=MAX_STEERING_RAD)
    return Controls(
        acceleration_mps2=pedals * torch.where(pedals > 0, strongest, -hardest),
        steering_rate_radps=(wanted - ego.steering_rad) / dt_s,
    )
