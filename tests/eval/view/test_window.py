"""The window, on a virtual screen, plays a scene to its end; without a screen it says so."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from eval.view.option_names import SHOWN_LAYERS
from eval.view.renderer_process import DrawingFailed, RendererProcess
from eval.view.scene_layers import SceneLayers
from eval.view.scene_server import serve_window
from eval.view.shapes import Drawing
from eval.view.thought import CellCosts, Thought
from eval.view.viewed_scene import ViewedScene
from eval.view.window_messages import WindowSettings
from sim.geometry.grid import BevGrid
from tests.eval.view.open3d_drivers import needs_open3d
from tests.eval.view.scenes import two_moving_cars


class _Counting(SceneLayers):
    """Notes which time steps the window asks for; the last one ends the test."""

    def __init__(self, scene: ViewedScene) -> None:
        super().__init__(scene)
        self.asked: list[int] = []
        self.ahead_s_asked: set[object] = set()

    def at(self, instant: int, *rest: object) -> Drawing:  # type: ignore[override]
        self.asked.append(instant)
        self.ahead_s_asked.add(rest[-1])
        if instant == self.scene.num_instants - 1:
            raise KeyboardInterrupt
        return super().at(instant, *rest)  # type: ignore[arg-type]


@pytest.fixture
def virtual_screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if shutil.which("Xvfb") is None:
        pytest.skip("no Xvfb on this machine")
    says_display, display_end = os.pipe()
    screen = subprocess.Popen(
        ["Xvfb", "-displayfd", str(display_end), "-screen", "0", "1024x600x24"],
        pass_fds=[display_end], stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(display_end)
    with os.fdopen(
        says_display
    ) as answer:  # Xvfb writes the number of a free display when it is up
        monkeypatch.setenv("DISPLAY", f":{answer.readline().strip()}")
    yield
    screen.kill()
    screen.wait()


@needs_open3d
@pytest.mark.usefixtures("virtual_screen")
def test_the_window_plays_to_the_end() -> None:
    layers = _Counting(two_moving_cars().scene)
    process = RendererProcess("window")
    settings = WindowSettings((800, 500), 0, "chase", "height", SHOWN_LAYERS, playing=True)
    with pytest.raises(KeyboardInterrupt):
        serve_window(process, layers, settings)
    process.close()
    assert layers.asked[0] == 0 and layers.asked == sorted(set(layers.asked))


class _Volume:
    """A planner that shows two instants of four cells, and a table."""

    def at(self, instant: int) -> Thought:
        cells = CellCosts(np.arange(8.0).reshape(2, 2, 2), BevGrid(-1.0, -1.0, 1.0, 2, 2), 0.5)
        told = Thought(np.zeros((2, 3)), np.ones((2, 3)), np.ones((2, 2, 2)), np.array((0.0, 1.0)),
                       {"jerk": np.array((2.0, 3.0))}, 1, cell_costs=cells)  # fmt: skip
        assert len(told.table(1.0)) == 4
        return told


@needs_open3d
@pytest.mark.usefixtures("virtual_screen")
def test_a_cost_volume_is_shown_at_the_instant_that_is_asked_for() -> None:
    layers = _Counting(replace(two_moving_cars().scene, thoughts=_Volume()))
    assert set(layers.available()) >= {"costs", "candidates", "plan"}
    assert "occupancy" not in layers.shown_at_first()
    process = RendererProcess("window")
    settings = WindowSettings(
        (800, 500), 0, "chase", "height", layers.shown_at_first(), ahead_s=1.0, playing=True
    )
    with pytest.raises(KeyboardInterrupt):
        serve_window(process, layers, settings)
    process.close()
    assert layers.asked[-1] == layers.scene.num_instants - 1 and layers.ahead_s_asked == {1.0}


@needs_open3d
@pytest.mark.parametrize(
    ("display", "reason"), [("", "DISPLAY is not set"), (":987", "no display answers at :987")]
)
def test_without_a_display_the_window_says_so(
    monkeypatch: pytest.MonkeyPatch, display: str, reason: str
) -> None:
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    process = RendererProcess("window")
    with pytest.raises(DrawingFailed, match=reason) as raised:
        process.wait_ready()
    assert "apt-get" not in str(raised.value)
    process.close()
