"""Shapes as Open3D geometry, in named layers.

Imported in the renderer's process alone: where a library is missing, Open3D aborts it.
"""

from typing import Any

import numpy as np
import open3d as o3d
from open3d.visualization import rendering

from eval.view.shapes import Lines, Mesh, Points, Rgb, Shape

# Translucent faces need the lit shader (the unlit one aborts in Open3D 0.20). This much even light
# from above, on normals that all point up, gives back the colours that the vertices have.
_EVEN_LIGHT = 68000.0


class LayeredScene:
    """An `Open3DScene` (`scene`) whose geometries belong to named layers."""

    def __init__(self, scene: Any) -> None:
        """Set the light so that colours appear as the shapes have them."""
        self.scene = scene
        self._names: dict[str, list[str]] = {}
        self._hidden: set[str] = set()
        scene.scene.enable_sun_light(False)
        scene.scene.set_indirect_light_intensity(_EVEN_LIGHT)
        scene.view.set_shadowing(False)
        scene.view.set_post_processing(False)  # takes half the time; all shading is in the colours

    def set_background(self, rgb: Rgb) -> None:
        """Of the whole view."""
        # The background alone is taken for sRGB and made linear.
        self.scene.set_background([*((c / 255.0) ** (1 / 2.2) for c in rgb), 1.0])

    def smooth(self, edges: bool) -> None:
        """Smooth jagged edges, or not: it takes twice as long to draw."""
        self.scene.view.set_antialiasing(edges)

    def replace(self, layer: str, shapes: list[Shape]) -> None:
        """Show these shapes as `layer`, and nothing of what it held before."""
        for name in self._names.get(layer, []):
            self.scene.remove_geometry(name)
        self._names[layer] = []
        for number, shape in enumerate(shapes):
            geometry, material = to_open3d(shape)
            if geometry is None:
                continue
            name = f"{layer}/{number}"
            self.scene.add_geometry(name, geometry, material)
            self.scene.show_geometry(name, layer not in self._hidden)
            self._names[layer].append(name)

    def show(self, layer: str, shown: bool) -> None:
        """Show or hide a layer, now and later."""
        (self._hidden.discard if shown else self._hidden.add)(layer)
        for name in self._names.get(layer, []):
            self.scene.show_geometry(name, shown)


def to_open3d(shape: Shape) -> tuple[Any, Any]:
    """Open3D's geometry and material; (None, None) for a shape with no points, lines or triangles."""
    material = rendering.MaterialRecord()
    material.shader = "defaultUnlit"
    if isinstance(shape, Points):
        material.point_size = shape.size_px
        return (_points(shape), material) if len(shape.xyz_m) else (None, None)
    if isinstance(shape, Lines):
        material.shader, material.line_width = "unlitLine", shape.width_px
        return (_lines(shape), material) if len(shape.start_m) else (None, None)
    if shape.opacity < 1.0:
        material.shader, material.has_alpha = "defaultLitTransparency", True
        material.base_color = [1.0, 1.0, 1.0, shape.opacity]
        material.base_roughness, material.base_reflectance = 1.0, 0.0
    return (_mesh(shape), material) if len(shape.triangle) else (None, None)


def _points(points: Points) -> Any:
    cloud = o3d.t.geometry.PointCloud(_tensor(points.xyz_m))
    cloud.point.colors = _tensor(points.rgb / np.float32(255.0))
    return cloud


def _lines(lines: Lines) -> Any:
    count = len(lines.start_m)
    ends = np.concatenate((lines.start_m, lines.end_m)).astype(np.float64)
    pairs = np.stack((np.arange(count), np.arange(count) + count), axis=1).astype(np.int32)
    drawn = o3d.geometry.LineSet(
        o3d.utility.Vector3dVector(ends), o3d.utility.Vector2iVector(pairs)
    )
    drawn.colors = o3d.utility.Vector3dVector(lines.rgb / 255.0)
    return drawn


def _mesh(mesh: Mesh) -> Any:
    triangle = np.asarray(mesh.triangle, dtype=np.int32)
    if mesh.opacity == 1.0:
        triangle = np.concatenate((triangle, triangle[:, ::-1]))  # both sides
    drawn = o3d.t.geometry.TriangleMesh(_tensor(mesh.vertex_m), _tensor(triangle, np.int32))
    drawn.vertex.colors = _tensor(mesh.rgb / np.float32(255.0))
    drawn.vertex.normals = _tensor(np.tile((0.0, 0.0, 1.0), (len(mesh.vertex_m), 1)))
    return drawn


def _tensor(values: Any, dtype: Any = np.float32) -> Any:
    return o3d.core.Tensor(np.ascontiguousarray(values, dtype=dtype))  # pyright: ignore[reportCallIssue]
