"""The product of what was asked for: workloads, agent counts, batch sizes, modes; one row each."""

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch._inductor.config

from drive.bench.measure import hardware, measure, peak_bytes, tree_bytes
from drive.bench.workloads import NEEDS_LIDAR, NEEDS_RASTER, WORKLOADS
from drive.bench.worlds import bench_world, repeat
from sim.compiling import compiled
from sim.sensors.lidar_presets import HDL_32E
from sim.sensors.raster import RasterSpec
from sim.sensors.suite import SensorSuite
from sim.world import World

PREPARED_SPECS = (RasterSpec(), HDL_32E)  # 200 x 200 x 8, 32 x 1080


@dataclass(frozen=True)
class Request:
    """What to time; every combination."""

    what: list[str]
    modes: list[str]
    worlds: list[int]
    agents: list[int]
    maps: str
    device: str


def bench(request: Request, ready: tuple[World, SensorSuite] | None) -> Iterator[dict[str, Any]]:
    """A row of figures for each combination; `ready` worlds stand for maps and agent counts."""
    # A pool of compilers that is still starting would compete with the first thing timed.
    torch._inductor.config.compile_threads = 1
    machine = hardware(request.device)
    for agents in [ready[0].size_m.shape[1]] if ready else request.agents:
        base, sensors = ready or prepare(request.maps, agents, request.what, request.device)
        for count in request.worlds:
            world = repeat(base, count)
            suite = sensors.take(torch.arange(count, device=world.kind.device) % base.num_worlds)
            for what in request.what:
                for mode in request.modes:
                    yield _row(what, mode, world, suite, request, machine)


def prepare(maps: str, agents: int, what: Sequence[str], device: str) -> tuple[World, SensorSuite]:
    """Distinct worlds on `device`, and the sensors that the workloads need."""
    world = bench_world(maps, agents).to(device)
    raster, lidar = PREPARED_SPECS
    return world, SensorSuite.of(
        world,
        raster if set(what) & set(NEEDS_RASTER) else None,
        lidar if set(what) & set(NEEDS_LIDAR) else None,
    )


@torch.no_grad()
def _row(
    what: str, mode: str, world: World, sensors: SensorSuite, request: Request, machine: dict
) -> dict[str, Any]:
    torch._dynamo.reset()
    work = WORKLOADS[what](world, sensors, _MODES[mode])
    timing = measure(work.call, request.device)
    grids = world.field.tiles.cells
    return {
        "what": what,
        "mode": mode,
        "maps": request.maps,
        "worlds": world.num_worlds,
        "agents": world.size_m.shape[1],
        "valid_agents": work.agents,
        "drivers": float(world.drivers.real.sum()) / world.num_worlds,
        "distinct_maps": len(grids.first),
        "map_m": (grids.num_cells.amax(dim=0) * grids.resolution_m).tolist(),
        "unit": work.unit,
        "amount": work.amount,
        "per_second": work.amount / timing.median_s,
        "moved_bytes": work.moved_bytes,
        "static_bytes": tree_bytes(world),
        "peak_bytes": peak_bytes(request.device),
        **asdict(timing),
        **machine,
    }


def _eager(function: Callable) -> Callable:
    return function


_MODES = {
    "eager": _eager,
    "compiled": compiled,
    "graphed": functools.partial(compiled, graphed=True),
}
