"""PDM-Closed and the route coordinates it thinks in, on hand-built roads."""

import math
import re
from dataclasses import fields, replace
from functools import cache

import numpy as np
import pytest
import torch

from drive.planning import PLANNERS, make_planner
from drive.planning.constant_velocity import ConstantVelocity
from drive.planning.futures import coasting
from drive.planning.idm import IdmPlanner
from drive.planning.idm_rollout import DT_S
from drive.planning.pdm.planner import PdmClosed, PdmPlus
from drive.planning.pdm.proposals import HORIZON, Proposals, propose
from drive.planning.pdm.rules import IMPROVED
from drive.planning.pdm.scorer import FURTHEST_AHEAD, score
from drive.planning.route_frame import (
    agents_along_route,
    curve_speed_mps,
    place_on_route,
    project,
)
from eval.metrics.facts import Facts
from eval.rollout import Rollout, rollout
from sim import trees
from sim.geometry import box, polyline, se2
from sim.interface import Agents, Needs, Observation, Planner
from sim.paths.route_ahead import RouteAhead
from sim.scenario import AgentKind, Scenario
from sim.simulator import Simulator
from tests.toy import Car, make_scenario, straight

ROAD = [straight(-60, 0, 200, 0), straight(-60, 3.5, 200, 3.5)]
NORTH = math.pi / 2
BEND_RADIUS_M = 20.0


def _bend() -> np.ndarray:
    """60 m east, a quarter circle of 20 m to the left, 60 m north."""
    angle = np.linspace(0, math.pi / 2, 60)
    arc = BEND_RADIUS_M * np.stack((np.sin(angle), 1 - np.cos(angle)), axis=1)
    line = np.concatenate((straight(-60, 0, -1, 0), arc, straight(20, 21, 20, 80)))
    return polyline.resample(line, 1.0)


def _simulator(*scenarios: Scenario) -> Simulator:
    return Simulator.from_scenarios(list(scenarios), "log", Needs(map=True))


def _observe(*scenarios: Scenario) -> Observation:
    simulator = _simulator(*scenarios)
    return simulator.observe(simulator.reset())


def _scenes() -> dict[str, Scenario]:
    """What is driven for 12 s."""
    # The ego is at x = 0 after 4.6 s; two slow cars cross there from 2.5 s to 6 s.
    crossing = [Car(-1, 0, y_m, NORTH, 3, (4.0, 2.0, 1.6)) for y_m in (-14, -20)]
    # y from -1.3 to -0.7: in the way of the ego (half width 1 m) at offset 0, not at +1 m.
    barrier = Car(-1, 20, -1.0, 0, 0, (2.0, 0.6, 1.0), AgentKind.OBJECT)
    # At 1.4 m/s from y = -7: inside the ego's strip from 4.1 s on, when the ego would be there.
    walker = Car(-1, 0, -7, NORTH, 1.4, (0.6, 0.6, 1.7), AgentKind.PEDESTRIAN)
    on_the_road = {
        "crossing": [Car(0, -40, 0, 0, 8), *crossing],
        "obstacle": [Car(0, -40, 0, 0, 8), barrier],
        "oncoming": [Car(0, -40, 0, 0, 10), Car(-1, 80, 3.5, math.pi, 10)],
        "walker": [Car(0, -40, 0, 0, 8), walker],
        "standstill": [Car(0, 0, 0, 0, 0)],
    }
    scenes = {name: make_scenario(ROAD, cars, 12.0) for name, cars in on_the_road.items()}
    bend = make_scenario([_bend()], [Car(0, -50, 0, 0, 10)], 12.0, limit_mps=15.0)
    return {**scenes, "bend": bend}


@cache
def _all_driven(planner: str) -> Rollout:
    """All scenes beside one another, which takes little more time than one of them."""
    return rollout(_simulator(*_scenes().values()), make_planner(planner))


def _drive(scene: str, planner: str = "pdm+") -> Rollout:
    """A batch of that scene alone."""
    driven, row = _all_driven(planner), torch.tensor([list(_scenes()).index(scene)])
    return replace(trees.take(driven, row), world=driven.world.take(row))


# Planner by name


def test_every_name_makes_a_planner_and_another_name_is_refused() -> None:
    for name in PLANNERS.builtin.keys() - {"energy_autoregressive"}:  # has no weights of its own
        assert isinstance(make_planner(name), Planner)
    with pytest.raises(ValueError, match=f"choices: {re.escape(', '.join(PLANNERS.builtin))}"):
        make_planner("pmd")


