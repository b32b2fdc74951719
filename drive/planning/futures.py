"""Where the others will be: straight on at constant velocity, or as the recording has it."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sim.geometry import se2
from sim.interface import Agents, Forecast, Privileged
from sim.scenario import EGO


@dataclass(frozen=True)
class Futures:
    """Every other road user (in the order of `Observation.agents`) at T times from now on.

    In the frame of the ego as it is now.
    """

    pose: Float[Tensor, "b n t 3"]
    velocity_mps: Float[Tensor, "b n t 2"]
    valid: Bool[Tensor, "b n t"]


def coasting(agents: Agents, time_s: Float[Tensor, " t"]) -> Futures:
    """Everyone goes straight on at constant velocity."""
    place = agents.pose[..., None, :2] + time_s[:, None] * agents.velocity_mps.unsqueeze(2)
    yaw = agents.pose[..., None, 2:].expand(*place.shape[:3], 1)
    return Futures(
        torch.cat((place, yaw), dim=-1),
        agents.velocity_mps.unsqueeze(2).expand(place.shape),
        agents.valid.unsqueeze(2).expand(place.shape[:3]),
    )


def recorded(known: Privileged, time_s: Float[Tensor, " t"]) -> Futures:
    """Everyone does what the recording says, between its instants in proportion; after it, coasts."""
    world, state = known.world, known.state
    log, last = world.log, world.log.valid.shape[2] - 1
    at = state.step.unsqueeze(1) + time_s / world.dt_s
    low = torch.floor(at).long().clamp(max=last)
    high = (low + 1).clamp(max=last)
    part, late_s = (at - low).clamp(max=1.0), (at - last).clamp(min=0.0) * world.dt_s
    part, late_s = part[:, None, :, None], late_s[:, None, :, None]

    def others(values: Tensor, instant: Tensor) -> Tensor:
        row = torch.arange(len(instant), device=instant.device).unsqueeze(1)
        return values.transpose(1, 2)[row, instant].transpose(1, 2)[:, EGO + 1 :]

    before, after = others(log.pose, low), others(log.pose, high)
    velocity = torch.lerp(others(log.velocity_mps, low), others(log.velocity_mps, high), part)
    place = torch.lerp(before[..., :2], after[..., :2], part) + velocity * late_s
    yaw = before[..., 2:] + part * se2.wrap_angle(after[..., 2:] - before[..., 2:])
    ego_SE2_world = se2.inverse(state.pose[:, EGO])[:, None, None]
    return Futures(
        se2.compose(ego_SE2_world, torch.cat((place, yaw), dim=-1)),
        se2.rotate(velocity, ego_SE2_world[..., 2]),
        others(log.valid, low) & others(log.valid, high),
    )


def as_forecast(futures: Futures, every: int, dt_s: float) -> Forecast:
    """What the viewer and the report show: each `every`-th of times `dt_s` apart, the first one is now."""
    position = futures.pose[:, :, every::every, :2].unsqueeze(2)
    certain = futures.valid[..., :1].to(position.dtype)
    return Forecast(position, certain, every * dt_s)
