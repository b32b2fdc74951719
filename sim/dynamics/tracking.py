"""LQR tracking of a reference by a bicycle: longitudinal and lateral motion decoupled.

One control is held over a horizon of 1 s and found in closed form (the finite-horizon LQR with a
constant input, as in nuPlan's tracker); batched over any leading shape.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from sim.geometry import se2

HORIZON = 10
DT_S = 0.1
Q_SPEED, R_ACCELERATION = 10.0, 1.0
Q_LATERAL, Q_HEADING, R_STEERING_RATE = 1.0, 10.0, 1.0  # the steering angle itself costs nothing
_STOPPED_MPS = 0.2


def acceleration_command(speed_mps: Tensor, final_speed_mps: Tensor, distance_m: Tensor) -> Tensor:
    """The constant acceleration that minimises q (v_N - v_ref)^2 + r a^2; shapes broadcast.

    v_N = v + T a, so a = -T q (v - v_ref) / (T^2 q + r). Where the reference comes to a stop within
    the horizon, `distance_m` further on, that law would only approach the stop: then the constant
    deceleration that ends there, v^2 / (2 d), is used if it is harder.
    """
    command = speed_command(speed_mps, final_speed_mps)
    to_stop = -(speed_mps**2) / (2.0 * distance_m.clamp(min=0.1))
    stops = (final_speed_mps < _STOPPED_MPS) & (speed_mps > 0.0)
    return torch.where(stops, torch.minimum(command, to_stop), command)


def speed_command(speed_mps: Tensor, final_speed_mps: Tensor) -> Tensor:
    """The law of `acceleration_command` alone, as in nuPlan's tracker."""
    horizon_s = HORIZON * DT_S
    error = speed_mps - final_speed_mps
    return -horizon_s * Q_SPEED * error / (horizon_s**2 * Q_SPEED + R_ACCELERATION)


@dataclass(frozen=True)
class LateralGains:
    """Feedback u = -(k_e e + k_h h + k_s s + k_0), from one horizon of speeds and curvatures."""

    lateral: Tensor
    heading: Tensor
    steering: Tensor
    constant: Tensor


def lateral_gains(
    speed_mps: Float[Tensor, "*k h"], curvature: Float[Tensor, "*k h"], wheelbase_m: Tensor
) -> LateralGains:
    """Gains of the constant steering rate u that minimises z_N' Q z_N + r u^2.

    z = (lateral error e, heading error h, steering s), small angles, over the reference speeds:
    e' = e + v dt h,  h' = h + v dt (s / L - kappa_ref),  s' = s + dt u.  The final state is affine
    in (e, h, s, u), so u is a linear feedback whose gains depend on the reference alone.
    `wheelbase_m` broadcasts against `[*k, 1]`.
    """
    step = speed_mps * DT_S
    per_steering = step / wheelbase_m
    ramp = torch.arange(speed_mps.shape[-1], device=step.device, dtype=step.dtype) * DT_S
    turns = torch.stack((per_steering * ramp, per_steering, step * curvature))
    # Lateral motion that a course of heading increments causes: sum of step * heading before.
    travelled = (step * (turns.cumsum(-1) - turns)).sum(-1)
    lateral_u, lateral_per_steering, lateral_bend = travelled
    heading_u, heading_per_steering, heading_bend = turns.sum(-1)
    a, b = Q_LATERAL * lateral_u, Q_HEADING * heading_u
    scale = 1.0 / (a * lateral_u + b * heading_u + R_STEERING_RATE)
    return LateralGains(
        lateral=scale * a,
        heading=scale * (a * step.sum(-1) + b),
        steering=scale * (a * lateral_per_steering + b * heading_per_steering),
        constant=-scale * (a * lateral_bend + b * heading_bend),
    )


def steering_rate_command(
    rear_pose: Float[Tensor, "*k 3"],
    steering_rad: Tensor,
    reference_pose: Float[Tensor, "*k 3"],
    gains: LateralGains,
) -> Tensor:
    """The steering rate for a rear axle that should be at `reference_pose` now."""
    dx, dy = (rear_pose[..., :2] - reference_pose[..., :2]).unbind(-1)
    cos, sin = torch.cos(reference_pose[..., 2]), torch.sin(reference_pose[..., 2])
    lateral = cos * dy - sin * dx
    heading = se2.wrap_angle(rear_pose[..., 2] - reference_pose[..., 2])
    return -(
        gains.lateral * lateral
        + gains.heading * heading
        + gains.steering * steering_rad
        + gains.constant
    )
