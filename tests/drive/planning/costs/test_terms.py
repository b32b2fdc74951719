"""The terms of the interpretable cost, by hand on a straight road of two lanes."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from drive.planning.candidates import POINTS, Candidates
from drive.planning.costs.foretold import GRID, foretold_occupancy
from drive.planning.costs.terms import EACH, Surroundings, terms_in, terms_of
from drive.planning.futures import Futures
from sim.interface import Needs, Observation
from sim.maps.lane_table import LaneSpec
from sim.scenario import LightState, StopKind, StopLine
from sim.simulator import Simulator
from tests.toy import Car, make_scenario, straight

# The ego, 4 m x 2 m, is half a metre right of its lane's middle, which so lies in the middle of cells.
_LANE_M, _ONCOMING_M = 0.5, 4.5


def _observed(red: bool = False) -> Observation:
    lines = [straight(-60.0, 0.0, 200.0, 0.0), straight(200.0, 4.0, -60.0, 4.0)]
    stop = StopLine(np.array(((20.0, -2.0), (20.0, 2.0))), StopKind.SIGNAL, (0,), light=0)
    scenario = make_scenario(
        lines,
        [Car(0, 0.0, -0.5, 0.0, 8.0)],
        3.0,
        stop_lines=[stop] if red else None,
        light_state=np.full((1, 31), LightState.RED) if red else None,
    )
    simulator = Simulator.from_scenarios([scenario], "log", Needs(map=True, lanes=LaneSpec()))
    return simulator.observe(simulator.reset())


def _drive(
    x_m: list[float] | torch.Tensor, y_m: float, speed_mps: float = 8.0, curvature: float = 0.0
) -> torch.Tensor:
    x = torch.as_tensor(x_m, dtype=torch.float32)
    rest = torch.tensor((y_m, 0.0, speed_mps, curvature)).expand(len(x), 4)
    return torch.cat((x[:, None], rest), dim=1)


def _ramp(end_m: float) -> torch.Tensor:
    return torch.linspace(end_m / POINTS, end_m, POINTS)


def _named(
    observation: Observation, *drives: torch.Tensor, occupancy: torch.Tensor | None = None
) -> dict[str, list[float]]:
    candidates = Candidates(torch.stack(drives)[None], torch.ones(1, len(drives)) > 0)
    nobody = torch.zeros(1, POINTS, *GRID.shape) if occupancy is None else occupancy
    named = terms_of(observation, candidates, nobody).named()
    return {name: values[0].tolist() for name, values in named.items()}


def _near(*values: float):
    return pytest.approx(list(values), abs=1e-3)


def test_lanes_by_hand() -> None:
    drives = [_drive(_ramp(25.0), y) for y in (_LANE_M, _ONCOMING_M, -2.5, 2.5)]
    found = _named(_observed(), *drives)
    assert found["lane"] == _near(0.0, 4.0, 3.0, 2.0)
    assert found["wrong_lane"] == _near(0.0, 4.0, 0.0, 0.0)
    assert found["off_lanes"] == _near(0.0, 0.0, 1.5, 0.5)  # 1.5 m are still the lane
    assert found["route"] == _near(0.0, 4.0, 3.0, 2.0)
    assert found["route_end"] == _near(0.0, 4.0, 3.0, 2.0)


def test_what_only_the_map_tells_by_hand() -> None:
    """The road is 1.75 m to either side of the lanes' middles (-0.5 ... in the ego's frame 0.5 and 4.5),
    with nothing between 2.25 and 2.75; half the ego's width is 1 m."""
    drives = [
        _drive(_ramp(25.0), _LANE_M),
        _drive(_ramp(25.0), _LANE_M - 0.85),  # 0.1 m beyond the edge, of 0.3
        _drive(_ramp(25.0), -5.0),
        _drive(_ramp(25.0), _ONCOMING_M),  # a wrong lane is not astray
    ]
    observation = _observed()
    found = _named(observation, *drives)
    assert found["off_road"] == pytest.approx([0.0, 1.0 / 3.0, 1.0, 0.0], abs=0.15)  # 4 cm
    assert found["astray"] == _near(0.0, 0.0, 0.0, 0.0)
    found = _named(replace(observation, map=None), *drives)
    assert found["off_road"] == found["astray"] == [0.0] * len(drives)


