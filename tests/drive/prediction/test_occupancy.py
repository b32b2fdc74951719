"""The occupancy predictor: what its equations have to fulfil, by hand, and that it can learn."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from drive.features.occupancy import occupancy_truth
from drive.features.vectors import vector_scene
from drive.prediction.occupancy import OccupancyConfig, OccupancyPredictor, coasting_boxes, warp
from drive.prediction.occupancy_losses import motion_loss, occupancy_loss
from sim import trees
from sim.geometry.grid import BevGrid
from tests.drive.scenes import toy_examples

TINY = OccupancyConfig(width=8, cell_width=8, resolution_m=2.0, num_x=38, num_y=21, points=4)
GRID = BevGrid(0.0, 0.0, 0.5, 24, 20)


def _network() -> OccupancyPredictor:
    torch.manual_seed(0)
    return OccupancyPredictor(TINY).eval()


def _last(network: OccupancyPredictor, t: int) -> nn.Conv2d:
    """The last layer of U^{t+1}."""
    layer = network.update.get_submodule(f"{t}.2")
    assert isinstance(layer, nn.Conv2d)
    return layer


def _set_bias(network: OccupancyPredictor, t: int, value: float) -> None:
    bias = _last(network, t).bias
    assert bias is not None
    nn.init.constant_(bias, value)


def test_without_updates_the_logits_stay_and_with_them_they_do_not() -> None:
    network, scene = _network(), vector_scene(toy_examples().observation)
    logit = network(scene).logit
    assert (logit[:, :, 1:] != logit[:, :, :-1]).any()
    nn.init.zeros_(network.told)
    for t in range(TINY.points):
        nn.init.zeros_(_last(network, t).weight)
    logit = network(scene).logit
    assert (logit == logit[:, :, :1]).all()
    assert logit.std() > 0


def test_a_step_sees_all_logits_before_it_and_none_after() -> None:
    network = _network()
    seen = torch.randn(1, 8, 6, 5), torch.zeros(1, 3, TINY.points + 1, 6, 5)
    before = network.logits(*seen)
    _set_bias(network, 1, 1.0)
    after = network.logits(*seen)
    assert (after[:, :, :2] == before[:, :, :2]).all()
    torch.testing.assert_close(after[:, :, 2], before[:, :, 2] + 1.0)
    further = after[:, :, 3:] - before[:, :, 3:]  # it stays, but for what the next steps make of it
    assert ((further - 1.0).abs() < 0.2).all() and ((further - 1.0).abs() > 1e-6).any()
    _set_bias(network, 1, 100.0)
    assert (network.logits(*seen)[:, :, 2] == 10.0).all()


def test_boxes_coast_at_their_velocities() -> None:
    """The car ahead, 16 m off after a second (20 + 6 - 10), goes 12 m on in two seconds at 6 m/s."""
    scene = vector_scene(toy_examples().observation)
    boxes = coasting_boxes(scene, 4, 0.5, TINY.grid)[0, 0]
    place = [TINY.grid.cells(torch.tensor(x), torch.tensor(0.0)) for x in (16.0, 28.0)]
    taken = [[bool(boxes[t, int(i), int(j)]) for i, j in place] for t in (0, 4)]
    assert taken == [[True, False], [False, True]]


def test_it_begins_as_the_forecast_of_constant_velocity() -> None:
    network, scene = _network(), vector_scene(toy_examples().observation)
    boxes = coasting_boxes(scene, TINY.points, TINY.dt_s, TINY.grid)
    probability = network(scene).probability
    assert boxes.any() and ((probability > 0.5) == boxes).all()
    # As sure of them as they are often right: 0.93 after half a second, 0.86 after one ...
    for t, right in ((1, 0.926), (2, 0.857), (4, 0.735)):
        told = probability[:, :, t][boxes[:, :, t]]
        assert len(told) and (told - right).abs().max() < 0.05


def test_a_warp_moves_a_box_by_v_dt() -> None:
    # 4 by 2 cells at (3, 5); 6 m/s for half a second are 3 m, 6 cells of .5 m; -1 m/s one cell down.
    mass = torch.zeros(1, 1, 24, 20)
    mass[..., 3:7, 5:7] = 0.8
    moved_m = 0.5 * torch.tensor((6.0, -1.0)).expand(1, 1, 24, 20, 2)
    expected = torch.zeros_like(mass)
    expected[..., 9:13, 4:6] = 0.8
    there = torch.ones(1, 1, 24, 20)
    torch.testing.assert_close(warp(mass, moved_m, there, GRID), expected)
    # A quarter of a cell further: a quarter of it arrives in the next row.
    moved_m = moved_m + torch.tensor((0.125, 0.0))
    expected[..., 9, 4:6], expected[..., 13, 4:6] = 0.6, 0.2
    torch.testing.assert_close(warp(mass, moved_m, there, GRID), expected)


def test_a_warp_conserves_mass_and_loses_what_leaves() -> None:
    torch.manual_seed(1)
    mass = torch.zeros(2, 3, 24, 20)
    mass[..., 8:16, 8:12] = torch.rand(2, 3, 8, 4)
    moved_m = 3.9 * (
        2.0 * torch.rand(2, 4, 24, 20, 2) - 1.0
    )  # less than the 8 cells to the borders
    probability = torch.softmax(torch.randn(2, 4, 24, 20), dim=1)
    out = warp(mass, moved_m, probability, GRID)
    torch.testing.assert_close(out.sum(dim=(2, 3)), mass.sum(dim=(2, 3)))
    # Two ways: .3 of it goes 2 m on, .7 leaves the grid.
    moved_m = torch.tensor(((2.0, 0.0), (0.0, 40.0)))[None, :, None, None].expand(2, 2, 24, 20, 2)
    probability = torch.tensor((0.3, 0.7))[None, :, None, None].expand(2, 2, 24, 20)
    out = warp(mass, moved_m, probability, GRID)
    torch.testing.assert_close(out[:, :, 4:], 0.3 * mass[:, :, :-4])


def test_gradients_of_a_warp_are_finite_differences() -> None:
    torch.manual_seed(2)
    grid = BevGrid(0.0, 0.0, 0.5, 4, 3)
    mass = torch.rand(1, 2, 4, 3, dtype=torch.double, requires_grad=True)
    moved_m = (0.1 + 0.3 * torch.rand(1, 2, 4, 3, 2, dtype=torch.double)).requires_grad_()
    probability = torch.rand(1, 2, 4, 3, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda m, d, p: warp(m, d, p, grid), (mass, moved_m, probability), eps=1e-6
    )


def test_what_is_handed_out_is_the_chance_of_anybody() -> None:
    network, observation = _network(), toy_examples().observation
    occupancy, futures = network.predict_occupancy(observation), network(vector_scene(observation))
    assert occupancy.probability.shape == (5, 4, 38, 21)
    p = futures.probability[:, :, 1:]
    a, b, c = p.unbind(1)
    torch.testing.assert_close(occupancy.probability, a + b + c - a * b - a * c - b * c + a * b * c)
    assert futures.flow_mps.shape == (5, 4, 38, 21, 2)
    assert futures.warped().shape == (5, 3, 5, 38, 21)


@pytest.mark.parametrize("what", ["nobody", "no map"])
def test_what_is_missing_gives_finite_futures(what: str) -> None:
    scene = vector_scene(toy_examples().observation)
    if what == "nobody":
        scene = replace(scene, agent_valid=torch.zeros_like(scene.agent_valid))
    else:
        scene = replace(scene, line_point_valid=torch.zeros_like(scene.line_point_valid))
    futures = _network()(scene)
    assert torch.isfinite(futures.logit).all() and torch.isfinite(futures.moved_m).all()


def test_it_learns_by_heart_who_goes_where() -> None:
    """A scene of two cars and somebody on foot: as constant velocity has it first, then far better."""
    torch.manual_seed(0)
    example = trees.take(toy_examples(), torch.zeros(1, dtype=torch.long))
    config = OccupancyConfig(
        width=16, cell_width=16, resolution_m=1.5, num_x=72, num_y=16, points=4, behind_m=20.0
    )
    network, scene = OccupancyPredictor(config), vector_scene(example.observation)
    truth = occupancy_truth(scene, example.future, config.points, config.grid)
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)

    def losses() -> tuple[Tensor, Tensor]:
        found = network(scene)
        motion = motion_loss(found.moved_m, found.mode_logit, truth.moved_m, truth.moves)
        return occupancy_loss(found.logit, truth.occupied, truth.recorded), motion

    first = [loss.item() for loss in losses()]
    for _ in range(60):
        optimizer.zero_grad()
        sum(losses(), torch.zeros(())).backward()
        optimizer.step()
    last = [loss.item() for loss in losses()]
    share = truth.occupied.float().mean()
    guessed = occupancy_loss(
        share.logit().expand(truth.occupied.shape), truth.occupied, truth.recorded
    )
    assert last[0] < 0.3 * first[0] < 0.1 * guessed
    assert last[1] < 0.25 * first[1]
