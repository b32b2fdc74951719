"""What the others are taken to do: at constant velocity by hand, recorded against the replay."""

import math
from dataclasses import replace

import torch

from drive.planning import make_planner
from drive.planning.futures import coasting, recorded
from eval.rollout import rollout
from sim.interface import Needs
from sim.scenario import Scenario
from sim.simulator import Simulator
from tests.toy import Car, make_scenario, straight

ROAD = [straight(-60, 0, 200, 0)]
KNOWING = Needs(map=True, privileged=True)
STEPS = 30


def _turning() -> Scenario:
    """Agent 1 stands at (22, -8) heading north for 1 s, then crosses at 4 m/s, turning left."""
    scenario = make_scenario(ROAD, [Car(0, 0, 0, 0, 6), Car(-1, 22, -8, math.pi / 2, 0)], 5.0)
    tracks = scenario.tracks
    place, yaw = tracks.position_m.copy(), tracks.yaw_rad.copy()
    velocity = tracks.velocity_mps.copy()
    for k in range(11, yaw.shape[1]):
        yaw[1, k] = math.pi / 2 + 0.01 * (k - 10)
        velocity[1, k] = 4.0 * math.cos(yaw[1, k]), 4.0 * math.sin(yaw[1, k])
        place[1, k, :2] = place[1, k - 1, :2] + 0.1 * velocity[1, k]
    tracks = replace(tracks, position_m=place, yaw_rad=yaw, velocity_mps=velocity)
    return replace(scenario, tracks=tracks)


def test_coasting_by_hand() -> None:
    # 4 m/s northwards from (12, -8), seen from an ego at the origin heading east.
    scenario = make_scenario(ROAD, [Car(0, 0, 0, 0, 6), Car(-1, 12, -8, math.pi / 2, 4)], 1.0)
    simulator = Simulator.from_scenarios([scenario], "log")
    agents = simulator.observe(simulator.reset()).agents
    futures = coasting(agents, torch.tensor((0.0, 1.5)))
    expected = torch.tensor(((12.0, -8.0, math.pi / 2), (12.0, -2.0, math.pi / 2)))
    assert torch.allclose(futures.pose[0, 0], expected, atol=1e-5)
    assert futures.valid.all()


def test_recorded_futures_are_what_the_replay_then_does() -> None:
    simulator = Simulator.from_scenarios([_turning()], "log", KNOWING)
    planner = make_planner("constant_velocity")
    state = simulator.reset()
    for _ in range(5):
        state = simulator.step(state, planner.plan(simulator.observe(state)))
    known = simulator.observe(state).privileged
    assert known is not None
    futures = recorded(known, torch.arange(STEPS) * 0.1)
    ego = state.pose[0, 0]
    for k in range(STEPS):
        there = state.pose[0, 1]
        dx, dy = (there - ego)[:2].tolist()  # the ego heads east
        x, y, yaw = futures.pose[0, 0, k].tolist()
        assert math.hypot(x - dx, y - dy) < 1e-3
        assert abs(yaw - float(there[2])) < 1e-4
        state = simulator.step(state, planner.plan(simulator.observe(state)))


def test_between_instants_and_after_the_end() -> None:
    simulator = Simulator.from_scenarios([_turning()], "log", KNOWING)
    known = simulator.observe(simulator.reset()).privileged
    assert known is not None
    last = float(known.world.log.valid.shape[2] - 1) * 0.1
    futures = recorded(known, torch.tensor((2.0, 2.05, 2.1, last, last + 0.5)))
    at = futures.pose[0, 0]
    assert torch.allclose(at[1, :2], 0.5 * (at[0, :2] + at[2, :2]), atol=1e-4)
    assert torch.allclose(at[4, :2], at[3, :2] + 0.5 * futures.velocity_mps[0, 0, 3], atol=1e-4)


def test_foresight_brakes_for_who_will_start_to_cross() -> None:
    # At 0.8 s the other still stands beside the road: PDM sees no reason to slow down, foresight does.
    speeds = {}
    for name in ("pdm", "pdm_foresight"):
        simulator = Simulator.from_scenarios([_turning()], "log", KNOWING)
        drive = rollout(simulator, make_planner(name), num_steps=10)
        speeds[name] = float(drive.velocity_mps[0, 9, 0].norm())
    assert speeds["pdm_foresight"] < speeds["pdm"] - 0.3
