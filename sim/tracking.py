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
Q_LATERAL, Q_HEADING, Q_STEERING, R_STEERING_RATE = 1.0, 10.0, 0.0, 1.0
_STOPPED_MPS = 0.2
_STOPPING_GAIN = 0.5  # acceleration per m/s once both the car and its reference (nearly) stand


@dataclass(frozen=True)
class Reference:
    """What to track from now on: the pose of the rear axle now, and `HORIZON` steps ahead."""

    pose: Float[Tensor, "*k 3"]
    curvature: Float[Tensor, "*k h"]  # during each step of the horizon
    final_speed_mps: Float[Tensor, "*k"]


def acceleration_command(speed_mps: Tensor, final_speed_mps: Tensor) -> Tensor:
    """The constant acceleration that minimises q (v_N - v_ref)^2 + r a^2.

    v_N = v + T a, so a = -T q (v - v_ref) / (T^2 q + r). A car that (nearly) stands and shall stand
    is slowed proportionally instead, so that it does not creep.
    """
    horizon_s = HORIZON * DT_S
    error = speed_mps - final_speed_mps
    command = -horizon_s * Q_SPEED * error / (horizon_s**2 * Q_SPEED + R_ACCELERATION)
    stopping = (speed_mps < _STOPPED_MPS) & (final_speed_mps < _STOPPED_MPS)
    return torch.where(stopping, -_STOPPING_GAIN * error, command)


def steering_rate_command(
    rear_pose: Float[Tensor, "*k 3"],
    steering_rad: Float[Tensor, "*k"],
    speed_mps: Float[Tensor, "*k h"],
    wheelbase_m: Float[Tensor, "*k"],
    reference: Reference,
) -> Tensor:
    """The constant steering rate that minimises z_N' Q z_N + r u^2.

    z = (lateral error, heading error, steering), small angles, over the speeds `speed_mps`:
    e' = e + v dt h,  h' = h + v dt (s / L - kappa_ref),  s' = s + dt u.
    Everything is affine in u, so the recursion carries z at u = 0 and its slope in u.
    """
    delta = rear_pose[..., :2] - reference.pose[..., :2]
    cos, sin = torch.cos(reference.pose[..., 2]), torch.sin(reference.pose[..., 2])
    lateral = cos * delta[..., 1] - sin * delta[..., 0]
    heading = se2.wrap_angle(rear_pose[..., 2] - reference.pose[..., 2])
    lateral_u = torch.zeros_like(lateral)
    heading_u = torch.zeros_like(lateral)
    step_m = speed_mps * DT_S
    turn_per_steering = step_m / wheelbase_m.unsqueeze(-1)
    # The heading's course without control is a running sum; only sums remain to be done in order.
    turn = turn_per_steering * steering_rad.unsqueeze(-1) - step_m * reference.curvature
    for k in range(HORIZON):
        lateral = lateral + step_m[..., k] * heading
        lateral_u = lateral_u + step_m[..., k] * heading_u
        heading = heading + turn[..., k]
        heading_u = heading_u + turn_per_steering[..., k] * (k * DT_S)
    steering_u = HORIZON * DT_S
    gradient = Q_LATERAL * lateral_u * lateral + Q_HEADING * heading_u * heading
    gradient = gradient + Q_STEERING * steering_u * steering_rad
    curvature = Q_LATERAL * lateral_u**2 + Q_HEADING * heading_u**2
    return -gradient / (curvature + Q_STEERING * steering_u**2 + R_STEERING_RATE)