def test_who_passes_the_exit_is_astray() -> None:
    """Two lanes one way, 60 m; the right one, where the ego is, goes on to the exit that it has to take."""
    lines = [
        straight(-60.0, 0.0, 60.0, 0.0), straight(-60.0, 4.0, 60.0, 4.0),
        straight(60.0, 4.0, 200.0, 4.0), straight(60.0, 0.0, 200.0, -60.0),
    ]  # fmt: skip
    scenario = make_scenario(lines, [Car(0, 0.0, 0.0, 0.0, 8.0)], 3.0, beside=[(1, 0)])
    after = {0: (3,), 1: (2,)}
    lanes = [replace(v, successors=after.get(k, ())) for k, v in enumerate(scenario.map.lanes)]
    route = scenario.routes[0]
    assert route is not None
    scenario = replace(
        scenario,
        map=replace(scenario.map, lanes=lanes),
        routes=[replace(route, lanes=(0, 3))],
    )
    simulator = Simulator.from_scenarios([scenario], "log", Needs(map=True, lanes=LaneSpec()))
    stays, passes = _drive(_ramp(40.0), 0.0), _drive(_ramp(40.0), 4.0)
    changes = torch.cat((stays[:5], passes[5:]))
    found = _named(simulator.observe(simulator.reset()), stays, passes, changes, changes.flip(0))
    assert found["astray"] == _near(0.0, 1.0, 0.5, 0.5)
    # 40 m of 50; the first step alone beside the exit; as far as it leads; the last begins at its end.
    assert found["progress"] == _near(-0.8, -0.08, -0.4, -0.8)


def test_progress_and_speed_by_hand() -> None:
    drives = (_drive(_ramp(25.0), 0.0), _drive(_ramp(60.0), 0.0, 12.0), _drive([0.0] * POINTS, 0.0))
    found = _named(_observed(), *drives)
    assert found["progress"] == _near(-0.5, -1.2, 0.0)  # 50 m are 1
    assert found["speeding"] == _near(0.0, 2.0, 0.0)  # the limit is 10 m/s


def test_comfort_by_hand() -> None:
    steady = _drive(_ramp(40.0), 0.0)
    faster, slower = steady.clone(), steady.clone()
    push = 0.5 * torch.arange(1, POINTS + 1)
    faster[:, 3] += push  # 1 m/s2 from 0 on: a jerk of 2 m/s3 in the first of ten steps
    slower[:, 3] -= 2.0 * push.clamp(max=2.0)  # 2 m/s2 in four of ten steps, and off again
    bent = _drive(_ramp(40.0), 0.0, 8.0, 0.05)  # 3.2 m/s2 across; 0.5 in one of ten steps
    found = _named(_observed(), steady, faster, slower, bent)
    assert found["acceleration"] == _near(0.0, 1.0, 0.0, 0.0)
    assert found["braking"] == _near(0.0, 0.0, 0.4 * 4.0, 0.0)
    assert found["jerk"] == _near(0.0, 0.4, 2 * 16.0 / 10, 0.0)
    assert found["lateral"] == _near(0.0, 0.0, 0.0, 3.2**2)
    assert found["turning"] == _near(0.0, 0.0, 0.0, 0.025)


def test_what_the_ego_does_now_counts() -> None:
    """Who already brakes and steers so changes nothing."""
    observation = _observed()
    steering = torch.atan(0.05 * observation.ego.wheelbase_m)
    brakes = torch.full_like(steering, -2.0)
    ego = replace(observation.ego, acceleration_mps2=brakes, steering_rad=steering)
    drive = _drive(_ramp(20.0), 0.0, 8.0, 0.05)
    drive[:, 3] -= torch.arange(1, POINTS + 1)
    found = _named(replace(observation, ego=ego), drive)
    assert found["jerk"] == _near(0.0)
    assert found["turning"] == _near(0.0)


def test_red_lights_by_hand() -> None:
    observation = _observed(red=True)
    stop_s, ego_s = observation.route.stop_s_m, observation.route.ego_s_m
    assert float(stop_s - ego_s) == pytest.approx(20.0, abs=0.1)
    # Fronts are 2 m ahead: of 5, 10, ... 50 m those from 20 m on are past the line.
    passes, waits = _drive(_ramp(50.0), 0.0), _drive(_ramp(50.0).clamp(max=17.5), 0.0)
    assert _named(observation, passes, waits)["red_light"] == _near(7.0, 0.0)
    returns = _drive([19.0, *[10.0] * 9], 0.0)
    assert _named(observation, returns)["red_light"] == _near(10.0)  # it stays broken
    route = observation.route
    # The line 19.7 m ahead, between two points of the route; a front at 19.6 m waits, one at 19.8 does not.
    nearer = replace(observation, route=replace(route, stop_s_m=ego_s + 19.7))
    drives = (_drive([17.6] * POINTS, 0.0), _drive([17.8] * POINTS, 0.0))
    assert _named(nearer, *drives)["red_light"] == _near(0.0, 10.0)
    nearer = replace(observation, route=replace(route, stop_s_m=ego_s + 1.0))
    assert _named(nearer, passes)["red_light"] == _near(0.0)  # the front is past it already
    assert _named(_observed(), passes)["red_light"] == _near(0.0)


