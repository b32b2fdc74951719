"""The ego's bicycle under accelerations and curvature rates, all instants at once, with slopes.

What `samplers.rollouts.roll_out` drives step by step is here sums over time: about ten times as fast, and
cheap to differentiate twice. The car's lags, which `roll_out` makes up for, are taken for made up for.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from drive.planning.candidates import DT_S, Candidates
from drive.planning.samplers.drivable import curvature_now, from_rear_axle, sharpest_curvature
from drive.planning.samplers.retrieval import profile
from drive.planning.samplers.rollouts import CURVATURE_RATE, JERK_MPS3, STEP_S
from sim.dynamics.bicycle import ACCELERATION_RANGE_MPS2
from sim.interface import EgoState

_STEPS_A_POINT = round(DT_S / STEP_S)


def scales(ego: EgoState) -> Float[Tensor, "b 1 1 2"]:
    """What counts as a large control: 1 m/s2, and a curvature rate of `JERK_MPS3` across."""
    rate = (JERK_MPS3 / ego.speed_mps.square().clamp(min=1e-3)).clamp(max=CURVATURE_RATE)
    return torch.stack((torch.ones_like(rate), rate), dim=-1)[:, None, None]


def controls_of(ego: EgoState, candidates: Candidates) -> Float[Tensor, "b k t 2"]:
    """The accelerations and curvature rates, each for one `DT_S`, that come nearest to candidates; any,
    where one is not valid."""
    num, valid = candidates.num, candidates.valid[:, :, None, None]
    speed, curvature = (v.repeat_interleave(num) for v in (ego.speed_mps, curvature_now(ego)))
    pose = torch.where(valid, candidates.trajectory[..., :3], 0.0).flatten(0, 1)
    told = torch.stack(profile(pose, speed, curvature), dim=-1)
    return told.unflatten(0, (-1, num))


def driven(ego: EgoState, controls: Float[Tensor, "b k t 2"]) -> Candidates:
    """Where they lead: the midpoint rule of `bicycle_step` at its steps, as sums."""
    fine = controls.repeat_interleave(_STEPS_A_POINT, dim=2)
    wheelbase_m = ego.wheelbase_m.reshape(-1, 1, 1)
    push = fine[..., 0].clamp(*ACCELERATION_RANGE_MPS2)
    begin = ego.speed_mps.clamp(min=0.0).reshape(-1, 1, 1).expand_as(push[..., :1])
    speed = torch.cat((begin, begin + STEP_S * push.cumsum(dim=2)), dim=2)
    # Brakes hold: whatever would be below zero is never lost again.
    speed = speed - speed.cummin(dim=2).values.clamp(max=0.0)
    now = curvature_now(ego).reshape(-1, 1, 1).expand_as(begin)
    bend = torch.cat((now, now + STEP_S * fine[..., 1].cumsum(dim=2)), dim=2)
    sharpest = sharpest_curvature(speed, wheelbase_m)
    bend = torch.maximum(torch.minimum(bend, sharpest), -sharpest)
    step_m = 0.5 * STEP_S * (speed[..., 1:] + speed[..., :-1])
    turn = 0.5 * step_m * (bend[..., 1:] + bend[..., :-1])
    yaw = turn.cumsum(dim=2)
    middle = yaw - 0.5 * turn
    x, y = ((step_m * way(middle)).cumsum(dim=2) for way in (torch.cos, torch.sin))
    points = slice(_STEPS_A_POINT - 1, None, _STEPS_A_POINT)
    moved = torch.stack((x, y, yaw), dim=-1)[:, :, points]
    return from_rear_axle(
        moved, speed[..., ::_STEPS_A_POINT], bend[..., ::_STEPS_A_POINT], ego.wheelbase_m
    )
