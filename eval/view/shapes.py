"""What a picture is made of: points, lines and triangles with colours, and labels; world frame."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8

Rgb = tuple[int, int, int]


@dataclass(frozen=True)
class Points:
    """Dots of `size_px`."""

    xyz_m: Float[np.ndarray, "n 3"]
    rgb: UInt8[np.ndarray, "n 3"]
    size_px: float = 2.0


@dataclass(frozen=True)
class Lines:
    """Straight pieces of `width_px`."""

    start_m: Float[np.ndarray, "n 3"]
    end_m: Float[np.ndarray, "n 3"]
    rgb: UInt8[np.ndarray, "n 3"]
    width_px: float = 1.0


@dataclass(frozen=True)
class Mesh:
    """Triangles; seen from both sides where `opacity` is below 1."""

    vertex_m: Float[np.ndarray, "v 3"]
    triangle: Int[np.ndarray, "f 3"]
    rgb: UInt8[np.ndarray, "v 3"]
    opacity: float = 1.0


Shape = Points | Lines | Mesh


@dataclass(frozen=True)
class ShownBox:
    """A box that can be picked, with what is known of it, and its label."""

    center_m: Float[np.ndarray, "3"]
    size_m: Float[np.ndarray, "3"]
    yaw_rad: float
    label: str
    values: dict[str, str]


@dataclass(frozen=True)
class Picture:
    """One instant: shapes by layer, boxes, and where the ego is (x, y, z of the ground, yaw)."""

    layers: dict[str, list[Shape]]
    boxes: list[ShownBox]
    ego: Float[np.ndarray, "4"]
    caption: str


def paint(count: int, rgb: Rgb) -> UInt8[np.ndarray, "n 3"]:
    """One colour, `count` times."""
    return np.tile(np.array(rgb, dtype=np.uint8), (count, 1))


def quads(count: int) -> Int[np.ndarray, "f 3"]:
    """The two triangles of each of `count` quadrilaterals of four vertices in turn."""
    corners = 4 * np.arange(count)[:, None] + np.arange(4)
    return np.concatenate((corners[:, [0, 1, 2]], corners[:, [0, 2, 3]])).astype(np.int32)


def raised(point_m: Float[np.ndarray, "3"], by_m: float) -> Float[np.ndarray, "3"]:
    """A point higher up."""
    return point_m + np.array((0.0, 0.0, by_m))


def polyline(points_m: Float[np.ndarray, "k 3"], rgb: Rgb, width_px: float = 1.0) -> Lines:
    """The pieces between consecutive points."""
    return Lines(points_m[:-1], points_m[1:], paint(len(points_m) - 1, rgb), width_px)


def join_lines(lines: list[Lines]) -> list[Lines]:
    """As few `Lines` as there are widths: every one costs the renderer a call."""
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
    """As few meshes as there are opacities."""
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