def test_constant_velocity_goes_straight_on() -> None:
    plan = ConstantVelocity().plan(_observe(make_scenario(ROAD, [Car(0, 0, 0, 0, 7)], 1.0)))
    # 7 m/s: 0.7 m after 0.1 s, 28 m after 4 s.
    assert torch.allclose(plan.trajectory[0, 0], torch.tensor((0.7, 0, 0, 7, 0)))
    assert torch.allclose(plan.trajectory[0, -1], torch.tensor((28.0, 0, 0, 7, 0)))


def test_log_replay_drives_the_recording_exactly() -> None:
    scenario = make_scenario(ROAD, [Car(0, -40, 0, 0, 6)], 2.0)
    angle = np.linspace(0, 1.0, 21)
    scenario.tracks.position_m[0, :, 0], scenario.tracks.position_m[0, :, 1] = (
        15 * np.sin(angle),
        15 - 15 * np.cos(angle),
    )
    scenario.tracks.yaw_rad[0] = angle
    velocity = 7.5 * np.stack((np.cos(angle), np.sin(angle)), axis=1)
    scenario.tracks.velocity_mps[0] = velocity
    driven = rollout(_simulator(scenario), make_planner("log_replay"))
    world = driven.world
    assert torch.allclose(driven.pose[0, :, 0], world.log.pose[0, 0], atol=1e-4)
    assert torch.allclose(driven.velocity_mps[0, :, 0], world.log.velocity_mps[0, 0], atol=1e-4)


# Route coordinates


def test_place_on_route_is_the_inverse_of_project() -> None:
    route = _observe(make_scenario([_bend()], [Car(0, -20, 0, 0, 8)], 1.0)).route
    s = torch.linspace(3, 70, 50).unsqueeze(0)
    offset = torch.linspace(-2, 2, 50).unsqueeze(0)
    pose, _ = place_on_route(route, s, offset)
    back_s, back_offset, _ = project(route, pose[..., :2])
    assert torch.allclose(back_s, s, atol=0.1)  # the route is a chain of 1 m chords
    assert torch.allclose(back_offset, offset, atol=0.03)


def test_a_crossing_car_along_the_route_by_hand() -> None:
    # 20 m ahead, 10 m to the right, northbound at 5 m/s: on the route line after 2 s; its length
    # of 4 m lies across the route.
    scenario = make_scenario(ROAD, [Car(0, 0, 0, 0, 8), Car(-1, 20, -10, NORTH, 5)], 1.0)
    observation = _observe(scenario)
    agents = agents_along_route(observation.agents, observation.route, 4.0)
    then = agents.at((2.0, 1.25))
    s, offset, along, half_along, half_across = (
        f[0, 0, 0]
        for f in (then.s_m, then.offset_m, then.along_mps, then.half_along_m, then.half_across_m)
    )
    assert float(s - observation.route.ego_s_m[0]) == pytest.approx(20.0, abs=1e-3)
    assert float(offset) == pytest.approx(0.0, abs=1e-3)
    assert float(along) == pytest.approx(0.0, abs=1e-4)
    assert (float(half_along), float(half_across)) == pytest.approx((1.0, 2.0), abs=1e-3)
    assert float(then.offset_m[0, 0, 1]) == pytest.approx(-3.75, abs=1e-3)


def test_curve_speed_is_the_lateral_bound_and_is_reached_in_time() -> None:
    observation = _observe(make_scenario([_bend()], [Car(0, -50, 0, 0, 8)], 1.0))
    speed = curve_speed_mps(observation.route, 2.5, 2.0)[0]
    first = float(observation.route.ego_s_m[0]) + 50  # the arc begins at x = 0
    assert float(speed[round(first) + 15]) == pytest.approx(math.sqrt(2.5 * 20), rel=0.05)
    # 20 m before the arc: sqrt(50 + 2 * 2 * 20) = 11.4; never more braking than 2 m/s2.
    assert float(speed[round(first) - 20]) == pytest.approx(math.sqrt(130), rel=0.05)
    assert float((-torch.diff(speed**2)).max()) < 2 * 2.0 + 1e-3


# What it drives


def test_waits_for_a_crossing_car_that_constant_velocity_hits() -> None:
    assert bool(Facts.of(_drive("crossing", "constant_velocity")).contact_begins.any())
    driven = _drive("crossing")
    assert not bool(Facts.of(driven).contact_begins.any())
    assert float(driven.pose[0, -1, 0, 0]) > 5.0, "it must go on afterwards"


