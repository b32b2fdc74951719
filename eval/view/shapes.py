"""What renderers draw: coloured points, lines and triangles, and boxes with labels.

All coordinates are metres in the scenario's world frame (x east, y north, z up); colours are sRGB,
0 to 255.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8

Rgb = tuple[int, int, int]
# Corners of a unit box: four below, four above, counter-clockwise from front left; and its edges.
_CORNERS = np.array(
    [
        (x, y, z)
        for z in (-0.5, 0.5)
        for x, y in ((0.5, 0.5), (-0.5, 0.5), (-0.5, -0.5), (0.5, -0.5))
    ]
)
_EDGES = np.array(
    [(k, (k + 1) % 4) for k in range(4)]
    + [(4 + k, 4 + (k + 1) % 4) for k in range(4)]
    + [(k, k + 4) for k in range(4)]
)


@dataclass(frozen=True)
class Points:
    """N dots, each `size_px` wide on the screen."""

    xyz_m: Float[np.ndarray, "n 3"]
    rgb: UInt8[np.ndarray, "n 3"]
    size_px: float = 2.0


@dataclass(frozen=True)
class Lines:
    """N straight segments, each `width_px` wide on the screen."""

    start_m: Float[np.ndarray, "n 3"]
    end_m: Float[np.ndarray, "n 3"]
    rgb: UInt8[np.ndarray, "n 3"]
    width_px: float = 1.0


@dataclass(frozen=True)
class Mesh:
    """F triangles over V vertices, seen from both sides; `triangle` holds numbers of vertices.

    Opacity 1 hides what lies behind, 0 would be invisible.
    """

    vertex_m: Float[np.ndarray, "v 3"]
    triangle: Int[np.ndarray, "f 3"]
    rgb: UInt8[np.ndarray, "v 3"]
    opacity: float = 1.0


Shape = Points | Lines | Mesh


@dataclass(frozen=True)
class ShownBox:
    """A box that can be clicked on: its label, and `values`, the lines that the click shows.

    `center_m` is the middle of the box; `size_m` is length, width, height. `touches`: the ego's box and
    this one overlap now (of the ego: with any); `hit`: with it the ego has collided so far.
    """

    center_m: Float[np.ndarray, "3"]
    size_m: Float[np.ndarray, "3"]
    yaw_rad: float
    label: str
    values: dict[str, str]
    touches: bool = False
    hit: bool = False


@dataclass(frozen=True)
class Drawing:
    """What a renderer draws at one instant, besides the layers that never change.

    `layers` maps a name of `LAYERS` to its shapes. `ego` is (x, y, z, yaw) in metres and radians; z
    is the ground under it. Cameras follow it. `table`: rows of text beside the picture. `legend`: what
    is shown in which colour.
    """

    layers: dict[str, list[Shape]]
    boxes: list[ShownBox]
    ego: Float[np.ndarray, "4"]
    caption: str
    table: tuple[tuple[str, ...], ...] = ()
    legend: tuple[tuple[str, Rgb], ...] = ()
    theme: str = "dark"  # one of `THEMES`


def paint(count: int, rgb: Rgb) -> UInt8[np.ndarray, "n 3"]:
    """One colour, `count` times."""
    return np.tile(np.array(rgb, dtype=np.uint8), (count, 1))


def rotation_z(yaw_rad: float) -> Float[np.ndarray, "3 3"]:
    """The matrix that turns column vectors counter-clockwise about the z axis."""
    cos, sin = np.cos(yaw_rad), np.sin(yaw_rad)
    return np.array(((cos, -sin, 0.0), (sin, cos, 0.0), (0.0, 0.0, 1.0)))


def box_corners(
    center_m: Float[np.ndarray, "3"], size_m: Float[np.ndarray, "3"], yaw_rad: float
) -> Float[np.ndarray, "8 3"]:
    """Corners of an upright box: four below, four above, counter-clockwise from front left."""
    return (_CORNERS * size_m) @ rotation_z(yaw_rad).T + center_m


def box_edges(corners_m: Float[np.ndarray, "8 3"], rgb: Rgb, width_px: float) -> Lines:
    """The twelve edges of a box whose corners `box_corners` gave."""
    start, end = corners_m[_EDGES].transpose(1, 0, 2).astype(np.float32)
    return Lines(start, end, paint(len(_EDGES), rgb), width_px)


def quads(count: int) -> Int[np.ndarray, "f 3"]:
    """Triangles of `count` quadrilaterals, two each; vertices 4k to 4k + 3 go around the k-th."""
    corners = 4 * np.arange(count)[:, None] + np.arange(4)
    return np.concatenate((corners[:, [0, 1, 2]], corners[:, [0, 2, 3]])).astype(np.int32)


def raised(point_m: Float[np.ndarray, "3"], by_m: float) -> Float[np.ndarray, "3"]:
    """The point moved up by `by_m`."""
    return point_m + np.array((0.0, 0.0, by_m))


def polyline(points_m: Float[np.ndarray, "k 3"], rgb: Rgb, width_px: float = 1.0) -> Lines:
    """The K - 1 segments that join consecutive points."""
    return Lines(points_m[:-1], points_m[1:], paint(len(points_m) - 1, rgb), width_px)


def join_lines(lines: list[Lines]) -> list[Lines]:
    """The same segments in one `Lines` for each width, because a renderer pays for every shape."""
    widths = sorted({line.width_px for line in lines})
    groups = [[line for line in lines if line.width_px == width] for width in widths]
    return [
        Lines(
            np.concatenate([line.start_m for line in group]),
            np.concatenate([line.end_m for line in group]),
            np.concatenate([line.rgb for line in group]),
            width,
        )
        for group, width in zip(groups, widths, strict=True)
    ]


def join_meshes(meshes: list[Mesh]) -> list[Mesh]:
    """The same triangles in one `Mesh` for each opacity, the most opaque first."""
    joined = []
    for opacity in sorted({mesh.opacity for mesh in meshes}, reverse=True):
        group = [mesh for mesh in meshes if mesh.opacity == opacity]
        first = np.cumsum([0] + [len(mesh.vertex_m) for mesh in group[:-1]])
        joined.append(
            Mesh(
                np.concatenate([mesh.vertex_m for mesh in group]),
                np.concatenate([m.triangle + k for m, k in zip(group, first, strict=True)]),
                np.concatenate([mesh.rgb for mesh in group]),
                opacity,
            )
        )
    return joined
