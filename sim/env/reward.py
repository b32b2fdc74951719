"""The reward of a step: progress along the route, minus collisions, leaving the road and the like."""

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sim.contacts import collided, offroad
from sim.scenario import EGO, LightState
from sim.world import World, WorldState

DISCOMFORT_MPS2 = 4.0  # near the bounds of `sim.comfort`, the same along and across
# Where the route meets itself, the nearest point of it may jump from one part to another. No ego moves
# this far in a step.
_LONGEST_STEP_M = 10.0
_RED = int(LightState.RED)  # plain int: compiled, a tensor compared with an enum is silently False
_EGO_ONLY = slice(EGO, EGO + 1)


@dataclass(frozen=True)
class RewardWeights:
    """Reward per metre of progress, per event, and per second of unit discomfort (see `StepEvents`)."""

    progress: float = 0.1
    collision: float = -10.0
    offroad: float = -10.0
    red_line: float = -5.0
    discomfort: float = -0.1


@dataclass(frozen=True)
class RewardTerms:
    """The weighted terms of one step; the reward is their sum."""

    progress: Float[Tensor, " b"]
    collision: Float[Tensor, " b"]
    offroad: Float[Tensor, " b"]
    red_line: Float[Tensor, " b"]
    discomfort: Float[Tensor, " b"]

    @property
    def total(self) -> Float[Tensor, " b"]:
        return torch.stack([getattr(self, f.name) for f in fields(self)]).sum(dim=0)


@dataclass(frozen=True)
class StepEvents:
    """What happened to the ego in one step.

    `progress_m`: how far its centre moved in the direction of its route, negative against it.
    `collided`, `offroad`: this holds after the step and did not before, whoever is to blame. `ran_red`:
    its front bumper crossed a stop line of its route while that line's light was red. `arrived`: its
    front bumper has reached the end of the route. `discomfort`: (a_along^2 + a_across^2) /
    DISCOMFORT_MPS2^2, with the longitudinal and lateral acceleration of the rear axle.
    """

    progress_m: Float[Tensor, " b"]
    collided: Bool[Tensor, " b"]
    offroad: Bool[Tensor, " b"]
    ran_red: Bool[Tensor, " b"]
    arrived: Bool[Tensor, " b"]
    discomfort: Float[Tensor, " b"]

    @staticmethod
    def between(world: World, before: WorldState, after: WorldState) -> "StepEvents":
        """The events between two consecutive states."""
        path = world.paths.agent_path[:, EGO]
        pose = torch.stack((before.pose[:, EGO], after.pose[:, EGO]), dim=1)
        s_m = world.paths.ego_s_m(pose)
        direction = world.paths.frame_at(path, s_m[:, 0])[:, 2:4]
        moved = pose[:, 1, :2] - pose[:, 0, :2]
        front_m = s_m + 0.5 * world.size_m[:, EGO, :1]
        last_m = world.paths.num_points[world.paths.row, path] - 1
        return StepEvents(
            progress_m=(moved * direction).sum(dim=-1),
            collided=_begins(collided, world, before, after),
            offroad=_begins(offroad, world, before, after),
            ran_red=_ran_red(world, before, path, front_m),
            arrived=front_m[:, 1] >= last_m,
            discomfort=_discomfort(world, after),
        )

    def weighted(self, weights: RewardWeights, dt_s: float) -> RewardTerms:
        """The terms of the reward for a step of `dt_s`."""
        return RewardTerms(
            progress=weights.progress * self.progress_m,
            collision=weights.collision * self.collided,
            offroad=weights.offroad * self.offroad,
            red_line=weights.red_line * self.ran_red,
            discomfort=weights.discomfort * dt_s * self.discomfort,
        )


def _begins(
    judge: Callable[[World, WorldState, slice], Tensor],
    world: World,
    before: WorldState,
    after: WorldState,
) -> Bool[Tensor, " b"]:
    """Whether what `judge` decides is true of the ego after the step and was not before it."""
    then, now = judge(world, before, _EGO_ONLY), judge(world, after, _EGO_ONLY)
    return (now & ~then).squeeze(1)


def _ran_red(
    world: World, before: WorldState, path: Tensor, front_m: Float[Tensor, "b 2"]
) -> Bool[Tensor, " b"]:
    """`front_m`: metres along the route of the ego's front bumper before and after the step."""
    paths, lights = world.paths, world.lights_at(before.step)
    if lights.shape[1] == 0:
        return torch.zeros_like(path, dtype=torch.bool)
    line_m, light = paths.stop_s_m[paths.row, path], paths.stop_light[paths.row, path]
    red = (torch.gather(lights, 1, light.clamp(min=0)) == _RED) & (light >= 0)
    passed = (front_m[:, :1] <= line_m) & (line_m < front_m[:, 1:])
    one_step = front_m[:, 1:] - front_m[:, :1] < _LONGEST_STEP_M
    return (red & passed & one_step).any(dim=1)


def _discomfort(world: World, state: WorldState) -> Float[Tensor, " b"]:
    """`StepEvents.discomfort`; the lateral acceleration is v^2 tan(steering) / wheelbase."""
    along = state.acceleration_mps2[:, EGO]
    curvature = torch.tan(state.ego_steering_rad) / world.wheelbase_m[:, EGO]
    across = state.speed_mps[:, EGO] ** 2 * curvature
    return (along**2 + across**2) / DISCOMFORT_MPS2**2
