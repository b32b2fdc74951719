"""Heights of the ground of a scenario, and flat shapes draped over it; world frame."""

import numpy as np
from jaxtyping import Float

from sim.scenario import Scenario
from sim.sensors.ground import Ground, read_heights_m

_LONGEST_EDGE_M = 6.0  # of a triangle laid on uneven ground
_MOST_SPLITS = 12


class GroundHeights:
    """The height of the ground at any place; zero where the scenario has no ground heights."""

    def __init__(self, scenario: Scenario) -> None:
        self._ground = Ground.from_scenarios([scenario])

    @property
    def is_flat(self) -> bool:
        return self._ground is None

    def at(self, points_m: Float[np.ndarray, "*p 2"]) -> Float[np.ndarray, "*p"]:
        """z of the ground, in metres, at each (x, y)."""
        return read_heights_m(self._ground, points_m)

    def lift(
        self, points_m: Float[np.ndarray, "*p 2"], above_m: float
    ) -> Float[np.ndarray, "*p 3"]:
        """The points with z: `above_m` over the ground."""
        z = self.at(points_m) + above_m
        return np.concatenate((points_m, z[..., None]), axis=-1).astype(np.float32)

    def drape(
        self, points_m: Float[np.ndarray, "v 2"], triangle: np.ndarray, above_m: float
    ) -> tuple[Float[np.ndarray, "w 3"], np.ndarray]:
        """Vertices and triangles `[G, 3]` of the flat triangles `[F, 3]`, `above_m` over the ground.

        Where the ground is uneven, large triangles are split so that they follow it. Every triangle
        gets three vertices of its own.
        """
        corners = np.asarray(points_m, dtype=np.float64)[triangle]
        if not self.is_flat:
            corners = _split(corners)
        vertices = self.lift(corners.reshape(-1, 2), above_m)
        return vertices, np.arange(len(vertices), dtype=np.int32).reshape(-1, 3)


def _split(corners: Float[np.ndarray, "f 3 2"]) -> Float[np.ndarray, "g 3 2"]:
    """Halve the longest edge of every triangle until none is longer than `_LONGEST_EDGE_M`."""
    for _ in range(_MOST_SPLITS):
        edge = np.linalg.norm(np.roll(corners, -1, axis=1) - corners, axis=-1)
        large = edge.max(axis=1) > _LONGEST_EDGE_M
        if not large.any():
            break
        turn = (edge[large].argmax(axis=1)[:, None] + np.arange(3)) % 3
        a, b, c = np.take_along_axis(corners[large], turn[..., None], axis=1).transpose(1, 0, 2)
        middle = 0.5 * (a + b)
        halves = (np.stack((a, middle, c), axis=1), np.stack((middle, b, c), axis=1))
        corners = np.concatenate((corners[~large], *halves))
    return corners


def triangulate(
    exterior_m: Float[np.ndarray, "v 2"], holes_m: tuple[np.ndarray, ...] = ()
) -> tuple[Float[np.ndarray, "w 2"], np.ndarray]:
    """Vertices and triangles `[F, 3]` (vertex numbers) that cover a polygon but for its holes.

    None for an outline of fewer than three points.
    """
    import mapbox_earcut

    rings = [np.asarray(ring, dtype=np.float64) for ring in (exterior_m, *holes_m) if len(ring) > 2]
    if not rings or len(exterior_m) < 3:
        return np.zeros((0, 2)), np.zeros((0, 3), dtype=np.int32)
    vertices = np.concatenate(rings)
    ends = np.cumsum([len(ring) for ring in rings]).astype(np.uint32)
    triangles = mapbox_earcut.triangulate_float64(vertices, ends)
    return vertices, triangles.reshape(-1, 3).astype(np.int32)
