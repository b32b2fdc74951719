"""Trials driven in the simulator itself, in rounds: at random first, then like the best so far."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from drive.planning.privileged_search.driver import TrialDriver
from drive.planning.privileged_search.trials import Trial, Way, Ways
from sim import trees
from sim.geometry import box
from sim.scenario import EGO
from sim.simulator import Simulator
from sim.world import World, WorldState

TRIALS, ROUNDS = 48, 2  # in a round; rounds at most: two more solved none of 7 worlds left over
BEST = 6  # whose like is tried next
OFFROAD_TOLERANCE_M = 0.2  # 0.3 is allowed
_SIMPLE = (Trial(Way()), Trial(Way(), early=0.7, late=1.0, switch_s=4.0), Trial(Way(), 1.1, 1.1))
_LOOK_EVERY = 10  # steps after which trials that cannot win any more are given up


@dataclass(frozen=True)
class Drive:
    """What the best trial did, at every instant from the start: pose, speed, curvature `[T, 5]`.

    `goal_s`: when it crossed the goal line; None: no trial did so cleanly and in time.
    """

    course: Float[Tensor, "t 5"]
    goal_s: float | None


def search(
    simulator: Simulator, numbers: Sequence[int], seed: int = 0, trials: int = TRIALS
) -> list[Drive]:
    """The drives of worlds of a simulator whose scenarios have goals; `trials` a world and round."""
    hunts = [_Hunt(Ways(simulator.world.scenarios[number]), seed) for number in numbers]
    for _ in range(ROUNDS):
        going = [k for k, hunt in enumerate(hunts) if not hunt.is_over]
        if not going:
            break
        tried = [hunts[k].next(trials) for k in going]
        lines = [(hunts[k].ways, t) for k, own in zip(going, tried, strict=True) for t in own]
        copies = torch.tensor([numbers[k] for k in going]).repeat_interleave(trials)
        value = _values(simulator.take(copies), TrialDriver.of(lines), trials)
        for k, own, found in zip(going, tried, value.split(trials), strict=True):
            hunts[k].add(own, found.tolist())
    # Once more, up to the end of the episode: what is handed out was driven.
    lines = [(hunt.ways, hunt.best[0][1]) for hunt in hunts]
    return _driven(simulator.take(torch.tensor(list(numbers))), TrialDriver.of(lines))


class _Hunt:
    """For a drive of one world: the best trials so far, and what to try next."""

    def __init__(self, ways: Ways, seed: int) -> None:
        self.ways = ways
        self.best: list[tuple[float, Trial]] = []
        self._rng = np.random.default_rng(seed)
        self._speed_mps = float(np.linalg.norm(ways.scenario.tracks.velocity_mps[EGO, 0]))

    @property
    def is_over(self) -> bool:
        """One came to the goal."""
        return bool(self.best) and self.best[0][0] >= 1.0

    def next(self, count: int) -> list[Trial]:
        """The trials of a round."""
        kept = [trial for _, trial in self.best]
        tried = list(_SIMPLE) if not kept else []
        like = [kept[k % BEST] for k in range(count * 2 // 3) if kept]
        tried += [self.ways.vary(trial, self._rng) for trial in like]
        left = count - len(tried)
        return tried + [self.ways.draw(self._rng, self._speed_mps) for _ in range(left)]

    def add(self, trials: list[Trial], values: list[float]) -> None:
        """How good they were."""
        every = self.best + list(zip(values, trials, strict=True))
        self.best = sorted(every, key=lambda one: -one[0])[:BEST]


def _values(copies: Simulator, driver: TrialDriver, trials: int) -> Float[Tensor, " k"]:
    """How good each trial is: 1 and more: it came to the goal, the sooner the more; else how near.

    Those of one world stand together, `trials` of them; they are over once one is at the goal.
    """
    state, dt_s = copies.reset(), copies.world.dt_s
    goal_m, limit_s = _goals(copies.world)
    start_m = _to_goal_m(state, goal_m)
    fails = torch.zeros(len(start_m), dtype=torch.bool)
    goal_s, nearest = torch.full_like(start_m, torch.inf), start_m.clone()
    rows = torch.arange(len(start_m))
    for step in range(1, copies.world.num_steps + 1):
        now_s = step * dt_s
        state, wrong, crosses = _advanced(copies, driver, state)
        fails[rows] |= wrong | (now_s > limit_s[rows])
        crosses = crosses & ~fails[rows]
        goal_s[rows] = torch.where(crosses, goal_s[rows].clamp(max=now_s), goal_s[rows])
        nearer = torch.minimum(nearest[rows], _to_goal_m(state, goal_m[rows]))
        nearest[rows] = torch.where(fails[rows], nearest[rows], nearer)
        if step % _LOOK_EVERY == 0:
            over = (goal_s < torch.inf).view(-1, trials).any(dim=1).repeat_interleave(trials)
            keep = (~fails & ~over)[rows].nonzero().squeeze(1)
            if len(keep) == 0:
                break
            if len(keep) < len(rows):
                copies, driver, state = (
                    copies.take(keep),
                    driver.take(keep),
                    trees.take(state, keep),
                )
                rows = rows[keep]
    return torch.where(goal_s < torch.inf, 2.0 - goal_s / limit_s, 0.99 - nearest / start_m)


def _driven(worlds: Simulator, driver: TrialDriver) -> list[Drive]:
    """Whole episodes, one trial a world."""
    world, state = worlds.world, worlds.reset()
    _, limit_s = _goals(world)
    fails = torch.zeros(world.num_worlds, dtype=torch.bool)
    goal_s, courses = torch.full((world.num_worlds,), torch.inf), [_course(world, state)]
    for step in range(1, world.num_steps + 1):
        now_s = step * world.dt_s
        state, wrong, crosses = _advanced(worlds, driver, state)
        courses.append(_course(world, state))
        fails |= wrong | (now_s > limit_s)
        goal_s = torch.where(crosses & ~fails, goal_s.clamp(max=now_s), goal_s)
    times = [float(s) if s < torch.inf else None for s in goal_s]
    instants = [scenario.num_instants for scenario in world.scenarios]
    return [
        Drive(course[:count], time)
        for course, count, time in zip(torch.stack(courses, dim=1), instants, times, strict=True)
    ]


def _goals(world: World) -> tuple[Float[Tensor, "k 2"], Float[Tensor, " k"]]:
    """The middle of each world's goal line, and the time within which it has to be crossed."""
    middle = [np.mean(scenario.goal_line_m, axis=0) for scenario in world.scenarios]  # type: ignore
    limit_s = [scenario.time_limit_s or 0.0 for scenario in world.scenarios]
    return torch.tensor(np.array(middle), dtype=torch.float32), torch.tensor(limit_s)


def _advanced(
    worlds: Simulator, driver: TrialDriver, state: WorldState
) -> tuple[WorldState, Bool[Tensor, " k"], Bool[Tensor, " k"]]:
    """A step; which egos went wrong in it, and which crossed their goal line."""
    world = worlds.world
    after = worlds.step(state, driver.plan(world, state))
    step_m = torch.stack((state.pose[:, EGO, :2], after.pose[:, EGO, :2]), dim=1)
    return after, _goes_wrong(world, after), world.goals.reached(step_m)[:, -1]


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


def _to_goal_m(state: WorldState, goal_m: Float[Tensor, "k 2"]) -> Float[Tensor, " k"]:
    return torch.linalg.vector_norm(state.pose[:, EGO, :2] - goal_m, dim=-1)
