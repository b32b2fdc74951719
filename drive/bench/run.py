"""The product of what was asked for: workloads, agent counts, batch sizes, modes; one row each."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch._inductor.config

from drive.bench.measure import forget_peak, hardware, measure, peak_bytes, tree_bytes
from drive.bench.workloads import WORKLOADS, needs_of, reduced
from drive.bench.worlds import bench_simulator, repeat
from sim import trees
from sim.compiling import compiled
from sim.simulator import Simulator


@dataclass(frozen=True)
class Request:
    """What to time; every combination."""

    what: Sequence[str]
    modes: Sequence[str]
    worlds: Sequence[int]
    agents: Sequence[int]
    maps: str
    device: str


def bench(request: Request, ready: Simulator | None) -> Iterator[dict[str, Any]]:
    """A row of figures for each combination; `ready` worlds stand for maps and agent counts."""
    # On the CPU a pool of compilers that is still starting would compete with the first thing timed.
    if request.device == "cpu":
        torch._inductor.config.compile_threads = 1
    machine = hardware(request.device)
    for agents in [ready.world.size_m.shape[1]] if ready else request.agents:
        base = ready or prepare(request.maps, agents, request.what, request.device)
        for count in request.worlds:
            simulator = repeat(base, count)
            for what in request.what:
                for mode in request.modes:
                    yield _row(what, mode, reduced(simulator, what), request, machine)


def prepare(maps: str, agents: int, what: Sequence[str], device: str) -> Simulator:
    """Distinct worlds on `device`, with what the workloads need."""
    return bench_simulator(maps, agents, needs_of(what)).to(device)


@torch.no_grad()
def _row(
    what: str, mode: str, simulator: Simulator, request: Request, machine: dict
) -> dict[str, Any]:
    torch._dynamo.reset()
    forget_peak(request.device)
    world = simulator.world
    work = WORKLOADS[what](simulator, _MODES[mode])
    timing = measure(work.call, request.device)
    grids = world.field.tiles.cells
    return {
        "what": what,
        "mode": mode,
        "maps": request.maps,
        "worlds": world.num_worlds,
        "agents": world.size_m.shape[1],
        "valid_agents": work.agents,
        "drivers": float((world.paths.agent_path >= 0).sum()) / world.num_worlds,
        "distinct_maps": len(grids.first),
        "map_m": (grids.num_cells.amax(dim=0) * grids.resolution_m).tolist(),
        "unit": work.unit,
        "amount": work.amount,
        "per_second": work.amount / timing.median_s,
        "moved_bytes": work.moved_bytes,
        "static_bytes": tree_bytes(simulator),
        "peak_bytes": peak_bytes(request.device),
        **asdict(timing),
        **machine,
    }


def _eager(function: Callable) -> Callable:
    return function


def _graphed(function: Callable) -> Callable:
    """Results are copied: a graph overwrites its own when it is replayed."""
    replay = compiled(function, graphed=True)

    def call(*arguments: Any) -> Any:
        torch.compiler.cudagraph_mark_step_begin()
        return _copied(replay(*arguments))

    return call


def _copied(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return type(value)(_copied(part) for part in value)
    return trees.map_tensors(torch.clone, value)


_MODES = {
    "eager": _eager,
    "compiled": compiled,
    "graphed": _graphed,
}
