"""The closed loop: a planner drives a batch of worlds, and everything that happened is kept."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from eval.follow import HeldControls, HeldPlan, hold
from eval.undisturbed import Undisturbed
from sim.dynamics.bicycle import Controls
from sim.ego_motion import plan_entries
from sim.geometry import se2
from sim.interface import Observation, Perception, Plan, Planner, needs_of
from sim.plan_check import check_plan
from sim.scenario import EGO
from sim.short_repr import short_repr
from sim.simulator import Simulator
from sim.world import World, WorldState

PLAN_POINTS = 8  # kept of each plan, half a second apart
COURSE_S = 4.0  # of each plan, step by step: speed and heading


@short_repr
@dataclass(frozen=True)
class Rollout:
    """What happened in B worlds at T instants (the start included); N agents, 0 is the ego.

    `active` is True up to the end of each world's own recording: later instants count for nothing.
    `plan` is world frame, `PLAN_POINTS` poses half a second apart; the last instant repeats. `course`:
    speed and heading (world frame) that the ego meant to have, at each step from now to `COURSE_S`
    ahead; NaN where it gave controls. `undisturbed`: the same worlds without an ego. Both None where
    nobody kept them.
    """

    world: World
    dt_s: float
    active: Bool[Tensor, "b t"]
    pose: Float[Tensor, "b t n 3"]
    velocity_mps: Float[Tensor, "b t n 2"]
    acceleration_mps2: Float[Tensor, "b t n"]
    valid: Bool[Tensor, "b t n"]
    ego_steering_rad: Float[Tensor, "b t"]
    plan: Float[Tensor, "b t p 3"]
    course: Float[Tensor, "b t q 2"] | None = None
    undisturbed: Undisturbed | None = None

    @property
    def num_instants(self) -> int:
        return self.pose.shape[1]


def rollout(
    simulator: Simulator,
    planner: Planner,
    num_steps: int | None = None,
    seed: int = 0,
    watch: Callable[[HeldPlan | HeldControls, Float[Tensor, "b 3"]], None] | None = None,
    replan_s: float | None = None,
    perception: Perception | None = None,
) -> Rollout:
    """Drive `planner` for `num_steps` (default: until the recordings end).

    It is shown what it `needs`, and whom `perception` allows, if that is given (see `Needs`); `seed` is
    that of the generator that its `reset` gets. A plan is made every `replan_s` (to the nearest step;
    default: at each) and followed in between, unobserved. Controls, which a policy gives instead, are
    held. `watch` is told at every step which plan is followed, and the ego's pose (`eval.runs.tracer`).
    Raises InputError for a plan that is none; to what a planner raises the step is noted.
    """
    needs = needs_of(planner)
    needs = needs if perception is None else replace(needs, perception=perception)
    simulator = simulator.equipped(needs)
    world = simulator.world
    every = 1 if replan_s is None else max(1, round(replan_s / world.dt_s))
    _reset(planner, world, seed)
    state, states, plans, courses = simulator.reset(), [], [], []
    held: HeldPlan | HeldControls | None = None
    for step in range(world.num_steps if num_steps is None else num_steps):
        pose, since = state.pose[:, EGO], step % every
        if held is None or since == 0:
            action = _make_plan(planner, simulator.observe(state), step)
            held = hold(action, pose, state.speed_mps[:, EGO])
        else:
            action = held.left(pose, since, world.dt_s)
        if watch:
            watch(held, pose)
        states.append(replace(state, past=None, seen=None))
        plans.append(plan_in_world(state, action))
        courses.append(course_of(state, action, world.dt_s))
        state = simulator.step(state, action)
    states.append(replace(state, past=None, seen=None))
    plans.append(plans[-1])
    courses.append(courses[-1])
    return collect(world, states, plans, courses)


def _make_plan(planner: Planner, observation: Observation, step: int) -> Plan | Controls:
    where = f"{type(planner).__name__}, step {step}"
    try:
        plan = planner.plan(observation)
    except Exception as error:
        error.add_note(where)
        raise
    speed = observation.ego.speed_mps
    check_plan(plan, len(speed), speed.device, where)
    return plan


def _reset(planner: Planner, world: World, seed: int) -> None:
    """Tell a planner that wants to know how many worlds there are, and where."""
    reset = getattr(planner, "reset", None)
    if reset is not None:
        device = world.size_m.device
        reset(world.num_worlds, device, torch.Generator(device).manual_seed(seed))


def plan_in_world(state: WorldState, plan: Plan | Controls) -> Tensor:
    """`PLAN_POINTS` poses of the plan in the world frame, half a second apart, `[B, P, 3]`.

    Controls say nothing of where the ego means to be: it stays where it is.
    """
    if isinstance(plan, Controls):
        return state.pose[:, EGO].unsqueeze(1).expand(-1, PLAN_POINTS, -1)
    index = half_seconds(plan.dt_s, plan.trajectory.shape[1]).to(plan.trajectory.device)
    ego = state.pose[:, EGO].unsqueeze(1)
    return se2.compose(ego, plan.trajectory[:, index, :3])


def course_of(state: WorldState, plan: Plan | Controls, dt_s: float) -> Float[Tensor, "b q 2"]:
    """Speed and heading now and every `dt_s` up to `COURSE_S` ahead, as planned; NaN for controls."""
    speed, yaw = state.speed_mps[:, EGO], state.pose[:, EGO, 2]
    steps = round(COURSE_S / dt_s)
    if isinstance(plan, Controls):
        return speed.new_full((len(speed), steps + 1, 2), torch.nan)
    entries = plan_entries(plan, speed, dt_s, steps)
    planned = torch.stack((entries[..., 3], entries[..., 2] + yaw.unsqueeze(1)), dim=-1)
    return torch.cat((torch.stack((speed, yaw), dim=-1).unsqueeze(1), planned), dim=1)


def half_seconds(dt_s: float, count: int) -> Int[Tensor, " p"]:
    """Which of `count` entries every `dt_s` lie half a second apart; the last one repeats."""
    stride = max(1, round(0.5 / dt_s))
    return (torch.arange(1, PLAN_POINTS + 1) * stride - 1).clamp(max=count - 1)


def collect(
    world: World,
    states: list[WorldState],
    plans: list[Tensor],
    courses: list[Tensor] | None = None,
) -> Rollout:
    """A rollout of T states, and of what `plan_in_world` and `course_of` give for each of them."""
    instants = torch.arange(len(states), device=world.length_steps.device)
    active = instants <= world.length_steps.unsqueeze(1)
    valid = torch.stack([s.valid for s in states], dim=1) & active.unsqueeze(-1)
    return Rollout(
        world=world,
        dt_s=world.dt_s,
        active=active,
        pose=torch.stack([s.pose for s in states], dim=1),
        velocity_mps=torch.stack([s.velocity_mps for s in states], dim=1),
        acceleration_mps2=torch.stack([s.acceleration_mps2 for s in states], dim=1),
        valid=valid,
        ego_steering_rad=torch.stack([s.ego_steering_rad for s in states], dim=1),
        plan=torch.stack(plans, dim=1),
        course=None if courses is None else torch.stack(courses, dim=1),
    )
