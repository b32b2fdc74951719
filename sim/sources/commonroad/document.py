"""A CommonRoad XML document: read with bounds, its values with names."""

import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np
from jaxtyping import Float

from sim.errors import InputError

_LARGEST_BYTES = 200 * 2**20
_DEEPEST = 100
_FARTHEST_M, _FARTHEST_FROM_ORIGIN_M = 20_000.0, 1e8  # from the ego's start; as the file counts


def read_document(path: Path) -> Element:
    """The root element; InputError names the file that is not whole, too large or no CommonRoad.

    A document type is refused: entities that stand for others can grow without bound.
    """
    try:
        size = path.stat().st_size
        if size > _LARGEST_BYTES:
            raise InputError(f"{path}: {size} bytes; at most {_LARGEST_BYTES} are read")
        text = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        root = ElementTree.fromstring(text, ElementTree.XMLParser(target=_PlainTree()))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (ElementTree.ParseError, ValueError, LookupError, RecursionError) as error:
        raise InputError(f"{path}: not XML: {error}") from None
    if root.tag != "commonRoad":
        raise InputError(f"{path}: element {root.tag!r}, commonRoad is expected")
    return root


class _PlainTree(ElementTree.TreeBuilder):
    """Refuses a document type at its first word, in whatever encoding; counts how deep elements lie."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = 0

    def doctype(self, name: str, *_: str | None) -> None:
        raise InputError(f"document type {name!r}: neither it nor an entity is read")

    def start(self, tag: Any, attrs: Any) -> Element:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise InputError(f"more than {_DEEPEST} elements in one another")
        return super().start(tag, attrs)

    def end(self, tag: str) -> Element:
        self._depth -= 1
        return super().end(tag)


def move(root: Element, offset_m: Float[np.ndarray, "2"]) -> None:
    """Take an offset off every position of the document."""
    for element in root.iter():
        if element.tag in ("x", "y"):
            value = number(
                element.text, element.tag, -_FARTHEST_FROM_ORIGIN_M, _FARTHEST_FROM_ORIGIN_M
            )
            element.text = repr(value - float(offset_m[0 if element.tag == "x" else 1]))


def number(
    text: str | None, where: str, low: float = -_FARTHEST_M, high: float = _FARTHEST_M
) -> float:
    """A number within bounds; InputError says where it stands."""
    try:
        value = float(text if text is not None else "")
    except ValueError:
        raise InputError(f"{where}: {text!r} is no number") from None
    if not (math.isfinite(value) and low <= value <= high):
        raise InputError(f"{where}: {value:g} is not between {low:g} and {high:g}")
    return value


def value_of(state: Element, field: str, where: str, default: float | None = None) -> float:
    """The exact value of a state's field, or the middle of its interval."""
    element = state.find(field)
    if element is None:
        if default is not None:
            return default
        raise InputError(f"{where}.{field}: is missing")
    if (exact := element.findtext("exact")) is not None:
        return number(exact, f"{where}.{field}")
    low, high = interval_of(element, f"{where}.{field}")
    return 0.5 * (low + high)


def interval_of(element: Element, where: str) -> tuple[float, float]:
    """Start and end of an interval; of an exact value twice the same."""
    if (exact := element.findtext("exact")) is not None:
        value = number(exact, where)
        return value, value
    return (
        number(element.findtext("intervalStart"), f"{where}.intervalStart"),
        number(element.findtext("intervalEnd"), f"{where}.intervalEnd"),
    )


def points_of(element: Element | None, where: str) -> Float[np.ndarray, "k 2"]:
    """The points below an element."""
    raw = () if element is None else element.findall("point")
    pairs = [(number(p.findtext("x"), where), number(p.findtext("y"), where)) for p in raw]
    return np.array(pairs, dtype=np.float64).reshape(-1, 2)