def test_passes_an_obstacle_that_leaves_the_left_free() -> None:
    driven = _drive("obstacle")
    assert not bool(Facts.of(driven).contact_begins.any())
    assert float(driven.pose[0, 90, 0, 0]) > 24.0
    beside = (driven.pose[0, :, 0, 0] - 20).abs() < 2.0
    assert bool((driven.pose[0, beside, 0, 1] > 0.3).all())


def test_meets_oncoming_traffic_in_its_lane_without_fuss() -> None:
    driven = _drive("oncoming")
    assert driven.velocity_mps[0, :, 0, 0].min() > 9.0
    assert driven.pose[0, :, 0, 1].abs().max() < 0.3


def test_slows_for_a_pedestrian_who_walks_into_the_lane() -> None:
    assert bool(Facts.of(_drive("walker", "constant_velocity")).contact_begins.any())
    driven = _drive("walker")
    assert not bool(Facts.of(driven).contact_begins.any())
    assert float(driven.pose[0, 100, 0, 0]) > 0.0


def test_takes_a_bend_on_its_line_within_comfort() -> None:
    driven = _drive("bend")
    position, speed = driven.pose[0, :, 0, :2], driven.velocity_mps[0, :, 0].norm(dim=-1)
    assert float(position[-1, 1]) > 30.0
    center = torch.tensor((0.0, BEND_RADIUS_M))
    on_arc = (position[:, 0] > 6) & (position[:, 1] < 14)
    radius = (position[on_arc] - center).norm(dim=-1)
    # The law looks 1 s ahead and turns in early; past the middle of the bend it is on its line.
    assert (radius - BEND_RADIUS_M).abs().max() < 0.7
    assert (radius - BEND_RADIUS_M)[position[on_arc, 0] > 14].abs().max() < 0.3
    assert (speed[on_arc] ** 2 / BEND_RADIUS_M).max() < 3.0  # bound 4.89, aimed at 2.5
    assert torch.diff(speed).min() / 0.1 > -4.05


def test_full_stop_where_a_collision_is_near() -> None:
    # 2 m to the car ahead at 4.9 m/s: no proposal stops in time; the plan is to brake at once.
    near = _observe(make_scenario(ROAD, [Car(0, 0, 0, 0, 4.9), Car(-1, 6.0, 0)], 1.0))
    plan = PdmPlus().plan(near)
    # 4.05 m/s2: 4.495 m/s after 0.1 s.
    assert float(plan.trajectory[0, 0, 3]) == pytest.approx(4.9 - 0.405, abs=1e-3)
    free = _observe(make_scenario(ROAD, [Car(0, 0, 0, 0, 4.9)], 1.0))
    assert float(PdmPlus().plan(free).trajectory[0, 0, 3]) > 4.9


def test_starts_from_standstill() -> None:
    assert float(_drive("standstill").velocity_mps[0, 60, 0, 0]) > 6.0


# Its proposals and its batch


def test_it_drives_what_it_simulated() -> None:
    # The first simulated step of the chosen proposal is the step that the world then makes.
    scenario = make_scenario([_bend()], [Car(0, -20, 0.4, 0.05, 8)], 5.0)
    simulator = _simulator(scenario)
    state, planner = simulator.reset(), PdmPlus()
    for _ in range(40):
        observation = simulator.observe(state)
        plan = planner.plan(observation)
        assert plan.costs is not None
        agents = agents_along_route(observation.agents, observation.route, 4.0)
        proposals = propose(observation, agents, IMPROVED)
        match = (proposals.reference[0, :, 1:] - plan.trajectory[0]).abs().amax((1, 2)).argmin()
        expected = se2.compose(state.pose[0, 0], proposals.pose[0, match, 1])
        state = simulator.step(state, plan)
        assert torch.allclose(state.pose[0, 0], expected, atol=2e-3)


def _three() -> list[Scenario]:
    walker = Car(-1, 4, -4, NORTH, 1.4, (0.6, 0.6, 1.7), AgentKind.PEDESTRIAN)
    bus = Car(0, -10, 0, 0, 5, (11.0, 2.5, 3.0))
    return [
        make_scenario(ROAD, [Car(0, -10, 0.3, 0.02, 8), Car(-1, 25, 0)], 2.0),
        make_scenario([_bend()], [Car(0, -15, 0, 0, 11)], 2.0),
        make_scenario(ROAD, [bus, walker, Car(-1, 60, 3.5, math.pi, 9)], 2.0),
    ]


