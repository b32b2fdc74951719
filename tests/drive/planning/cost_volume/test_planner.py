"""The planners over a cost volume, on toy observations."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from drive.features.example import Example
from drive.networks.weights import WeightsCard, save_weights
from drive.planning import make_planner
from drive.planning.candidates import DT_S, POINTS
from drive.planning.cost_volume.network import CostVolumeNetwork
from drive.planning.cost_volume.paths import (
    cheapest_positions,
    move_costs,
    place_costs,
    smoothed,
)
from drive.planning.costs.volume import CostVolume
from sim.geometry.grid import BevGrid
from sim.interface import Observation, Plan
from tests.drive.planning.cost_volume.test_network import TINY
from tests.drive.scenes import toy_examples

GRID = BevGrid(-10.0, -20.0, 0.5, 160, 80)


@pytest.fixture(scope="module")
def example() -> Example:
    return toy_examples()


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Untrained ones."""
    torch.manual_seed(0)
    network = CostVolumeNetwork(TINY)
    path = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    card = WeightsCard(network.task, network.version, asdict(network.config), {}, "", {})
    save_weights(path, network, card)
    return path


def _without(observation: Observation, what: str) -> Observation:
    agents, lanes, history = observation.agents, observation.lanes, observation.history
    assert lanes is not None and history is not None
    if what == "nobody":
        alone = history.valid.clone()
        alone[:, 1:] = False
        return replace(
            observation,
            agents=replace(agents, valid=torch.zeros_like(agents.valid)),
            history=replace(history, valid=alone),
        )
    if what == "no map":
        return replace(observation, lanes=replace(lanes, valid=torch.zeros_like(lanes.valid)))
    return observation


@pytest.mark.parametrize("name", ["costvolume", "costvolume_dp"])
@pytest.mark.parametrize("what", ["all", "nobody", "no map"])
def test_plans_are_finite_and_begin_where_the_ego_is(
    example: Example, weights: Path, name: str, what: str
) -> None:
    planner = make_planner(f"{name}@{weights}")
    plan = planner.plan(_without(example.observation, what))
    assert isinstance(plan, Plan)
    assert plan.trajectory.shape == (5, POINTS, 5)
    assert torch.isfinite(plan.trajectory).all()
    speed = example.observation.ego.speed_mps
    first_m = plan.trajectory[:, 0, 0]
    assert ((first_m - DT_S * speed).abs() < 0.5 * 8.0 * DT_S**2 + 0.8).all()
    assert plan.occupancy is not None and plan.occupancy.probability.shape[2:] == TINY.grid.shape
    assert plan.candidates is not None and plan.costs is not None
    assert torch.isfinite(plan.costs).all()
    assert torch.equal(plan.candidates[:, 0], plan.trajectory[..., :3])  # no stop for want of any


def _volume(worlds: int) -> CostVolume:
    return CostVolume(torch.zeros(worlds, POINTS, *GRID.shape), GRID, DT_S)


def test_where_all_is_free_the_cheapest_path_keeps_its_speed(example: Example) -> None:
    """To half of a cell in an instant: 1.6 m/s."""
    position_m, _ = cheapest_positions(_volume(5), example.observation)
    speed = example.observation.ego.speed_mps
    mean_mps = position_m[:, -1, 0] / (POINTS * DT_S)
    assert ((mean_mps - speed).abs() < 1.6).all()
    assert position_m[..., 1].abs().max() < 0.1


def test_it_goes_round_what_is_dear_and_stops_where_all_of_it_is(example: Example) -> None:
    volume = _volume(5)
    ahead = GRID.cell_centers_m()[..., 0] > 18.0
    aside = GRID.cell_centers_m()[..., 1] > 3.0
    volume.cost[:, :, ahead & ~aside] = 100.0
    position_m, cost = cheapest_positions(volume, example.observation)
    beyond = position_m[..., 0] > 22.0
    assert beyond.any(dim=1).all() and (position_m[..., 1][beyond] > 2.0).all()
    volume.cost[:, :, ahead] = 100.0
    position_m, stopped = cheapest_positions(volume, example.observation)
    assert (position_m[..., 0] < 22.0).all()
    assert (stopped > cost).all()


def test_a_place_costs_what_the_ego_would_pay_there_along_the_route(example: Example) -> None:
    """Here that leads to the left from 20 m on."""
    observation = example.observation
    pose = observation.route.pose.clone()
    s_m = torch.arange(pose.shape[1]) - observation.route.ego_s_m[:, None]
    pose[..., 0] = s_m.clamp(max=20.0)
    pose[..., 1] = (s_m - 20.0).clamp(min=0.0)
    pose[..., 2] = torch.where(s_m > 20.0, torch.pi / 2, 0.0)
    turning = replace(observation, route=replace(observation.route, pose=pose))
    volume = CostVolume(torch.rand(5, POINTS, *GRID.shape), GRID, DT_S)
    costs = place_costs(volume, turning)
    there = torch.zeros(5, 2, POINTS, 5)
    there[:, 0, :, 0] = 3.2
    there[:, 1, :, :3] = torch.tensor((19.2, 11.2, torch.pi / 2))
    expected = volume.along(there, observation.ego.size_m)
    torch.testing.assert_close(costs[:, :, 2, 14], expected[:, 0])
    torch.testing.assert_close(costs[:, :, 12, 21], expected[:, 1], atol=1e-3, rtol=0.0)


def test_moves_are_those_that_the_present_speed_allows() -> None:
    """At 10 m/s, 3.1 cells a step: after 0.5 s 3 m/s and half a cell (1.6) more or less; 13.6 in 2 s."""
    cost = move_costs(torch.tensor([10.0]))[0]
    straight = cost[..., 3]
    assert torch.isfinite(straight[0]).nonzero().flatten().tolist() == [2, 3, 4]
    assert torch.isfinite(straight[3]).tolist() == [True] * 8 + [False]  # 25.6 m/s
    assert straight.argmin(dim=1).tolist() == [3] * POINTS
    standing = move_costs(torch.tensor([0.0]))[0]
    assert standing[:, 0, 3].eq(0.0).all() and torch.isinf(standing[0, 0, 2])
    # 3.2 m/s aside and 0.4 m/s less ahead, after a second: 0.05 (0.4^2 + 3.2^2) / 1.
    assert float(cost[1, 3, 4]) == pytest.approx(0.05 * 10.4)


def test_smoothing_keeps_a_steady_way_and_evens_out_steps() -> None:
    time_s = DT_S * torch.arange(1, POINTS + 1)
    steady = torch.stack((6.0 * time_s, torch.zeros_like(time_s)), dim=-1).unsqueeze(0)
    torch.testing.assert_close(smoothed(steady, torch.tensor([6.0])), steady)
    stairs = 1.6 * torch.round(steady / 1.6)
    smooth = smoothed(stairs, torch.tensor([6.0]))
    rough, even = (p[0, :, 0].diff().diff().square().sum() for p in (stairs, smooth))
    assert even < 0.1 * rough
    assert (smooth - steady).abs().max() < 0.8


def test_a_speed_beyond_the_lattice_gives_a_path_all_the_same(example: Example) -> None:
    ego = example.observation.ego
    fast = replace(
        example.observation, ego=replace(ego, speed_mps=torch.full_like(ego.speed_mps, 40.0))
    )
    position_m, cost = cheapest_positions(_volume(5), fast)
    assert torch.isfinite(cost).all() and torch.isfinite(position_m).all()
