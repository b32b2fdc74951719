"""How fast are the sensors?

python benchmarks/sensors.py raster    # 200 x 200 x 8, one image per world
python benchmarks/sensors.py lidar     # 32 x 1080, 48 cars, 200 static obstacles
python benchmarks/sensors.py lidar --uneven     # the same on a height field, 0.3 m a cell

Needs torch, numpy, and what generation needs; `--device cuda` where there is one.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from sim.scenario import GroundHeight, ObstacleKind, Scenario, StaticObstacle, Tracks
from sim.sensors.ground import Ground
from sim.sensors.layers import MapLayers
from sim.sensors.lidar import Columns, Lidar
from sim.sensors.lidar_presets import HDL_32E
from sim.sensors.lidar_scene import Prisms, StaticScene, agent_prisms, concatenate
from sim.sensors.raster import Rasterizer, RasterSpec, Scene
from sim.sources.procedural import FAMILIES, draft
from sim.traffic import make_traffic
from sim.world import World

REPEATS = 9


def measure(function: Callable[..., object], arguments: tuple, device: str) -> tuple[float, float]:
    """Median and spread (largest minus smallest) of the seconds of a call."""

    def synchronize() -> None:
        if device == "cuda":
            torch.cuda.synchronize()

    seconds = []
    for k in range(REPEATS + 2):
        synchronize()
        began = time.perf_counter()
        function(*arguments)
        synchronize()
        if k >= 2:
            seconds.append(time.perf_counter() - began)
    return statistics.median(seconds), max(seconds) - min(seconds)


def report(what: str, unit: str, amount: float, function: Callable, arguments: tuple, device: str):
    """Eager and compiled, one line each."""
    for name, called in (
        ("eager", function),
        ("compiled", torch.compile(function, fullgraph=True)),
    ):
        with torch.no_grad():
            median, spread = measure(called, arguments, device)
        print(
            f"{what}, {name}, {device}: {amount / median:,.0f} {unit}/s "
            f"({1e3 * median:.1f} ms a call, spread {1e3 * spread:.1f} ms)"
        )


def bench_raster(worlds: int, device: str, uneven: bool) -> None:
    """Maps of all families in turn; everybody who is there at the start."""
    scenarios = [draft(FAMILIES[k % len(FAMILIES)], seed=k) for k in range(worlds)]
    world = World.from_scenarios(scenarios, make_traffic("log"))
    spec = RasterSpec()
    layers = MapLayers.from_scenarios(scenarios, spec.layers, spec.reach_m).to(device)
    rasterizer = Rasterizer(spec, layers, float(world.size_m[..., :2].norm(dim=-1).max()))
    scene = Scene.of(world, [world.reset()])
    scene = Scene(*(tensor.to(device) for tensor in vars(scene).values()))
    valid = float(scene.valid.sum() / worlds)
    megabytes = layers.field.numel() * 4 / 1e6 / worlds
    what = f"raster 200 x 200 x 8, {worlds} worlds, {valid:.0f} agents, {megabytes:.0f} MB a map"
    report(what, "images", worlds, rasterizer.draw, (scene,), device)


def bench_lidar(worlds: int, device: str, uneven: bool) -> None:
    """Cars and obstacles at random places within 90 m."""
    scenarios = [_crowded(k) for k in range(worlds)]
    if uneven:
        scenarios = [replace(s, map=replace(s.map, ground=_hills())) for s in scenarios]
    world = World.from_scenarios(scenarios, make_traffic("log"))
    lidar = Lidar(HDL_32E, StaticScene.from_scenarios(scenarios).to(device))
    state = world.reset()
    moved = replace(
        state,
        **{k: v.to(device) for k, v in vars(state).items() if isinstance(v, torch.Tensor)},
    )
    columns = lidar.columns(moved)
    prisms = agent_prisms(world, state, Ground.from_scenarios(scenarios))
    actors = Prisms(**{k: v.to(device) for k, v in vars(prisms).items()})

    def cast(columns: Columns, actors: Prisms) -> object:
        return lidar.cast(columns, concatenate(actors, lidar.static.prisms))

    what = f"lidar 32 x 1080, {worlds} worlds, 48 cars, 200 obstacles{', uneven' if uneven else ''}"
    report(what, "rays", worlds * HDL_32E.num_rays, cast, (columns, actors), device)


def _hills() -> GroundHeight:
    along = np.arange(-110.0, 110.0, 0.3)
    height = 2.0 * np.sin(along / 25.0)[:, None] * np.cos(along / 40.0)
    return GroundHeight(np.full(2, -110.0), 0.3, height.astype(np.float32))


def _crowded(seed: int) -> Scenario:
    rng = np.random.default_rng(seed)
    base = draft("straight", seed=seed)
    count = 49
    place = rng.uniform(-90, 90, (count, 1, 2))
    place[0] = 0.0
    instants = base.num_steps
    position = np.concatenate((place, np.full((count, 1, 1), 0.8)), axis=-1)
    tracks = Tracks(
        track_id=[str(n) for n in range(count)],
        category=["vehicle.car"] * count,
        kind=np.zeros(count, dtype=np.int64),
        size_m=np.tile(np.array((4.5, 1.9, 1.6), dtype=np.float32), (count, 1)),
        position_m=np.repeat(position, instants, axis=1).astype(np.float32),
        yaw_rad=np.repeat(rng.uniform(-3, 3, (count, 1)), instants, axis=1).astype(np.float32),
        velocity_mps=np.zeros((count, instants, 2), dtype=np.float32),
        valid=np.ones((count, instants), dtype=bool),
    )
    obstacles = []
    for k in range(200):
        middle, size = rng.uniform(-90, 90, 2), rng.uniform(0.5, 6.0, 2)
        pole = k % 4 == 0
        corners = 0.5 * size * np.array(((1, 1), (-1, 1), (-1, -1), (1, -1)))
        kind = ObstacleKind.POLE if pole else ObstacleKind.WALL
        ring = (middle + corners).astype(np.float32)
        height = float(rng.uniform(1, 8))
        obstacles.append(StaticObstacle(kind, ring, height, 0.2 if pole else 0.0))
    routes = [base.routes[0]] + [None] * (count - 1)
    lane_map = replace(base.map, obstacles=obstacles)
    return replace(base, tracks=tracks, routes=routes, map=lane_map)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("raster", "lidar"))
    parser.add_argument("--worlds", type=int, default=16)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--uneven", action="store_true", help="lidar: on a height field")
    options = parser.parse_args()
    torch.set_num_threads(2)
    bench = {"raster": bench_raster, "lidar": bench_lidar}[options.what]
    bench(options.worlds, options.device, options.uneven)