@pytest.mark.parametrize("kind", [PdmClosed, PdmPlus, IdmPlanner])
def test_a_batch_of_different_worlds_equals_each_alone(
    kind: type[PdmClosed] | type[IdmPlanner],
) -> None:
    together = kind().plan(_observe(*_three()))
    for k, scenario in enumerate(_three()):
        alone = kind().plan(_observe(scenario))
        assert torch.allclose(together.trajectory[k], alone.trajectory[0], atol=1e-4)
        if together.costs is not None and alone.costs is not None:
            assert torch.allclose(together.costs[k], alone.costs[0], atol=1e-4)


@pytest.mark.parametrize("kind", [PdmClosed, PdmPlus, IdmPlanner])
@pytest.mark.parametrize("fill", [math.nan, 0.0, 1e6])
def test_what_invalid_agents_hold_changes_nothing(
    kind: type[PdmClosed] | type[IdmPlanner], fill: float
) -> None:
    planner, observation = kind(), _observe(*_three())
    clean = planner.plan(observation)
    invalid = ~observation.agents.valid
    assert bool(invalid.any())

    def poison(value: torch.Tensor) -> torch.Tensor:
        if not value.is_floating_point():
            return value
        return torch.where(invalid.unsqueeze(-1), fill, value)

    agents = Agents(*(poison(getattr(observation.agents, f.name)) for f in fields(Agents)))
    dirty = planner.plan(replace(observation, agents=agents))
    assert torch.equal(clean.trajectory, dirty.trajectory)
    if clean.costs is not None and dirty.costs is not None:
        assert torch.equal(clean.costs, dirty.costs)


def test_proposals_keep_the_car_on_the_offset_route() -> None:
    observation = _observe(make_scenario(ROAD, [Car(0, 0, 0, 0, 10)], 1.0))
    proposals = propose(
        observation, agents_along_route(observation.agents, observation.route, 4.0), IMPROVED
    )
    # 15 = offsets 0, -1, 1 x 5 speeds; at the full limit after 4 s they have nearly got there.
    ends = proposals.pose[0, 4::5, -1, 1]
    assert torch.allclose(ends, torch.tensor((0.0, -1.0, 1.0)), atol=0.35)
    assert proposals.pose.shape == (1, 15, 41, 3)
    assert torch.allclose(proposals.pose[:, :, 0], torch.zeros(3), atol=1e-6)


def _at_speeds(speeds: list[float], offsets: list[float]) -> Proposals:
    """Straight drives at constant speed, `offset` to the left from the start."""
    speed = torch.tensor(speeds, dtype=torch.float32).reshape(1, -1, 1).expand(1, -1, 41)
    side = torch.tensor(offsets, dtype=torch.float32).reshape(1, -1, 1).expand(1, -1, 41)
    zero = torch.zeros_like(speed)
    pose = torch.stack((speed * torch.arange(41) * 0.1, side, zero), dim=-1)
    reference = torch.cat((pose, speed.unsqueeze(-1), zero.unsqueeze(-1)), dim=-1)
    return Proposals(pose, speed, zero, zero, reference)


def _totals(observation: Observation, proposals: Proposals) -> list[float]:
    """Of proposals among others who coast."""
    instants = torch.arange(HORIZON + FURTHEST_AHEAD + 1) * DT_S
    futures = coasting(observation.agents, instants)
    return score(observation, [futures], torch.ones(1, 1), proposals, IMPROVED).total[0].tolist()


def _scores(cars: list[Car], speeds: list[float], offsets: list[float]) -> list[float]:
    lines = [straight(-60, 0, 200, 0), straight(200, 3.5, -60, 3.5)]
    observation = _observe(make_scenario(lines, [Car(0, 0, 0, 0, 8), *cars], 1.0))
    return _totals(observation, _at_speeds(speeds, offsets))


def test_scores_by_hand() -> None:
    # 32 m and 16 m in 4 s, all fine: (5 + 5 + 2) / 12 and (2.5 + 5 + 2) / 12.
    assert _scores([], [8, 4], [0, 0]) == pytest.approx([1.0, 9.5 / 12], abs=1e-3)
    # A parked car at 26 m: the first hits it (front at 34 m) and counts for nothing in the best
    # progress; the second (front at 18 m, at 21.6 m with 0.9 s more) is free of it.
    assert _scores([Car(-1, 26, 0)], [8, 4], [0, 0]) == pytest.approx([0.0, 1.0], abs=1e-3)
    # At 23 m it is not hit by the second but too near: front 18 m, 0.9 s more 21.6 m, rear 21 m.
    parked = Car(-1, 23, 0)
    assert _scores([parked], [8, 4], [0, 0]) == pytest.approx([0.0, 7 / 12], abs=1e-3)
    # An object in place of the car: half. 1 * 0.5 * (5 + 0 + 2) / 12, and the other half as far.
    barrier = Car(-1, 26, 0, 0, 0, (1.0, 1.0, 1.0), AgentKind.OBJECT)
    assert _scores([barrier], [8, 4], [0, 0]) == pytest.approx([3.5 / 12, 1.0], abs=1e-3)


