"""Drivers who change lanes: when, how they move, and whom they never cut off."""

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from sim.paths.build import build_paths
from sim.paths.lane_changes import LEFT, RIGHT
from sim.scenario import Scenario
from sim.sources.procedural import draft
from sim.sources.procedural.record import drive
from sim.styles import uniform_styles, with_style
from sim.traffic.idm import HostileTraffic, IdmTraffic, UniformTraffic
from sim.world import World, WorldState
from tests.sim.traffic.drives import collides, drive_all, drive_groups
from tests.toy import Car, make_scenario, straight

LEFT_LANE, RIGHT_LANE = straight(-100, 3.5, 300, 3.5), straight(-100, 0, 300, 0)
BESIDE = [(0, 1)]
EGO = Car(0, -95, 3.5)  # far behind everybody, and slow


def _road(cars: list[Car], lines=None, duration_s: float = 12.0, **styles: float) -> Scenario:
    """Two lanes, the left one is lane 0; all styles alike but for those of agent 1."""
    cars = [EGO, *cars]
    return make_scenario(
        lines or [LEFT_LANE, RIGHT_LANE], cars, duration_s, limit_mps=14.0, beside=BESIDE,
        styles=with_style(uniform_styles(len(cars)), 1, **styles),
    )  # fmt: skip


def _y(states: list[WorldState], agent: int, world: int = 0) -> list[float]:
    return [float(state.pose[world, agent, 1]) for state in states]


@cache
def _all_driven() -> dict[str, tuple[World, list[WorldState]]]:
    groups = (_slow_ahead, _fast_column, _slow_column, _wall)
    return drive_groups({group.__name__: group() for group in groups}, drives_ego=True)


def _driven(scenes: Callable[[], list[Scenario]]) -> tuple[World, list[WorldState]]:
    """The scenes that a function of this module makes."""
    return _all_driven()[scenes.__name__]


def test_tables_of_two_lanes() -> None:
    paths = build_paths([_road([Car(1, 0, 0)])])
    changes = paths.lane_changes
    assert changes is not None
    # Path 0 is the left lane's. On the right one, whose route is the right one, the left lies to
    # the left for as long as the lanes go on for 32 m; to the right there is nothing.
    target = changes.target[0, 1, 1]
    assert target[LEFT, :40].tolist() == [0] * 40
    assert (target[RIGHT] == -1).all()
    assert changes.to_cross[0, 1, 0, :40].tolist() == [1] * 40
    assert changes.to_cross[0, 0, 1, :40].tolist() == [-1] * 40
    assert torch.isinf(changes.parts_s_m[0]).all()
    assert changes.alternative[0, 1].tolist() == [True, True]


def test_a_lane_that_ends_first() -> None:
    # The left lane ends 200 m along: who means to go on on the right has to have changed by then.
    paths = build_paths([_road([Car(1, 0, 0)], [straight(-100, 3.5, 100, 3.5), RIGHT_LANE])])
    changes = paths.lane_changes
    assert changes is not None
    last = float(paths.num_points[0, 0]) - 1
    assert float(changes.ends_s_m[0, 0, 1]) == last
    assert float(changes.parts_s_m[0, 0, 1]) == last
    assert torch.isinf(changes.ends_s_m[0, 1, 0])


def _slow_ahead() -> list[Scenario]:
    """Nobody is on the left; 12 m/s wanted, 4 m/s ahead. A parked car would do as well."""
    return [_road([Car(1, 0, 0, 0, 12.0), Car(-1, 60, 0, 0, 4.0)])]


def test_overtakes_a_slow_car() -> None:
    world, states = _driven(_slow_ahead)
    assert not collides(world, states)
    assert _y(states, 1)[-1] == pytest.approx(3.5, abs=0.05)
    assert float(states[-1].pose[0, 1, 0]) > float(states[-1].pose[0, 2, 0])


@pytest.mark.parametrize(("gap_m", "changes"), [(21.7, False), (22.2, True)])
def test_the_gap_in_front_of_a_follower_by_hand(gap_m: float, changes: bool) -> None:
    # New follower at 12 m/s, wanting 0.97 * 14 = 13.58; driver at 8 m/s. With a 1.5, b 2.5, T 1.2, s0 2:
    # s* = 2 + 14.4 + 12 * 4 / (2 sqrt(3.75)) = 28.794. It brakes with 2 m/s2 where
    # (s* / s)^2 = 1 + 2 / 1.5 - (12 / 13.58)^4 = 1.7236, that is at s = 21.93.
    follower = Car(-1, -gap_m - 4.0, 3.5, 0, 12.0)
    slow = Car(-1, 12, 0, 0, 2.0)
    scenario = _road([Car(1, 0, 0, 0, 8.0), slow, follower], politeness=0.0)
    world = World.from_scenarios([scenario], maps=False)
    state = replace(world.reset(), step=torch.tensor([1]))  # driver 1 looks in steps 1, 6, ...
    after = IdmTraffic.of(world, drives_ego=True).act(world, state)
    assert (int(after.path[0, 1]) == 0) == changes


def test_it_drives_where_it_points() -> None:
    _, states = _driven(_slow_ahead)
    steepest = 0.0
    for before, after in itertools.pairwise(states):
        step = (after.pose - before.pose)[0, 1]
        course = math.atan2(float(step[1]), float(step[0]))
        middle = 0.5 * float(before.pose[0, 1, 2] + after.pose[0, 1, 2])
        assert course == pytest.approx(middle, abs=0.01)
        mean = 0.5 * float(before.speed_mps[0, 1] + after.speed_mps[0, 1])
        assert math.hypot(float(step[0]), float(step[1])) == pytest.approx(0.1 * mean, abs=0.01)
        steepest = max(steepest, abs(course))
    # 3.5 m in 4.5 s at about 11 m/s: 1.875 * 3.5 / 49.5 = 0.13 at the steepest.
    assert 0.08 < steepest < 0.2


