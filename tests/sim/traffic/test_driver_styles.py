"""Drivers by their styles: each parameter does what it says; noise is everybody's own, and the same."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from sim.scenario import AgentKind, LightState, Scenario, StopKind, StopLine, Yielding
from sim.sources.procedural.record import drive
from sim.styles import uniform_styles, with_style
from sim.traffic import TRAFFIC
from sim.traffic.driver_styles import NOISE_EVERY_S
from sim.traffic.idm import HostileTraffic, IdmTraffic, UniformTraffic
from sim.world import World, WorldState
from tests.sim.traffic.drives import drive_groups
from tests.toy import Car, make_scenario, straight

WEST_EAST, SOUTH_NORTH = straight(-100, 0, 100, 0), straight(0, -100, 0, 100)
FAR_EGO = straight(-100, 90, 100, 90)  # on its own road
NORTH = math.pi / 2
EGO = Car(0, -90, 90)


def _scene(cars: list[Car], lines, duration_s: float = 15.0, **more) -> Scenario:
    cars = [EGO, *cars]
    scenario = make_scenario([FAR_EGO, *lines], cars, duration_s, **more)
    return replace(scenario, styles=uniform_styles(len(cars)))


def _styled(scenario: Scenario, agent: int, **values: float) -> Scenario:
    assert scenario.styles is not None
    return replace(scenario, styles=with_style(scenario.styles, agent, **values))


def _drive(*scenarios: Scenario, steps: int | None = None) -> list[WorldState]:
    """Beside one another, which changes nothing for anybody."""
    world = World.from_scenarios(list(scenarios), maps=False)
    return drive(world, IdmTraffic.of(world), steps)


@cache
def _all_driven() -> dict[str, tuple[World, list[WorldState]]]:
    groups = (_gaps, _speeds, _crossing, _at_light, _at_sign, _walkers, _waiting, _nudged)
    return drive_groups({group.__name__: group() for group in groups}, drives_ego=False)


def _driven(scenes: Callable[[], list[Scenario]]) -> list[WorldState]:
    """The scenes that a function of this module makes, all without noise."""
    return _all_driven()[scenes.__name__][1]


GAPS_M = (2.0, 4.0)


def _gaps() -> list[Scenario]:
    scene = _scene([Car(1, 20, 0, 0, 8), Car(-1, 60, 0)], [WEST_EAST])
    return [_styled(scene, 1, min_gap_m=gap_m) for gap_m in GAPS_M]


def test_each_keeps_its_own_gap() -> None:
    # Standing behind a parked car: the minimum gap, 2 m for the one, 4 m for the other.
    left_m = 60 - 2 - (_driven(_gaps)[-1].pose[:, 1, 0] + 2)
    assert left_m.tolist() == pytest.approx(GAPS_M, abs=0.5)


FACTORS = (0.8, 1.2)


def _speeds() -> list[Scenario]:
    scene = _scene([Car(1, -90, 0, 0, 8)], [WEST_EAST], 14.0)
    return [_styled(scene, 1, speed_factor=factor) for factor in FACTORS]


def test_each_wants_its_own_speed() -> None:
    # The limit is 10 m/s; on a free road the speed wanted is approached from below.
    states = _driven(_speeds)
    for w, factor in enumerate(FACTORS):
        fastest = max(float(state.speed_mps[w, 1]) for state in states)
        assert 0.95 * 10 * factor < fastest <= 10 * factor + 1e-3


def test_first_step_by_hand() -> None:
    # Free road from a halt: a (1 - 0) = 2.2 m/s2; with a reaction of 0.3 s a share 0.1 / 0.4 of it.
    scene = _scene([Car(1, -90, 0, 0, 0.0)], [WEST_EAST])
    for reaction_s, expected in ((0.0, 2.2), (0.3, 0.55)):
        styled = _styled(scene, 1, max_acceleration_mps2=2.2, reaction_s=reaction_s)
        # Some noise elsewhere, so that reactions count at all.
        after = _drive(_styled(styled, 0, noise_mps2=0.1), steps=1)[-1]
        assert float(after.acceleration_mps2[0, 1]) == pytest.approx(expected, abs=1e-4)


def test_uniform_styles_are_those_of_a_scenario_without() -> None:
    cars = [Car(1, -40, 0, 0, 10), Car(2, 0, -35, NORTH, 10)]
    scene = _scene(cars, [WEST_EAST, SOUTH_NORTH], 6.0)
    plain, styled = _drive(replace(scene, styles=None)), _drive(scene)
    for a, b in zip(plain, styled, strict=True):
        assert torch.equal(a.pose, b.pose)


def test_uniform_traffic_ignores_styles() -> None:
    assert TRAFFIC.load("uniform") is UniformTraffic
    scene = _scene([Car(1, -60, 0, 0, 10)], [WEST_EAST], 3.0)
    world = World.from_scenarios([_styled(scene, 1, speed_factor=0.5, noise_mps2=1.0)], maps=False)
    plain = World.from_scenarios([scene], maps=False)
    for a, b in zip(
        drive(world, UniformTraffic.of(world)), drive(plain, IdmTraffic.of(plain)), strict=True
    ):
        assert torch.equal(a.pose, b.pose)


def test_hostile_traffic_is_as_drawn_but_for_those_who_yield() -> None:
    assert TRAFFIC.load("hostile") is HostileTraffic
    cars = [Car(1, -60, 0, 0, 10), Car(-1, 20, -8, NORTH, 1, kind=AgentKind.PEDESTRIAN)]
    scene = _styled(_scene(cars, [WEST_EAST], 3.0), 1, politeness=0.8, speed_factor=0.7)
    world = World.from_scenarios([scene], maps=False)
    drawn, hostile = IdmTraffic.of(world), HostileTraffic.of(world)
    assert (hostile.styles.yields == Yielding.NEVER).all()
    assert (hostile.styles.politeness == 0.0).all()
    assert torch.equal(hostile.styles.speed_factor, drawn.styles.speed_factor)
    assert hostile.walkers is not None and drawn.walkers is not None
    assert hostile.walkers.looks is not None and hostile.walkers.looks.any()  # who is on foot looks
    assert scene.styles is not None and (scene.styles.yields == Yielding.DUE).all()


def test_the_same_scenario_has_the_same_noise_in_any_batch() -> None:
    scene = _styled(_scene([Car(1, -60, 0, 0, 10)], [WEST_EAST], 5.0), 1, noise_mps2=0.3)
    longer = _scene([Car(1, -60 - 9.0 * k, 0, 0, 10) for k in range(3)], [WEST_EAST], 9.0)
    styles = replace(uniform_styles(4), noise_mps2=np.full(4, 0.3, np.float32))
    longer = replace(longer, scenario_id="another", styles=styles)
    alone = _drive(scene)
    world = World.from_scenarios([longer, scene], maps=False)
    together = drive(world, IdmTraffic.of(world), len(alone) - 1)
    for a, b in zip(alone, together, strict=True):
        torch.testing.assert_close(a.pose[0, :2], b.pose[1, :2], rtol=0, atol=1e-6)


def test_noise_is_as_large_and_as_lasting_as_stated() -> None:
    # 400 drivers for 5 min. Two processes of equal variance that last 1.3 and 20 s: after 1.5 s they
    # correlate by (exp(-1.5 / 1.3) + exp(-1.5 / 20)) / 2 = 0.622.
    cars = [Car(1, -90, 0, 0, 1.0)] * 400
    scene = _scene(cars, [WEST_EAST], 300.0)
    styles = replace(scene.styles, noise_mps2=np.full(401, 0.2, np.float32))  # type: ignore
    world = World.from_scenarios([replace(scene, styles=styles)], maps=False)
    noise = IdmTraffic.of(world).styles.noise_mps2
    assert noise is not None
    values = noise[0, 1:].numpy()
    assert values.std() == pytest.approx(0.2, rel=0.03)
    lag = round(1.5 / NOISE_EVERY_S)
    found = np.mean(values[:, lag:] * values[:, :-lag]) / values.var()
    assert found == pytest.approx(0.622, abs=0.02)


def _crossing() -> list[Scenario]:
    """Agent 2 comes from a minor road; agent 1 on the major one is about as far from the crossing."""
    cars = [Car(1, -60, 0, 0, 9), Car(2, 0, -55, NORTH, 8.5)]
    scene = _scene(cars, [WEST_EAST, SOUTH_NORTH], 6.0, priorities=[0, 10, 0])
    ways = (Yielding.DUE, Yielding.NEVER, Yielding.LATE)
    return [_styled(scene, 2, yields=how) for how in ways]


def test_who_never_yields_does_not_slow_down() -> None:
    states = _driven(_crossing)
    assert min(float(state.speed_mps[0, 2]) for state in states) < 6.0
    assert min(float(state.speed_mps[1, 2]) for state in states[:40]) > 8.0


def test_who_yields_late_brakes_late() -> None:
    states = _driven(_crossing)
    due_m, late_m = (
        next(float(s.pose[w, 2, 1]) for s in states if float(s.acceleration_mps2[w, 2]) < -1.0)
        for w in (0, 2)
    )
    assert late_m > due_m + 2.0


def _at_light() -> list[Scenario]:
    stop = StopLine(np.array(((20.0, -2.0), (20.0, 2.0))), StopKind.SIGNAL, (1,), light=0)
    light = np.full((1, 151), LightState.RED)
    scene = _scene([Car(1, -40, 0, 0, 10)], [WEST_EAST], stop_lines=[stop], light_state=light)
    return [_styled(scene, 1, runs_red=runs) for runs in (False, True)]


def test_who_runs_reds_runs_them() -> None:
    stops_m, runs_m = _driven(_at_light)[-1].pose[:, 1, 0].tolist()
    assert stops_m < 20
    assert runs_m > 60


def _at_sign() -> list[Scenario]:
    stop = StopLine(np.array(((20.0, -2.0), (20.0, 2.0))), StopKind.STOP_SIGN, (1,))
    scene = _scene([Car(1, -40, 0, 0, 10)], [WEST_EAST], stop_lines=[stop])
    return [_styled(scene, 1, rolls_stop=rolls) for rolls in (False, True)]


def test_who_rolls_through_stop_signs_does_not_halt() -> None:
    states = _driven(_at_sign)
    assert (states[-1].pose[:, 1, 0] > 25).all(), "they go on afterwards"
    slowest_mps = torch.stack([state.speed_mps[:, 1] for state in states]).amin(dim=0)
    halts_mps, rolls_mps = slowest_mps.tolist()
    assert halts_mps < 0.3
    assert 1.5 < rolls_mps < 3.5


def _walkers() -> list[Scenario]:
    """One who would reach the road as the car does; the car does not stop for who waits.

    In the second scene it does not look.
    """
    walker = Car(-1, 10, -4.5, NORTH, 1.4, (0.6, 0.6, 1.7), AgentKind.PEDESTRIAN)
    scene = _scene([Car(1, -15, 0, 0, 10), walker], [WEST_EAST])
    unkind = _styled(scene, 1, politeness=0.2)
    return [unkind, _styled(unkind, 2, yields=Yielding.NEVER)]


def test_a_walker_waits_for_the_gap_and_goes_on() -> None:
    states = _driven(_walkers)
    waiting = [k for k, state in enumerate(states) if float(state.waited_s[0, 2]) > 0.0]
    assert waiting
    at_kerb = states[waiting[-1]]
    assert float(at_kerb.pose[0, 2, 1]) < -1.5, "out of the way of a car 2 m wide"
    assert float(at_kerb.pose[0, 1, 0]) > 5.0, "the car is through, or all but"
    assert float(states[-1].pose[0, 2, 1]) > 4.0, "it goes on afterwards"


def test_who_does_not_look_does_not_wait() -> None:
    assert not any(float(state.waited_s[1, 2]) > 0.0 for state in _driven(_walkers))


def _waiting() -> list[Scenario]:
    walker = Car(-1, 30, -4.5, NORTH, 0.9, (0.6, 0.6, 1.7), AgentKind.PEDESTRIAN)
    scene = _scene([Car(1, -25, 0, 0, 10), walker], [WEST_EAST], 7.0)
    return [_styled(scene, 1, politeness=p) for p in (0.2, 0.9)]


def test_kind_drivers_stop_for_who_waits() -> None:
    states = _driven(_waiting)
    unkind, kind = torch.stack([state.speed_mps[:, 1] for state in states]).amin(dim=0)
    assert kind < unkind - 2.0


def _nudged() -> list[Scenario]:
    """Agent 2 drifts over from the lane on the left, 12 m ahead of agent 1, both at 9 m/s."""
    drifting = Car(-1, -28, 3.5, -0.06, 9.0)
    scene = _scene([Car(1, -42, 0, 0, 9), drifting], [WEST_EAST], 2.0)
    return [_styled(scene, 1, politeness=p) for p in (0.9, 0.25, 0.0)]


def test_kind_drivers_make_room_for_who_comes_over() -> None:
    # It sweeps into the strip, 2.25 m from its middle, about 2.3 s after it began.
    states = _driven(_nudged)
    kind, neutral, unkind = states[18].speed_mps[:, 1].tolist()
    assert kind < neutral - 0.5
    assert min(float(state.acceleration_mps2[0, 1]) for state in states[:18]) > -1.6
    assert unkind >= neutral
