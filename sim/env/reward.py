"""The reward of a step: progress along the route, minus collisions, leaving the road and the like."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from numbers import Real
from typing import Any, cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sim.contacts import collided, offroad
from sim.errors import InputError, one_of
from sim.scenario import EGO, LightState
from sim.world import World, WorldState

DISCOMFORT_MPS2 = 4.0  # near the bounds of `sim.comfort`, the same along and across
# Where the route meets itself, the nearest point of it may jump from one part to another. No ego moves
# this far in a step.
_LONGEST_STEP_M = 10.0
_RED = int(LightState.RED)  # plain int: compiled, a tensor compared with an enum is silently False
_EGO_ONLY = slice(EGO, EGO + 1)


@dataclass(frozen=True)
class StepEvents:
    """What happened to the ego in one step.

    `progress_m`: how far its centre moved in the direction of its route, negative against it.
    `collided`, `offroad`: this holds after the step and did not before, whoever is to blame. `ran_red`:
    its front bumper crossed a stop line of its route while that line's light was red. `arrived`: its
    front bumper has reached the end of the route. `discomfort`: (a_along^2 + a_across^2) /
    DISCOMFORT_MPS2^2, with the longitudinal and lateral acceleration of the rear axle. `speeding_mps`: by
    how much it is faster than its route allows there.
    """

    progress_m: Float[Tensor, " b"]
    collided: Bool[Tensor, " b"]
    offroad: Bool[Tensor, " b"]
    ran_red: Bool[Tensor, " b"]
    arrived: Bool[Tensor, " b"]
    discomfort: Float[Tensor, " b"]
    speeding_mps: Float[Tensor, " b"]

    @staticmethod
    def between(world: World, before: WorldState, after: WorldState) -> "StepEvents":
        """The events between two consecutive states."""
        path = world.paths.agent_path[:, EGO]
        pose = torch.stack((before.pose[:, EGO], after.pose[:, EGO]), dim=1)
        s_m = world.paths.ego_s_m(pose)
        direction = world.paths.frame_at(path, s_m[:, 0])[:, 2:4]
        moved = pose[:, 1, :2] - pose[:, 0, :2]
        front_m = s_m + 0.5 * world.size_m[:, EGO, :1]
        limit_mps = world.paths.speed_limit_at(path, s_m[:, 1])
        last_m = world.paths.num_points[world.paths.row, path] - 1
        return StepEvents(
            progress_m=(moved * direction).sum(dim=-1),
            collided=_begins(collided, world, before, after),
            offroad=_begins(offroad, world, before, after),
            ran_red=_ran_red(world, before, path, front_m),
            arrived=front_m[:, 1] >= last_m,
            discomfort=_discomfort(world, after),
            speeding_mps=(after.speed_mps[:, EGO] - limit_mps).clamp(min=0.0),
        )


Reward = Callable[[StepEvents, World, WorldState, WorldState], Mapping[str, Tensor]]
"""Named terms `[B]` of the step from one state to the next; the reward is their sum."""


@dataclass(frozen=True)
class RewardWeights:
    """The `Reward` of the environments: what each term counts, per metre, per event, per second.

    `speeding` counts per second and m/s: at 1 m/s too fast it outweighs the progress gained.
    """

    progress: float = 0.1
    collision: float = -10.0
    offroad: float = -10.0
    red_line: float = -5.0
    discomfort: float = -0.1
    speeding: float = -0.2

    def __call__(
        self, events: StepEvents, world: World, before: WorldState, after: WorldState
    ) -> dict[str, Tensor]:
        """The weighted terms."""
        return {
            "progress": self.progress * events.progress_m,
            "collision": self.collision * events.collided,
            "offroad": self.offroad * events.offroad,
            "red_line": self.red_line * events.ran_red,
            "discomfort": self.discomfort * world.dt_s * events.discomfort,
            "speeding": self.speeding * world.dt_s * events.speeding_mps,
        }


def reward_of(given: Any) -> Reward:
    """Weights by the names of their terms (the others as they are), or the given reward.

    Raises InputError for a term that there is not, a weight that is no number, and for what is neither.
    """
    if isinstance(given, RewardWeights):
        given = vars(given)
    if isinstance(given, Mapping):
        for term, weight in given.items():
            one_of("reward", term, tuple(known.name for known in fields(RewardWeights)))
            number = isinstance(weight, Real) and not isinstance(weight, bool)
            if not number or not math.isfinite(weight):
                raise InputError(f"reward: {term}: expected a number, got {weight!r:.60}")
        return RewardWeights(**{term: float(weight) for term, weight in given.items()})
    if isinstance(given, type) or not callable(given):
        raise InputError(f"reward: expected weights by name, or a function, got {given!r:.60}")
    return cast(Reward, given)


def require_terms(terms: Any, num_worlds: int) -> None:
    """Raise InputError where a reward did not return its terms by name, one number a world each."""
    if not isinstance(terms, Mapping) or not terms:
        raise InputError(f"reward: expected terms by name, got {terms!r:.60}")
    for name, value in terms.items():
        shape = tuple(value.shape) if isinstance(value, Tensor) else None
        if not isinstance(name, str) or shape != (num_worlds,):
            got = type(value).__name__ if shape is None else f"one of shape {list(shape)}"
            raise InputError(f"reward: {name!r}: expected a tensor [{num_worlds}], got {got}")


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
