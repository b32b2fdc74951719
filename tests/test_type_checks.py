"""The checks that all other tests run under: what was seen is let through, what differs is checked."""

from collections.abc import Callable
from typing import Literal

import pytest
import torch
from beartype import beartype
from jaxtyping import Bool, Float, TypeCheckError
from torch import Tensor

from sim.geometry import se2
from tests.type_checks import SPARE, jaxtyped_once

POINTS = torch.zeros(3, 2)


def _often(function: Callable, *arguments: Tensor) -> None:
    """As often as it takes for one call to be looked at, however many there were before."""
    for _ in range(SPARE):
        function(*arguments)


def test_the_packages_are_checked() -> None:
    with pytest.raises(TypeCheckError, match="compose"):
        _often(se2.compose, torch.zeros(4), torch.zeros(3))


def _checked(function):
    return jaxtyped_once(function, typechecker=beartype)


@_checked
def _masked(
    points: Float[Tensor, "n 2"], mask: Bool[Tensor, " n"], how: Literal["all", "none"] = "all"
) -> Float[Tensor, "n 2"]:
    return points[mask]


@pytest.mark.parametrize(
    "arguments",
    [
        (POINTS, torch.ones(4, dtype=torch.bool)),  # another n
        (POINTS.double().long(), torch.ones(3, dtype=torch.bool)),  # another dtype
        (POINTS, None),  # another type
        (POINTS, torch.ones(3, dtype=torch.bool), "some"),  # another word
        (POINTS, torch.tensor([True, False, True])),  # the result alone is of another shape
    ],
)
def test_a_call_that_differs_from_one_that_passed_is_refused(arguments: tuple) -> None:
    for _ in range(2):
        _masked(POINTS, torch.ones(3, dtype=torch.bool))
        _masked(POINTS, torch.ones(3, dtype=torch.bool), "none")
    for _ in range(2):
        with pytest.raises(TypeCheckError, match="_masked"):
            _masked(*arguments)


def test_what_is_inside_of_lists_counts() -> None:
    @_checked
    def total(parts: list[Float[Tensor, " 2"]], more: dict[str, int]) -> Tensor:
        return sum(parts, torch.zeros(2)) + len(more)

    total([torch.ones(2)], {"a": 1})
    with pytest.raises(TypeCheckError):
        total([torch.ones(1)], {"a": 1})
    with pytest.raises(TypeCheckError):
        total([torch.ones(2)], {"a": "1"})  # type: ignore[dict-item]


def test_a_call_like_one_that_passed_costs_no_check() -> None:
    """A checker that counts: it is asked for the arguments and for the result of the first call."""
    asked = []

    def counting(function):
        def count(*args, **kwargs):
            asked.append(function.__name__)
            return function(*args, **kwargs)

        return count

    def double(x: Tensor) -> Tensor:
        return 2 * x

    checked = jaxtyped_once(double, typechecker=counting)
    for value in (0.0, 1.0, 2.0):
        assert checked(torch.full((3,), value)).tolist() == [2 * value] * 3
    assert asked == ["double"] * 2
    checked(torch.zeros(4))
    assert asked == ["double"] * 4


def test_what_is_called_very_often_is_still_looked_at() -> None:
    @_checked
    def double(x: Float[Tensor, " n"]) -> Tensor:
        return 2 * x

    for _ in range(1000):
        double(torch.zeros(3))
    with pytest.raises(TypeCheckError, match="double"):
        _often(double, torch.zeros(3, dtype=torch.long))
