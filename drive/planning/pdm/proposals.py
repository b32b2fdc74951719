"""PDM-Closed's proposals: IDM at several speeds and offsets, driven by LQR and bicycle."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from drive.planning.idm_rollout import DT_S, reference_poses, roll_out
from drive.planning.pdm.rules import PdmRules
from drive.planning.route_frame import AgentsOnRoute
from sim.dynamics import tracking
from sim.dynamics.bicycle import BicycleState, bicycle_step, center_of, rear_of
from sim.interface import Observation
from sim.traffic.idm_law import IdmParams

SPEED_FRACTIONS = (0.2, 0.4, 0.6, 0.8, 1.0)
OFFSETS_M = (0.0, -1.0, 1.0)  # of equals the first is taken
PARAMS = IdmParams(1.0, 1.5, 1.5, 3.0, exponent=10.0)
HORIZON = 40
STOPPING_MPS, STOPPING_GAIN = 0.2, 0.5  # the published P controller near a stop


@dataclass(frozen=True)
class Proposals:
    """P simulated drives of the ego, T = `horizon` + 1 instants, the present first; the ego frame.

    `reference` (x, y, yaw, speed, curvature) is what each drive tracks, over all instants of the plan.
    As the ego tracks its plan by the law of `pdm+`, that one drives what it simulated.
    """

    pose: Float[Tensor, "b p t 3"]
    speed_mps: Float[Tensor, "b p t"]
    acceleration_mps2: Float[Tensor, "b p t"]
    steering_rad: Float[Tensor, "b p t"]
    reference: Float[Tensor, "b p s 5"]


def propose(
    observation: Observation, agents: AgentsOnRoute, rules: PdmRules, horizon: int = HORIZON
) -> Proposals:
    """The 15 proposals, as the ego would really drive them for `horizon` steps."""
    grid = torch.cartesian_prod(torch.tensor(OFFSETS_M), torch.tensor(SPEED_FRACTIONS))
    offsets, fractions = grid.to(observation.ego.speed_mps.device).unbind(dim=1)
    profile = roll_out(
        observation, fractions, offsets, PARAMS, rules.plan_steps, rules.rollout, agents
    )
    pose, curvature = reference_poses(observation, profile, offsets)
    return simulate(observation, pose, profile.speed_mps, curvature, rules, horizon)


def simulate(
    observation: Observation,
    reference_pose: Float[Tensor, "b p t 3"],
    speed_mps: Float[Tensor, "b p t"],
    curvature: Float[Tensor, "b p t"],
    rules: PdmRules,
    horizon: int = HORIZON,
) -> Proposals:
    """LQR and bicycle along the first `horizon` + 1 instants of references."""
    ego = observation.ego
    reference = torch.cat((reference_pose, torch.stack((speed_mps, curvature), -1)), dim=-1)
    reference_pose = reference_pose[:, :, : horizon + 1]
    speed_mps, curvature = speed_mps[..., : horizon + 1], curvature[..., : horizon + 1]
    wheelbase = ego.wheelbase_m.reshape(-1, 1)
    hold = tracking.HORIZON
    speeds = torch.cat((speed_mps, speed_mps[..., -1:].expand(*speed_mps.shape[:2], hold)), dim=2)
    bends = torch.cat((curvature, curvature[..., -1:].expand(*curvature.shape[:2], hold)), dim=2)
    distance = speeds.cumsum(dim=2) * DT_S
    gains = tracking.lateral_gains(
        speeds.unfold(2, hold, 1), bends.unfold(2, hold, 1), wheelbase[..., None, None]
    )
    ahead = tracking.DT_S * torch.arange(hold, device=speeds.device)
    rear_reference = rear_of(reference_pose, wheelbase[..., None])
    shape = speed_mps.shape[:2]
    zeros = speed_mps.new_zeros(*shape, 3)
    car = BicycleState(
        rear_pose=rear_of(zeros, wheelbase),
        speed_mps=ego.speed_mps.unsqueeze(1).expand(shape),
        acceleration_mps2=ego.acceleration_mps2.unsqueeze(1).expand(shape),
        steering_rad=ego.steering_rad.unsqueeze(1).expand(shape),
    )
    cars = [car]
    for k in range(horizon):
        target = speeds[..., k + hold]
        if rules.gains_of_reference:
            push = tracking.acceleration_command(
                car.speed_mps, target, distance[..., k + hold] - distance[..., k]
            )
            now = tracking.LateralGains(
                gains.lateral[..., k], gains.heading[..., k],
                gains.steering[..., k], gains.constant[..., k],
            )  # fmt: skip
        else:
            push = tracking.speed_command(car.speed_mps, target)
            now = tracking.lateral_gains(
                car.speed_mps.unsqueeze(-1) + push.unsqueeze(-1) * ahead,
                bends[..., k : k + hold], wheelbase[..., None],
            )  # fmt: skip
        rate = tracking.steering_rate_command(
            car.rear_pose, car.steering_rad, rear_reference[:, :, k], now
        )
        if not rules.gains_of_reference:
            stops = (target <= STOPPING_MPS) & (car.speed_mps <= STOPPING_MPS)
            push = torch.where(stops, -STOPPING_GAIN * (car.speed_mps - target), push)
            rate = torch.where(stops, 0.0, rate)
        car = bicycle_step(car, push, rate, wheelbase, DT_S)
        cars.append(car)
    return Proposals(
        pose=center_of(torch.stack([c.rear_pose for c in cars], dim=2), wheelbase[..., None]),
        speed_mps=torch.stack([c.speed_mps for c in cars], dim=2),
        acceleration_mps2=torch.stack([c.acceleration_mps2 for c in cars], dim=2),
        steering_rad=torch.stack([c.steering_rad for c in cars], dim=2),
        reference=reference,
    )
