"""Kill a command at random moments, give it again until it ends: is the result the same to the byte?

    python benchmarks/kills.py --kills 100
    python benchmarks/kills.py --kills 4 --verbs simulate save

Each verb's command runs undisturbed, which says how long it takes and what it writes: once here and
once in a worker process, which outlives the killed one for a while. Then it runs again into a new folder,
killed (SIGKILL) after a random share of that time; it is given again, and killed again up to three
times, until it ends by itself. Imports are done before, in the process that
all commands are forked from, so that kills fall into the work.
"""

import argparse
import hashlib
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from forked import import_heavy, say_to

_MOST_KILLS_OF_ONE = 3
Truth = tuple[float, dict[str, str]]  # seconds, and digests of files by name
_SMALL = ["--families", "straight,curve", "--duration-s", "2"]
# What tells of the clock or of the folder's own place.
_NOT_COMPARED = {"config.yaml", "report.html", "log.txt"}
_DATA = "data"  # a small exported dataset beside the results


def _simulate(out: Path, again: bool, workers: str) -> list[str]:
    if again and (out / "run" / "config.yaml").is_file():
        return ["simulate", "--resume", str(out / "run"), "--workers", workers]
    return [
        "simulate", *_SMALL, "--count", "3", "--batch-size", "1", "--planner", "idm", "--videos", "0",
        "--workers", workers, "--out", str(out), "--name", "run",
    ]  # fmt: skip


def _save(out: Path, again: bool, workers: str) -> list[str]:
    return ["save", *_SMALL, "--count", "8", "--to", str(out)]


def _export(out: Path, again: bool, workers: str) -> list[str]:
    return [
        "export", "nuscenes", "--families", "straight", "--duration-s", "2", "--train", "2", "--val",
        "1", "--workers", workers, "--out", str(out),
    ]  # fmt: skip


def _evaluate(out: Path, again: bool, workers: str) -> list[str]:
    return [
        "evaluate", "closed-loop", "--dataroot", str(out.parent / _DATA), "--version", "v1.0-sim",
        "--split", "sim_val", "--planner", "idm", "--workers", workers, "--out", str(out), "--name",
        "run", "--cache", str(out.parent / f"{out.name}-cache"),
    ]  # fmt: skip


_VERBS: dict[str, Callable[[Path, bool, str], list[str]]] = {
    "simulate": _simulate,
    "save": _save,
    "export": _export,
    "evaluate": _evaluate,
}


def main() -> int:
    """Kill, repeat, compare; 1 if any result differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--verbs", nargs="+", choices=_VERBS, default=list(_VERBS))
    options = parser.parse_args()
    draw = random.Random(options.seed)
    kills, bad, number = dict.fromkeys(options.verbs, 0), 0, 0
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        import_heavy()
        if "evaluate" in options.verbs:
            _ended(_export(scratch / _DATA, False, "0"), scratch / "told")
        truths: dict[tuple[str, str], Truth] = {}
        while sum(kills.values()) < options.kills:
            verb = options.verbs[number % len(options.verbs)]
            workers = draw.choice("01")
            if (verb, workers) not in truths:
                truths[verb, workers] = _whole(verb, scratch / f"{verb}-{workers}", workers)
            out = scratch / f"{number}"
            most = min(_MOST_KILLS_OF_ONE, options.kills - sum(kills.values()))
            killed, told = _killed_until_it_ends(
                verb, out, workers, most, truths[verb, workers], draw
            )
            kills[verb] += killed
            bad += bool(told)
            if told:
                print(f"{verb}, killed {killed} times: {told}", flush=True)
            number += 1
    listed = ", ".join(f"{count} of {verb}" for verb, count in kills.items())
    print(f"{sum(kills.values())} kills ({listed}), {bad} results of {number} differ")
    return 1 if bad else 0


def _whole(verb: str, out: Path, workers: str) -> Truth:
    """How long the verb's command takes, and what it leaves."""
    began = time.monotonic()
    _ended(_VERBS[verb](out, False, workers), out.with_suffix(".told"))
    return time.monotonic() - began, _digests(out)


def _killed_until_it_ends(
    verb: str, out: Path, workers: str, most: int, truth: Truth, draw: random.Random
) -> tuple[int, str]:
    """How often the command was killed before it ended; what was wrong then."""
    seconds, files = truth
    killed, told = 0, out.with_suffix(".told")
    for _ in range(draw.randint(1, most)):
        command = _VERBS[verb](out, killed > 0, workers)
        killed += _killed(command, draw.uniform(0.0, seconds), told)
    status = os.waitpid(_begun(_VERBS[verb](out, killed > 0, workers), told), 0)[1]
    if status:
        last = (told.read_text().strip().splitlines() or [""])[-1]
        return killed, f"{os.waitstatus_to_exitcode(status)}: {last}"
    found = _digests(out)
    other = sorted(name for name in files.keys() | found if files.get(name) != found.get(name))
    return killed, f"other bytes: {', '.join(other)}" if other else ""


def _begun(arguments: list[str], told: Path) -> int:
    """The number of a forked process that runs the command."""
    process = os.fork()
    if process:
        return process
    code = 3
    try:
        say_to(told)
        from drive.cli.main import main

        code = main(arguments, ends_process=True)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _ended(arguments: list[str], told: Path) -> None:
    """Run the command to its end, which must be a good one."""
    if os.waitpid(_begun(arguments, told), 0)[1]:
        raise SystemExit(f"{' '.join(arguments)}:\n{told.read_text()}")


def _killed(arguments: list[str], after_s: float, told: Path) -> bool:
    """Run the command for so long; whether it was killed, or had ended."""
    process = _begun(arguments, told)
    end = time.monotonic() + after_s
    while time.monotonic() < end:
        if os.waitpid(process, os.WNOHANG)[0]:
            return False
        time.sleep(0.01)
    os.kill(process, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(process, 0)[1])


def _digests(folder: Path) -> dict[str, str]:
    """Of the files that a command leaves; scratch files of a killed one are hidden, and no result."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.name not in _NOT_COMPARED
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }


if __name__ == "__main__":
    sys.exit(main())
