"""A scene as nodes of a viser server, for a browser: the shapes of `SceneLayers`, nothing of its own.

Everything hangs on one frame, in which the ego stands at the origin and looks along x: so the view follows
it, live and in a recording, and whoever looks can still turn it.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from eval.view.camera import FOV_DEG, Camera, follow
from eval.view.labels import shown_labels
from eval.view.scene_layers import SceneLayers
from eval.view.shapes import Drawing, Lines, Mesh, Points, Shape, paint, rotation_z

_FRAME = "/scene"
_VIEW_PX = (1280, 720)  # for which labels are placed
_EXTENT_PX = (7.5, 14.0)  # width of a letter, height of a line
_BEHIND_M = -4.0
_POINT_M = 0.035  # of a point that other renderers draw one pixel wide
_SHADES = 16  # colours of meshes are rounded to so many of 256 levels: each is a node of its own
_LIGHT = 4.0  # on meshes; of 1 they would give back their own colour, which tone mapping darkens
_GAMMA = 2.2
_ORIGIN = np.zeros(4)


@contextmanager
def web_server(theme: str) -> Iterator[Any]:
    """A viser server for this machine alone, until the context ends."""
    import viser

    with redirect_stdout(io.StringIO()):  # it prints in spite of `verbose`
        server = viser.ViserServer(host="127.0.0.1", label="bevdrive view", verbose=False)
    server.gui.configure_theme(dark_mode=theme == "dark", show_logo=False, show_share_button=False)
    server.gui.main_panel.dock_right()
    try:
        yield server
    finally:
        with redirect_stdout(io.StringIO()):
            server.stop()


class WebScene:
    """What a server shows of a scene: static layers from the start, the others once `show` is called."""

    def __init__(self, server: Any, layers: SceneLayers, camera: str) -> None:
        """`camera`: one of `CAMERAS`, where a browser begins."""
        self._server, self._layers, self.camera = server, layers, camera
        self._nodes: dict[str, dict[str, Any]] = {}  # of each layer, by name
        scene = server.scene
        scene.configure_default_lights(False)
        scene.configure_environment_map(None)
        scene.add_light_ambient("/light", intensity=_LIGHT * float(np.pi))
        background = np.array(layers.colors.background, dtype=np.uint8)
        scene.set_background_image(np.tile(background, (2, 2, 1)), format="png")
        self._frame = scene.add_frame(_FRAME, show_axes=False)
        self._add_scale()
        self._look(server.initial_camera, "up")
        for name, shapes in layers.static().items():
            self._replace(name, shapes)

    def show(self, drawing: Drawing, shown: set[str]) -> None:
        """Replace what changes by a drawing, and hide layers that are not in `shown`."""
        x, y, z, yaw = drawing.ego.tolist()
        cos, sin = np.cos(yaw), np.sin(yaw)
        with self._server.atomic():
            self._frame.wxyz = (np.cos(-0.5 * yaw), 0.0, 0.0, np.sin(-0.5 * yaw))
            self._frame.position = (-cos * x - sin * y, sin * x - cos * y, -z)
            for name, shapes in drawing.layers.items():
                self._replace(name, shapes)
            self._replace_labels(drawing if "labels" in shown else None)
            for layer, nodes in self._nodes.items():
                for node in nodes.values():
                    node.visible = layer in shown
        self._server.flush()

    def look(self, camera: str) -> None:
        """Turn every browser's view to one of `CAMERAS`."""
        self.camera = camera
        for client in self._server.get_clients().values():
            with client.atomic():
                self._look(client.camera, "up_direction")

    def _look(self, camera: Any, up: str) -> None:
        """Set a camera of viser, whose attribute `up` points up in the picture."""
        view = follow(self.camera, _ORIGIN)
        setattr(camera, up, view.up)
        camera.position, camera.look_at = view.eye_m, view.target_m
        camera.fov = float(np.radians(FOV_DEG))

    def _add_scale(self) -> None:
        """A bar of 10 m across, behind the ego."""
        ends = np.array(((_BEHIND_M, 5.0, 0.02), (_BEHIND_M, -5.0, 0.02)), dtype=np.float32)
        ink = self._layers.colors.ink
        self._add("/scale/bar", Lines(ends[:1], ends[1:], paint(1, ink), 3.0))
        self._server.scene.add_label("/scale/label", "10 m", position=ends[1], anchor="center-left")

    def _replace(self, layer: str, shapes: list[Shape]) -> None:
        """The nodes of a layer; one of the same name is changed, what is left over goes."""
        made = dict(self._add(f"{_FRAME}/{layer}/{k}", shape) for k, shape in _parts(shapes))
        self._remember(layer, made)

    def _replace_labels(self, drawing: Drawing | None) -> None:
        made = {}
        if drawing is not None:
            view = _moved(follow(self.camera, _ORIGIN), drawing.ego)
            for place, _, text in shown_labels(drawing, view, _VIEW_PX, _extent):
                name = f"{_FRAME}/labels/{text.split(': ')[-1]}"
                made[name] = self._server.scene.add_label(
                    name, text, position=place, anchor="bottom-center"
                )
        self._remember("labels", made)

    def _remember(self, layer: str, made: dict[str, Any]) -> None:
        for name, node in self._nodes.get(layer, {}).items():
            if name not in made:
                node.remove()
        self._nodes[layer] = made

    def _add(self, name: str, shape: Shape) -> tuple[str, Any]:
        scene = self._server.scene
        if isinstance(shape, Points):
            return name, scene.add_point_cloud(
                name, shape.xyz_m, shape.rgb, point_size=_POINT_M * shape.size_px,
                precision="float32", point_shading="flat",
            )  # fmt: skip
        if isinstance(shape, Lines):
            return name, scene.add_line_segments(
                name, np.stack((shape.start_m, shape.end_m), axis=1),
                np.repeat(_line_color(shape.rgb)[:, None], 2, axis=1),
                thickness=shape.width_px, thickness_units="screen",
            )  # fmt: skip
        opacity = None if shape.opacity == 1.0 else shape.opacity
        return name, scene.add_mesh_simple(
            name, shape.vertex_m, shape.triangle, color=tuple(_mesh_color(shape.rgb[0]).tolist()),
            opacity=opacity, side="double", cast_shadow=False, receive_shadow=False,
        )  # fmt: skip


