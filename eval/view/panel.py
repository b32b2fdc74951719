"""The panel beside the scene: clock, camera, colours, layers, and what is known of a picked box."""

from typing import TYPE_CHECKING, Any

from open3d.visualization import gui

from eval.view.choices import CAMERAS, COLORS
from eval.view.live import Opening
from eval.view.shapes import ShownBox

if TYPE_CHECKING:
    from eval.view.window import Window

_SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0)
_HINT = "Ctrl + click: pick a box"


class Panel:
    """Widgets that call the window, and show its state."""

    def __init__(self, window: "Window", opening: Opening, em: int) -> None:
        self._window, self._opening = window, opening
        self.width = 17 * em
        self.widget = gui.Vert(0.4 * em, gui.Margins(0.6 * em, 0.6 * em, 0.6 * em, 0.6 * em))
        self._time = self._add(gui.Label(f"{opening.title[:36]}\n "))
        self._slider = self._add(gui.Slider(gui.Slider.INT))
        self._slider.set_limits(0, max(opening.num_instants - 1, 1))
        self._slider.set_on_value_changed(self._scrub)
        self._play = self._buttons()
        self._choice("speed", [f"{speed:g} x" for speed in _SPEEDS], _SPEEDS.index(1.0),
                     lambda _, k: window.set_speed(_SPEEDS[k]))  # fmt: skip
        cameras = [*CAMERAS, "free"]
        self._cameras = self._choice("camera", cameras, cameras.index(window.camera),
                                     lambda name, _: window.set_camera(name))  # fmt: skip
        self._choice("points by", list(COLORS), COLORS.index(window.color),
                     lambda name, _: window.set_color(name))  # fmt: skip
        self._layer_boxes(em)
        save = self._add(gui.Button("Save picture (S)"))
        save.set_on_clicked(window.save)
        self._known = self._add(gui.Label(_HINT))

    def update(self, caption: str, instant: int, playing: bool) -> None:
        """Show the time, and whether it runs."""
        total = (self._opening.num_instants - 1) * self._opening.dt_s
        now = instant * self._opening.dt_s
        self._time.text = (
            f"{self._opening.title[:36]}\n{now:5.1f} / {total:.1f} s  {caption.split()[-2]} m/s"
        )
        self._slider.int_value = instant
        self._play.text = "pause" if playing else "play"

    def describe(self, box: ShownBox | None) -> None:
        """What is known of the picked box."""
        lines = [f"{name}: {value}" for name, value in box.values.items()] if box else [_HINT]
        self._known.text = "\n".join(line[:38] for line in lines)

    def tell(self, text: str) -> None:
        """Say something where the picked box is described."""
        self._known.text = text

    def next_camera(self) -> None:
        """The camera after the present one."""
        self._cameras.selected_index = (self._cameras.selected_index + 1) % (len(CAMERAS) + 1)
        self._window.set_camera(self._cameras.selected_text)

    def _scrub(self, value: float) -> None:
        if round(value) != self._window.instant:
            self._window.play(False)
            self._window.go_to(round(value))

    def _buttons(self) -> Any:
        row = gui.Horiz(6)
        play = gui.Button("play")
        for text, act in (
            ("<", lambda: self._step(-1)),
            ("play", lambda: self._window.play(not self._window.playing)),
            (">", lambda: self._step(1)),
        ):
            button = play if text == "play" else gui.Button(text)
            button.set_on_clicked(act)
            row.add_child(button)
        self._add(row)
        return play

    def _step(self, instants: int) -> None:
        self._window.play(False)
        self._window.go_to(self._window.instant + instants)

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
            box.checked = layer in self._window.shown
            box.set_on_checked(lambda shown, layer=layer: self._window.show_layer(layer, shown))
            grid.add_child(box)
        self._add(grid)

    def _add(self, widget: Any) -> Any:
        self.widget.add_child(widget)
        return widget
