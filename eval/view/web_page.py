"""The browser's tab: controls beside a `WebScene`, its playback; or a recording of it in one HTML file."""

import time
from collections.abc import Callable, Iterable
from html import escape
from pathlib import Path
from typing import Any

from eval.view.option_names import CAMERAS, COLORS
from eval.view.playback_clock import PlaybackClock
from eval.view.scene_layers import SceneLayers
from eval.view.shapes import Drawing
from eval.view.web_scene import WebScene, web_server
from eval.view.window_messages import WindowSettings
from sim.files import whole_file

_TICK_S = 0.01
_SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0)
_TEXT = '<div style="padding:0 .9em;font-size:.85em">{}</div>'
_SWATCH = '<span style="display:inline-block;width:.8em;height:.8em;background:rgb{}"></span>'


def record_web(
    path: Path,
    layers: SceneLayers,
    camera: str,
    shown: tuple[str, ...],
    instants: Iterable[int],
) -> None:
    """Write a page that plays these time steps in any browser, without a server; whole or not at all."""
    with web_server(layers.theme) as server:
        scene = WebScene(server, layers, camera)
        recording = server.get_scene_serializer()
        for instant in instants:
            scene.show(layers.at(instant, shown=shown), set(shown))
            recording.insert_sleep(layers.scene.motion.dt_s)
        page = recording.as_html(dark_mode=layers.theme == "dark")
    with whole_file(path) as scratch:
        scratch.write_text(page)


def serve_web(layers: SceneLayers, settings: WindowSettings, told: Callable[[str], None]) -> None:
    """Show the scene to browsers until interrupted; `told` gets the address once it answers."""
    with web_server(layers.theme) as server:
        page = WebPage(server, layers, settings)
        page.tick()
        told(f"http://localhost:{server.get_port()}")
        while True:
            page.tick()
            time.sleep(_TICK_S)


class WebPage:
    """Controls and playback; the browsers' threads note what is wanted, `tick` does it."""

    def __init__(self, server: Any, layers: SceneLayers, settings: WindowSettings) -> None:
        self._layers, self._gui = layers, server.gui
        self._shown, self._color, self._ahead_s = (
            set(settings.shown),
            settings.color,
            settings.ahead_s,
        )
        scene = layers.scene
        self._clock = PlaybackClock(scene.num_instants, scene.motion.dt_s, settings.instant)
        self._scene = WebScene(server, layers, settings.camera)
        self._add_controls(settings)
        self._clock.play(settings.playing)

    def tick(self) -> None:
        """Make the drawing that is wanted, if any, and show the one that is due."""
        instant = self._clock.next_request()
        if instant is not None:
            self._clock.receive(self._layers.at(instant, self._color, self._shown, self._ahead_s))
        drawing = self._clock.take_due()
        if drawing is not None:
            self._scene.show(drawing, self._shown)
            self._tell(drawing)

    def _add_controls(self, settings: WindowSettings) -> None:
        gui, scene = self._gui, self._layers.scene
        self._caption = gui.add_html("")
        last_s = (scene.num_instants - 1) * scene.motion.dt_s
        self._time = gui.add_slider("time, s", 0.0, max(last_s, 1e-3), scene.motion.dt_s,
                                    settings.instant * scene.motion.dt_s)  # fmt: skip
        self._time.on_update(self._slide)
        self._play = gui.add_button("play")
        self._play.on_click(lambda _: self._clock.play(not self._clock.playing))
        steps = gui.add_button_group("step", ("back", "forward"))
        steps.on_click(
            lambda _: self._go_to(self._clock.instant + (1 if steps.value == "forward" else -1))
        )
        self._choice("speed", [f"{speed:g} x" for speed in _SPEEDS], "1 x",
                     lambda name: self._clock.set_speed(float(name.split()[0])))  # fmt: skip
        self._choice("camera", list(CAMERAS), settings.camera, self._set_camera)
        self._choice("points by", list(COLORS), settings.color, self._set_color)
        times_s = self._layers.times_ahead_s()
        if times_s:
            nearest_s = min(times_s, key=lambda time_s: abs(time_s - self._ahead_s))
            options = [f"{time_s:g} s" for time_s in times_s]
            self._choice("costs in", options, f"{nearest_s:g} s", self._set_ahead)
        with gui.add_folder("layers"):
            for layer in self._layers.available():
                box = gui.add_checkbox(layer, layer in self._shown)
                box.on_update(lambda _, layer=layer, box=box: self._show_layer(layer, box.value))
        self._legend, self._table = gui.add_html(""), gui.add_html("")

    def _choice(
        self, label: str, options: list[str], first: str, act: Callable[[str], None]
    ) -> None:
        chosen = self._gui.add_dropdown(label, options, initial_value=first)
        chosen.on_update(lambda _: act(chosen.value))

    def _slide(self, event: Any) -> None:
        if event.client is not None:  # somebody has moved it, and not `_tell`
            self._go_to(round(self._time.value / self._layers.scene.motion.dt_s))

    def _go_to(self, instant: int) -> None:
        self._clock.play(False)
        self._clock.go_to(instant)

    def _set_camera(self, camera: str) -> None:
        self._scene.look(camera)
        self._clock.redraw()  # labels are placed for it

    def _set_color(self, color: str) -> None:
        self._color = color
        self._clock.redraw()

    def _set_ahead(self, choice: str) -> None:
        self._ahead_s = float(choice.split()[0])
        self._clock.redraw()

    def _show_layer(self, layer: str, shown: bool) -> None:
        self._shown = self._shown | {layer} if shown else self._shown - {layer}
        self._clock.redraw()

    def _tell(self, drawing: Drawing) -> None:
        """What a drawing says in words, and where playback is."""
        self._time.value = self._clock.instant * self._layers.scene.motion.dt_s
        self._play.label = "pause" if self._clock.playing else "play"
        self._caption.content = _TEXT.format(f"<b>{escape(drawing.caption)}</b>")
        rows = (f"<div>{_SWATCH.format(rgb)} {escape(name)}</div>" for name, rgb in drawing.legend)
        self._legend.content = _TEXT.format("".join(rows))
        cells = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in drawing.table)
        rows = (f"<tr>{row}</tr>" for row in cells)
        self._table.content = _TEXT.format(f"<table>{''.join(rows)}</table>")
