"""Lines, circles and clothoids at constant acceleration: the sampler of NMP.

Zeng et al., End-to-end Interpretable Neural Motion Planner, CVPR 2019, section 3.4. The rear axle
drives along them, since the bicycle's curvature is that of the rear axle's path.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from drive.planning.candidates import DT_S, POINTS, Candidates
from drive.planning.samplers.drivable import curvature_now, from_rear_axle
from sim.interface import Observation

LINE, CIRCLE = 0.5, 0.25  # shares; the rest are clothoids
CLOTHOID_M = (6.0, 80.0)
ACCELERATION_MPS2 = (-5.0, 5.0)
RANDOM_SPEED_MPS = (0.0, 20.0)
_NODES = 3  # of Gauss and Legendre, between points that are `DT_S` apart


@dataclass(frozen=True)
class CurveSampler:
    """Draws `num` curves a world from the ego's speed; circles and clothoids from its curvature too.

    `random_speeds`: with what probability a curve begins with any speed instead of the ego's, and is
    then `valid` if a car at that speed can drive it. For training's negatives alone (NMP: 0.8).
    """

    num: int = 2000
    random_speeds: float = 0.0

    def __call__(
        self, observation: Observation, generator: torch.Generator | None = None
    ) -> Candidates:
        """Constant acceleration until standstill, along curves whose curvature is k0 + rate s."""
        ego = observation.ego
        shape, device = (len(ego.speed_mps), self.num), ego.speed_mps.device

        def draw(low: float = 0.0, high: float = 1.0) -> Tensor:
            uniform = torch.rand(shape, generator=generator, device=device)
            return low + (high - low) * uniform

        speed = ego.speed_mps.clamp(min=0.0).unsqueeze(1)
        speed = torch.where(draw() < self.random_speeds, draw(*RANDOM_SPEED_MPS), speed)
        kind = draw()
        now = curvature_now(ego).unsqueeze(1)
        start = torch.where(kind < LINE, 0.0, now)
        side = torch.where(draw() < 0.5, -1.0, 1.0)
        clothoid_rate = side * math.pi / draw(*CLOTHOID_M).square()
        rate = torch.where(kind < LINE + CIRCLE, 0.0, clothoid_rate)
        speeds, travelled_m = constant_acceleration(speed, draw(*ACCELERATION_MPS2))
        curvature = start.unsqueeze(2) + rate.unsqueeze(2) * travelled_m
        curvature[..., 0] = now
        moved = along_curve(start, rate, travelled_m)
        return from_rear_axle(moved, speeds, curvature, ego.wheelbase_m)


def constant_acceleration(
    speed_mps: Float[Tensor, "b k"], acceleration_mps2: Float[Tensor, "b k"]
) -> tuple[Float[Tensor, "b k s"], Float[Tensor, "b k s"]]:
    """Speed and way travelled now and every `DT_S`; who brakes to a stop stays there."""
    speed, acceleration = speed_mps.unsqueeze(2), acceleration_mps2.unsqueeze(2)
    time = torch.arange(POINTS + 1, device=speed.device) * DT_S
    to_stop = torch.where(acceleration < 0.0, speed / -acceleration, torch.inf)
    moving_s = torch.minimum(time, to_stop)
    travelled = moving_s * (speed + 0.5 * acceleration * moving_s)
    return (speed + acceleration * time).clamp(min=0.0), travelled


def along_curve(
    curvature: Float[Tensor, "b k"],
    rate: Float[Tensor, "b k"],
    travelled_m: Float[Tensor, "b k s"],
) -> Float[Tensor, "b k t 3"]:
    """Poses at arc lengths of a curve that begins at the origin along x; those of instant 0 left out.

    Curvature is k0 + rate s, so heading k0 s + rate s^2 / 2, and the position is the integral of its
    cosine and sine. With rate = pi / a^2 that is the clothoid a [C(xi / a), S(xi / a)] (Fresnel's C and
    S), whose curvature is pi xi / a^2, from xi0 = k0 a^2 / pi on: there its curvature is the ego's.
    """
    start, half_rate = curvature[..., None], 0.5 * rate[..., None]
    begins_m, step_m = travelled_m[..., :-1], torch.diff(travelled_m, dim=2)
    x, y = torch.zeros_like(step_m), torch.zeros_like(step_m)
    for node, weight in zip(*np.polynomial.legendre.leggauss(_NODES), strict=True):
        arc_m = torch.add(begins_m, step_m, alpha=0.5 + 0.5 * float(node))
        heading = arc_m * (start + half_rate * arc_m)
        x.add_(torch.cos(heading), alpha=0.5 * float(weight))
        y.add_(torch.sin(heading), alpha=0.5 * float(weight))
    arrived_m = travelled_m[..., 1:]
    heading = arrived_m * (start + half_rate * arrived_m)
    return torch.stack(((x * step_m).cumsum(dim=2), (y * step_m).cumsum(dim=2), heading), dim=-1)
