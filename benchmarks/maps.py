"""What maps cost: time and memory of their rasters, by family; scenarios until they can be observed.

python benchmarks/maps.py --maps 48            # rasters of 48 generated scenarios, one thread
python benchmarks/maps.py --scenarios 1000     # generated, mapped and prepared, two processes
"""

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import torch

from drive.bench.measure import tree_bytes
from sim.maps.field import MapField
from sim.maps.layers import LAYERS, MapLayers
from sim.sensors.raster import RasterSpec
from sim.simulator import Simulator
from sim.sources.procedural import FAMILIES, generate

SEVEN = tuple(name for name in LAYERS if name not in ("stop_line", "reachable"))
REACH_M = RasterSpec().reach_m
WORLDS, PART = 96, 125


def bench_rasters(count: int) -> None:
    """Milliseconds of one processor and megabytes of a map alone; then a batch with all layers."""
    torch.set_num_threads(1)
    scenarios = generate(list(FAMILIES), max(count, WORLDS))
    MapField.from_scenarios(scenarios[:1])  # imports
    rows: dict[str, list[tuple[float, ...]]] = {name: [] for name in FAMILIES}
    for scenario in scenarios[:count]:
        began = time.process_time()
        field = MapField.from_scenarios([scenario])
        between = time.process_time()
        layers = MapLayers.from_scenarios([scenario], SEVEN, REACH_M)
        end = time.process_time()
        nine = MapLayers.from_scenarios([scenario], LAYERS, REACH_M)
        seconds = (between - began, end - between, time.process_time() - end)
        megabytes = [tree_bytes(made) / 1e6 for made in (field, layers, nine)]
        rows[scenario.family].append((*(1e3 * s for s in seconds), *megabytes))
    print(f"{'family':24s} ms: field  7 layers  {len(LAYERS)} layers   MB: the same")
    for name, family in (
        *rows.items(),
        ("mean", [row for found in rows.values() for row in found]),
    ):
        if family:
            ms, mb = np.mean(family, axis=0).reshape(2, 3)
            print(
                f"{name:24s} {ms[0]:9.0f} {ms[1]:9.0f} {ms[2]:9.0f} {mb[0]:9.1f} {mb[1]:9.1f} {mb[2]:9.1f}"
            )
    batch = scenarios[:WORLDS]
    made = (MapField.from_scenarios(batch), MapLayers.from_scenarios(batch, LAYERS, REACH_M))
    print(f"{WORLDS} maps, all layers: {sum(map(tree_bytes, made)) / 1e6:.0f} MB")


def prepare(first: int) -> int:
    """Agents of `PART` scenarios from number `first` on, of which a world with its maps is made."""
    torch.set_num_threads(1)
    scenarios = generate(list(FAMILIES), PART, first=first)
    simulator = Simulator.from_scenarios(scenarios, "idm")
    layers = MapLayers.from_scenarios(scenarios, SEVEN, REACH_M)
    assert len(layers.row) == len(simulator.world.field.row) == PART
    return sum(scenario.num_agents for scenario in scenarios)


def bench_scenarios(count: int) -> None:
    """Generated, recorded, mapped, in two processes, their start included."""
    began = time.perf_counter()
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        agents = sum(pool.map(prepare, range(0, count, PART)))
    seconds = time.perf_counter() - began
    print(
        f"{-(-count // PART) * PART} scenarios, {agents} agents, field and 7 layers: {seconds:.0f} s"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--maps", type=int, default=0)
    parser.add_argument("--scenarios", type=int, default=0)
    options = parser.parse_args()
    if options.maps:
        bench_rasters(options.maps)
    if options.scenarios:
        bench_scenarios(options.scenarios)
