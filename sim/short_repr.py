"""Dataclasses of many arrays as one or a few lines: shapes, not values."""

from dataclasses import fields, is_dataclass
from textwrap import fill
from typing import Any, TypeVar

Class = TypeVar("Class")
_WIDTH = 100
_KEPT = "\N{NO-BREAK SPACE}"  # no line ends there


def short_repr(cls: type[Class]) -> type[Class]:
    """Give a dataclass a `repr` that shows plain values, and of all else shape, number or class.

    Fields that are None are left out.
    """
    cls.__repr__ = _told
    return cls


def _told(self: Any) -> str:
    held = ((field.name, getattr(self, field.name)) for field in fields(self))
    parts = [_part(name, value).replace(" ", _KEPT) for name, value in held if value is not None]
    text = f"{type(self).__name__}({', '.join(parts)})"
    told = fill(text, _WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    return told.replace(_KEPT, " ")


def _part(name: str, value: Any) -> str:
    if hasattr(value, "shape"):
        return f"{name} {list(value.shape)}"
    if isinstance(value, dict):
        return f"{name} {{{', '.join(map(str, value))}}}"
    if isinstance(value, list | tuple):
        return f"{name} {len(value)} {type(value[0]).__name__}" if value else f"{name} 0"
    if is_dataclass(value):
        return f"{name} {type(value).__name__}"
    return f"{name}={value!r}"