def test_off_the_road_and_against_the_traffic_by_hand() -> None:
    # The road ends 1.75 m to the right: at -3 m the ego (2 m wide) leaves it after the start.
    observation = _observe(
        make_scenario(
            [straight(-60, 0, 200, 0), straight(200, 3.5, -60, 3.5)], [Car(0, 0, 0, 0, 8)], 1.0
        )
    )
    proposals = _at_speeds([8, 8, 1.5, 4], [0, 0, 3.5, 3.5])
    proposals.pose[0, 1, 1:, 1] = -3.0
    keeps, leaves, creeps, oncoming = _totals(observation, proposals)
    assert keeps == pytest.approx(1.0, abs=1e-3)
    assert leaves == 0.0
    # 1.5 m against the lane in 1 s is allowed, 4 m halves: 6 of 32 m and 16 of 32 m of progress.
    assert creeps == pytest.approx((5 * 6 / 32 + 7) / 12, abs=1e-3)
    assert oncoming == pytest.approx(0.5 * (5 * 16 / 32 + 7) / 12, abs=1e-3)


def test_overlap_helper_of_the_scorer_agrees_with_brute_force() -> None:
    from drive.planning.pdm.overlaps import overlaps

    g = torch.Generator().manual_seed(3)
    count = 12
    observation = _observe(make_scenario(ROAD, [Car(0, 0, 0, 0, 8)], 1.0))
    pose = torch.rand(1, count, 3, generator=g) * torch.tensor((60.0, 12.0, 6.0))
    pose -= torch.tensor((10.0, 6.0, 3.0))
    agents = Agents(
        id=torch.arange(1, count + 1).unsqueeze(0),
        pose=pose,
        velocity_mps=4 * torch.randn(1, count, 2, generator=g),
        size_m=1 + 4 * torch.rand(1, count, 2, generator=g),
        kind=torch.zeros(1, count, dtype=torch.int64),
        valid=torch.rand(1, count, generator=g) > 0.3,
    )
    observation = replace(observation, agents=agents)
    empty = replace(agents, valid=torch.zeros_like(agents.valid))
    proposals = propose(observation, agents_along_route(empty, observation.route, 4.0), IMPROVED)
    futures = coasting(agents, torch.arange(HORIZON + FURTHEST_AHEAD + 1) * DT_S)
    met = overlaps(observation, futures, proposals, (0, 6))[6]
    rows = torch.stack((met.world, met.proposal, met.agent, met.instant), dim=1)
    found = {tuple(row) for row in rows.tolist()}
    truth = set()
    for p in range(15):
        for n in range(count):
            for t in range(41):
                ego = proposals.pose[0, p, t].clone()
                heading = torch.stack((torch.cos(ego[2]), torch.sin(ego[2])))
                ego[:2] += 0.6 * proposals.speed_mps[0, p, t] * heading
                other = pose[0, n].clone()
                other[:2] += (0.1 * t + 0.6) * agents.velocity_mps[0, n]
                size = observation.ego.size_m[0]
                hit = bool(box.overlaps(ego, size, other, agents.size_m[0, n]))
                if hit and bool(agents.valid[0, n]):
                    truth.add((0, p, n, t))
    assert truth
    assert found == truth


def test_route_is_asked_only_for_its_own_world() -> None:
    # Two worlds whose routes differ: a point 10 m left of the first lies on the second.
    pose = torch.zeros(2, 50, 3)
    pose[:, :, 0] = torch.arange(50.0)
    pose[1, :, 1] = 10.0
    route = RouteAhead(
        pose=pose,
        speed_limit_mps=torch.full((2, 50), 10.0),
        ego_s_m=torch.zeros(2),
        stop_s_m=torch.full((2,), torch.inf),
        length_m=torch.full((2,), 49.0),
    )
    _, offset, _ = project(route, torch.tensor((20.0, 10.0)).expand(2, 1, 2))
    assert offset[:, 0].tolist() == pytest.approx([10.0, 0.0])
