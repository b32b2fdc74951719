"""The scene in a browser: colours as viser needs them, a page that plays, controls that act."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval.view.option_names import SHOWN_LAYERS
from eval.view.palette import colors_of
from eval.view.scene_layers import SceneLayers
from eval.view.shapes import Mesh, quads
from eval.view.viewed_scene import ViewedScene
from eval.view.web_page import WebPage, record_web
from eval.view.web_scene import _by_color, _line_color, _mesh_color, web_server
from eval.view.window_messages import WindowSettings
from sim.scenario import AreaKind
from tests.eval.report.browser import CHROMIUM, needs_browser, picture
from tests.eval.view.scenes import drive_record, two_cars

try:
    import viser
except ImportError:
    viser = None
needs_viser = pytest.mark.skipif(viser is None, reason="viser is not installed: bevdrive[view]")


def _three_js(light: float) -> float:
    """Tone mapping as in three.js (ACES, Hill's fit) of a grey, then sRGB, 0 to 255."""
    v = light / 0.6
    mapped = (v * (v + 0.0245786) - 0.000090537) / (v * (0.983729 * v + 0.432951) + 0.238081)
    return 255.0 * max(mapped, 0.0) ** (1 / 2.2)


@pytest.mark.parametrize("grey", [20, 43, 120, 207, 235])
def test_a_colour_is_what_it_was_after_tone_mapping(grey: int) -> None:
    rgb = np.full((1, 3), grey, dtype=np.uint8)
    mesh = float(_mesh_color(rgb[0])[0])
    assert _three_js(4.0 * (mesh / 255.0) ** 2.2) == pytest.approx(grey, abs=3.0)
    if grey < 225:  # lines cannot be brighter
        assert _three_js(float(_line_color(rgb)[0, 0]) / 255.0) == pytest.approx(grey, abs=8.0)


def test_a_mesh_becomes_one_for_each_colour() -> None:
    vertices = np.arange(36, dtype=np.float32).reshape(12, 3)
    rgb = np.repeat(np.array(((250, 0, 0), (0, 0, 250), (250, 2, 1)), dtype=np.uint8), 4, axis=0)
    parts = _by_color(Mesh(vertices, quads(3), rgb, 0.5))
    assert sorted(len(part.triangle) for part in parts) == [2, 4]
    corners = {
        tuple(corner) for part in parts for corner in part.vertex_m[part.triangle].reshape(-1, 9)
    }
    assert corners == {tuple(corner) for corner in vertices[quads(3)].reshape(-1, 9)}
    assert {part.opacity for part in parts} == {0.5}


def _layers() -> SceneLayers:
    scenario = two_cars()
    return SceneLayers(ViewedScene.of(scenario, drive_record(scenario)), "class", theme="light")


@pytest.fixture
def page() -> Iterator[WebPage]:
    layers = _layers()
    settings = WindowSettings((0, 0), 5, "chase", "class", SHOWN_LAYERS)
    with web_server("light") as server:
        yield WebPage(server, layers, settings)


@needs_viser
def test_the_ego_stands_at_the_origin_and_controls_act(page: WebPage) -> None:
    page.tick()
    scene: Any = page._scene
    # At instant 5 the ego has gone 2.5 m along x; the cyclist is 9.5 m ahead, 4 m to the left.
    assert scene._frame.position == pytest.approx((-2.5, 0.0, 0.0), abs=1e-3)
    assert all(node.visible for node in scene._nodes["boxes"].values())
    page._show_layer("boxes", False)
    page._go_to(10)
    page.tick()
    assert scene._frame.position[0] == pytest.approx(-5.0, abs=1e-3)
    assert not any(node.visible for node in scene._nodes["boxes"].values())
    assert page._time.value == pytest.approx(1.0) and "t =  1.0 s" in page._caption.content
    assert "perceived" in page._legend.content and "cyclist" not in page._legend.content


@needs_viser
def test_a_turned_ego_looks_along_x() -> None:
    layers = _layers()
    layers.scene.motion.pose[:, 0, 2] = 0.5 * math.pi
    with web_server("dark") as server:
        page = WebPage(server, layers, WindowSettings((0, 0), 4, "top", "class", ("boxes",)))
        page.tick()
        frame: Any = page._scene._frame
        # The ego is at (2, 0) and looks north: what is north of it lies on x, and it at the origin.
        w, _, _, z = frame.wxyz
        turn = 2.0 * math.atan2(z, w)
        assert turn == pytest.approx(-0.5 * math.pi)
        assert frame.position == pytest.approx((0.0, 2.0, 0.0), abs=1e-3)


@pytest.fixture
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    software = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=software)
        yield opened
        opened.close()


def _open(browser: Any, address: str, width: int) -> tuple[Any, list[str]]:
    """The tab, and the addresses that it asks for."""
    tab, asked = browser.new_page(viewport={"width": width, "height": 240}), []
    tab.on("request", lambda request: asked.append(request.url))
    tab.set_default_timeout(120_000)  # met only where something never comes
    tab.goto(address)
    return tab, asked


def _shows_road_and_ego(tab: Any, meanwhile: Callable[[], None]) -> bool:
    """Whether both come to be seen in their colours; the scene fades in."""
    light = colors_of("light")
    for _ in range(60):
        meanwhile()
        tab.wait_for_timeout(500)
        image = np.asarray(picture(tab)).astype(int)
        road = np.abs(image - light.areas[AreaKind.DRIVABLE]).max(axis=-1) < 12
        ego = np.abs(image - light.ego).max(axis=-1) < 60
        if road.sum() > 500 and ego.sum() > 50:
            return True
    return False


@needs_viser
@needs_browser
def test_a_recording_opens_in_a_browser_and_asks_nobody(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "drive.html"
    record_web(path, _layers(), "chase", ("boxes", "map", "plan"), range(3))
    tab, asked = _open(browser, path.as_uri(), 320)
    assert _shows_road_and_ego(tab, lambda: None)
    assert not [url for url in asked if url.startswith("http")]


@needs_viser
@needs_browser
def test_a_served_page_shows_the_scene_and_steps(browser: Any, page: WebPage) -> None:
    page.tick()
    tab, asked = _open(browser, f"http://127.0.0.1:{page._scene._server.get_port()}", 640)
    assert _shows_road_and_ego(tab, page.tick)
    tab.get_by_role("button", name="forward").click()
    for _ in range(60):
        page.tick()
        tab.wait_for_timeout(100)
        if tab.get_by_text("t = 0.6 s").count():
            break
    assert tab.get_by_text("t = 0.6 s").count() == 1  # it began at 0.5 s
    assert all("127.0.0.1" in url for url in asked if url.startswith("http"))
