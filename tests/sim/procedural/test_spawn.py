"""Who is placed where: nobody so that two meet whatever they do."""

import numpy as np
import pytest
import shapely
import torch

from sim.geometry import box
from sim.scenario import Route
from sim.sources.procedural import numbered_draft
from sim.sources.procedural.crowd import HALT_S, Crowd, halting, standing
from sim.sources.procedural.ids import GeneratedId
from sim.sources.procedural.record import record

CAR = (4.0, 2.0, 1.5)


def _straight(x_m: float, y_m: float, yaw_rad: float) -> Route:
    along = np.arange(60.0)[:, None] * [np.cos(yaw_rad), np.sin(yaw_rad)]
    path = (np.array([x_m, y_m]) + along).astype(np.float32)
    return Route((0,), path, np.zeros(60, dtype=np.int64))


def test_a_car_that_brakes() -> None:
    found = halting(_straight(0.0, 5.0, 0.0), 10.0, 3.0, CAR)
    # From 3 m/s at 3 m/s2: 10 + 3 t - 1.5 t^2, until it stands after 1 s and 1.5 m.
    assert found[4, 0] == pytest.approx(11.125) and HALT_S[4] == pytest.approx(0.5)
    assert np.allclose(found[9:, 0], 11.5)
    assert np.allclose(found[:, 1:], [5.0, 0.0, 4.0, 2.0])


@pytest.mark.parametrize(("start_m", "met"), [(10.0, True), (3.0, False)])
def test_crossing_cars_meet_where_neither_can_stop(start_m: float, met: bool) -> None:
    # The one that goes north is at (20, -5): after 1.5 s of braking from 6 m/s its middle is at y = 0.6.
    crowd, north = Crowd(), _straight(20.0, -15.0, np.pi / 2)
    track = standing(north, 10.0, 6.0, CAR[0], 2)
    crowd.add("vehicle.car", CAR, track, north, halt=halting(north, 10.0, 6.0, CAR))
    # The other one goes 8.6 m, from (10, 0) with its front to 20.6; the first one is from 19 to 21 wide.
    east = _straight(0.0, 0.0, 0.0)
    assert crowd.is_met(halting(east, start_m, 8.0, CAR)) == met


def test_who_stands_is_met_too() -> None:
    crowd = Crowd()
    crowd.add(
        "movable_object.barrier", (0.5, 2.2, 1.0), np.array([[6.0, 0.0, 0.0, 0.0, 0.0]]), None
    )
    road = _straight(0.0, 0.0, 0.0)
    assert crowd.is_met(halting(road, 0.0, 6.0, CAR))  # 5.6 m on its front is at 7.6
    assert not crowd.is_met(halting(road, 0.0, 3.0, CAR))  # 1.5 m on it is at 3.5


def test_nobody_touches_anybody_in_the_first_second_of_a_full_roundabout() -> None:
    # In the first three of these two cars did, as they were drawn before; shapely says so.
    numbers = (31, 36, 15, 0)
    ids = [GeneratedId("dense_roundabout", "test", 0, number) for number in numbers]
    for scenario in record([numbered_draft(which, 2.0) for which in ids]):
        tracks = scenario.tracks
        for instant in range(11):
            pose = np.column_stack((tracks.position_m[:, instant, :2], tracks.yaw_rad[:, instant]))
            size = torch.tensor(tracks.size_m[:, :2])
            corners = box.corners(torch.tensor(pose).float(), size).numpy().astype(np.float64)
            boxes = shapely.polygons(corners)[tracks.valid[:, instant]]
            first, second = shapely.STRtree(boxes).query(boxes, predicate="intersects")
            assert (first == second).all(), (scenario.scenario_id, instant)
