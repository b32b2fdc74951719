import math

import pytest
import torch

from eval.metrics.arc_contacts import CURVATURES_PM, contact_distances_m, contact_figures

STRAIGHT = CURVATURES_PM.index(0.0)


def box(x: float, y: float, length: float = 4.0, width: float = 2.0) -> list[float]:
    return [x, y, 0.8, length, width, 1.6, 0.0]


def test_straight_ahead_by_hand() -> None:
    # Its rear is at 18 m, the ego's front 2.25 m before its middle: 15.75 m.
    distance = contact_distances_m(torch.tensor([box(20.0, 0.0), box(30.0, 0.0)]))
    assert distance[STRAIGHT].item() == pytest.approx(15.75, abs=0.26)
    beside = contact_distances_m(torch.tensor([box(20.0, 2.2)]))
    assert beside[STRAIGHT].item() == math.inf


def test_along_an_arc_by_hand() -> None:
    # Curvature 0.06: a circle of 16.7 m around (0, 16.7); a point on it after 20 m, at an angle of 1.2 rad.
    radius = 1.0 / 0.06
    x, y = radius * math.sin(1.2), radius * (1.0 - math.cos(1.2))
    distance = contact_distances_m(torch.tensor([box(x, y, 0.2, 0.2)]))
    turning = CURVATURES_PM.index(0.06)
    assert distance[turning].item() == pytest.approx(20.0 - 2.25, abs=0.5)
    assert distance[CURVATURES_PM.index(-0.06)].item() == math.inf


def test_nothing_there_is_free() -> None:
    assert torch.isinf(contact_distances_m(torch.zeros(0, 7))).all()


def test_figures_by_hand() -> None:
    found = torch.tensor([[10.0, math.inf, 5.0, math.inf]])
    true = torch.tensor([[12.0, 20.0, math.inf, math.inf]])
    figures = contact_figures(found, true)
    assert figures == {"error_m": 2.0, "missed": 0.5, "phantom": 0.5}
