"""Where the others will be: straight on at constant velocity, as the recording has it, or as foretold."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from drive.planning.forecaster import Reactive
from sim import trees
from sim.geometry import se2
from sim.interface import Agents, Forecast, JointForecast, Observation, Privileged
from sim.scenario import EGO, AgentKind


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


def foretold(agents: Agents, forecast: JointForecast, time_s: Float[Tensor, " t"]) -> list[Futures]:
    """Everyone does what each of F futures says, between its instants in proportion; after it, coasts.

    Things, and whoever's forecast is not finite, coast all the time.
    """
    here = agents.pose[:, None, :, None].expand(-1, forecast.pose.shape[1], -1, -1, -1)
    knots = torch.cat((here, forecast.pose[:, :, EGO + 1 :]), dim=3)
    at = time_s / forecast.dt_s
    low = torch.floor(at).long().clamp(max=knots.shape[3] - 2)
    part = (at - low).unsqueeze(1)  # above 1 after the last instant
    before, after = knots[:, :, :, low], knots[:, :, :, low + 1]
    moved = after[..., :2] - before[..., :2]
    turned = part.clamp(max=1.0) * se2.wrap_angle(after[..., 2:] - before[..., 2:])
    pose = torch.cat((before[..., :2] + part * moved, before[..., 2:] + turned), dim=-1)
    user = (agents.kind != AgentKind.OBJECT).unsqueeze(1)
    known = (torch.isfinite(knots).all(dim=4).all(dim=3) & user)[..., None, None]
    coast = coasting(agents, time_s)
    pose = torch.where(known, pose, coast.pose.unsqueeze(1))
    velocity = torch.where(known, moved / forecast.dt_s, coast.velocity_mps.unsqueeze(1))
    each = zip(pose.unbind(1), velocity.unbind(1), strict=True)
    return [Futures(pose, velocity_mps, coast.valid) for pose, velocity_mps in each]


@dataclass(frozen=True)
class Outlook:
    """What everybody may do together: F futures, each at any times from now on, and how likely each is."""

    at: Callable[[Float[Tensor, " t"]], list[Futures]]
    """each of the F futures"""
    probability: Float[Tensor, "b f"]

    @staticmethod
    def certain(course: Callable[[Tensor], Futures], agents: Agents) -> "Outlook":
        """Of one future alone."""
        sure = agents.pose.new_ones(len(agents.pose), 1)
        return Outlook(lambda time_s: [course(time_s)], sure)

    @staticmethod
    def given(
        forecaster: Reactive,
        observation: Observation,
        proposal: Float[Tensor, "b p t 3"],
        dt_s: float,
    ) -> "Outlook":
        """What everybody does if the ego does this or that: b times p worlds, each proposal's by itself.

        `proposal`: poses from now on, `dt_s` apart.
        """
        count = proposal.shape[1]
        world = torch.arange(len(proposal), device=proposal.device).repeat_interleave(count)
        forecast = forecaster.predict_given(observation, proposal, dt_s)
        return Outlook.of(forecast, trees.take(observation.agents, world))

    @staticmethod
    def of(forecast: JointForecast, agents: Agents) -> "Outlook":
        """All futures of a forecast."""
        return Outlook(partial(foretold, agents, forecast), forecast.probability)

    def likeliest(self, time_s: Float[Tensor, " t"]) -> Futures:
        """In each world the most probable future."""
        futures, best = self.at(time_s), self.probability.argmax(dim=1)
        world = torch.arange(len(best), device=best.device)
        return Futures(
            torch.stack([future.pose for future in futures])[best, world],
            torch.stack([future.velocity_mps for future in futures])[best, world],
            torch.stack([future.valid for future in futures])[best, world],
        )


def as_forecast(
    futures: Sequence[Futures], probability: Float[Tensor, "b f"], every: int, dt_s: float
) -> Forecast:
    """What the viewer and the report show: each `every`-th of times `dt_s` apart, the first one is now."""
    position = torch.stack([f.pose[:, :, every::every, :2] for f in futures], dim=2)
    there = futures[0].valid[..., :1].to(position.dtype)
    return Forecast(position, there * probability.unsqueeze(1), every * dt_s)
