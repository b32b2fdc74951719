"""Distances and directions of layers on a road worked out by hand."""

import numpy as np
import pytest
import torch

from sim.maps.layers import LAYERS, MapLayers
from sim.scenario import LightState, Scenario, StopKind, StopLine
from tests.map_layers import read
from tests.toy import Car, make_scenario, straight


def _road() -> Scenario:
    """A lane along x from -60 to 60, 3.5 m wide; a line at x = 32 that obeys light 1."""
    stop = StopLine(np.array(((32.0, -1.75), (32.0, 1.75))), StopKind.SIGNAL, (0,), 1)
    light = np.full((2, 11), int(LightState.RED))
    return make_scenario(
        [straight(-60, 0, 60, 0)], [Car(0, 0, 0)], 1.0, stop_lines=[stop], light_state=light
    )


def _read(names: tuple[str, ...], *points: tuple[float, float]) -> tuple[torch.Tensor, ...]:
    layers = MapLayers.from_scenarios([_road()], names, 40.0)
    return tuple(part[0] for part in read(layers, torch.tensor([points])))


def test_lines_are_positive_to_their_left() -> None:
    distance, gradient, _ = _read(("centerline", "route"), (10.1, 0.7), (10.1, -1.3), (10.1, 4.0))
    assert distance[:2].tolist() == pytest.approx(torch.tensor([[0.7] * 2, [-1.3] * 2]), abs=2e-3)
    assert gradient[:2].flatten(0, 1).tolist() == [[0.0, 1.0]] * 4
    assert (distance[2] == 10.0).all() and (gradient[2] == 0.0).all()  # beyond the band of 2 m


def test_a_reachable_lane_is_seen_from_ten_metres() -> None:
    distance, _, _ = _read(("reachable",), (10.1, 8.2), (10.1, -8.2), (10.1, 12.0))
    assert distance[:, 0].tolist() == pytest.approx((8.2, -8.2, 10.0), abs=2e-3)


def test_areas_are_negative_inside() -> None:
    # 1.05 m and 0.05 m inside the edge at 1.75, 0.95 m outside of it.
    distance, gradient, _ = _read(("drivable",), (10.1, 0.7), (10.1, 1.7), (10.1, 2.7))
    assert distance[:, 0].tolist() == pytest.approx((-1.05, -0.05, 0.95), abs=2e-3)
    assert gradient[:, 0].tolist() == [[0.0, 1.0]] * 3


def test_deep_inside_an_area_and_far_outside_only_the_sign_counts() -> None:
    wide = np.array(((-50, -30), (50, -30), (50, 30), (-50, 30)), dtype=np.float32)
    road = _road()
    area = road.map.areas[0]
    road.map.areas[0] = type(area)(area.kind, wide)
    layers = MapLayers.from_scenarios([road], ("drivable",), 40.0)
    distance, _, _ = read(layers, torch.tensor([[(0.1, 5.0), (0.1, 29.0), (0.1, 35.0)]]))
    assert distance[0, :, 0].tolist() == pytest.approx((-10.0, -1.0, 10.0), abs=2e-3)


def test_the_light_of_the_nearest_stop_line() -> None:
    distance, _, light = _read(("stop_line",), (31.2, 0.0), (20.0, 0.0), (31.2, 3.0))
    assert light.tolist() == [1, -1, 1]
    # The line runs along y, so its left is x < 32; past its end at y = 1.75 the way is round it.
    assert float(distance[0, 0]) == pytest.approx(0.8, abs=2e-3)
    assert float(distance[2, 0].abs()) == pytest.approx(np.hypot(0.8, 1.25), abs=2e-2)
    assert (_read(("route",), (31.2, 0.0))[2] == -1).all()  # the layer was not asked for


def test_only_what_is_asked_for_is_made() -> None:
    few = MapLayers.from_scenarios([_road()], ("stop_line",), 40.0)
    all_ = MapLayers.from_scenarios([_road()], LAYERS, 40.0)
    assert few.field.shape[1] == 1 and len(few.field) < 0.1 * len(all_.field)
