"""How far the hot loops are from what this machine can do.

python benchmarks/roofline.py --maps DIR [--what step raster] [--planners pdm p3] [--worlds 64] [--threads 1]

DIR: recorded maps, as for `bevdrive bench`. First the machine's limits: bytes that stream through memory,
reads at random places of a table that caches hold, multiply-adds. Then what a call does, counted operation
by operation as it runs eagerly: values computed, scattered reads, bytes that have to go in and out, and how
long each of the three would take alone. Beside it what it takes compiled and eager; compiled code may take
less than its reads, which it finds in part side by side. Planners are not compiled: a plan each, of worlds of
`interactive-val` 2 s after they begin.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch._inductor.config
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from drive.bench.measure import measure
from drive.bench.run import prepare
from drive.bench.workloads import WORKLOADS, Work, reduced
from drive.bench.worlds import repeat
from drive.planning import make_planner
from sim import trees
from sim.compiling import compiled
from sim.interface import needs_of
from sim.simulator import Simulator
from sim.sources.finding import find
from sim.sources.loading import load
from sim.sources.query import SourceQuery

_CHAIN, _APART = 32, 8  # multiply-adds one after the other, and beside one another
# Operations that move no values and compute none.
VIEWS = ("view", "expand", "slice", "select", "unsqueeze", "squeeze", "permute", "transpose", "t.", "alias",
         "as_strided", "detach", "unbind", "split", "unfold", "empty", "lift_fresh", "diagonal")  # fmt: skip
READS = ("index.", "gather", "index_select", "take", "embedding", "grid_sampler")
WRITES = ("scatter", "index_put", "index_add", "index_fill")
REDUCTIONS = ("sum", "amax", "amin", "max.dim", "min.dim", "argmin", "argmax", "any", "all", "mean", "cum",
              "sort")  # fmt: skip
PRODUCTS = ("mm", "addmm", "bmm", "baddbmm", "convolution")


@dataclass(frozen=True)
class Limits:
    """What the machine does in a second, with the threads that it is given."""

    bytes: float
    reads: float
    operations: float


@dataclass
class Count(TorchDispatchMode):
    """What all within does: calls of operations, values computed, scattered reads and writes, bytes."""

    calls: int = 0
    values: int = 0
    scattered: int = 0
    bytes: int = 0

    def __post_init__(self) -> None:
        super().__init__()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        name = str(func).removeprefix("aten.")
        if name.startswith(VIEWS):
            return out
        given, made = _tensors(args), _tensors((out,))
        most = max((t.numel() for t in made), default=0)
        self.calls += 1
        self.bytes += sum(t.numel() * t.element_size() for t in (*given, *made))
        if name.startswith((*READS, *WRITES)):
            self.scattered += most if name.startswith(READS) else given[-1].numel()
        elif name.startswith(REDUCTIONS):
            self.values += max((t.numel() for t in given), default=0)
        elif name.startswith(PRODUCTS):
            # A multiply-add for each number of a row of the second factor, or of a filter.
            inner = given[1].numel() // len(given[1]) if "conv" in name else given[-1].shape[-2]
            self.values += 2 * most * inner
        elif name.startswith("cdist"):
            self.values += 5 * most  # two differences, two squares, a root
        else:
            self.values += most
        return out


def _tensors(values: Sequence[Any]) -> list[Tensor]:
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, tuple | list):
            found += _tensors(value)
    return found


def limits() -> Limits:
    """Of the machine, measured."""
    source, target = torch.rand(2, 1 << 26)
    copied = measure(lambda: target.copy_(source), "cpu")
    table, place = torch.rand(1 << 18), torch.randint(1 << 18, (1 << 22,))
    read = compiled(lambda table, place: table[place])
    gathered = measure(lambda: read(table, place), "cpu")
    small = torch.rand(torch.get_num_threads() << 15)

    def chain(x: Tensor) -> Tensor:
        sums = [x + k for k in range(_APART)]
        for _ in range(_CHAIN):
            sums = [y * x + 0.5 for y in sums]
        return torch.stack(sums).sum(dim=0)

    chained = compiled(chain)
    computed = measure(lambda: [chained(small) for _ in range(20)], "cpu")
    return Limits(
        bytes=2 * 4 * len(source) / copied.least_s,
        reads=len(place) / gathered.least_s,
        operations=20 * 2 * _CHAIN * _APART * len(small) / computed.least_s,
    )


def counted(call: Callable[[], Any]) -> Count:
    """What one call does."""
    with Count() as count:
        call()
    return count


def row(name: str, eager: Work, fast: Work | None, machine: Limits) -> str:
    """Of one unit: an agent-step, an image, a ray, an observation, a plan; calls are of all."""
    count = counted(eager.call)
    per = 1e6 / eager.amount
    told = [count.values / machine.operations, count.scattered / machine.reads,
            eager.moved_bytes / machine.bytes]  # fmt: skip
    slow = measure(eager.call, "cpu").median_s
    taken = slow if fast is None else measure(fast.call, "cpu").median_s
    cells = [
        f"{count.values / eager.amount:.0f}", f"{count.scattered / eager.amount:.0f}",
        f"{eager.moved_bytes / eager.amount:.0f}", *(f"{per * s:.3f}" for s in told),
        "" if fast is None else f"{per * taken:.3f}", f"{taken / max(told):.1f}", f"{per * slow:.2f}",
        f"{per * count.bytes / machine.bytes:.2f}", f"{count.calls}",
    ]  # fmt: skip
    return f"| {name} ({eager.unit[:-1]}) | {' | '.join(cells)} |"


def planning(name: str, worlds: int) -> Work:
    """Plans of one planner for worlds of `interactive-val`; in: the observation, out: the plan."""
    planner = make_planner(name)
    refs = find(SourceQuery(benchmark="interactive-val", count=worlds))
    simulator = Simulator.from_scenarios([s for _, s in load(refs)[0]], "idm", needs_of(planner))
    observed = simulator.observe(simulator.reset(torch.full((worlds,), 20)))
    reset = getattr(planner, "reset", None)
    if reset is not None:
        reset(worlds, torch.device("cpu"), torch.Generator().manual_seed(0))
    # Maps are shared tables of which a plan reads little.
    moved = sum(t.numel() * t.element_size() for _, t in trees.tensors(observed, with_shared=False))
    there = float(observed.agents.valid.sum()) / worlds
    return Work(lambda: planner.plan(observed), "plans", worlds, moved, there)


@torch.no_grad()
def main() -> None:
    """The machine, then a row for each workload."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--maps", required=True)
    parser.add_argument("--what", nargs="*", default=["step", "raster", "lidar", "observe"])
    parser.add_argument("--planners", nargs="*", default=[])
    parser.add_argument("--worlds", type=int, default=64)
    parser.add_argument("--agents", type=int, default=32)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch._inductor.config.compile_threads = 1
    machine = limits()
    print(
        f"{options.threads} thread(s): {machine.bytes / 1e9:.1f} GB/s streamed, "
        f"{machine.reads / 1e6:.0f} M scattered reads/s, {machine.operations / 1e9:.1f} GFLOP/s"
    )
    print(
        "| of one | values | scattered reads | bytes in and out | us: arithmetic | reads | bytes "
        "| compiled, us | over the slowest | eager, us | its bytes, us | calls |"
    )
    print("|---" * 12 + "|")
    for name in options.planners:
        print(row(name, planning(name, options.worlds), None, machine), flush=True)
    if not options.what:
        return
    base = repeat(prepare(options.maps, options.agents, options.what, "cpu"), options.worlds)
    for what in options.what:
        torch._dynamo.reset()
        simulator = reduced(base, what)
        eager = WORKLOADS[what](simulator, lambda function: function)
        print(row(what, eager, WORKLOADS[what](simulator, compiled), machine), flush=True)


if __name__ == "__main__":
    main()