def _moved(camera: Camera, ego: Float[np.ndarray, "4"]) -> Camera:
    """A camera that is given in the frame of an ego at (x, y, z, yaw), in the world frame."""
    turn = rotation_z(float(ego[3]))
    eye_m, target_m = (turn @ place + ego[:3] for place in (camera.eye_m, camera.target_m))
    return Camera(eye_m, target_m, turn @ camera.up, camera.fov_deg)


def _parts(shapes: list[Shape]) -> list[tuple[str, Shape]]:
    """Shapes that are not empty, numbered; a mesh as one for each colour."""
    parts: list[tuple[str, Shape]] = []
    for number, shape in enumerate(shapes):
        if isinstance(shape, Mesh):
            parts += [(f"{number}/{k}", mesh) for k, mesh in enumerate(_by_color(shape))]
        elif len(shape.rgb):
            parts.append((str(number), shape))
    return parts


def _by_color(mesh: Mesh) -> list[Mesh]:
    """A mesh of one colour for each that the first corners of its triangles have, about."""
    of_face = mesh.rgb[mesh.triangle[:, 0]]
    _, first, group = np.unique(of_face // _SHADES, axis=0, return_index=True, return_inverse=True)
    made = []
    for k, face in enumerate(first):
        corner, triangle = np.unique(mesh.triangle[group.reshape(-1) == k], return_inverse=True)
        rgb = np.tile(of_face[face], (len(corner), 1))
        made.append(Mesh(mesh.vertex_m[corner], triangle.reshape(-1, 3), rgb, mesh.opacity))
    return made


def _line_color(rgb: UInt8[np.ndarray, "n 3"]) -> UInt8[np.ndarray, "n 3"]:
    """The colours that make lines look like these: viser takes them for linear."""
    return np.rint(255.0 * np.clip(_untoned(rgb), 0.0, 1.0)).astype(np.uint8)


def _mesh_color(rgb: UInt8[np.ndarray, "3"]) -> UInt8[np.ndarray, "3"]:
    """The colour that makes a mesh look like this."""
    given = np.clip(_untoned(rgb) / _LIGHT, 0.0, 1.0)
    return np.rint(255.0 * given ** (1.0 / _GAMMA)).astype(np.uint8)


def _untoned(rgb: UInt8[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3"]:
    """The linear light that the tone mapping of three.js turns into these colours, channel by channel.

    It is Hill's fit of ACES: of v = light / 0.6 it makes
    (v (v + 0.0245786) - 0.000090537) / (v (0.983729 v + 0.432951) + 0.238081), linear too.
    """
    wanted = (rgb / 255.0) ** _GAMMA
    square, linear = 1.0 - 0.983729 * wanted, 0.0245786 - 0.432951 * wanted
    constant = -0.000090537 - 0.238081 * wanted
    return 0.6 * (np.sqrt(linear**2 - 4.0 * square * constant) - linear) / (2.0 * square)


def _extent(text: str) -> tuple[float, float]:
    return _EXTENT_PX[0] * len(text), _EXTENT_PX[1]
