"""Losses and figures of occupancy, by hand."""

from math import log

import pytest
import torch

from drive.features.occupancy import occupancy_truth
from drive.features.vectors import vector_scene
from drive.prediction.occupancy import OccupancyFutures
from drive.prediction.occupancy_figures import occupancy_figures
from drive.prediction.occupancy_losses import motion_loss, occupancy_loss
from sim.geometry.grid import BevGrid
from tests.drive.scenes import toy_examples


def test_occupancy_loss_by_hand() -> None:
    # Two cells at two instants; the second is not recorded. p = .8 where one is, .25 where none is.
    logit = torch.tensor(((log(4.0), -log(3.0)), (5.0, 5.0))).reshape(1, 1, 2, 2, 1)
    occupied = torch.tensor(((True, False), (False, False))).reshape(1, 1, 2, 2, 1)
    recorded = torch.tensor([[True, False]])
    loss = occupancy_loss(logit, occupied, recorded)
    assert loss.item() == pytest.approx(-log(0.8) - log(0.75))
    nobody = occupancy_loss(logit, torch.zeros_like(occupied), torch.zeros_like(recorded))
    assert nobody.item() == 0.0


def test_motion_loss_by_hand() -> None:
    # Ways (1, 0) with 3/4 and (0, 2) with 1/4; the true step is (1, .5): at L1 distances .5 and 2.5 m,
    # 1 and 5 scales. The other cell does not count.
    moved_m = (
        torch.tensor(((1.0, 0.0), (0.0, 2.0))).reshape(1, 1, 2, 1, 1, 2).expand(1, 1, 2, 2, 1, 2)
    )
    mode_logit = torch.tensor((log(3.0), 0.0)).reshape(1, 1, 2, 1, 1).expand(1, 1, 2, 2, 1)
    true_m = torch.tensor((1.0, 0.5)).expand(1, 1, 2, 1, 2)
    counts = torch.tensor((True, False)).reshape(1, 1, 2, 1)
    loss = motion_loss(moved_m, mode_logit, true_m, counts)
    expected = -torch.log(
        0.75 * torch.exp(torch.tensor(-1.0)) + 0.25 * torch.exp(torch.tensor(-5.0))
    )
    torch.testing.assert_close(loss, expected)


def test_figures_of_a_perfect_forecast_of_who_goes_straight_on() -> None:
    """In the toy scenes everyone keeps his velocity: that baseline is perfect, one that stays is not."""
    example = toy_examples()
    scene, grid = vector_scene(example.observation), BevGrid(-40.0, -32.0, 1.0, 160, 64)
    truth = occupancy_truth(scene, example.future, 10, grid)
    futures = OccupancyFutures(
        logit=40.0 * truth.occupied.float() - 20.0,
        moved_m=truth.moved_m.unsqueeze(2) + torch.tensor((0.1, 0.0)),
        mode_logit=torch.zeros(5, 10, 1, 160, 64),
        grid=grid,
        dt_s=0.5,
    )
    found = {k: (a / b).item() for k, (a, b) in occupancy_figures(futures, scene, truth).items()}
    assert found["IoU_1s"] == found["IoU_5s"] == found["IoU_pedestrian"] == 1.0
    assert found["soft_IoU"] > 0.999
    assert found["flow_mps"] == pytest.approx(0.2, abs=1e-5)  # .1 m in half a second
    assert found["calibration"] < 1e-4
    assert found["IoU_5s_cv"] > 0.95  # but for rounding at the cells' borders
    assert found["IoU_1s_still"] < 0.2  # cars of 4.5 m are 6 and 8 m further on; who walks, 1 m
    assert found["IoU_vehicle_still"] < 0.1
    assert torch.tensor(found["IoU_cyclist"]).isnan()  # nobody
    assert 0.3 < found["IoU_1s_warp"] <= 1.0
