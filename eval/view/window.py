"""The interactive window. It asks the other process (`eval.view.live`) for the pictures it shows."""

import os
import time
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from open3d.visualization import gui, rendering

from eval.view.camera import FOV_DEG, Camera, follow, hit_distance_m
from eval.view.live import Opening
from eval.view.open3d_scene import LayeredScene
from eval.view.panel import Panel
from eval.view.shapes import Lines, Picture, ShownBox, box_corners, box_edges, turn_z

_PICKED_RGB = (255, 255, 255)


def open_window(connection: Connection) -> None:
    """Show a window until it is closed."""
    gui.Application.instance.initialize()
    connection.send("ready")
    Window(connection, connection.recv())
    gui.Application.instance.run()
    connection.send("closed")
    os._exit(0)  # taking Open3D down in order may abort


class Window:
    """A scene, a panel beside it, and a clock."""

    def __init__(self, connection: Connection, opening: Opening) -> None:
        self._connection, self._opening = connection, opening
        settings = opening.settings
        self.instant, self.playing, self.speed = settings.instant, False, 1.0
        self._begin = settings.playing
        self.color, self.camera = settings.color, settings.camera
        self.shown = set(settings.shown)
        self._picture: Picture | None = None
        self._asked: int | None = None  # the instant of a picture that has not arrived
        self._next: tuple[int, Picture] | None = None  # one that has, before its time
        self._stale = True  # what is shown is not what is wanted
        self._clock = (0.0, 0)  # when playing began, and at which instant
        self._picked: str | None = None
        self._labels: list[Any] = []
        self._window = gui.Application.instance.create_window(
            f"bevdrive view: {opening.title}", *settings.size_px
        )
        self._widget = gui.SceneWidget()
        self._widget.scene = rendering.Open3DScene(self._window.renderer)
        self._scene = LayeredScene(self._widget.scene)
        for layer, shapes in opening.static.items():
            self._scene.replace(layer, shapes)
            self._scene.show(layer, layer in self.shown)
        self._panel = Panel(self, opening, self._window.theme.font_size)
        self._window.add_child(self._widget)
        self._window.add_child(self._panel.widget)
        self._window.set_on_layout(self._layout)
        self._window.set_on_tick_event(self._tick)
        self._window.set_on_key(self._key)
        self._widget.set_on_mouse(self._mouse)
        self._ask(self.instant)

    # What the panel calls.

    def play(self, playing: bool) -> None:
        """Start, at the beginning if all has been shown, or stop."""
        if playing and self.instant >= self._opening.num_instants - 1:
            self.go_to(0)
        self.playing = playing
        self._scene.smooth(not playing)
        self._start_clock()

    def set_speed(self, speed: float) -> None:
        """Times real time."""
        self.speed = speed
        self._start_clock()

    def go_to(self, instant: int) -> None:
        """Show another instant."""
        self.instant = min(max(instant, 0), self._opening.num_instants - 1)
        self._start_clock()
        self._stale = True

    def set_color(self, color: str) -> None:
        """Colour the points otherwise."""
        self.color, self._stale = color, True

    def set_camera(self, camera: str) -> None:
        """A camera that follows the ego, or `free`."""
        self.camera = camera
        if self._picture is not None and camera != "free":
            self._look(follow(camera, self._picture.ego))

    def show_layer(self, layer: str, shown: bool) -> None:
        """Show or hide a layer."""
        (self.shown.add if shown else self.shown.discard)(layer)
        self._scene.show(layer, shown)
        self._stale = True

    def save(self) -> None:
        """Write what the scene shows to the current folder."""
        from PIL import Image

        name = f"view-{time.strftime('%Y%m%d-%H%M%S')}.png"

        def write(image: Any) -> None:
            Image.fromarray(np.asarray(image)).save(name)
            self._panel.tell(f"saved {name}")

        self._widget.scene.scene.render_to_image(write)

    # The clock and the other process.

    def _start_clock(self) -> None:
        self._clock = (time.perf_counter(), self.instant)

    def _tick(self) -> bool:
        """Called again and again: take what has arrived, show what is due, ask for what comes."""
        try:
            if self._asked is not None and self._connection.poll(0.005):
                self._next, self._asked = (self._asked, self._connection.recv()), None
        except (EOFError, OSError):
            os._exit(1)  # the other process is gone
        shown = self._show_next()
        if self._asked is None and self._next is None:
            if self.playing:
                self._ask(min(self._due() + 1, self._opening.num_instants - 1))
            elif self._stale:
                self._ask(self.instant)
        return shown

    def _due(self) -> int:
        """The instant that the clock has come to."""
        begun, at = self._clock
        return at + int((time.perf_counter() - begun) * self.speed / self._opening.dt_s)

    def _show_next(self) -> bool:
        """Show the picture that has arrived, if its time has come; while it is drawn the next is made."""
        if self._next is None or (self.playing and self._next[0] > self._due()):
            return False
        (instant, picture), self._next = self._next, None
        if self.playing:
            self.instant = instant
            last = self._opening.num_instants - 1
            if instant < last:  # one picture late is caught up, more are left out
                late = self._due() - instant
                self._ask(min(instant + (late if late > 1 else 1), last))
            else:
                self.play(False)
        self._take(picture)
        return True

    def _ask(self, instant: int) -> None:
        self._asked, self._stale = instant, False
        self._connection.send((instant, self.color, tuple(self.shown)))

    def _take(self, picture: Picture) -> None:
        """Show a picture that was asked for."""
        before, self._picture = self._picture, picture
        for layer, shapes in picture.layers.items():
            self._scene.replace(layer, shapes)
        if before is None:
            bounds = self._widget.scene.bounding_box
            self._widget.setup_camera(FOV_DEG, bounds, picture.ego[:3])
            self._look(follow(self.camera, picture.ego))
            self.play(self._begin)
        elif self.camera != "free":
            self._move_along(before.ego, picture.ego)
        self._write_labels()
        self._mark_picked()
        self._panel.update(picture.caption, self.instant, self.playing)

    # The camera.

    def _look(self, camera: Camera) -> None:
        self._widget.look_at(camera.target_m, camera.eye_m, camera.up)

    def _now(self) -> Camera:
        """The camera as it is, however the mouse has turned it."""
        pose = np.asarray(self._widget.scene.camera.get_model_matrix())
        eye = pose[:3, 3]
        return Camera(eye, eye - pose[:3, 2], pose[:3, 1], FOV_DEG)

    def _move_along(self, before: np.ndarray, after: np.ndarray) -> None:
        """Move the camera as the ego has moved, so that what the mouse did to it stays."""
        turn = 0.0 if self.camera == "overview" else after[3] - before[3]
        rotate = turn_z(turn)
        now = self._now()
        eye = rotate @ (now.eye_m - before[:3]) + after[:3]
        ahead = rotate @ (now.target_m - now.eye_m)
        self._widget.look_at(eye + 20.0 * ahead, eye, rotate @ now.up)

    # Labels, and the box that was picked.

    def _write_labels(self) -> None:
        for label in self._labels:
            self._widget.remove_3d_label(label)
        self._labels = []
        if self._picture is None or "labels" not in self.shown:
            return
        for place, text in self._picture.labels():
            label = self._widget.add_3d_label(place.astype(np.float32), text)
            label.color = gui.Color(0.92, 0.92, 0.92)
            self._labels.append(label)

    def _mouse(self, event: Any) -> Any:
        """Ctrl + click picks the nearest box under the pointer."""
        pressed = event.type == gui.MouseEvent.Type.BUTTON_DOWN
        if not (pressed and event.is_modifier_down(gui.KeyModifier.CTRL)) or self._picture is None:
            return gui.Widget.EventCallbackResult.IGNORED
        frame = self._widget.frame
        now = self._now()
        ray = now.ray(event.x - frame.x, event.y - frame.y, (frame.width, frame.height))
        far = [
            hit_distance_m(now.eye_m, ray, box.center_m, box.size_m, box.yaw_rad)
            for box in self._picture.boxes
        ]
        nearest = int(np.argmin(far)) if far else -1
        hit = bool(far) and np.isfinite(far[nearest])
        self._picked = self._picture.boxes[nearest].label if hit else None
        self._mark_picked()
        self._window.post_redraw()
        return gui.Widget.EventCallbackResult.CONSUMED

    def _mark_picked(self) -> None:
        boxes = self._picture.boxes if self._picture else []
        picked = next((box for box in boxes if box.label == self._picked), None)
        self._scene.replace("picked", [_outline(picked)] if picked else [])
        self._panel.describe(picked)

    def _key(self, event: Any) -> bool:
        if event.type != gui.KeyEvent.Type.DOWN:
            return False
        step = {gui.KeyName.RIGHT: 1, gui.KeyName.LEFT: -1}.get(event.key)
        if step is not None:
            self.play(False)
            self.go_to(self.instant + step)
        elif event.key == gui.KeyName.SPACE:
            self.play(not self.playing)
        elif event.key == gui.KeyName.C:
            self._panel.next_camera()
        elif event.key == gui.KeyName.S:
            self.save()
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