def _taken(x_m: tuple[float, float], y_m: tuple[float, float]) -> torch.Tensor:
    centers = GRID.cell_centers_m()
    x, y = centers.unbind(-1)
    held = (x > x_m[0]) & (x < x_m[1]) & (y > y_m[0]) & (y < y_m[1])
    return held.float().expand(1, POINTS, *GRID.shape).contiguous()


@pytest.mark.parametrize(
    ("x_m", "y_m", "wanted"),
    [
        # A standing ego would see 0 of the speed's terms; at 5 m/s they are half. The ego's box is 4 m x 2 m.
        # The ten instants count 2, ... 0.4, 12 together, but in headway.
        ((-1.0, 1.0), (-0.5, 0.5), (12.0, 6.0, 0.0)),  # under it
        (
            (2.0, 3.5),
            (-0.5, 0.5),
            (12.0, 6.0, 0.0),
        ),  # swept a quarter of a second later: 1.25 m ahead
        ((3.6, 4.4), (-0.5, 0.5), (0.0, 0.0, 5.0)),  # farther ahead
        ((-1.0, 1.0), (1.5, 2.0), (0.0, 6.0, 0.0)),  # beside it, within 0.6 m
        ((-1.0, 1.0), (2.0, 3.0), (0.0, 0.0, 0.0)),  # farther aside
        ((5.5, 7.0), (-1.0, 1.0), (0.0, 0.0, 5.0)),  # 4 m ahead of its front: 0.8 s
        ((5.5, 7.0), (0.6, 2.0), (0.0, 0.0, 5.0)),  # there, ahead of its left corner alone
        ((5.5, 7.0), (1.5, 2.5), (0.0, 0.0, 0.0)),  # farther aside
        ((13.0, 20.0), (-1.0, 1.0), (0.0, 0.0, 0.0)),  # more than 1.6 s ahead
    ],
)
def test_safety_by_hand(
    x_m: tuple[float, float], y_m: tuple[float, float], wanted: tuple[float, ...]
) -> None:
    at = _drive([0.0] * POINTS, 0.0, 5.0)
    found = _named(_observed(), at, occupancy=_taken(x_m, y_m))
    assert tuple(found[name][0] for name in EACH[:3]) == pytest.approx(wanted, abs=1e-4)


def test_what_is_soon_counts_more() -> None:
    at, under = _drive([0.0] * POINTS, 0.0, 5.0), _taken((-1.0, 1.0), (-0.5, 0.5))
    for instant, wanted in ((0, 2.0), (POINTS - 1, 0.4)):
        then = torch.zeros_like(under)
        then[:, instant] = under[:, instant]
        assert _named(_observed(), at, occupancy=then)["collision"] == _near(wanted)


def test_terms_rise_with_occupancy_and_say_where() -> None:
    draw = torch.Generator().manual_seed(0)
    observation = _observed()
    unit = torch.rand(1, 30, POINTS, 5, generator=draw)
    trajectory = unit * torch.tensor((60.0, 20.0, 6.0, 10.0, 0.1)) - torch.tensor((0, 10, 3, 0, 0))
    candidates = Candidates(trajectory, torch.ones(1, 30) > 0)
    less = torch.rand(1, POINTS, *GRID.shape, generator=draw).requires_grad_()
    more = less.detach() + torch.rand(less.shape, generator=draw) * (
        torch.rand(less.shape, generator=draw) > 0.9
    )
    fewer, further = (terms_of(observation, candidates, o) for o in (less, more))
    assert (further.each >= fewer.each).all()
    assert (further.each > fewer.each)[..., :3].any()
    assert torch.equal(further.whole, fewer.whole)
    for k in range(3):
        (gradient,) = torch.autograd.grad(fewer.each[..., k].sum(), less, retain_graph=True)
        assert (gradient >= 0.0).all() and gradient.sum() > 1.0


