"""The reference line of an OpenDRIVE road: lines, arcs, spirals and cubics, at any distance along it."""

from dataclasses import dataclass
from xml.etree.ElementTree import Element

import numpy as np
from jaxtyping import Float

from sim.errors import InputError
from sim.sources.xml_files import number

Array = np.ndarray
_TIGHTEST_PER_M = 10.0  # curvature: a radius of 0.1 m
_LONGEST_M = 100_000.0
_STEP_M = 1.0  # of what is integrated at once
_LARGEST = 1e6  # of a polynomial's coefficient


@dataclass(frozen=True)
class Spiral:
    """Curvature that changes with the distance: a line, an arc or a clothoid; from the origin, along x."""

    length_m: float
    start_per_m: float
    end_per_m: float

    def heading_rad(self, s_m: Array) -> Array:
        """At distances along it: the integral of the curvature."""
        rate = (self.end_per_m - self.start_per_m) / self.length_m
        return self.start_per_m * s_m + 0.5 * rate * s_m**2

    def at(self, s_m: Array) -> Array:
        """x, y, heading `[K, 3]` at distances along it, which ascend.

        The place is the integral of the heading's direction, by Gauss-Legendre of seven points a metre.
        """
        nodes, weights = np.polynomial.legendre.leggauss(7)
        steps = max(1, int(np.ceil(self.length_m / _STEP_M)))
        ends = np.union1d(np.linspace(0.0, self.length_m, steps + 1), s_m)
        half = 0.5 * np.diff(ends)
        yaw = self.heading_rad(ends[:-1, None] + half[:, None] * (1.0 + nodes))
        step = half[:, None] * np.stack((np.cos(yaw) @ weights, np.sin(yaw) @ weights), axis=-1)
        place = np.concatenate((np.zeros((1, 2)), np.cumsum(step, axis=0)))
        return np.column_stack((place[np.searchsorted(ends, s_m)], self.heading_rad(s_m)))


@dataclass(frozen=True)
class Cubic:
    """u(p), v(p) of degree three, p from 0 to `last`; distances are lengths along it."""

    length_m: float
    last: float
    u: Float[np.ndarray, "4"]  # ascending powers
    v: Float[np.ndarray, "4"]

    def at(self, s_m: Array) -> Array:
        """x, y, heading `[K, 3]` at distances along it.

        The parameter of a distance is read off a fine table of lengths, scaled to the length stated.
        """
        p = np.linspace(0.0, self.last, max(64, int(self.length_m / 0.05)))
        table = np.stack((_polynomial(self.u, p), _polynomial(self.v, p)), axis=-1)
        gone = np.append(0.0, np.cumsum(np.linalg.norm(np.diff(table, axis=0), axis=1)))
        q = np.interp(s_m * gone[-1] / self.length_m, gone, p)
        slope = [np.polynomial.polynomial.polyder(c) for c in (self.u, self.v)]
        yaw = np.arctan2(_polynomial(slope[1], q), _polynomial(slope[0], q))
        return np.column_stack((_polynomial(self.u, q), _polynomial(self.v, q), yaw))


Curve = Spiral | Cubic


@dataclass(frozen=True)
class Piece:
    """A curve, and where on the road and in the plane it starts."""

    s_m: float
    start: tuple[float, float, float]  # x, y, heading
    curve: Curve

    def at(self, s_m: Array) -> Float[np.ndarray, "k 3"]:
        """x, y, heading at distances along the road."""
        x, y, yaw = self.start
        u, v, turn = self.curve.at(s_m - self.s_m).T
        cos, sin = np.cos(yaw), np.sin(yaw)
        return np.stack((x + cos * u - sin * v, y + sin * u + cos * v, yaw + turn), axis=-1)


def read_plan_view(road: Element, where: str) -> list[Piece]:
    """The pieces of a road, in order."""
    elements = road.findall("planView/geometry")
    if not elements:
        raise InputError(f"{where}: no planView")
    pieces = []
    for k, element in enumerate(elements):
        told = f"{where}: geometry {k}"
        s, x, y, yaw = (
            number(element.get(name), f"{told}: {name}") for name in ("s", "x", "y", "hdg")
        )
        pieces.append(Piece(s, (x, y, yaw), _curve(element, told)))
    starts = np.array([piece.s_m for piece in pieces])
    if starts[0] > 1e-3 or (np.diff(starts) < 0.0).any():
        raise InputError(f"{where}: planView: s does not ascend from 0")
    return pieces


def line_at(pieces: list[Piece], s_m: Float[np.ndarray, " k"]) -> Float[np.ndarray, "k 3"]:
    """x, y, heading of the reference line at distances along the road, which ascend."""
    starts = np.array([piece.s_m for piece in pieces])
    owner = (np.searchsorted(starts, s_m, side="right") - 1).clip(0)
    return np.concatenate([pieces[k].at(s_m[owner == k]) for k in np.unique(owner).tolist()])


def _curve(element: Element, where: str) -> Curve:
    length_m = number(element.get("length"), f"{where}: length", 0.0, _LONGEST_M)
    length_m = max(length_m, 1e-6)  # some writers close their roads with a piece of no length

    def curvature(shape: Element, name: str) -> float:
        return number(shape.get(name), f"{where}: {name}", -_TIGHTEST_PER_M, _TIGHTEST_PER_M)

    if element.find("line") is not None:
        return Spiral(length_m, 0.0, 0.0)
    if (arc := element.find("arc")) is not None:
        return Spiral(length_m, curvature(arc, "curvature"), curvature(arc, "curvature"))
    if (spiral := element.find("spiral")) is not None:
        return Spiral(length_m, curvature(spiral, "curvStart"), curvature(spiral, "curvEnd"))
    if (cubic := element.find("paramPoly3")) is not None:
        u, v = (
            np.array([_coefficient(cubic, f"{power}{axis}", where) for power in "abcd"])
            for axis in "UV"
        )
        by_length = cubic.get("pRange") == "arcLength"
        return Cubic(length_m, length_m if by_length else 1.0, u, v)
    shapes = [child.tag for child in element if child.tag != "userData"]
    raise InputError(
        f"{where}: {shapes[0] if shapes else 'nothing'}: line, arc, spiral and paramPoly3 are read"
    )


def _coefficient(element: Element, name: str, where: str) -> float:
    return number(element.get(name), f"{where}: {name}", -_LARGEST, _LARGEST)


def _polynomial(coefficients: Array, p: Array) -> Array:
    return np.polynomial.polynomial.polyval(p, coefficients)
