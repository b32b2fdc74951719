"""What has the size of a road user, by the sizes of cars, people and bushes."""

import pytest

from drive.perception.shapes import CAR_LENGTH_M, Size, body_of


@pytest.mark.parametrize(
    "size",
    [
        pytest.param(Size(0.6, 0.5, 1.75), id="a person"),
        pytest.param(Size(4.3, 1.8, 1.5), id="a car"),
        pytest.param(Size(5.6, 2.0, 2.2), id="a van"),
        pytest.param(Size(8.5, 2.5, 3.4), id="a lorry"),
    ],
)
@pytest.mark.parametrize("drives", [True, False])
def test_road_users_stay_as_they_were_seen(size: Size, drives: bool) -> None:
    assert body_of(size, drives) == size


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
    assert body_of(size, drives=False) is None


def test_a_cyclist_rides() -> None:
    rider = Size(1.8, 0.7, 1.7)
    assert body_of(rider, drives=True) == rider


def test_who_walks_with_broad_shoulders_first_keeps_the_way_for_a_length() -> None:
    walker = Size(0.4, 0.6, 1.7)
    assert body_of(walker, drives=True) == walker


def test_a_car_that_was_only_seen_from_behind_is_as_long_as_cars_are() -> None:
    # It drives: its length is along the way. It stands: what was seen lies across.
    assert body_of(Size(0.4, 1.8, 1.4), drives=True) == Size(CAR_LENGTH_M, 1.8, 1.4)
    assert body_of(Size(1.8, 0.4, 1.4), drives=False) == Size(CAR_LENGTH_M, 1.8, 1.4, across=True)
