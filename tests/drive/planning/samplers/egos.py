"""Egos in given states, and how well the project's own tracker follows what is sampled for them."""

from dataclasses import replace
from functools import cache

import torch

from drive.planning.candidates import DT_S, HORIZON_S, Candidates
from eval.follow import HeldPlan
from sim.ego_motion import plan_entries
from sim.geometry import se2
from sim.interface import EgoState, Observation, Plan
from sim.scenario import EGO
from sim.simulator import Simulator
from sim.world import WorldState
from tests.toy import Car, make_scenario, straight

WHEELBASE_M = 2.5


@cache
def _simulator(worlds: int) -> Simulator:
    """An ego, alone on a straight road."""
    scenario = make_scenario([straight(-60.0, 0.0, 200.0, 0.0)], [Car(0, 0.0, 0.0)], 6.0)
    simulator = Simulator.from_scenarios([scenario] * worlds, "log")
    simulator.world.wheelbase_m[:] = WHEELBASE_M
    return simulator


def ego_in(
    speed_mps: list[float], curvature: list[float], acceleration_mps2: list[float] | None = None
) -> EgoState:
    """One a world."""
    bend = torch.tensor(curvature)
    return EgoState(
        torch.tensor(speed_mps),
        torch.tensor(acceleration_mps2 or [0.0] * len(bend)),
        torch.atan(bend * WHEELBASE_M),
        torch.tensor([[4.0, 2.0]]).expand(len(bend), 2),
        torch.full_like(bend, WHEELBASE_M),
    )


def seen_by(ego: EgoState) -> Observation:
    """What it observes."""
    simulator = _simulator(len(ego.speed_mps))
    return replace(simulator.observe(simulator.reset()), ego=ego)


def off_course_m(ego: EgoState, candidates: Candidates) -> torch.Tensor:
    """How far beside each of one world's K candidates an ego that tracks it ever is.

    Beside, not behind: the tracker holds speeds, and does not make good what way it lost.
    """
    trajectory = candidates.trajectory[0]
    simulator = _simulator(len(trajectory))
    state = _begun(simulator.reset(), ego)
    held = HeldPlan(Plan(trajectory, DT_S), state.pose[:, EGO], state.speed_mps[:, EGO])
    course = plan_entries(held.plan, held.made_speed_mps, 0.05, 20 * round(HORIZON_S))
    course = torch.cat((torch.zeros_like(course[:, :1]), course), dim=1)[..., :3]
    course = se2.compose(held.made_pose.unsqueeze(1), course)
    worst = torch.zeros(len(trajectory))
    for step in range(10 * round(HORIZON_S)):
        state = simulator.step(state, held.left(state.pose[:, EGO], step, 0.1))
        seen_from_course = se2.compose(se2.inverse(course), state.pose[:, EGO, None])
        nearest = seen_from_course[..., :2].norm(dim=-1).argmin(dim=1)
        beside = seen_from_course[torch.arange(len(nearest)), nearest, 1].abs()
        worst = torch.maximum(worst, beside)
    return worst


def _begun(state: WorldState, ego: EgoState) -> WorldState:
    """The ego of every world, which points along x, in one state."""
    velocity = torch.zeros_like(state.velocity_mps)
    velocity[:, EGO, 0] = ego.speed_mps
    return replace(
        state,
        velocity_mps=velocity,
        acceleration_mps2=ego.acceleration_mps2.expand_as(state.acceleration_mps2).clone(),
        ego_steering_rad=ego.steering_rad.expand_as(state.ego_steering_rad).clone(),
    )