def _lane_drop(beside_mps: float, politeness: float) -> Scenario:
    """Agent 1 on a left lane that ends 100 m ahead; a column of cars 14 m apart on the right one."""
    column = [Car(1, 40 - 14.0 * k, 0, 0, beside_mps) for k in range(8)]
    lines = [straight(-100, 3.5, 100, 3.5), RIGHT_LANE]
    scenario = _road([Car(1, 0, 3.5, 0, 10.0), *column], lines, 30.0)
    styles = replace(scenario.styles, politeness=np.full(10, politeness, dtype=np.float32))  # type: ignore
    return replace(scenario, styles=styles)


def _fast_column() -> list[Scenario]:
    return [_lane_drop(10.0, politeness) for politeness in (0.0, 1.0)]


def test_nobody_is_cut_off_where_a_lane_ends() -> None:
    world, states = _driven(_fast_column)
    assert not collides(world, states)
    for w in range(2):
        hardest = min(float(state.acceleration_mps2[w, 2:].min()) for state in states)
        assert hardest > -4.2, "MOBIL asks 4 m/s2 of others at most"
        there = [state for state in states if state.valid[w, 1]]
        assert float(there[-1].pose[w, 1, 1]) == pytest.approx(0.0, abs=0.1)


def _slow_column() -> list[Scenario]:
    return [_lane_drop(5.0, politeness) for politeness in (1.0, 0.2)]


def test_kind_drivers_let_it_in_sooner() -> None:
    _, states = _driven(_slow_column)
    kind, unkind = (next(k for k, y in enumerate(_y(states, 1, w)) if y < 1.0) for w in range(2))
    assert kind < unkind


def test_hostile_drivers_do_not_let_it_in() -> None:
    # The column of the kind: as drawn it is soon between two of them, else it comes in last.
    kind, among_kind = _driven(_slow_column)
    world = World.from_scenarios(_slow_column()[:1], maps=False)
    hostile = drive(world, HostileTraffic.of(world, drives_ego=True))
    for driven, states, is_let_in in ((kind, among_kind, True), (world, hostile, False)):
        assert not collides(driven, states)
        x_m = next(state.pose[0, :, 0] for state in states if float(state.pose[0, 1, 1]) < 1.0)
        assert bool((x_m[2:] < x_m[1]).any()) == is_let_in


def _wall() -> list[Scenario]:
    # Both lanes go on; the route's turns off 200 m along. A wall of cars keeps it from there.
    off = np.concatenate((straight(-100, 0, 100, 0)[:-1], straight(100, 0, 200, -60)))
    wall = [Car(-1, -20 + 6.0 * k, 0, 0, 9.0) for k in range(14)]
    return [_road([Car(1, 0, 3.5, 0, 9.0), *wall], [LEFT_LANE, off], 20.0)]


def test_an_exit_that_was_missed_is_missed() -> None:
    world, states = _driven(_wall)
    assert not collides(world, states)
    assert min(_y(states, 1)) > 3.3
    assert float(states[-1].speed_mps[0, 1]) > 5.0


def test_uniform_traffic_changes_only_where_it_must() -> None:
    slow = Car(-1, 60, 0, 0, 4.0)
    lines = [straight(-100, 3.5, 200, 3.5), RIGHT_LANE]
    may, must = [Car(1, 0, 0, 0, 12.0), slow], [Car(1, 0, 3.5, 0, 8.0)]
    world = World.from_scenarios([_road(cars, lines) for cars in (may, must)], maps=False)
    states = drive(world, UniformTraffic.of(world, drives_ego=True))
    for w, goes_over in enumerate((False, True)):
        y_m = _y(states, 1, w)
        assert (abs(y_m[-1] - y_m[0]) > 3.0) == goes_over


def test_a_change_that_the_recording_is_in_the_middle_of_goes_on() -> None:
    from sim.recording import recorded_state

    scenario = _road([Car(1, 0, 0, 0, 10.0)])
    scenario.tracks.position_m[1, :, 1] = 1.9  # more than half way to the left lane
    world = World.from_scenarios([scenario], maps=False)
    state = recorded_state(world, torch.tensor([3]))
    # The right lane is its route: it returns there, unless it is nearer to the other by 1.5 m.
    assert int(state.path[0, 1]) == 1
    assert float(state.change_from_m[0, 1]) == pytest.approx(1.9, abs=0.01)
    after = IdmTraffic.of(world).act(world, state)
    assert float(after.pose[0, 1, 1]) == pytest.approx(1.9, abs=0.05)


def test_a_world_does_what_it_does_alone() -> None:
    one, other = (draft("straight", seed, duration_s=6.0) for seed in (4, 9))
    _, alone = drive_all(one)
    world = World.from_scenarios([other, one], maps=False)
    together = drive(world, IdmTraffic.of(world, drives_ego=True))
    for mine, truth in zip(together, alone, strict=True):
        count = one.num_agents
        both = truth.valid[0]
        assert torch.equal(mine.valid[1, :count], both)
        torch.testing.assert_close(
            mine.pose[1, :count][both], truth.pose[0][both], rtol=0, atol=1e-4
        )
