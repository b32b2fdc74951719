"""`bevdrive bench`. Plain argparse: `python -m drive.cli.bench` runs where torch and numpy are all."""

import argparse
import json
import sys
import types
from pathlib import Path
from typing import Any

from sim.errors import InputError

WHAT = ("step", "step+metrics", "raster", "lidar", "observe", "observe-all", "closed-loop")
MODES = ("eager", "compiled", "graphed")
_EPILOG = """examples:
  bevdrive bench step lidar --worlds 16 64 --out bench.json
  bevdrive bench step step+metrics --maps DIR --agents 32 64
  bevdrive bench lidar --maps cluttered --agents 49          # 48 cars, 200 obstacles
  bevdrive bench --prepare worlds.npz --agents 32            # here, then where the GPU is:
  python -m drive.cli.bench --prepared worlds.npz --device cuda --worlds 1024 4096
"""


def run(arguments: list[str]) -> int:
    """Time what is asked for, print a table, write JSON; returns the exit code."""
    options = _parse(arguments)
    if "jaxtyping" not in sys.modules:
        _do_without_annotations()
    import torch

    from drive.bench import snapshot
    from drive.bench.run import Request, bench, prepare
    from drive.bench.table import HEAD, line
    from sim.device import require_device
    from sim.files import write_whole

    if options.threads:
        torch.set_num_threads(options.threads)
    require_device(options.device)
    if options.prepare:
        simulator = prepare(options.maps, options.agents[0], WHAT, "cpu")
        snapshot.save(options.prepare, simulator)
        world = simulator.world
        print(f"{world.num_worlds} worlds of {world.size_m.shape[1]} agents: {options.prepare}")
        return 0
    ready = None
    if options.prepared:
        ready = snapshot.load(options.prepared, options.device)
    request = Request(
        options.what, options.mode, options.worlds, options.agents, options.maps, options.device
    )
    print(HEAD)
    rows: list[dict[str, Any]] = []
    for row in bench(request, ready):
        rows.append(row)
        print(line(row), flush=True)
        if options.out:  # after each row, so that what was measured stays if the rest is cut off
            write_whole(options.out, json.dumps(rows, indent=1))
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bevdrive bench",
        description="How fast are world step, metrics, sensors and closed loop?",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("what", nargs="*", default=[], metavar="WHAT", help=f"of {', '.join(WHAT)}; all if none")
    add("--worlds", nargs="+", type=int, default=[64], help="batch sizes")
    add("--agents", nargs="+", type=int, default=[32], help="agents at the start of each world")
    add(
        "--maps",
        default="generated",
        help="generated; cluttered, uneven (for the lidar); or a folder of scenarios",
    )
    add("--mode", nargs="+", choices=MODES, default=["eager", "compiled"],
        help="graphed: compiled, replayed as CUDA graphs")  # fmt: skip
    add("--device", default="cpu", help="cpu, cuda, cuda:1 ...")
    add("--threads", type=int, default=0, help="CPU threads (0: as torch decides)")
    add("--out", type=Path, help="write the figures as JSON")
    add("--prepare", type=Path, help="write the worlds to this file instead of timing them")
    add("--prepared", type=Path, help="time the worlds of such a file")
    options = parser.parse_args(arguments)
    for what in options.what:
        if what not in WHAT:
            parser.error(f"unknown workload {what!r} (choices: {', '.join(WHAT)})")
    for name in ("worlds", "agents"):
        if min(getattr(options, name)) < 1:
            parser.error(f"--{name}: must be at least 1")
    if "graphed" in options.mode and not options.device.startswith("cuda"):
        parser.error("--mode graphed: only with --device cuda")
    if options.prepared and options.prepare:
        parser.error("--prepare writes a file, --prepared reads one: not both")
    options.what = options.what or list(WHAT)
    return options


def _do_without_annotations() -> None:
    """Where jaxtyping is not installed its shapes mean nothing."""
    try:
        import jaxtyping  # noqa: F401
    except ModuleNotFoundError:

        class Anything:
            def __class_getitem__(cls, _: Any) -> type:
                return cls

        stand_in = types.ModuleType("jaxtyping")
        for name in ("Bool", "Float", "Int", "Integer", "UInt8"):
            setattr(stand_in, name, Anything)
        sys.modules["jaxtyping"] = stand_in


if __name__ == "__main__":
    try:
        sys.exit(run(sys.argv[1:]))
    except InputError as error:
        print(f"bevdrive: {error}", file=sys.stderr)
        sys.exit(2)
