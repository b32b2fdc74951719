"""The cost volume network: what it costs at first, and what it can see."""

from dataclasses import replace

import pytest
import torch

from drive.features.vectors import vector_scene
from drive.planning.candidates import DT_S, POINTS
from drive.planning.cost_volume.network import CostVolumeConfig, CostVolumeNetwork
from drive.training.copycat import without_ego_motion
from tests.drive.scenes import toy_examples

TINY = CostVolumeConfig(width=8, resolution_m=1.5, num_x=54, num_y=28)
AT_CAR_M = 24.0


def _network() -> CostVolumeNetwork:
    torch.manual_seed(0)
    return CostVolumeNetwork(TINY).eval()


def _occupancy(worlds: int) -> torch.Tensor:
    """Somebody stands `AT_CAR_M` ahead all the time."""
    occupancy = torch.zeros(worlds, POINTS, *TINY.grid.shape)
    low, high = (int(TINY.grid.cells(AT_CAR_M + d, 0.0)[0]) for d in (-3.0, 3.0))
    occupancy[:, :, low : high + 1, 13:15] = 1.0
    return occupancy


def test_untrained_it_costs_to_drive_through_somebody_and_not_to_stop_before() -> None:
    observation = toy_examples().observation
    volume = _network()(vector_scene(observation), _occupancy(5))
    time_s = DT_S * torch.arange(1, POINTS + 1)
    x = torch.stack((10.0 * time_s, (10.0 * time_s).clamp(max=15.0)))
    trajectory = torch.zeros(5, 2, POINTS, 5)
    trajectory[..., 0] = x
    cost = volume.along(trajectory, observation.ego.size_m).sum(dim=2)
    through, stops = cost.unbind(1)
    assert (through > 20.0).all()
    assert (stops.abs() < 3.0).all()


def test_costs_are_clipped() -> None:
    network, scene = _network(), vector_scene(toy_examples().observation)
    torch.nn.init.constant_(network.log_taken, 20.0)
    cost = network(scene, _occupancy(5)).cost
    assert cost.max() == 1000.0


def test_it_sees_the_ego_move_only_where_that_is_not_hidden() -> None:
    """The past is told by the history and drawn in the image, the present by the velocity."""
    network, example = _network(), toy_examples()
    scene, occupancy = vector_scene(example.observation), _occupancy(5)
    torch.nn.init.normal_(network.head.weight)  # so that what it sees matters
    pose, velocity = scene.history_pose.clone(), scene.history_velocity_mps.clone()
    pose[:, 0, :-1, 1] += 3.0
    velocity[:, 0] *= 0.5
    other = replace(scene, history_pose=pose, history_velocity_mps=velocity)
    hidden = torch.tensor([True, False, True, False, True])
    with torch.no_grad():
        a, b = (network(without_ego_motion(s, hidden), occupancy).cost for s in (scene, other))
    same = (a == b).flatten(1).all(dim=1)
    assert same.tolist() == hidden.tolist()


def test_nothing_but_the_motion_of_the_ego_is_hidden() -> None:
    scene = vector_scene(toy_examples().observation)
    masked = without_ego_motion(scene, torch.ones(5, dtype=torch.bool))
    assert scene.history_valid[:, 0, :-1].all()
    assert not masked.history_valid[:, 0, :-1].any() and masked.history_valid[:, 0, -1].all()
    assert not masked.velocity_mps[:, 0].any()
    assert torch.equal(masked.history_pose[:, 1:], scene.history_pose[:, 1:])
    assert torch.equal(masked.history_velocity_mps[:, 1:], scene.history_velocity_mps[:, 1:])
    assert torch.equal(masked.history_valid[:, 1:], scene.history_valid[:, 1:])


@pytest.mark.parametrize("what", ["nobody", "no map"])
def test_what_is_missing_gives_finite_costs(what: str) -> None:
    scene = vector_scene(toy_examples().observation)
    if what == "nobody":
        scene = replace(scene, agent_valid=torch.zeros_like(scene.agent_valid))
    else:
        scene = replace(scene, line_point_valid=torch.zeros_like(scene.line_point_valid))
    assert torch.isfinite(_network()(scene, _occupancy(5)).cost).all()
