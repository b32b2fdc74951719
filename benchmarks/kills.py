"""Kill a command at random moments, give it again until it ends: is the result the same to the byte?

    python benchmarks/kills.py --kills 100
    python benchmarks/kills.py --kills 4 --verbs simulate save

Each verb's command runs once undisturbed, which says how long it takes and what it writes. Then it
runs again into a new folder, killed (SIGKILL) after a random share of that time, and repeated.
"""

import argparse
import hashlib
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

_BEVDRIVE = [sys.executable, "-m", "drive.cli.main"]
_SMALL = ["--families", "straight", "curve", "--duration-s", "2"]
# What tells of the clock or of the folder's own place.
_NOT_COMPARED = {"config.yaml", "report.html"}
_DATA = "data"  # a small exported dataset beside the results


def _simulate(out: Path, again: bool) -> list[str]:
    if again and (out / "run" / "config.yaml").is_file():
        return ["simulate", "--resume", str(out / "run"), "--workers", "1"]
    return [
        "simulate", *_SMALL, "--count", "4", "--batch-size", "1", "--planner", "idm", "--videos", "0",
        "--workers", "1", "--out", str(out), "--name", "run",
    ]  # fmt: skip


def _save(out: Path, again: bool) -> list[str]:
    return ["save", *_SMALL, "--count", "6", "--to", str(out)]


def _export(out: Path, again: bool) -> list[str]:
    return [
        "export", "nuscenes", "--families", "straight", "--duration-s", "2", "--train", "2", "--val",
        "1", "--workers", "1", "--out", str(out),
    ]  # fmt: skip


def _evaluate(out: Path, again: bool) -> list[str]:
    return [
        "evaluate", "closed-loop", "--dataroot", str(out.parent / _DATA), "--version", "v1.0-sim",
        "--split", "sim_val", "--planner", "idm", "--workers", "1", "--out", str(out), "--name", "run",
        "--cache", str(out.parent / f"{out.name}-cache"),
    ]  # fmt: skip


_VERBS: dict[str, Callable[[Path, bool], list[str]]] = {
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
    draw, bad = random.Random(options.seed), 0
    with tempfile.TemporaryDirectory() as scratch:
        if "evaluate" in options.verbs:
            data = _BEVDRIVE + _export(Path(scratch) / _DATA, False)
            subprocess.run(data, capture_output=True, check=True)
        truth = {
            verb: _undisturbed(verb, Path(scratch) / f"{verb}-whole") for verb in options.verbs
        }
        for number in range(options.kills):
            verb = options.verbs[number % len(options.verbs)]
            seconds, files = truth[verb]
            out = Path(scratch) / f"{verb}-{number}"
            after_s = draw.uniform(0.0, seconds)
            _kill(_VERBS[verb](out, False), after_s)
            done = subprocess.run(
                _BEVDRIVE + _VERBS[verb](out, True), capture_output=True, text=True, check=False
            )
            same = done.returncode == 0 and _digests(out) == files
            bad += not same
            if not same:
                last = (done.stderr.strip().splitlines() or ["other bytes"])[-1]
                print(f"{verb}, killed after {after_s:.2f} s: {done.returncode}: {last}")
    print(f"{options.kills} kills, {bad} with another result")
    return 1 if bad else 0


def _undisturbed(verb: str, out: Path) -> tuple[float, dict[str, str]]:
    began = time.monotonic()
    command = _BEVDRIVE + _VERBS[verb](out, False)
    subprocess.run(command, capture_output=True, check=True)
    return time.monotonic() - began, _digests(out)


def _kill(arguments: list[str], after_s: float) -> None:
    process = subprocess.Popen(
        _BEVDRIVE + arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        process.wait(after_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


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
