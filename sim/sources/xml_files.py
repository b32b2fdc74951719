"""XML documents of others: read with bounds; numbers in them with names."""

import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from sim.errors import InputError

_LARGEST_BYTES = 200 * 2**20
_DEEPEST = 100
_FARTHEST_M = 20_000.0


def read_xml(path: Path, root_tag: str) -> Element:
    """The root element; InputError names the file that is not whole, too large or of another kind.

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
    if root.tag != root_tag:
        raise InputError(f"{path}: element {root.tag!r}, {root_tag} is expected")
    return root


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
