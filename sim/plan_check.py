"""Is what a planner returned a plan? Checked when it is made, where its planner can still be named."""

import math
from collections.abc import Iterator
from typing import Any, get_args

import torch
from torch import Tensor

from sim.dynamics.bicycle import Controls
from sim.errors import InputError, one_of
from sim.interface import WHAT_IF_WAYS, Agents, Forecast, Occupancy, Plan, Tracking, WhatIf

Shape = tuple[int | None, ...]  # None: any length but 0


def check_plan(plan: Any, num_worlds: int, device: torch.device, where: str) -> None:
    """Raise InputError, beginning with `where`, that says what is wrong and what is expected.

    A plan holds finite float32 `[B, T, 5]`, T at least 1, on the device of the observation, and its
    entries lie a positive `dt_s` apart; what it shows beside has the shapes that its classes name.
    Controls, which a policy may give instead, are finite float32 `[B]`. Waits for the device once.
    """
    if isinstance(plan, Controls):
        for name, value in vars(plan).items():
            _check_tensor(value, (num_worlds,), device, f"{where}: controls.{name}")
            if not bool(torch.isfinite(value).all()):
                raise InputError(f"{where}: controls.{name}: not finite: {value.tolist()}")
        return
    _check_type(plan, Plan, f"{where}: plan")
    dt_s = plan.dt_s
    is_number = isinstance(dt_s, int | float) and not isinstance(dt_s, bool)
    if not (is_number and math.isfinite(dt_s) and dt_s > 0):
        raise InputError(f"{where}: plan.dt_s: expected a positive number of seconds, got {dt_s!r}")
    one_of(f"{where}: plan.tracking", plan.tracking, get_args(Tracking))
    for name, value, shape in _parts(plan, num_worlds, where):
        _check_tensor(value, shape, device, f"{where}: plan.{name}")
    if not bool(torch.isfinite(plan.trajectory).all()):
        world, entry, column = (~torch.isfinite(plan.trajectory)).nonzero()[0].tolist()
        raise InputError(
            f"{where}: plan.trajectory: not finite at world {world}, entry {entry}, column {column} "
            "(x, y, yaw, speed, curvature)"
        )


def _parts(plan: Plan, num_worlds: int, where: str) -> Iterator[tuple[str, Any, Shape]]:
    """Name, value and shape of all tensors that a plan holds; one after the other is to be checked."""
    yield "trajectory", plan.trajectory, (num_worlds, None, 5)
    if plan.candidates is not None:
        yield "candidates", plan.candidates, (num_worlds, None, None, 3)
        if plan.costs is not None:
            yield "costs", plan.costs, (num_worlds, plan.candidates.shape[1])
        for name, values in (plan.terms or {}).items():
            yield f"terms[{name!r}]", values, (num_worlds, plan.candidates.shape[1])
    if plan.forecast is not None:
        _check_type(plan.forecast, Forecast, f"{where}: plan.forecast")
        position_m = plan.forecast.position_m
        agents = position_m.shape[1] if isinstance(position_m, Tensor) and position_m.ndim else None
        yield "forecast.position_m", position_m, (num_worlds, agents, None, None, 2)
        yield "forecast.probability", plan.forecast.probability, tuple(position_m.shape[:3])
    if plan.occupancy is not None:
        _check_type(plan.occupancy, Occupancy, f"{where}: plan.occupancy")
        shape = (num_worlds, None, *plan.occupancy.grid.shape)
        yield "occupancy.probability", plan.occupancy.probability, shape
    if plan.what_if is not None:
        _check_type(plan.what_if, WhatIf, f"{where}: plan.what_if")
        yield from _what_if_parts(plan.what_if, num_worlds)
    if plan.perceived is not None:
        _check_type(plan.perceived, Agents, f"{where}: plan.perceived")
        agents = plan.perceived.valid.shape[1]
        yield "perceived.pose", plan.perceived.pose, (num_worlds, agents, 3)
        yield "perceived.size_m", plan.perceived.size_m, (num_worlds, agents, 2)


def _what_if_parts(what_if: WhatIf, num_worlds: int) -> Iterator[tuple[str, Any, Shape]]:
    agents, ways = what_if.agent.shape[-1], len(WHAT_IF_WAYS)
    yield "what_if.way_m", what_if.way_m, (num_worlds, ways, None, 2)
    points = what_if.way_m.shape[2]
    for name, shape in (
        ("path_m", (ways, agents, points, 2)),
        ("slower", (ways + 1, agents)),
        ("collision", (ways, agents)),
        ("change", (ways, agents)),
    ):
        yield f"what_if.{name}", getattr(what_if, name), (num_worlds, *shape)


def _check_type(value: Any, wanted: type, where: str) -> None:
    if not isinstance(value, wanted):
        raise InputError(f"{where}: expected a sim.interface.{wanted.__name__}, got {_told(value)}")


def _check_tensor(value: Any, shape: Shape, device: torch.device, where: str) -> None:
    lengths = ", ".join("any" if length is None else str(length) for length in shape)
    wanted = f"expected a float32 tensor [{lengths}]"
    if not isinstance(value, Tensor):
        raise InputError(f"{where}: {wanted}, got {_told(value)}")
    fits = len(value.shape) == len(shape) and all(
        have == want or (want is None and have > 0)
        for have, want in zip(value.shape, shape, strict=True)
    )
    if not fits:
        raise InputError(f"{where}: {wanted}, got one of shape {list(value.shape)}")
    if value.dtype != torch.float32:
        raise InputError(f"{where}: {wanted}, got {str(value.dtype).removeprefix('torch.')}")
    if value.device != device:
        raise InputError(f"{where}: {wanted} on {device}, got one on {value.device}")


def _told(value: Any) -> str:
    """What a value is, in a few words."""
    kind = type(value)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return "None" if value is None else f"a {module}{kind.__qualname__}"
