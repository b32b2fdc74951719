"""Across others at junctions: left turn, roundabout, contested stop, someone who runs a light or sign."""

from dataclasses import replace

import numpy as np

from sim.scenario import CueAction, Route, StopKind
from sim.sources.procedural import junctions
from sim.sources.procedural.crossroads import (
    ARM_LENGTH_M,
    LEFT,
    STRAIGHT,
    Junction,
    build_junction,
    four_angles,
    junction_layout,
)
from sim.sources.procedural.layout import Actor, Cue, Layout

Rng = np.random.Generator

_BEYOND_M = 25.0  # of the goal, past a junction


def unprotected_left(rng: Rng) -> Layout:
    """The ego turns left across dense oncoming traffic that has the right of way."""
    kind = StopKind.SIGNAL if rng.random() < 0.3 else StopKind.YIELD
    lanes = int(rng.integers(1, 3))
    junction = build_junction(rng, four_angles(rng), lanes, kind, arm_m=270.0)
    layout = junction_layout(rng, junction, LEFT)
    mine = junction.movements[layout.ego_route].arm
    oncoming = (mine + 2) % 4
    layout.weight = [
        (8.0 if m.turn == STRAIGHT else 1.0) if m.arm == oncoming else 0.3 * (m.arm == mine) + 0.15
        for m in junction.movements
    ]
    # Nobody beyond the junction: those who oppose the ego come towards it.
    layout.spawn = [
        [(4.0, junction.arm_m - 12.0)] if m.arm == oncoming else spawn
        for m, spawn in zip(junction.movements, layout.spawn, strict=True)
    ]
    layout.cars, layout.gap_m = (16, 25), (0.0, float(rng.uniform(8, 70)))
    layout.time_gap_s, layout.lights_from_s = float(rng.uniform(0.9, 1.3)), 0.0
    return _with_task(layout, rng, junction.arm_m, near_m=(25.0, 55.0))


def dense_roundabout(rng: Rng) -> Layout:
    """A full roundabout; whoever enters has to find a gap."""
    layout = junctions.roundabout(rng)
    arms = round(0.5 + np.sqrt(0.25 + len(layout.routes)))  # each has a way to each of the others
    mine = layout.ego_route // (arms - 1)
    # Those pass the ego's entry who come from the arms before it and leave beyond it.
    layout.weight = [
        0.4 if k // (arms - 1) == mine else 1.0 + k % (arms - 1) for k in range(len(layout.routes))
    ]
    layout.spawn = [
        [intervals[0], (ARM_LENGTH_M - 10.0, intervals[1][0])] for intervals in layout.spawn
    ]
    layout.cars, layout.gap_m = (18, 27), (0.0, float(rng.uniform(2, 25)))
    layout.time_gap_s = float(rng.uniform(0.8, 1.2))
    layout.pedestrians = (0, 2)
    return _with_task(layout, rng, ARM_LENGTH_M, near_m=(25.0, 55.0), slack_s=(8.0, 14.0))


def contested_stop(rng: Rng) -> Layout:
    """All have to stop, all come at the same time, and not all keep to it."""
    junction = build_junction(rng, four_angles(rng), 1, StopKind.STOP_SIGN, all_way=True)
    layout = junction_layout(rng, junction)
    mine = junction.movements[layout.ego_route].arm
    gap = float(rng.uniform(18, 45))  # of the ego from the end of its lane
    limit = junction.map.lanes[0].speed_limit_mps
    speed = min(0.9 * limit, float(np.sqrt(3.0 * gap)))  # as if it were going to stop
    for arm in range(4):
        if arm == mine or rng.random() < 0.15:
            continue
        ways = [m for m in junction.movements if m.arm == arm]
        way = ways[int(rng.integers(len(ways)))]
        start = min(junction.arm_m - gap * float(rng.uniform(0.35, 1.0)), junction.arm_m - 10.0)
        runs = way.turn == STRAIGHT and rng.random() < 0.6
        layout.actors.append(
            _runner(rng, junction, way.route, speed, gap)
            if runs
            else Actor(way.route, start, style=_rude(rng))
        )
    layout.ego_speed_mps = speed
    layout.cars, layout.gap_m = (6, 14), (0.0, 12.0)
    return _with_task(layout, rng, junction.arm_m, near_m=(gap, gap), slack_s=(3.5, 8.0))