def _softened(observation: Observation, occupancy: torch.Tensor, *drives: torch.Tensor):
    """Terms of safety with slopes, summed over time, and their slopes in x and y at all instants."""
    path = torch.stack(drives)[None].requires_grad_()
    terms = terms_in(Surroundings.of(observation, occupancy).softened(), path)
    total = terms.each.sum(dim=2)[0]
    slopes = [torch.autograd.grad(part.sum(), path, retain_graph=True)[0] for part in total.T]
    return total, torch.stack(slopes)[:, 0, ..., :2].sum(dim=2)


@pytest.mark.parametrize("gap_m", [0.1, 0.5, 1.0])
def test_softened_terms_push_away_from_what_stands_beside(gap_m: float) -> None:
    """A box on the left, so far from the ego's flank: less of all three farther to the right."""
    at = _drive([10.0] * POINTS, 0.0, 5.0)
    left = _taken((6.0, 14.0), (1.0 + gap_m, 4.0))
    right = _taken((6.0, 14.0), (-4.0, -1.0 - gap_m))
    for occupancy, side in ((left, 1.0), (right, -1.0)):
        total, slope = _softened(_observed(), occupancy, at)
        assert total[0, 0] > 0.0 and side * slope[0, 0, 1] > 0.1  # collision
        assert (
            side * slope[1, 0, 1] > 0.1 or gap_m < 0.5
        )  # clearance: under 0.6 m it is all there is
    total, slope = _softened(_observed(), _taken((6.0, 14.0), (4.0, 6.0)), at)
    assert total[0, 0] == 0.0 and slope[0, 0, 1] == 0.0


def test_softened_terms_push_back_from_what_is_ahead() -> None:
    at = _drive([10.0] * POINTS, 0.0, 5.0)  # its front at 12 m; 8 m on are 1.6 s
    total, slope = _softened(_observed(), _taken((20.5, 26.0), (-2.0, 2.0)), at)
    assert total[0, 2] > 0.0 and slope[2, 0, 0] > 0.1
    total, slope = _softened(_observed(), _taken((12.5, 18.0), (-2.0, 2.0)), at)
    assert total[0, 0] > 0.0 and slope[0, 0, 0] > 0.1


def test_a_softened_red_light_begins_before_its_line() -> None:
    # Fronts at 18, 18.8, 19.4 and 21 m of a line at 20 m: over 1.5 m it rises to 1.
    drives = [_drive([x] * POINTS, 0.0) for x in (16.0, 16.8, 17.4, 19.0)]
    total, slope = _softened(_observed(red=True), torch.zeros(1, POINTS, *GRID.shape), *drives)
    wanted = [0.0, 10 * 0.3 / 1.5, 10 * 0.9 / 1.5, 10.0]
    assert total[:, 3].tolist() == pytest.approx(wanted, abs=0.7)  # the line is known to 0.1 m
    assert slope[3, :, 0].tolist() == pytest.approx([0.0, 10 / 1.5, 10 / 1.5, 0.0], abs=1e-3)


def test_what_is_softened_is_near_to_what_is_not() -> None:
    """Deep inside and far outside of what is taken, where there is no slope."""
    inside, outside = _drive([10.0] * POINTS, 0.0, 5.0), _drive([40.0] * POINTS, 0.0, 5.0)
    taken = _taken((0.0, 24.0), (-8.0, 8.0))
    total, _ = _softened(_observed(), taken, inside, outside)
    hard = _named(_observed(), inside, outside, occupancy=taken)
    for k, name in enumerate(EACH[:3]):
        assert total[:, k].tolist() == _near(*hard[name])


@pytest.mark.parametrize("speed_mps", [0.0, 10.0])
def test_nobody_slips_between_the_points_of_the_footprint(speed_mps: float) -> None:
    """Someone 0.6 m wide and long, anywhere under what the ego sweeps."""
    observation, draw = _observed(), torch.Generator().manual_seed(0)
    at = _drive([20.0] * POINTS, 0.0, speed_mps)[None, None]
    half_m = torch.tensor((2.0 + 0.25 * speed_mps, 1.0)) - 0.3
    size_m = torch.full((1, 1, 2), 0.6)
    for unit in torch.rand(200, 2, generator=draw):
        place_m = torch.tensor((20.0, 0.0)) + (2.0 * unit - 1.0) * half_m
        pose = torch.cat((place_m, torch.zeros(1))).expand(1, 1, POINTS, 3)
        there = Futures(pose, torch.zeros(1, 1, POINTS, 2), torch.ones(1, 1, POINTS) > 0)
        occupancy = foretold_occupancy([there], torch.ones(1, 1), size_m)
        found = terms_of(observation, Candidates(at, torch.ones(1, 1) > 0), occupancy)
        assert (found.each[..., EACH.index("collision")] > 0.3).all(), place_m
