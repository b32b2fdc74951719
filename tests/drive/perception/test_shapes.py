"""What has the size of a road user, by the sizes of cars, people and bushes."""

import pytest
import torch

from drive.perception.shapes import (
    CAR_LENGTH_M,
    LARGE_LENGTH_M,
    TWO_WHEELER_LENGTH_M,
    Size,
    body_of,
    kind_of,
)
from sim.scenario import AgentKind

STANDS_MPS, WALKS_MPS, DRIVES_MPS = 0.0, 1.4, 6.0


@pytest.mark.parametrize(
    "size",
    [
        pytest.param(Size(4.3, 1.8, 1.5), id="a car"),
        pytest.param(Size(5.6, 2.0, 2.2), id="a van"),
        pytest.param(Size(8.5, 2.5, 3.4), id="a lorry"),
    ],
)
@pytest.mark.parametrize("speed_mps", [DRIVES_MPS, STANDS_MPS])
def test_road_users_stay_as_they_were_seen(size: Size, speed_mps: float) -> None:
    assert body_of(size, speed_mps) == size


@pytest.mark.parametrize("speed_mps", [WALKS_MPS, STANDS_MPS])
def test_a_person_stays_as_it_was_seen(speed_mps: float) -> None:
    person = Size(0.6, 0.5, 1.75)
    assert body_of(person, speed_mps) == person


@pytest.mark.parametrize(
    "size",
    [
        pytest.param(Size(0.3, 0.25, 2.8), id="a pole"),
        pytest.param(Size(0.5, 0.45, 2.4), id="a trunk"),
        pytest.param(Size(0.6, 0.6, 0.9), id="a bin"),
        pytest.param(Size(2.4, 1.1, 1.4), id="a bush"),
        pytest.param(Size(7.0, 0.6, 1.6), id="a hedge"),
        pytest.param(Size(4.1, 0.5, 1.5), id="the fronts of two cars side by side"),
        pytest.param(Size(1.8, 0.8, 1.1), id="a bicycle without a rider"),
    ],
)
def test_what_stands_and_has_no_such_size_is_none(size: Size) -> None:
    assert body_of(size, STANDS_MPS) is None


def test_a_cyclist_rides() -> None:
    rider = Size(1.8, 0.7, 1.7)
    assert body_of(rider, DRIVES_MPS) == rider


def test_who_walks_with_broad_shoulders_first_keeps_the_way_for_a_length() -> None:
    walker = Size(0.4, 0.6, 1.7)
    assert body_of(walker, WALKS_MPS) == walker


def test_a_car_that_was_only_seen_from_behind_is_as_long_as_cars_are() -> None:
    # It drives: its length is along the way. It stands: what was seen lies across.
    assert body_of(Size(0.4, 1.8, 1.4), DRIVES_MPS) == Size(CAR_LENGTH_M, 1.8, 1.4)
    assert body_of(Size(1.8, 0.4, 1.4), STANDS_MPS) == Size(CAR_LENGTH_M, 1.8, 1.4, across=True)


def test_a_rider_of_whom_only_the_back_was_seen_is_as_long_as_a_bicycle() -> None:
    # 0.6 m deep at 6 m/s: nobody walks so fast.
    assert body_of(Size(0.6, 0.6, 1.7), DRIVES_MPS) == Size(TWO_WHEELER_LENGTH_M, 0.6, 1.7)


def test_a_lorry_of_which_only_the_back_was_seen_is_as_long_as_lorries_are() -> None:
    back = Size(0.3, 2.5, 3.2)
    assert body_of(back, DRIVES_MPS) == Size(LARGE_LENGTH_M, 2.5, 3.2)
    # What stands there might be a wall.
    assert body_of(back, STANDS_MPS) is None


def test_kinds_by_size() -> None:
    sizes = torch.tensor(
        [[[4.5, 1.9], [1.8, 0.7], [0.7, 0.6], [11.0, 2.5], [2.2, 0.8], [5.0, 0.9]]]
    )
    car, bike, walker, bus, motor, edge = kind_of(sizes)[0].tolist()
    assert car == bus == edge == AgentKind.VEHICLE and bike == motor == AgentKind.CYCLIST
    assert walker == AgentKind.PEDESTRIAN