def light_runner(rng: Rng) -> Layout:
    """The ego has the right of way; someone who crosses does not care."""
    signal = rng.random() < 0.6
    kind = StopKind.SIGNAL if signal else StopKind.STOP_SIGN
    junction = build_junction(rng, four_angles(rng), int(rng.integers(1, 3)), kind)
    layout = junction_layout(rng, junction)
    own = [
        k
        for k, m in enumerate(junction.movements)
        if junction.is_main[m.arm] and m.turn in (STRAIGHT, LEFT)
    ]
    layout.ego_route = int(rng.choice(own))
    mine = junction.movements[layout.ego_route]
    limit = junction.map.lanes[mine.route.lanes[0]].speed_limit_mps
    speed, gap = limit * float(rng.uniform(0.8, 0.97)), float(rng.uniform(35, 60))
    runners = [m for m in junction.movements if not junction.is_main[m.arm] and m.turn == STRAIGHT]
    runner = runners[int(rng.integers(len(runners)))]
    layout.actors.append(_runner(rng, junction, runner.route, speed, gap))
    # Nobody waits at the line before it.
    layout.weight = [float(m.arm != runner.arm) for m in junction.movements]
    layout.cars, layout.gap_m = (6, 14), (2.0, 30.0)
    layout.ego_speed_mps = speed
    layout.lights_from_s = 0.0
    return _with_task(layout, rng, junction.arm_m, near_m=(gap, gap), slack_s=(0.5, 3.0))


def _runner(rng: Rng, junction: Junction, way: Route, ego_mps: float, gap_m: float) -> Actor:
    """Who crosses when the ego does; half of them seem to stop first."""
    limit = junction.map.lanes[way.lanes[0]].speed_limit_mps
    pace = limit * float(rng.uniform(0.85, 1.35))
    arrives_s = (gap_m + 8.0) / ego_mps + float(rng.uniform(-0.7, 0.7))
    start = junction.arm_m + 8.0 - pace * arrives_s
    feint = None
    if rng.random() < 0.5:
        braking, for_s = float(rng.uniform(2.5, 5.0)), float(rng.uniform(0.7, 1.5))
        left_s = float(rng.uniform(2.2, 3.6))  # of the ego's way to the middle of the junction
        feint = Cue(
            CueAction.BRAKE,
            np.zeros(2),
            reach_m=left_s * ego_mps,
            braking_mps2=braking,
            braking_s=for_s,
        )
        start += 0.5 * braking * for_s * (left_s - 0.3)
    style = {
        "yields": 0.0,
        "runs_red": 1.0,
        "speed_factor": pace / limit,
        "max_acceleration_mps2": float(rng.uniform(1.8, 3.0)),
    }
    # Its route leaves out the lane that ends at the line: what holds there is nothing to it.
    heedless = replace(way, lanes=way.lanes[1:])
    start = float(np.clip(start, 5.0, junction.arm_m - 4.0))
    return Actor(heedless, start, pace, "vehicle.car", style, feint)


def _rude(rng: Rng) -> dict[str, float]:
    """Some roll through the sign, some do not let others go first."""
    style: dict[str, float] = {"rolls_stop": float(rng.random() < 0.6)}
    if rng.random() < 0.7:
        style["yields"] = float(rng.random() < 0.3)  # late, or never
    return style


def _with_task(
    layout: Layout,
    rng: Rng,
    arm_m: float,
    near_m: tuple[float, float],
    slack_s: tuple[float, float] = (5.0, 10.0),
) -> Layout:
    """The ego starts `near_m` before the junction; its goal lies beyond it."""
    route = layout.routes[layout.ego_route]
    start = arm_m - float(rng.uniform(*near_m))
    layout.ego_start_m = (start, start)
    way_out = route.lanes[-1]
    layout.goal_line_m = layout.map.across(way_out, _BEYOND_M)
    layout.allow(len(route.path_m) - start - arm_m + _BEYOND_M, float(rng.uniform(*slack_s)))
    layout.spread = "strong"
    return layout
