"""`bevdrive bench`. Where torch and numpy are all, `python -m drive.cli.bench NAME=VALUE ...` does."""

import json
import sys
import types
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.errors import InputError, one_of

if TYPE_CHECKING:
    from drive.cli.options import Form

WHAT = ("step", "step+metrics", "raster", "lidar", "observe", "observe-all", "closed-loop")
MODES = ("eager", "compiled", "graphed")


@dataclass(frozen=True)
class BenchOptions:
    """How fast are world step, metrics, sensors and closed loop?

    Examples:
      bevdrive bench step lidar --worlds 16,64 --out bench.json
      bevdrive bench step step+metrics --maps DIR --agents 32,64
      bevdrive bench lidar --maps cluttered --agents 49          # 48 cars, 200 obstacles
      bevdrive bench --prepare worlds.npz --agents 32            # here, then where the GPU is:
      python -m drive.cli.bench prepared=worlds.npz device=cuda worlds=1024,4096

    The last needs torch and numpy alone; what it takes are the options, as NAME=VALUE.
    """

    what: tuple[str, ...] = WHAT
    """step, step+metrics, raster, lidar, observe, observe-all, closed-loop; not given: all"""
    worlds: tuple[int, ...] = (64,)
    """batch sizes"""
    agents: tuple[int, ...] = (32,)
    """agents at the start of each world"""
    maps: str = "generated"
    """generated; cluttered, uneven (for the lidar); or a folder of scenarios"""
    mode: tuple[str, ...] = ("eager", "compiled")
    """eager, compiled, graphed: compiled, replayed as CUDA graphs"""
    device: str = "cpu"
    """cpu, cuda, cuda:1 ..."""
    threads: int = 0
    """CPU threads (0: as torch decides)"""
    out: Path | None = None
    """write the figures as JSON"""
    prepare: Path | None = None
    """write the worlds to this file instead of timing them"""
    prepared: Path | None = None
    """time the worlds of such a file"""


def forms() -> "dict[str, Form]":
    """The one that there is."""
    from drive.cli.options import Form

    groups = {
        "world": ("worlds", "agents", "maps", "prepare", "prepared"),
        "computing": ("mode", "device", "threads"),
        "output": ("out",),
    }
    return {"": Form(BenchOptions, "bevdrive bench", groups, positional=("what",))}


def parse(arguments: list[str]) -> BenchOptions:
    """What is to be timed, not checked yet."""
    return forms()[""].parse(arguments)


def run(arguments: list[str]) -> int:
    """Time what is asked for, print a table, write JSON; returns the exit code."""
    return time_all(parse(arguments))


def time_all(options: BenchOptions) -> int:
    """As `run`, for what is parsed already."""
    _check(options)
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


def _check(options: BenchOptions) -> None:
    for what in options.what:
        one_of("WHAT", what, WHAT)
    for mode in options.mode:
        one_of("--mode", mode, MODES)
    for name in ("worlds", "agents"):
        if min(getattr(options, name)) < 1:
            raise InputError(f"--{name}: must be at least 1, not {min(getattr(options, name))}")
    if options.threads < 0:
        raise InputError(f"--threads: must be at least 0, not {options.threads}")
    for name in ("out", "prepare"):
        path = getattr(options, name)
        if path is not None and path.is_dir():
            raise InputError(f"--{name}: {path}: is a folder, name a file")
    if "graphed" in options.mode and not options.device.startswith("cuda"):
        raise InputError("--mode graphed: only with --device cuda")
    if options.prepared and options.prepare:
        raise InputError("--prepare: writes a file, --prepared reads one: not both")


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


def _from_pairs(words: list[str]) -> BenchOptions:
    """`worlds=16,64` and so on, as the defaults are: tyro is not there."""
    given: dict[str, Any] = {}
    for word in words:
        name, _, text = word.partition("=")
        one_of("option", name, [field.name for field in fields(BenchOptions)])
        default = getattr(BenchOptions, name)
        if isinstance(default, tuple):
            given[name] = tuple(type(default[0])(part) for part in text.split(","))
        else:
            given[name] = Path(text) if default is None else type(default)(text)
    return BenchOptions(**given)


if __name__ == "__main__":
    try:
        sys.exit(time_all(_from_pairs(sys.argv[1:])))
    except InputError as error:
        print(f"bevdrive: {error}", file=sys.stderr)
        sys.exit(2)
