"""PDM-Closed's proposals as candidates: up to 5 s, as the bicycle drives them, reacting to others."""

import torch

from drive.planning.candidates import DT_S, POINTS, Candidates
from drive.planning.idm_rollout import DT_S as STEP_S
from drive.planning.pdm.proposals import OFFSETS_M, SPEED_FRACTIONS, propose
from drive.planning.pdm.rules import IMPROVED
from drive.planning.route_frame import agents_along_route
from drive.planning.samplers.idm import IdmSampler
from sim.interface import Needs, Observation
from sim.simulator import Simulator
from tests.toy import Car, make_scenario, straight

ROAD = [straight(-60.0, 0.0, 250.0, 0.0)]
EGO = Car(0, 0.0, 0.0, 0.0, 10.0)
WALL = Car(-1, 40.0, 0.0, 0.0, 0.0, (4.0, 8.0, 1.6))
FULL_SPEED = len(SPEED_FRACTIONS) - 1  # on the route, at the limit


def _observed(*others: Car) -> Observation:
    """The limit is 10 m/s, which the ego drives."""
    scenarios = [make_scenario(ROAD, [EGO, *others], 2.0), make_scenario(ROAD, [EGO], 2.0)]
    simulator = Simulator.from_scenarios(scenarios, "log", Needs())
    return simulator.observe(simulator.reset())


def _sampled(observation: Observation) -> Candidates:
    return IdmSampler()(observation)


def test_at_the_limit_it_goes_on_and_slower_ones_brake() -> None:
    sampled = _sampled(_observed())
    assert sampled.trajectory.shape == (2, len(SPEED_FRACTIONS) * len(OFFSETS_M), POINTS, 5)
    assert sampled.valid.all()
    # IDM at the limit itself accelerates no more: 10 m/s, 5 m in each half second.
    time_s = DT_S * torch.arange(1, POINTS + 1)
    steady = sampled.trajectory[0, FULL_SPEED]
    torch.testing.assert_close(steady[:, 0], 10.0 * time_s, rtol=0, atol=0.3)
    torch.testing.assert_close(steady[:, 3], torch.full((POINTS,), 10.0), rtol=0, atol=0.1)
    # Above a limit they brake with 3 m/s2 at most: after 5 s all but the slowest have reached theirs.
    last = sampled.trajectory[0, 1 : len(SPEED_FRACTIONS), -1, 3]
    torch.testing.assert_close(last, 10.0 * torch.tensor(SPEED_FRACTIONS[1:]), rtol=0, atol=0.5)


def test_offsets_are_reached() -> None:
    sampled = _sampled(_observed()).trajectory[0].unflatten(0, (len(OFFSETS_M), -1))
    side = sampled[:, FULL_SPEED, -1, 1]
    torch.testing.assert_close(side, torch.tensor(OFFSETS_M), rtol=0, atol=0.1)


def test_nobody_drives_into_a_wall_and_other_worlds_know_nothing_of_it() -> None:
    sampled = _sampled(_observed(WALL))
    # It begins at 38 m; the ego's front is 2 m ahead of its centre.
    assert sampled.trajectory[0, :, :, 0].max() < 36.0
    assert sampled.trajectory[0, FULL_SPEED, -1, 3] < 4.0
    assert sampled.trajectory[1, FULL_SPEED, -1, 0] > 49.0


def test_they_are_pdms_proposals_of_a_longer_horizon() -> None:
    observation = _observed(WALL)
    agents = agents_along_route(observation.agents, observation.route, 4.0)
    four_s = propose(observation, agents, IMPROVED)
    # The tracker looks a second ahead, and a plan of 4 s repeats its end.
    alike = slice(round(DT_S / STEP_S), round(3.0 / STEP_S) + 1, round(DT_S / STEP_S))
    pose, speed = four_s.pose[:, :, alike], four_s.speed_mps[..., alike]
    ours = _sampled(observation).trajectory[:, :, : pose.shape[2]]
    torch.testing.assert_close(ours[..., :3], pose, rtol=0, atol=1e-5)
    torch.testing.assert_close(ours[..., 3], speed, rtol=0, atol=1e-5)
    wheelbase_m = observation.ego.wheelbase_m[:, None, None]
    curvature = torch.tan(four_s.steering_rad[..., alike]) / wheelbase_m
    torch.testing.assert_close(ours[..., 4], curvature, rtol=0, atol=1e-5)
