"""The controls beside the scene: time, camera, colours, layers; a picked box; the table of a drawing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from open3d.visualization import gui

from eval.view.option_names import CAMERAS, COLORS
from eval.view.shapes import Drawing, ShownBox
from eval.view.window_messages import Opening

FREE = "free"  # the camera that does not follow the ego
_SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0)
_COLUMNS = 3  # of the table
_HINT = "Ctrl + click: pick a box"


@dataclass(frozen=True)
class PanelActions:
    """What the panel calls when its controls are used."""

    toggle_playing: Callable[[], None]
    step: Callable[[int], None]  # so many time steps on, standing still
    go_to: Callable[[int], None]  # this time step, standing still
    set_speed: Callable[[float], None]  # times real time
    set_camera: Callable[[str], None]  # one of CAMERAS, or FREE
    set_color: Callable[[str], None]  # one of COLORS
    set_ahead: Callable[[float], None]  # a cost volume is shown so many seconds from now
    show_layer: Callable[[str, bool], None]  # one of LAYERS; shown or hidden
    save_image: Callable[[], None]


class Panel:
    """Widgets, `width` pixels wide; `em` is the height of a line of text in pixels."""

    def __init__(self, opening: Opening, actions: PanelActions, em: int) -> None:
        self._opening, self._actions = opening, actions
        settings = opening.settings
        self._instant = settings.instant
        self.width = 17 * em
        self.widget = gui.Vert(0.4 * em, gui.Margins(0.6 * em, 0.6 * em, 0.6 * em, 0.6 * em))
        self._time = self._add(gui.Label(f"{opening.title[:36]}\n "))
        self._slider = self._add(gui.Slider(gui.Slider.INT))
        self._slider.set_limits(0, max(opening.num_instants - 1, 1))
        self._slider.set_on_value_changed(self._slide)
        self._play = self._buttons()
        self._choice("speed", [f"{speed:g} x" for speed in _SPEEDS], _SPEEDS.index(1.0),
                     lambda _, k: actions.set_speed(_SPEEDS[k]))  # fmt: skip
        cameras = [*CAMERAS, FREE]
        self._cameras = self._choice("camera", cameras, cameras.index(settings.camera),
                                     lambda name, _: actions.set_camera(name))  # fmt: skip
        self._choice("points by", list(COLORS), COLORS.index(settings.color),
                     lambda name, _: actions.set_color(name))  # fmt: skip
        self._ahead = self._ahead_slider() if opening.times_ahead_s else None
        self._layer_boxes(em)
        save = self._add(gui.Button("Save picture (S)"))
        save.set_on_clicked(actions.save_image)
        self._known = self._add(gui.Label(_HINT))
        self._columns = [gui.Label("") for _ in range(_COLUMNS)]
        row = gui.Horiz(0.6 * em)
        for column in self._columns:
            row.add_child(column)
        self._add(row)

    def update(self, drawing: Drawing, instant: int, playing: bool) -> None:
        """Show the time, speed and table of a drawing, and whether the scene plays."""
        self._instant = instant
        total = (self._opening.num_instants - 1) * self._opening.dt_s
        now, speed = instant * self._opening.dt_s, drawing.caption.split()[-2]
        self._time.text = f"{self._opening.title[:36]}\n{now:5.1f} / {total:.1f} s  {speed} m/s"
        self._slider.int_value = instant
        self._play.text = "pause" if playing else "play"
        texts = ["\n".join(column) for column in zip(*drawing.table, strict=True)]
        for label, text in zip(self._columns, texts or [""] * _COLUMNS, strict=True):
            label.text = text

    def describe(self, box: ShownBox | None) -> None:
        """Show what is known of the picked box, or how to pick one."""
        lines = [f"{name}: {value}" for name, value in box.values.items()] if box else [_HINT]
        self._known.text = "\n".join(line[:38] for line in lines)

    def tell(self, text: str) -> None:
        """Say something where the picked box is described."""
        self._known.text = text

    def next_camera(self) -> None:
        """Choose the camera after the present one."""
        self._cameras.selected_index = (self._cameras.selected_index + 1) % (len(CAMERAS) + 1)
        self._actions.set_camera(self._cameras.selected_text)

    def step_ahead(self, steps: int) -> None:
        """Show the cost volume so many of its instants later, or at the first or last."""
        if self._ahead is not None:
            last = len(self._opening.times_ahead_s) - 1
            self._ahead.int_value = min(max(self._ahead.int_value + steps, 0), last)
            self._slide_ahead(self._ahead.int_value)

    def _ahead_slider(self) -> Any:
        """Which instant of the cost volume is shown, and a line that tells it."""
        times_s, settings = self._opening.times_ahead_s, self._opening.settings
        self._ahead_told = self._add(gui.Label(""))
        slider = self._add(gui.Slider(gui.Slider.INT))
        slider.set_limits(0, max(len(times_s) - 1, 1))
        slider.int_value = int(np.abs(np.array(times_s) - settings.ahead_s).argmin())
        slider.set_on_value_changed(self._slide_ahead)
        self._tell_ahead(slider.int_value)
        return slider

    def _slide_ahead(self, value: float) -> None:
        self._tell_ahead(round(value))
        self._actions.set_ahead(self._opening.times_ahead_s[round(value)])

    def _tell_ahead(self, number: int) -> None:
        self._ahead_told.text = f"costs in {self._opening.times_ahead_s[number]:.1f} s (up, down)"

    def _slide(self, value: float) -> None:
        if round(value) != self._instant:
            self._actions.go_to(round(value))

    def _buttons(self) -> Any:
        """The row of buttons; returns the one in the middle, whose text changes."""
        row = gui.Horiz(6)
        buttons = [gui.Button(text) for text in ("<", "play", ">")]
        act = self._actions
        calls = (lambda: act.step(-1), act.toggle_playing, lambda: act.step(1))
        for button, call in zip(buttons, calls, strict=True):
            button.set_on_clicked(call)
            row.add_child(button)
        self._add(row)
        return buttons[1]

    def _choice(self, name: str, choices: list[str], chosen: int, act: Any) -> Any:
        row = gui.Horiz(6)
        row.add_child(gui.Label(name))
        box = gui.Combobox()
        for choice in choices:
            box.add_item(choice)
        box.selected_index = chosen
        box.set_on_selection_changed(act)
        row.add_child(box)
        self._add(row)
        return box

    def _layer_boxes(self, em: int) -> None:
        grid = gui.VGrid(2, 0.2 * em)
        for layer in self._opening.layers:
            box = gui.Checkbox(layer)
            box.checked = layer in self._opening.settings.shown
            box.set_on_checked(lambda shown, layer=layer: self._actions.show_layer(layer, shown))
            grid.add_child(box)
        self._add(grid)

    def _add(self, widget: Any) -> Any:
        self.widget.add_child(widget)
        return widget
