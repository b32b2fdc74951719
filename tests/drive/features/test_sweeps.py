"""What a lidar saw as bits: by hand, the same in examples and in a closed loop, and of real sweeps."""

from dataclasses import astuple, replace
from functools import cache

import pytest
import torch
from torch import Tensor

from drive.features.example import Example, make_examples
from drive.features.raster import PAST_S
from drive.features.sweeps import (
    GRID,
    NUM_SLICES,
    SweepMemory,
    height_slices,
    lidar_scene,
    on_lanes,
    packed,
    seen_channels,
    seen_raster,
    seen_scene,
    sweep_bits,
    unpacked,
    without_earlier,
)
from drive.networks.bev_encoder import ImageConfig
from sim.interface import Observation
from sim.scenario import Scenario
from sim.simulator import Simulator
from tests.drive.scenes import LIDAR_SPEC, toy_scenario

GROUND, LOW, MIDDLE, HIGH = range(NUM_SLICES)


def _cell(x_m: float, y_m: float) -> tuple[int, int]:
    """By hand: 0.8 m cells from 40 m behind and 44.8 m to the right."""
    return int((x_m + 40.0) // 0.8), int((y_m + 44.8) // 0.8)


@cache
def _made() -> list[Example]:
    """After 1.0, 2.0 and 3.0 s, at 10 m/s."""
    return list(make_examples([toy_scenario()], LIDAR_SPEC))


def _slices(sweeps: Tensor) -> Tensor:
    """`[sweep, slice, x, y]` of the first world: now, 0.5 s and 1.0 s ago."""
    return unpacked(sweeps)[0].unflatten(0, (-1, NUM_SLICES))


def test_the_grid_is_that_of_the_networks() -> None:
    assert astuple(ImageConfig().grid) == pytest.approx(astuple(GRID))


def test_points_fall_into_slices_and_cells_by_hand() -> None:
    point_m = torch.tensor([[
        [10.1, 2.0, 0.0], [10.1, 2.0, 0.29], [10.1, 2.0, 0.5], [-5.0, -3.1, 1.5], [20.1, 0.5, 3.9],
        [20.1, 0.5, 4.1], [10.0, 0.0, -0.6], [500.0, 0.0, 1.0], [30.0, 30.0, 1.0],
    ]])  # fmt: skip
    valid = torch.tensor([[True] * 8 + [False]])
    bits = height_slices(point_m, valid)[0]
    expected = torch.zeros_like(bits)
    expected[(GROUND, *_cell(10.1, 2.0))] = True
    expected[(LOW, *_cell(10.1, 2.0))] = True
    expected[(MIDDLE, *_cell(-5.0, -3.1))] = True
    expected[(HIGH, *_cell(20.1, 0.5))] = True
    assert torch.equal(bits, expected)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_points_that_are_not_finite_are_dropped(bad: float) -> None:
    point_m = torch.tensor([[[5.0, 0.0, 1.5]] + [[5.0, 9.0, 1.5]] * 3]).repeat(2, 1, 1)
    for k in range(3):
        point_m[1, k + 1, k] = bad
    bits = height_slices(point_m, torch.ones(2, 4, dtype=torch.bool))
    assert bits.sum(dim=(1, 2, 3)).tolist() == [2, 1]


def test_a_sweep_without_points_is_empty() -> None:
    assert not height_slices(torch.zeros(2, 0, 3), torch.zeros(2, 0, dtype=torch.bool)).any()
    assert not height_slices(torch.zeros(2, 7, 3), torch.zeros(2, 7, dtype=torch.bool)).any()


def test_packing_keeps_every_bit() -> None:
    bits = torch.rand(2, 3, 5, 16, generator=torch.Generator().manual_seed(0)) < 0.5
    assert packed(bits).shape == (2, 3, 5, 2)
    assert torch.equal(unpacked(packed(bits)), bits)
    one = torch.zeros(1, 1, 1, 8, dtype=torch.bool)
    one[..., 3] = True
    assert packed(one).item() == 8


def test_what_moves_leaves_a_trail_and_what_stands_does_not() -> None:
    """Now the ego is at x = 10 m, and the rear of the car ahead, at 6 m/s, at 20 + 6 - 2.25 - 10 m ahead."""
    assert PAST_S == (0.5, 1.0)
    example = _made()[0]
    assert example.sweeps is not None and example.observation.lidar is None
    slices = _slices(example.sweeps)
    for sweep, past_s in enumerate((0.0, *PAST_S)):
        back_m = 20.0 + 6.0 * (1.0 - past_s) - 2.25 - 10.0
        column = slices[sweep, LOW, :, _cell(0.0, 0.1)[1]] | slices[sweep, MIDDLE, :, 56]
        first = int(column[51:].nonzero()[0]) + 51  # 51: ahead of where the ego ever was
        assert abs(first - _cell(back_m, 0.0)[0]) <= 1


def test_the_image_holds_sweeps_and_nobody_elses_track() -> None:
    example, grid = _made()[0], ImageConfig(num_x=40, num_y=24, behind_m=12.8).grid
    assert example.sweeps is not None
    nan = torch.full_like(example.observation.agents.pose, torch.nan)
    blind = replace(example.observation, agents=replace(example.observation.agents, pose=nan))
    scene = lidar_scene(blind, example.sweeps)
    assert scene.agent_valid.shape == (1, 1) and scene.history_pose.shape[:2] == (1, 1)
    image = seen_raster(scene, grid)
    assert image.shape == (1, seen_channels("lidar"), 40, 24)
    bits = image[0, seen_channels("tracks") :]
    behind, aside = round((40.0 - 12.8) / 0.8), (112 - 24) // 2
    whole = unpacked(example.sweeps)[0, :, behind : behind + 40, aside : aside + 24]
    assert torch.equal(bits.bool(), whole)
    with pytest.raises(ValueError, match="no sweeps"):
        seen_scene(example.observation, None, "lidar")


def test_what_stands_on_lanes_is_seen_there_alone() -> None:
    """On the lane at y = 0 the car ahead, on that at 4 m nobody in sight; who walks at -5 m is on none."""
    example = _made()[0]
    assert example.sweeps is not None
    image = seen_raster(lidar_scene(example.observation, example.sweeps), GRID)
    standing = on_lanes(image)[0]
    i, j = standing.nonzero(as_tuple=True)
    x, y = GRID.center_m(i, j)
    ahead = y.abs() < 2.0
    assert ahead.any() and (x[ahead] > 13.0).all() and (x[ahead] < 20.0).all()
    assert (y > -2.0).all() and (y < 7.0).all()
    low = seen_channels("tracks") + LOW
    walks = slice(_cell(0.0, -5.5)[1], _cell(0.0, -4.5)[1] + 1)
    assert image[0, low : low + 2, :, walks].any()
    assert not on_lanes(torch.cat((image[:, :low], torch.zeros_like(image[:, low:])), 1)).any()


def _watched(scenario: Scenario, every: int, last: int) -> tuple[Observation, Tensor]:
    """What a memory gives at step `last` of a closed loop in which the ego drives as recorded."""
    from drive.planning.log_replay import LogReplayPlanner

    planner = LogReplayPlanner()
    needs = replace(LIDAR_SPEC.needs(), privileged=True)
    simulator = Simulator.from_scenarios([scenario], "log", needs)
    state, memory = simulator.reset(), SweepMemory()
    bits = torch.zeros(0)
    for step in range(last + 1):
        observation = simulator.observe(state)
        if step % every == 0:
            bits = memory.look(observation)
        if step < last:
            state = simulator.step(state, planner.plan(observation))
    return observation, bits


@pytest.mark.parametrize("every", [1, 5])
def test_a_closed_loop_sees_what_examples_hold(every: int) -> None:
    """Points of the driven and of the recorded ego differ by rounding, which moves few across an edge."""
    example = _made()[1]
    observation, bits = _watched(toy_scenario(), every, last=20)
    assert observation.step.item() == example.observation.step.item() == 20
    assert example.sweeps is not None
    now, stored = _slices(bits), _slices(example.sweeps)
    for sweep in range(1 + len(PAST_S)):
        assert stored[sweep].sum() > 500
        assert (now[sweep] ^ stored[sweep]).sum() <= 0.002 * stored[sweep].sum()


def test_the_first_second_has_no_earlier_sweeps() -> None:
    _, bits = _watched(toy_scenario(), 5, last=5)
    now, half, whole = _slices(bits)
    assert now.any() and half.any() and not whole.any()


def test_plans_half_a_second_and_a_bit_apart_find_the_nearest_sweep() -> None:
    """Every 0.6 s: there is one 0.6 s ago, none near 1.0 s."""
    _, bits = _watched(toy_scenario(), 6, last=12)
    _, half, whole = _slices(bits)
    assert half.any() and not whole.any()


def test_earlier_sweeps_alone_are_forgotten() -> None:
    sweeps = torch.full((2, 3 * NUM_SLICES, 2, 1), 7, dtype=torch.uint8)
    kept = without_earlier(sweeps, torch.tensor([True, False]))
    assert kept.sum(dim=(1, 2, 3)).tolist() == [7 * NUM_SLICES * 2, 7 * 3 * NUM_SLICES * 2]
    assert (kept[0, :NUM_SLICES] == 7).all()


def test_an_observation_without_lidar_is_refused() -> None:
    with pytest.raises(ValueError, match="no sweep"):
        sweep_bits(_made()[0].observation, [])
