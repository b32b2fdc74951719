"""The interactive window. It runs in the renderer's process and asks the other one for drawings."""

import os
import time
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import open3d as o3d
from open3d.visualization import gui, rendering

from eval.view.annotation import key_image
from eval.view.camera import FOV_DEG, Camera, follow, hit_distance_m
from eval.view.labels import shown_labels
from eval.view.open3d_scene import LayeredScene
from eval.view.palette import colors_of
from eval.view.panel import FREE, Panel, PanelActions
from eval.view.playback_clock import PlaybackClock
from eval.view.shapes import Drawing, Lines, ShownBox, box_corners, box_edges, rotation_z
from eval.view.window_messages import CLOSED, READY, DrawingRequest, Opening

_PICKED_RGB = (255, 255, 255)


def open_window(connection: Connection) -> None:
    """Show a window until it is closed; `connection` leads to `scene_server.serve_window`."""
    gui.Application.instance.initialize()
    connection.send(READY)
    Window(connection, connection.recv())
    gui.Application.instance.run()
    connection.send(CLOSED)
    os._exit(0)  # taking Open3D down in order may abort


class Window:
    """A 3D scene with a panel beside it."""

    def __init__(self, connection: Connection, opening: Opening) -> None:
        self._connection = connection
        settings = opening.settings
        self._clock = PlaybackClock(opening.num_instants, opening.dt_s, settings.instant)
        self._plays_at_first = settings.playing
        self._color, self._camera = settings.color, settings.camera
        self._ahead_s = settings.ahead_s
        self._shown = set(settings.shown)
        self._drawing: Drawing | None = None  # what is shown
        self._picked: str | None = None  # label of the picked box
        self._labels: list[Any] = []
        self._window = gui.Application.instance.create_window(
            f"bevdrive view: {opening.title}", *settings.size_px
        )
        self._widget = gui.SceneWidget()
        self._widget.scene = rendering.Open3DScene(self._window.renderer)
        self._scene = LayeredScene(self._widget.scene)
        self._scene.set_background(opening.background)
        self._key_picture = gui.ImageWidget()
        for layer, shapes in opening.static.items():
            self._scene.replace(layer, shapes)
            self._scene.show(layer, layer in self._shown)
        self._panel = Panel(opening, self._actions(), self._window.theme.font_size)
        self._window.add_child(self._widget)
        self._window.add_child(self._key_picture)
        self._window.add_child(self._panel.widget)
        self._window.set_on_layout(self._layout)
        self._window.set_on_tick_event(self._tick)
        self._window.set_on_key(self._key)
        self._widget.set_on_mouse(self._mouse)
        self._request()

    def _actions(self) -> PanelActions:
        return PanelActions(
            toggle_playing=lambda: self._play(not self._clock.playing),
            step=lambda steps: self._go_to(self._clock.instant + steps),
            go_to=self._go_to,
            set_speed=self._clock.set_speed,
            set_camera=self._set_camera,
            set_color=self._set_color,
            set_ahead=self._set_ahead,
            show_layer=self._show_layer,
            save_image=self._save_image,
        )

    def _play(self, playing: bool) -> None:
        self._clock.play(playing)
        self._scene.smooth(not playing)

    def _go_to(self, instant: int) -> None:
        """Stand still at another time step."""
        self._play(False)
        self._clock.go_to(instant)

    def _set_camera(self, camera: str) -> None:
        """A camera of CAMERAS, which follows the ego, or FREE."""
        self._camera = camera
        if self._drawing is not None and camera != FREE:
            self._look(follow(camera, self._drawing.ego))

    def _set_color(self, color: str) -> None:
        self._color = color
        self._clock.redraw()

    def _set_ahead(self, ahead_s: float) -> None:
        self._ahead_s = ahead_s
        self._clock.redraw()

    def _show_layer(self, layer: str, shown: bool) -> None:
        (self._shown.add if shown else self._shown.discard)(layer)
        self._scene.show(layer, shown)
        self._clock.redraw()

    def _save_image(self) -> None:
        """Write what the scene shows to the current folder."""
        from PIL import Image

        name = f"view-{time.strftime('%Y%m%d-%H%M%S')}.png"

        def write(image: Any) -> None:
            Image.fromarray(np.asarray(image)).save(name)
            self._panel.tell(f"saved {name}")

        self._widget.scene.scene.render_to_image(write)

    # Drawings: asked for, received, shown.

    def _tick(self) -> bool:
        """Called by Open3D again and again; returns whether the window has to be painted."""
        try:
            if self._clock.is_waiting and self._connection.poll(0.005):
                self._clock.receive(self._connection.recv())
        except (EOFError, OSError):
            os._exit(1)  # the other process is gone
        was_playing = self._clock.playing
        drawing = self._clock.take_due()
        self._request()  # the next one is made while this one is painted
        if was_playing and not self._clock.playing:
            self._scene.smooth(True)
        if drawing is not None:
            self._show(drawing)
        return drawing is not None

    def _request(self) -> None:
        instant = self._clock.next_request()
        if instant is not None:
            request = DrawingRequest(instant, self._color, tuple(self._shown), self._ahead_s)
            self._connection.send(request)

    def _show(self, drawing: Drawing) -> None:
        before, self._drawing = self._drawing, drawing
        for layer, shapes in drawing.layers.items():
            self._scene.replace(layer, shapes)
        if before is None:
            bounds = self._widget.scene.bounding_box
            self._widget.setup_camera(FOV_DEG, bounds, drawing.ego[:3])
            self._look(follow(self._camera, drawing.ego))
            self._play(self._plays_at_first)
        elif self._camera != FREE:
            self._move_camera_along(before.ego, drawing.ego)
        self._write()
        self._mark_picked()
        self._panel.update(drawing, self._clock.instant, self._clock.playing)

    # The camera.

    def _look(self, camera: Camera) -> None:
        self._widget.look_at(camera.target_m, camera.eye_m, camera.up)

    def _present_camera(self) -> Camera:
        """The camera as it is, however the mouse has turned it."""
        pose = np.asarray(self._widget.scene.camera.get_model_matrix())
        eye = pose[:3, 3]
        return Camera(eye, eye - pose[:3, 2], pose[:3, 1], FOV_DEG)

    def _move_camera_along(self, before: np.ndarray, after: np.ndarray) -> None:
        """Move the camera as the ego (x, y, z, yaw) has moved, so that the mouse's turns stay."""
        rotate = rotation_z(0.0 if self._camera == "overview" else after[3] - before[3])
        camera = self._present_camera()
        eye = rotate @ (camera.eye_m - before[:3]) + after[:3]
        ahead = rotate @ (camera.target_m - camera.eye_m)
        self._widget.look_at(eye + 20.0 * ahead, eye, rotate @ camera.up)

    # What is written over the scene, and the box that was picked.

    def _write(self) -> None:
        """Labels, legend and scale bar, for the camera as it is."""
        for label in self._labels:
            self._widget.remove_3d_label(label)
        self._labels = []
        if self._drawing is None:
            return
        frame, camera = self._widget.frame, self._present_camera()
        size_px = (frame.width, frame.height)
        key = key_image(self._drawing, camera, size_px)
        picture = o3d.geometry.Image(key)  # pyright: ignore[reportArgumentType, reportCallIssue]
        self._key_picture.update_image(picture)
        height, width = key.shape[:2]
        self._key_picture.frame = gui.Rect(frame.x, frame.get_bottom() - height, width, height)
        if "labels" not in self._shown:
            return
        colors = colors_of(self._drawing.theme)
        for place, (x, y), text in shown_labels(self._drawing, camera, size_px, self._extent):
            width, height = self._extent(text)  # Open3D writes to the right of a place and below it
            ray = camera.ray(float(x) - 0.5 * width, float(y) - height, size_px)
            corner = camera.eye_m + np.linalg.norm(place - camera.eye_m) * ray
            label = self._widget.add_3d_label(corner.astype(np.float32), text)
            rgb = colors.hit if text.startswith("hit") else colors.ink
            label.color = gui.Color(*(c / 255.0 for c in rgb))
            self._labels.append(label)

    def _extent(self, text: str) -> tuple[float, float]:
        """About as wide and high as Open3D writes it, in pixels."""
        em = float(self._window.theme.font_size)
        return 0.55 * em * len(text), em

    def _mouse(self, event: Any) -> Any:
        """Ctrl + click picks the nearest box under the pointer; after a turn everything is written anew."""
        if event.type in (gui.MouseEvent.Type.BUTTON_UP, gui.MouseEvent.Type.WHEEL):
            self._write()
        pressed = event.type == gui.MouseEvent.Type.BUTTON_DOWN
        if not (pressed and event.is_modifier_down(gui.KeyModifier.CTRL)) or self._drawing is None:
            return gui.Widget.EventCallbackResult.IGNORED
        frame, camera = self._widget.frame, self._present_camera()
        ray = camera.ray(event.x - frame.x, event.y - frame.y, (frame.width, frame.height))
        distances_m = [
            hit_distance_m(camera.eye_m, ray, box.center_m, box.size_m, box.yaw_rad)
            for box in self._drawing.boxes
        ]
        nearest = int(np.argmin(distances_m)) if distances_m else -1
        hit = bool(distances_m) and np.isfinite(distances_m[nearest])
        self._picked = self._drawing.boxes[nearest].label if hit else None
        self._mark_picked()
        self._window.post_redraw()
        return gui.Widget.EventCallbackResult.CONSUMED

    def _mark_picked(self) -> None:
        boxes = self._drawing.boxes if self._drawing else []
        picked = next((box for box in boxes if box.label == self._picked), None)
        self._scene.replace("picked", [_outline(picked)] if picked else [])
        self._panel.describe(picked)

    def _key(self, event: Any) -> bool:
        """Returns whether the key means something here."""
        if event.type != gui.KeyEvent.Type.DOWN:
            return False
        step = {gui.KeyName.RIGHT: 1, gui.KeyName.LEFT: -1}.get(event.key)
        if step is not None:
            self._go_to(self._clock.instant + step)
        elif event.key in (gui.KeyName.UP, gui.KeyName.DOWN):
            self._panel.step_ahead(1 if event.key == gui.KeyName.UP else -1)
        elif event.key == gui.KeyName.SPACE:
            self._play(not self._clock.playing)
        elif event.key == gui.KeyName.C:
            self._panel.next_camera()
        elif event.key == gui.KeyName.S:
            self._save_image()
        else:
            return False
        return True

    def _layout(self, _: Any) -> None:
        content, width = self._window.content_rect, self._panel.width
        scene_width = content.width - width
        self._widget.frame = gui.Rect(content.x, content.y, scene_width, content.height)
        self._panel.widget.frame = gui.Rect(
            content.x + scene_width, content.y, width, content.height
        )


def _outline(box: ShownBox) -> Lines:
    """The edges of a box, a little outside of it."""
    corners = box_corners(box.center_m, box.size_m + 0.15, box.yaw_rad)
    return box_edges(corners, _PICKED_RGB, 3.0)
