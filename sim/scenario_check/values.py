"""Questions about single values; each raises an InputError that begins with the field's name."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from sim.errors import InputError
from sim.geometry.polyline import drop_repeats

FARTHEST_M = 20_000.0  # from the origin: float32 is exact to 2 mm there
_KINDS = {"f": "numbers", "i": "whole numbers", "b": "truth values"}


def require_type(where: str, value: Any, kind: type | tuple[type, ...]) -> None:
    """An object of the class, or of one of them."""
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        names = " or ".join("nothing" if k is type(None) else k.__name__ for k in kinds)
        raise InputError(f"{where}: expected {names}, got {type(value).__name__}")


def require_text(where: str, value: Any, longest: int = 1000, empty: bool = False) -> None:
    """A text of one line, without characters that cannot be shown."""
    require_type(where, value, str)
    if not value and not empty:
        raise InputError(f"{where}: empty")
    if len(value) > longest:
        raise InputError(f"{where}: {len(value)} characters, at most {longest}")
    if not value.isprintable():
        raise InputError(f"{where}: {value[:40]!r} has characters that cannot be shown")


def require_number(where: str, value: Any, low: float, high: float) -> None:
    """A finite number above `low`, at most `high`."""
    require_type(where, value, (int, float, np.floating, np.integer))
    if low == 0 and not value > 0:
        raise InputError(f"{where}: {value} is not positive")
    if not (low < value <= high and math.isfinite(value)):
        raise InputError(f"{where}: {value:.6g} is not above {low:g} and at most {high:g}")


def require_whole(where: str, value: Any, low: int, high: int) -> None:
    """A whole number in [low, high]."""
    require_type(where, value, (int, np.integer))
    if not low <= value <= high:
        raise InputError(f"{where}: {str(value)[:20]} is out of range ({low} to {high})")


def require_array(where: str, array: Any, shape: tuple[int | None, ...], kind: str) -> None:
    """An array of that shape (None: any length) and of f(loats), i(ntegers) or b(ools)."""
    require_type(where, array, np.ndarray)
    fits = array.ndim == len(shape) and all(
        want is None or have == want for have, want in zip(array.shape, shape, strict=True)
    )
    if not fits:
        raise InputError(f"{where}: shape {array.shape}, expected {shape}")
    if array.dtype.kind != kind or (kind == "f" and array.dtype.itemsize < 4):
        raise InputError(f"{where}: {array.dtype}, expected {_KINDS[kind]}")


def require_bounded(
    where: str, values: np.ndarray, most: float, name: Callable[..., str] = "entry {}".format
) -> None:
    """Finite numbers, none farther from zero than `most`; `name` says which entry it is."""
    good = np.isfinite(values) & (np.abs(values) <= most)
    if not good.all():
        place = np.unravel_index(int((~good).argmax()), values.shape)
        value = values[place]
        reason = f"{value:.6g} is beyond {most:g}" if np.isfinite(value) else "not a number"
        raise InputError(f"{where}: {reason}: {name(*map(int, place))}")


def require_line(where: str, points_m: Any, least_m: float) -> float:
    """A line of two points or more, at least so long; returns its length."""
    require_array(where, points_m, (None, 2), "f")
    if len(points_m) < 2:
        raise InputError(f"{where}: {len(points_m)} points do not make a line")
    require_bounded(where, points_m, FARTHEST_M, lambda k, _: f"point {k}")
    apart = drop_repeats(points_m.astype(np.float64))
    length_m = _length_m(apart)
    if length_m < least_m:
        told_m = length_m or _length_m(points_m)
        told = (
            f"{told_m:.3g} m long, at least {least_m} m are needed" if told_m else "has no length"
        )
        raise InputError(f"{where}: {told}")
    return length_m


def _length_m(points_m: np.ndarray) -> float:
    return float(np.linalg.norm(np.diff(points_m, axis=0), axis=1).sum())


def require_ring(where: str, points_m: Any) -> None:
    """Three points or more, apart from each other, as outlines need them."""
    require_array(where, points_m, (None, 2), "f")
    if len(points_m) < 3:
        raise InputError(f"{where}: {len(points_m)} points do not make a polygon")
    require_bounded(where, points_m, FARTHEST_M, lambda k, _: f"point {k}")
    if len(drop_repeats(points_m.astype(np.float64))) < 3:
        raise InputError(f"{where}: fewer than 3 of its points are apart from each other")


def require_indices(where: str, values: Any, count: int, none_allowed: bool = False) -> None:
    """Each in [0, count), or -1 for none where that is allowed."""
    lowest = -1 if none_allowed else 0
    if isinstance(values, np.ndarray):
        bad = (values < lowest) | (values >= count)
        wrong = values[bad][:1].tolist()
    else:
        require_type(where, values, tuple)
        for value in values:
            require_type(where, value, (int, np.integer))
        wrong = [value for value in values if not lowest <= value < count][:1]
    if wrong:
        raise InputError(f"{where}: {str(wrong[0])[:20]} is out of range (there are {count})")
