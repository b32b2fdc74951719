"""What stands in a CommonRoad XML document: positions, values and intervals, with names."""

from xml.etree.ElementTree import Element

import numpy as np
from jaxtyping import Float

from sim.errors import InputError
from sim.sources.xml_files import number

_FARTHEST_FROM_ORIGIN_M = 1e8  # as the file counts


def move(root: Element, offset_m: Float[np.ndarray, "2"]) -> None:
    """Take an offset off every position of the document."""
    for element in root.iter():
        if element.tag in ("x", "y"):
            value = number(
                element.text, element.tag, -_FARTHEST_FROM_ORIGIN_M, _FARTHEST_FROM_ORIGIN_M
            )
            element.text = repr(value - float(offset_m[0 if element.tag == "x" else 1]))


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
