"""Compiled without graph breaks, the sensors give what they give in eager mode.

Run by `test_compiled.py` as its own process: the type checks of the tests do not compile.
"""

from dataclasses import replace

import numpy as np
import torch

from sim.scenario import GroundHeight
from sim.sensors.lidar import Lidar
from sim.sensors.lidar_presets import LidarSpec
from sim.sensors.raster import CHANNELS, Rasterizer, RasterSpec, Scene
from sim.sources.procedural import draft
from sim.traffic import make_traffic
from sim.world import World


def _world() -> World:
    scenarios = [draft("signalized_junction", seed=1), draft("crosswalk", seed=2)]
    return World.from_scenarios(scenarios, make_traffic("log"))


def check_raster() -> None:
    world = _world()
    rasterizer = Rasterizer.of(world, RasterSpec(channels=CHANNELS))
    scene = Scene.of(world, [world.reset()])
    # Askew, so that few cell centres lie on an edge: those may fall to either side.
    scene.pose[:, :, 0] += torch.tensor((0.13, 0.37, 0.61))
    eager = rasterizer.draw(scene)
    compiled = torch.compile(rasterizer.draw, fullgraph=True)(scene)
    differ = ((eager - compiled).abs() > 1e-5).float().mean(dim=(0, 2, 3))
    names = rasterizer.spec.names
    assert differ.max() < 1e-4, dict(zip(names, differ.tolist(), strict=True))


def check_lidar(ground: GroundHeight | None) -> None:
    world = _world()
    world.scenarios[0] = replace(
        world.scenarios[0], map=replace(world.scenarios[0].map, ground=ground)
    )
    lidar = Lidar.of(world, LidarSpec((3.0, -1.0, -4.0, -15.0), 180, 80.0))
    state = world.reset()
    eager = lidar.sweep(world, state)
    compiled = torch.compile(lidar.sweep, fullgraph=True)(world, state)
    differ = (eager.range_m - compiled.range_m).abs() > 1e-5 * eager.range_m.clamp(min=1.0)
    assert differ.float().mean() < 1e-3, differ.float().mean()
    assert torch.equal(eager.hit[~differ], compiled.hit[~differ])


if __name__ == "__main__":
    check_raster()
    check_lidar(None)
    wave = np.sin(np.arange(200) / 9.0).astype(np.float32)
    check_lidar(GroundHeight(np.full(2, -50.0), 0.5, wave[:, None] * wave))
