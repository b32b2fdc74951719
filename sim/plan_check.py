"""Is what a planner returned a plan? Checked when it is made, where its planner can still be named."""

import math
from typing import Any

import torch
from torch import Tensor

from sim.errors import InputError
from sim.interface import Forecast, Occupancy, Plan


def check_plan(plan: Any, num_worlds: int, device: torch.device, where: str) -> None:
    """Raise InputError, beginning with `where`, that says what is wrong and what is expected.

    A plan holds finite float32 `[B, T, 5]`, T at least 1, on the device of the observation, and its
    entries lie a positive `dt_s` apart; what it shows beside has the shapes that its classes name.
    Waits for the device once.
    """
    if not isinstance(plan, Plan):
        raise InputError(f"{where}: plan: expected a sim.interface.Plan, got {_told(plan)}")
    dt_s = plan.dt_s
    is_number = isinstance(dt_s, int | float) and not isinstance(dt_s, bool)
    if not (is_number and math.isfinite(dt_s) and dt_s > 0):
        raise InputError(f"{where}: plan.dt_s: expected a positive number of seconds, got {dt_s!r}")
    for name, value, shape in _parts(plan, num_worlds, where):
        _check_tensor(value, shape, device, f"{where}: plan.{name}")
    if not bool(torch.isfinite(plan.trajectory).all()):
        bad = (~torch.isfinite(plan.trajectory)).nonzero()[0].tolist()
        raise InputError(
            f"{where}: plan.trajectory: not finite at world {bad[0]}, entry {bad[1]}, column {bad[2]} "
            "(x, y, yaw, speed, curvature)"
        )


def _parts(
    plan: Plan, num_worlds: int, where: str
) -> list[tuple[str, Any, tuple[int | None, ...]]]:
    """Name, value and shape (None: any length but 0) of all that a plan holds."""
    parts: list[tuple[str, Any, tuple[int | None, ...]]] = [
        ("trajectory", plan.trajectory, (num_worlds, None, 5))
    ]
    if plan.candidates is not None:
        parts.append(("candidates", plan.candidates, (num_worlds, None, None, 3)))
    if plan.costs is not None:
        parts.append(("costs", plan.costs, (num_worlds, None)))
    for name, kind in (("forecast", Forecast), ("occupancy", Occupancy)):
        value = getattr(plan, name)
        if value is not None and not isinstance(value, kind):
            raise InputError(
                f"{where}: plan.{name}: expected a sim.interface.{kind.__name__}, got {_told(value)}"
            )
    if plan.occupancy is not None:
        shape = (num_worlds, None, None, None)
        parts.append(("occupancy.probability", plan.occupancy.probability, shape))
    return parts


def _check_tensor(
    value: Any, shape: tuple[int | None, ...], device: torch.device, where: str
) -> None:
    wanted = (
        f"expected a float32 tensor [{', '.join('any' if n is None else str(n) for n in shape)}]"
    )
    if not isinstance(value, Tensor):
        raise InputError(f"{where}: {wanted}, got {_told(value)}")
    fits = value.ndim == len(shape) and all(
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
