"""Images have known colours where the camera projects shapes; without Open3D matplotlib draws them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from eval.image_files import write_mp4
from eval.view.camera import Camera
from eval.view.matplotlib_renderer import MatplotlibRenderer
from eval.view.open3d_renderer import Open3dRenderer
from eval.view.option_names import SHOWN_LAYERS
from eval.view.renderer import Renderer, draw_instants, film_instants, open_renderer
from eval.view.shapes import Drawing, Lines, Mesh, Points, Rgb, Shape, paint, quads
from sim.scenario_file import save_scenario
from sim.sources.procedural import generate
from tests.eval.view.open3d_drivers import HAS_DRIVERS, needs_open3d
from tests.eval.view.scenes import two_moving_cars

SIZE = (320, 240)
RED, GREEN, BLUE, AMBER = (200, 40, 30), (30, 180, 60), (40, 60, 220), (200, 100, 50)
DOWN = Camera(np.array((0.0, 0.0, 20.0)), np.zeros(3), np.array((0.0, 1.0, 0.0)))
ASIDE = Camera(np.array((-14.0, -9.0, 8.0)), np.zeros(3), np.array((0.0, 0.0, 1.0)))


@pytest.fixture(scope="module", params=["open3d", "matplotlib"])
def renderer(request: pytest.FixtureRequest) -> Iterator[Renderer]:
    if request.param == "open3d" and not HAS_DRIVERS:
        pytest.skip("no Vulkan drivers: see `make system`")
    made = Open3dRenderer(SIZE) if request.param == "open3d" else MatplotlibRenderer(SIZE)
    yield made
    made.close()


def _square(x: float, y: float, z: float, half: float, rgb: Rgb, opacity: float = 1.0) -> Mesh:
    signs = np.array(((-1, -1), (1, -1), (1, 1), (-1, 1)))
    corners = half * signs + np.array((x, y))
    vertices = np.column_stack((corners, np.full(4, z))).astype(np.float32)
    return Mesh(vertices, quads(1), paint(4, rgb), opacity)


def _draw(
    renderer: Renderer, shapes: list[Shape], camera: Camera, theme: str = "dark"
) -> np.ndarray:
    layers = {"first": shapes, "second": []}
    drawing = Drawing(layers, [], np.zeros(4), "", theme=theme)
    return renderer.draw(drawing, camera, labels=False).astype(int)


def _at(image: np.ndarray, camera: Camera, point: tuple[float, float, float]) -> np.ndarray:
    (pixel,), _ = camera.project(np.array((point,), dtype=float), SIZE)
    x, y = np.floor(pixel).astype(int)
    return image[y, x]


@pytest.mark.parametrize("camera", [DOWN, ASIDE], ids=["down", "aside"])
def test_shapes_have_their_colour_where_the_camera_projects_them(
    renderer: Renderer, camera: Camera
) -> None:
    shapes: list[Shape] = [
        _square(0, 0, 0, 1.5, AMBER),
        _square(4, 2, 0.5, 1.0, GREEN),
        Lines(np.array(((-4, -3, 0),), dtype=np.float32), np.array(((4, -3, 0),), dtype=np.float32),
              paint(1, BLUE), 8.0),
        Points(np.array(((-4, 2, 1),), dtype=np.float32), paint(1, RED), 9.0),
    ]  # fmt: skip
    image = _draw(renderer, shapes, camera)
    for point, rgb in (
        ((0, 0, 0), AMBER),
        ((4, 2, 0.5), GREEN),
        ((0, -3, 0), BLUE),
        ((-4, 2, 1), RED),
    ):
        assert _at(image, camera, point) == pytest.approx(rgb, abs=12), point
    nothing = (1.0, -6.0, 0.0)
    assert _at(image, camera, nothing) == pytest.approx((17, 19, 23), abs=6)
    light = _draw(renderer, shapes, camera, "light")
    assert _at(light, camera, nothing) == pytest.approx((238, 240, 235), abs=6)
    assert _at(light, camera, (0, 0, 0)) == pytest.approx(AMBER, abs=12)


def test_the_whole_square_is_where_it_is_projected(renderer: Renderer) -> None:
    for x in (-3.0, 0.0, 2.0):  # one renderer, again and again: nothing stays behind
        image = _draw(renderer, [_square(x, 1.0, 0.0, 1.5, AMBER)], DOWN)
        ys, xs = np.nonzero(np.abs(image - AMBER).max(axis=-1) < 12)
        corners = np.array(((x - 1.5, 2.5, 0.0), (x + 1.5, -0.5, 0.0)))
        (low, high), _ = DOWN.project(corners, SIZE)
        assert (xs.min(), ys.min()) == pytest.approx(low, abs=1.6)
        assert (xs.max() + 1, ys.max() + 1) == pytest.approx(high, abs=1.6)


@needs_open3d
def test_near_hides_far_and_translucent_lets_through() -> None:
    renderer = Open3dRenderer(SIZE)
    under = _square(0, 0, 0, 3.0, AMBER)
    image = _draw(renderer, [_square(0, 0, 2, 1.0, BLUE), under], DOWN)
    assert _at(image, DOWN, (0, 0, 2)) == pytest.approx(BLUE, abs=4)
    image = _draw(renderer, [_square(0, 0, 2, 1.0, BLUE, 0.5), under], DOWN)
    half = (np.array(BLUE) + AMBER) / 2
    assert _at(image, DOWN, (0, 0, 2)) == pytest.approx(half, abs=14)
    renderer.close()


@needs_open3d
def test_a_car_is_seen_ahead_of_the_ego_and_its_roof_is_blue() -> None:
    layers = two_moving_cars()
    renderer = Open3dRenderer((640, 360))
    shown = ("boxes", "map")
    (image,) = draw_instants(renderer, layers, [5], "chase", shown)
    renderer.close()
    camera = layers.camera("chase", 5)
    # Behind the arrow on each roof.
    roof = np.array(((2.5 + 12.4, 0.6, 1.6), (2.5 - 1.4, 0.6, 1.6)))
    pixel, _ = camera.project(roof, (640, 360))
    (ahead, ego) = (image[int(y), int(x)].astype(int) for x, y in pixel)
    assert ahead[2] > ahead[0] + 20  # vehicles are blue, the ego is orange
    assert ego[0] > ego[2] + 60


@needs_open3d
def test_a_film_has_its_length(tmp_path: Path) -> None:
    import imageio_ffmpeg

    layers, path = two_moving_cars(), tmp_path / "drive.mp4"
    renderer = Open3dRenderer(SIZE)
    instants = film_instants(layers.scene, 5.0)
    assert instants == list(range(0, 21, 2))
    images = draw_instants(renderer, layers, instants, "top", SHOWN_LAYERS)
    write_mp4(path, images, SIZE, 5.0)
    renderer.close()
    count, seconds = imageio_ffmpeg.count_frames_and_secs(str(path))
    assert count == 11 and seconds == pytest.approx(2.2, abs=0.05)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "broken", ["raise ImportError('no libusb-1.0.so.0')", "import os; os.abort()"]
)
def test_where_open3d_cannot_draw_matplotlib_does_and_the_packages_are_named(
    broken: str, tmp_path: Path
) -> None:
    (tmp_path / "open3d").mkdir()
    (tmp_path / "open3d" / "__init__.py").write_text(broken)
    root = Path(__file__).resolve().parents[3]
    out = tmp_path / "scene.png"
    save_scenario(generate(["straight"], 1, duration_s=1.0)[0], tmp_path / "scene.scenario")
    words = ["view", str(tmp_path / "scene.scenario"), "--out", str(out), "--size", "320x180"]
    path = os.pathsep.join((str(tmp_path), str(root)))
    done = subprocess.run(
        [sys.executable, "-m", "drive.cli.main", *words],
        cwd=root,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and done.stdout.strip() == str(out)
    (line,) = done.stderr.strip().splitlines()
    assert "mesa-vulkan-drivers" in line and "matplotlib" in line
    from PIL import Image

    image = np.asarray(Image.open(out))
    assert image.shape == (180, 320, 3) and len(np.unique(image.reshape(-1, 3), axis=0)) > 50


def test_open_renderer_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "open3d.py").write_text("raise ImportError('libGL.so.1: cannot open')")
    monkeypatch.syspath_prepend(str(tmp_path))
    renderer, reason = open_renderer(SIZE)
    assert isinstance(renderer, MatplotlibRenderer)
    assert "libGL.so.1: cannot open" in reason and "libgl1" in reason
