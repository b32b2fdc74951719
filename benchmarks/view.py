"""How fast scenes are drawn: a frame off-screen, a film, and the window under a virtual display.

python benchmarks/view.py            # the window needs a display: xvfb-run -s "-screen 0 1280x800x24"
"""

import os
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from eval.image_files import write_mp4
from eval.view.lidar_points import LabeledPoints
from eval.view.option_names import SHOWN_LAYERS
from eval.view.renderer import draw_instants, film_instants, open_renderer
from eval.view.renderer_process import RendererProcess
from eval.view.scene_layers import SceneLayers
from eval.view.scene_server import serve_window
from eval.view.shapes import Drawing
from eval.view.viewed_scene import ViewedScene
from eval.view.window_messages import WindowSettings
from sim.scenario import Scenario
from sim.sources.procedural import generate

SIZE_PX = (960, 540)
POINTS, BOXES = 35_000, 60


@dataclass(frozen=True)
class Everywhere:
    """A point source: `POINTS` at random around the ego, on the ground and above."""

    rng: np.random.Generator

    def at(self, instant: int) -> LabeledPoints:
        xyz = self.rng.uniform((-60, -60, 0), (60, 60, 3), (POINTS, 3)).astype(np.float32)
        no_agent = np.full(POINTS, -1)
        return LabeledPoints(xyz, self.rng.random(POINTS, dtype=np.float32), no_agent, no_agent)


def crowded() -> Scenario:
    """A generated junction whose tracks are repeated, a little aside, until there are `BOXES`."""
    from dataclasses import replace

    scenario = generate(["signalized_junction"], 1, seed=1)[0]
    tracks = scenario.tracks
    row = np.arange(BOXES) % scenario.num_agents
    aside = (np.arange(BOXES) // scenario.num_agents)[:, None, None] * np.array((2.0, 6.0, 0.0))
    many = replace(
        tracks,
        track_id=[f"{k}" for k in range(BOXES)],
        category=[tracks.category[k] for k in row],
        kind=tracks.kind[row],
        size_m=tracks.size_m[row],
        position_m=(tracks.position_m[row] + aside).astype(np.float32),
        yaw_rad=tracks.yaw_rad[row],
        velocity_mps=tracks.velocity_mps[row],
        valid=np.ones_like(tracks.valid[row]),
    )
    routes = [scenario.routes[k] for k in row]
    return replace(scenario, tracks=many, routes=routes, styles=None)


def frame_s() -> list[float]:
    """Seconds for each of 20 frames of `POINTS` points and `BOXES` boxes, everything included."""
    scene = ViewedScene.of(crowded(), points=Everywhere(np.random.default_rng(0)))
    layers, (renderer, reason) = SceneLayers(scene), open_renderer(SIZE_PX)
    assert not reason, reason
    taken, before = [], time.perf_counter()
    for _ in draw_instants(renderer, layers, list(range(20)), "chase", SHOWN_LAYERS):
        taken.append(time.perf_counter() - before)
        before = time.perf_counter()
    renderer.close()
    return taken[1:]  # the first holds the map


def film_s() -> float:
    """Seconds for a scene of 15 s at 10 fps, its simulated lidar included."""
    layers = SceneLayers(ViewedScene.of(generate(["signalized_junction"], 1)[0]))
    began = time.perf_counter()
    renderer, reason = open_renderer(SIZE_PX)
    assert not reason, reason
    with TemporaryDirectory() as folder:
        instants = film_instants(layers.scene, 10.0)
        images = draw_instants(renderer, layers, instants, "chase", SHOWN_LAYERS)
        write_mp4(Path(folder) / "scene.mp4", images, SIZE_PX, 10.0)
    renderer.close()
    return time.perf_counter() - began


class Counting(SceneLayers):
    """Notes when it is asked for which instant."""

    asked: list[tuple[float, int]]

    def at(self, instant: int, *rest: object) -> Drawing:  # type: ignore[override]
        self.asked.append((time.perf_counter(), instant))
        if instant == self.scene.num_instants - 1:
            raise KeyboardInterrupt
        return super().at(instant, *rest)  # type: ignore[arg-type]


def window_hz() -> tuple[float, float]:
    """Seconds until the window asks for its second drawing, and drawings a second while it plays."""
    began = time.perf_counter()
    process = RendererProcess("window")
    layers = Counting(ViewedScene.of(generate(["signalized_junction"], 1)[0]))
    layers.asked = []
    try:
        settings = WindowSettings(SIZE_PX, 0, "chase", "height", SHOWN_LAYERS, True)
        serve_window(process, layers, settings)
    except KeyboardInterrupt:
        process.close()
    times = np.array([at for at, _ in layers.asked])
    return times[1] - began, (len(times) - 2) / (times[-1] - times[1])


if __name__ == "__main__":
    torch.set_num_threads(1)
    taken = frame_s()
    print(f"frame, {POINTS} points, {BOXES} boxes: median {statistics.median(taken):.3f} s, "
          f"slowest {max(taken):.3f} s")  # fmt: skip
    print(f"film of 15 s at 10 fps: {film_s():.1f} s")
    if os.environ.get("DISPLAY"):
        opened, hz = window_hz()
        print(f"window: first drawing shown after {opened:.2f} s, then {hz:.1f} drawings a second")
