"""The ego's reference line: that of the lane that it is in, and after a lane change that of the next."""

import numpy as np
import torch

from sim.geometry import polyline
from sim.scenario import EGO, Scenario
from sim.simulator import Simulator
from sim.sources.procedural import make_draft
from sim.traffic.log_replay import LogReplay
from tests.toy import Car, make_scenario, straight


def _must_change() -> Scenario:
    """An exit to be taken, from the lane to the left of the one that leads there."""
    for seed in range(20):
        scenario = make_draft("exit_lane", seed, 5.0).scenario
        route = scenario.routes[EGO]
        assert route is not None
        if abs(_offset_m(scenario, scenario.tracks.position_m[EGO, 0, :2])) > 2.0:
            return scenario
    raise AssertionError("none of 20")


def _offset_m(scenario: Scenario, place_m: np.ndarray) -> float:
    route = scenario.routes[EGO]
    assert route is not None
    return float(polyline.project(route.path_m, place_m[None])[1][0])


def test_the_line_follows_the_lane_that_the_ego_is_in() -> None:
    scenario = _must_change()
    simulator = Simulator.from_scenarios([scenario], LogReplay.of)
    paths, state = simulator.world.paths, simulator.reset()
    own = int(paths.agent_path[0, EGO])
    assert int(state.path[0, EGO]) != own
    route = simulator.observe(state).route
    at = int(route.ego_s_m[0].round())
    assert abs(float(route.pose[0, at, 1])) < 0.3  # the line runs through the ego
    # As far to the right as its route lies from it: now it is on the line that leads to the exit.
    pose = state.pose[:, EGO].clone()
    yaw, shift = pose[0, 2], _offset_m(scenario, scenario.tracks.position_m[EGO, 0, :2])
    assert shift > 0.0
    for part, expected in ((0.3, int(state.path[0, EGO])), (0.95, own)):
        moved = pose.clone()
        moved[0, 0] += part * shift * torch.sin(yaw)
        moved[0, 1] -= part * shift * torch.cos(yaw)
        assert int(paths.ego_path(moved)[0]) == expected, part
    length = len(scenario.routes[EGO].path_m)  # type: ignore[union-attr]
    assert int(paths.num_points[0, own]) == length


def test_worlds_without_styles_keep_to_the_route() -> None:
    scenario = make_scenario([straight(0.0, 0.0, 100.0, 0.0)], [Car(0, 20.0, 0.0)])
    simulator = Simulator.from_scenarios([scenario], LogReplay.of)
    far = simulator.reset().pose[:, EGO] + torch.tensor([0.0, 3.5, 0.0])
    assert simulator.world.paths.ego_path(far).tolist() == [0]
