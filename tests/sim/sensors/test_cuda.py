"""On a GPU the sensors give what they give on the CPU.

Without one, the `meta` device still shows whether a tensor was left behind on the CPU.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sim import trees
from sim.maps.layers import MapLayers
from sim.scenario import GroundHeight, Scenario
from sim.sensors.lidar import Lidar
from sim.sensors.lidar_presets import HDL_32E
from sim.sensors.lidar_scene import StaticScene, agent_prisms, concatenate
from sim.sensors.raster import CHANNELS, Rasterizer, RasterSpec, Scene
from sim.sensors.sweep import LabelledSweep
from sim.sources.procedural import draft
from sim.world import World

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")


def _scenarios() -> list[Scenario]:
    return [draft("signalized_junction", seed=1), draft("crosswalk", seed=2)]


def _draw(device: str) -> tuple[torch.Tensor, list[str]]:
    scenarios = _scenarios()
    world = World.from_scenarios(scenarios)
    spec = RasterSpec(channels=CHANNELS)
    layers = MapLayers.from_scenarios(scenarios, spec.layers, spec.reach_m)
    longest_m = float(world.size_m[..., :2].norm(dim=-1).max())
    scene = Scene.of(world, world.reset())
    # Askew, so that few cell centres lie on an edge: those may fall to either side.
    scene.pose[:, :, 0] += torch.tensor((0.13, 0.37, 0.61))
    there = trees.to(scene, device)
    return Rasterizer(spec, trees.to(layers, device), longest_m).draw(there), spec.names


def _cast(device: str, uneven: bool) -> LabelledSweep:
    scenarios = _scenarios()
    if uneven:
        wave = np.sin(np.arange(200) / 9.0).astype(np.float32)
        ground = GroundHeight(np.full(2, -50.0), 0.5, wave[:, None] * wave)
        scenarios[0] = replace(scenarios[0], map=replace(scenarios[0].map, ground=ground))
    world = World.from_scenarios(scenarios)
    state = world.reset()
    static = StaticScene.from_scenarios(scenarios)
    actors = agent_prisms(world, state, static.ground)
    prisms = trees.to(actors, device)
    lidar = Lidar(HDL_32E, trees.to(static, device))
    return lidar.cast(
        lidar.columns(trees.to(state, device)), concatenate(prisms, lidar.static.prisms)
    )


@needs_gpu
def test_rasters_are_the_same() -> None:
    (cpu, names), (cuda, _) = _draw("cpu"), _draw("cuda")
    differ = ((cpu - cuda.cpu()).abs() > 1e-4).float().mean(dim=(0, 2, 3))
    assert differ.max() < 1e-4, dict(zip(names, differ.tolist(), strict=True))


@needs_gpu
@pytest.mark.parametrize("uneven", [False, True])
def test_sweeps_are_the_same(uneven: bool) -> None:
    cpu, cuda = _cast("cpu", uneven), _cast("cuda", uneven)
    differ = (cpu.range_m - cuda.range_m.cpu()).abs() > 1e-4 * cpu.range_m.clamp(min=1.0)
    assert differ.float().mean() < 1e-3  # a beam along an edge may meet it or not
    assert torch.equal(cpu.label[~differ], cuda.label.cpu()[~differ])
    close = (cpu.point_m - cuda.point_m.cpu()).abs() <= 1e-4 * cpu.range_m.unsqueeze(-1).clamp(
        min=1.0
    )
    assert close[~differ].all()


def test_everything_is_on_the_device_asked_for() -> None:
    assert _draw("meta")[0].device.type == "meta"
    for uneven in (False, True):
        assert _cast("meta", uneven).point_m.device.type == "meta"
