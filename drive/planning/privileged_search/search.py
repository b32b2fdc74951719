"""Trials driven in the simulator itself, in rounds: at random first, then like the best so far."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from drive.planning.privileged_search.driver import TrialDriver
from drive.planning.privileged_search.trials import Trial, Way, Ways
from sim.geometry import box
from sim.scenario import EGO
from sim.simulator import Simulator
from sim.world import World, WorldState

TRIALS, ROUNDS = 48, 4  # in a round; rounds at most
BEST = 6  # whose like is tried next
OFFROAD_TOLERANCE_M = 0.2  # 0.3 is allowed
_SIMPLE = (Trial(Way()), Trial(Way(), early=0.7, late=1.0, switch_s=4.0), Trial(Way(), 1.1, 1.1))


@dataclass(frozen=True)
class Drive:
    """What the best trial did, at every instant from the start: pose, speed, curvature `[T, 5]`.

    `goal_s`: when it crossed the goal line; None: no trial did so cleanly and in time.
    """

    course: Float[Tensor, "t 5"]
    goal_s: float | None


def search(simulator: Simulator, number: int, seed: int = 0, trials: int = TRIALS) -> Drive:
    """The drive of world `number` of a simulator whose scenarios have goals; `trials` a round."""
    scenario = simulator.world.scenarios[number]
    ways, rng = Ways(scenario), np.random.default_rng(seed)
    speed = float(np.linalg.norm(scenario.tracks.velocity_mps[EGO, 0]))
    copies = simulator.take(torch.full((trials,), number))
    best: list[tuple[float, Trial]] = []
    for _ in range(ROUNDS):
        kept = [trial for _, trial in best]
        tried = list(_SIMPLE) if not kept else []
        tried += [ways.vary(kept[k % BEST], rng) for k in range(trials * 2 // 3) if kept]
        tried += [ways.draw(rng, speed) for _ in range(trials - len(tried))]
        best += zip(_try(copies, ways, tried).value.tolist(), tried, strict=True)
        best = sorted(best, key=lambda one: -one[0])[:BEST]
        if best[0][0] >= 1.0:
            break
    # Once more, alone and up to the end of the episode: what is handed out was driven.
    alone = _try(simulator.take(torch.tensor([number])), ways, [best[0][1]], to_the_end=True)
    goal_s = float(alone.goal_s[0])
    return Drive(alone.course[0], goal_s if goal_s < torch.inf else None)


@dataclass(frozen=True)
class _Tried:
    """K trials: how good each was (1 and more: it came to the goal, the sooner the more), and its course.

    `goal_s`: when it reached the goal; inf: it did not, or not cleanly.
    """

    value: Float[Tensor, " k"]
    goal_s: Float[Tensor, " k"]
    course: Float[Tensor, "k t 5"]


def _try(copies: Simulator, ways: Ways, trials: list[Trial], to_the_end: bool = False) -> _Tried:
    """Drive the trials until one is at the goal, or none can get there any more."""
    world, scenario = copies.world, ways.scenario
    goal, limit_s = torch.as_tensor(scenario.goal_line_m), scenario.time_limit_s or 0.0
    driver = TrialDriver.of(ways, trials)
    state = copies.reset()
    start_m = _to_goal_m(state, goal)
    fails = torch.zeros(len(trials), dtype=torch.bool)
    goal_s, nearest = torch.full((len(trials),), torch.inf), start_m.clone()
    courses = [_course(world, state)]
    for step in range(1, world.num_steps + 1):
        before = state.pose[:, EGO, :2]
        state = copies.step(state, driver.plan(world, state))
        courses.append(_course(world, state))
        time_s = step * world.dt_s
        fails |= _goes_wrong(world, state) | (time_s > limit_s)
        step_m = torch.stack((before, state.pose[:, EGO, :2]), dim=1)
        crosses = world.goals.reached(step_m)[:, -1] & ~fails
        goal_s = torch.where(crosses, goal_s.clamp(max=time_s), goal_s)
        nearest = torch.where(fails, nearest, torch.minimum(nearest, _to_goal_m(state, goal)))
        if not to_the_end and bool((goal_s < torch.inf).any() or fails.all()):
            break
    value = torch.where(goal_s < torch.inf, 2.0 - goal_s / limit_s, 0.99 - nearest / start_m)
    return _Tried(value, goal_s, torch.stack(courses, dim=1))


def _goes_wrong(world: World, state: WorldState) -> Bool[Tensor, " k"]:
    """Whether the ego touches anybody, or is off the road."""
    ego, size = state.pose[:, :1], world.size_m[:, :1, :2]
    others = state.valid[:, 1:]
    depth = box.penetration_m(ego, size, state.pose[:, 1:], world.size_m[:, 1:, :2])
    off = world.field.offroad_distance_m(box.corners(ego, size)).flatten(1).amax(dim=1)
    return ((depth > 0.0) & others).any(dim=1) | (off > OFFROAD_TOLERANCE_M)


def _course(world: World, state: WorldState) -> Float[Tensor, "k 5"]:
    curvature = torch.tan(state.ego_steering_rad) / world.wheelbase_m[:, EGO]
    rest = torch.stack((state.speed_mps[:, EGO], curvature), dim=-1)
    return torch.cat((state.pose[:, EGO], rest), dim=-1)


def _to_goal_m(state: WorldState, goal_m: Tensor) -> Float[Tensor, " k"]:
    return torch.linalg.vector_norm(state.pose[:, EGO, :2] - goal_m.mean(dim=0), dim=-1)
