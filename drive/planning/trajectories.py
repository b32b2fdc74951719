"""`trajectory_of`: from places to a trajectory that the ego's car can follow."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from drive.planning.candidates import DT_S
from drive.prediction.joint import STANDS_M, headings, held
from sim.dynamics.bicycle import MAX_STEERING_RAD
from sim.geometry import se2
from sim.interface import EgoState


def trajectory_of(
    position_m: Float[Tensor, "b *k t 2"], ego: EgoState, dt_s: float = DT_S
) -> Float[Tensor, "b *k t 5"]:
    """Where the centre of the ego's box will be, every `dt_s`: with yaw, speed and curvature.

    Neighbouring steps are taken for chords of one arc. On an arc of curvature k the centre, half a
    wheelbase l ahead of the rear axle, moves aslant of the car: sin(slip) = k l, and the rear axle, which is
    what is steered, turns with k / cos(slip). Who moves less than `STANDS_M` in a step keeps yaw and
    curvature, and sideways noise gives it no speed. Nobody drives backwards: who would, turns round.
    """
    ahead_m = 0.5 * ego.wheelbase_m.reshape(-1, *(1,) * (position_m.ndim - 2))
    step = torch.diff(position_m, dim=-2, prepend=torch.zeros_like(position_m[..., :1, :]))
    chord = headings(position_m)
    along_m = se2.rotate(step, -chord)[..., 0].clamp(min=0.0)
    moves = along_m > STANDS_M

    curvature = _path_curvature(chord, along_m, ahead_m)
    going_on = moves & torch.cat((moves[..., 1:], torch.zeros_like(moves[..., :1])), dim=-1)
    curvature = held(curvature, going_on)
    course = held(chord + 0.5 * curvature * along_m, moves)
    slip = torch.asin(curvature * ahead_m)
    cos_slip = torch.cos(slip)

    speed = _at_points(along_m / dt_s).clamp(min=0.0) * cos_slip
    state = (se2.wrap_angle(course - slip), speed, curvature / cos_slip)
    return torch.cat((position_m, torch.stack(state, dim=-1)), dim=-1)


def _path_curvature(
    chord_rad: Float[Tensor, "b *k t"], along_m: Float[Tensor, "b *k t"], ahead_m: Tensor
) -> Float[Tensor, "b *k t"]:
    """Of the centre's path at each point, from the chords before and after it; at most the car's."""
    turn = se2.wrap_angle(torch.diff(chord_rad, dim=-1))
    mean_m = 0.5 * (along_m[..., 1:] + along_m[..., :-1])
    curvature = turn / mean_m.clamp(min=STANDS_M)
    curvature = torch.cat((curvature, curvature[..., -1:]), dim=-1)
    # The rear axle's is tan(steering) / wheelbase; ahead of it sin(slip) = tan(slip) cos(slip).
    steepest = math.sin(math.atan(0.5 * math.tan(MAX_STEERING_RAD))) / ahead_m
    return curvature.clamp(-steepest, steepest)


def _at_points(mean: Float[Tensor, "b *k t"]) -> Float[Tensor, "b *k t"]:
    """Values at the ends of steps, from their means over the steps; the last one goes on as before."""
    between = 0.5 * (mean[..., 1:] + mean[..., :-1])
    return torch.cat((between, 1.5 * mean[..., -1:] - 0.5 * mean[..., -2:-1]), dim=-1)
