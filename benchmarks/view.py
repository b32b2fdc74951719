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
from eval.view.choices import SHOWN_LAYERS
from eval.view.clouds import Cloud
from eval.view.episode import Episode
from eval.view.live import WindowSettings, show
from eval.view.movie import every, frames, open_renderer
from eval.view.process import DrawingProcess
from eval.view.shapes import Picture
from eval.view.stage import Stage, StageSettings
from sim.scenario import Scenario
from sim.sources.procedural import generate

SIZE_PX = (960, 540)
POINTS, BOXES = 35_000, 60


@dataclass(frozen=True)
class Everywhere:
    """A cloud of `POINTS` around the ego, on the ground and above."""

    rng: np.random.Generator

    def at(self, instant: int) -> Cloud:
        xyz = self.rng.uniform((-60, -60, 0), (60, 60, 3), (POINTS, 3)).astype(np.float32)
        nobody = np.full(POINTS, -1)
        return Cloud(xyz, self.rng.random(POINTS, dtype=np.float32), nobody, nobody)


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
    return replace(scenario, tracks=many, routes=[scenario.routes[k] for k in row])


def frame_s() -> list[float]:
    """Seconds for each of 20 frames of `POINTS` points and `BOXES` boxes, everything included."""
    episode = Episode.of(crowded(), clouds=Everywhere(np.random.default_rng(0)))
    stage, (renderer, reason) = Stage(episode, StageSettings()), open_renderer(SIZE_PX)
    assert not reason, reason
    taken, before = [], time.perf_counter()
    for _ in frames(renderer, stage, list(range(20)), "chase", SHOWN_LAYERS):
        taken.append(time.perf_counter() - before)
        before = time.perf_counter()
    renderer.close()
    return taken[1:]  # the first holds the map


def film_s() -> float:
    """Seconds for a scene of 15 s at 10 fps, its simulated lidar included."""
    stage = Stage(Episode.of(generate(["signalized_junction"], 1)[0]), StageSettings())
    began = time.perf_counter()
    renderer, reason = open_renderer(SIZE_PX)
    assert not reason, reason
    with TemporaryDirectory() as folder:
        images = frames(renderer, stage, every(stage.episode, 10.0), "chase", SHOWN_LAYERS)
        write_mp4(Path(folder) / "scene.mp4", images, SIZE_PX, 10.0)
    renderer.close()
    return time.perf_counter() - began


class Counting(Stage):
    """A stage that notes when it is asked for which instant."""

    asked: list[tuple[float, int]]

    def picture(self, instant: int, *rest: object) -> Picture:  # type: ignore[override]
        self.asked.append((time.perf_counter(), instant))
        if instant == self.episode.num_instants - 1:
            raise KeyboardInterrupt
        return super().picture(instant, *rest)  # type: ignore[arg-type]


def window_hz() -> tuple[float, float]:
    """Seconds until the window asks for its second picture, and pictures a second while it plays."""
    began = time.perf_counter()
    process = DrawingProcess("window")
    stage = Counting(Episode.of(generate(["signalized_junction"], 1)[0]), StageSettings())
    stage.asked = []
    try:
        show(process, stage, WindowSettings(SIZE_PX, 0, "chase", "height", SHOWN_LAYERS, True))
    except KeyboardInterrupt:
        process.close()
    times = np.array([at for at, _ in stage.asked])
    return times[1] - began, (len(times) - 2) / (times[-1] - times[1])


if __name__ == "__main__":
    torch.set_num_threads(1)
    taken = frame_s()
    print(f"frame, {POINTS} points, {BOXES} boxes: median {statistics.median(taken):.3f} s, "
          f"slowest {max(taken):.3f} s")  # fmt: skip
    print(f"film of 15 s at 10 fps: {film_s():.1f} s")
    if os.environ.get("DISPLAY"):
        opened, hz = window_hz()
        print(f"window: first picture shown after {opened:.2f} s, then {hz:.1f} pictures a second")
