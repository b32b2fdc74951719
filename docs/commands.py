"""Every command of README.md and docs/, run in small: python docs/commands.py [PAGE ...]

Each page has a folder of its own, in which its commands run one after the other. Stores, runs and data sets
that they name are prepared once before. A command has failed if its exit code is not 0.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from documented import PAGES, REAL, ROOT, Command, commands, is_long, small, why_not_run

LONGEST_S, AT_WORK_S = 600.0, 25.0
_PROGRAMS = {"bevdrive": [sys.executable, "-m", "drive.cli.main"], "python": [sys.executable]}

# Shortened like the commands of the pages; each stage takes what those before it made.
_PREPARED = [
    """
    bevdrive export nuscenes --sweeps --out data/sim
    bevdrive collect --split train --families merge,curve --duration-s 9 --out data/old
    bevdrive collect --split train --families merge,curve --duration-s 9 --sensors lidar --out data/sweeps
    bevdrive save --families roundabout --split train --to data/roundabouts
    bevdrive discover --split train --out runs/found
    bevdrive simulate --planner pdm,idm,costvolume --replan 0.5 --name before
    bevdrive simulate --planner pdm,idm --replan 0.5 --name after
    """,
    """
    bevdrive evaluate detection --dataroot DIR --version V --split S --results oracle --name mine
    bevdrive evaluate tracking --dataroot DIR --version V --split S --results oracle --name tracks
    bevdrive train joint --data data/old --name joint
    bevdrive train p3 --data data/old --name p3
    bevdrive train bc --data data/old --name bc_m
    bevdrive train costvolume --data data/old --name cv_m
    bevdrive train occupancy --data data/old --name occupancy
    bevdrive train occupancy --data data/sweeps --sensors lidar --name occ
    """,
    """
    bevdrive train costvolume --data data/sweeps --sensors lidar --forecast runs/occ --name cv
    """,
]
_ALSO_CALLED = {
    "data/old": "mixed experts val random random2 driven bold nusc",
    "data/sweeps": "sweeps_p3",
    "runs/before": "latest",
    "runs/found": "detector",
    "runs/occ": "occ_lidar",
    "runs/cv": "cv_lidar",
}


class Outcome(NamedTuple):
    """How a command went (ok, not run, FAILED); `told`: why it was not run, or what it printed last."""

    how: str
    told: str = ""
    seconds: float = 0.0


def run(command: Command, folder: Path) -> Outcome:
    """A command of a page, small, in this folder."""
    if reason := why_not_run(command):
        return Outcome("not run", reason)
    short = small(command)
    if "ID" in short.words or "runs/latest" in str(short):
        short = _named(short, folder)
    _make_room(short, folder)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HOME": str(folder / "home")}
    environment |= dict(setting.split("=", 1) for setting in short.settings)
    began = time.perf_counter()
    process = subprocess.Popen(
        [part for word in short.words for part in _PROGRAMS.get(word, [word])],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        printed, _ = process.communicate(timeout=AT_WORK_S if is_long(command) else LONGEST_S)
        end = f"exit code {process.returncode}"
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # with what it has started
        printed, _ = process.communicate()
        end = "stopped at work" if is_long(command) else "no end"
    seconds = time.perf_counter() - began
    if end == "stopped at work":
        return Outcome("ok", end, seconds)
    if process.returncode == 0:
        spared = "cuda" in str(command) and "cuda" not in str(short)
        return Outcome("ok", "without a GPU" if spared else "", seconds)
    return Outcome("FAILED", "\n".join((str(short), *printed.splitlines()[-12:], end)), seconds)


def _named(command: Command, folder: Path) -> Command:
    """With the names of what is there when it is run, in place of runs/latest and of ID.

    runs/latest: of the trainings, where weights are meant, else of the runs with drives; another kind of run
    may have been made since on the page. ID: the first of what is looked at; a log has its own name.
    """
    weights = re.search(r"@runs/latest|--weights runs/latest|bevdrive train", str(command))
    found = folder.glob(f"runs/*/{'checkpoints' if weights else 'drives'}")
    latest = max(found, key=lambda part: (part.parent / "config.yaml").stat().st_mtime).parent
    words: list[str] = [
        word.replace("runs/latest", f"runs/{latest.name}") for word in command.words
    ]
    if "ID" in words:
        at = folder / words[2] if words[1] == "view" else latest
        listed = at / "scenarios.txt"
        files = sorted((*at.glob("labels/label/*"), *at.glob("*.scenario")))
        name = files[0].stem if files else at.name
        words[words.index("ID")] = listed.read_text().split()[0] if listed.is_file() else name
    return Command(tuple(words), command.settings)


def _make_room(command: Command, folder: Path) -> None:
    """Take away what there is under the name of what it makes."""
    for option, name in pairwise(command.words):
        path = folder / (f"runs/{name}" if option == "--name" else name)
        if option not in ("--name", "--out", "--to") or name == "runs":
            continue
        if path.is_symlink():
            path.unlink()
        elif path.is_dir():
            shutil.rmtree(path)


def prepare(folder: Path, processes: int) -> list[Outcome]:
    """What commands of the pages name, and no command before them makes."""
    for part in ("examples", "benchmarks", "configs"):  # no links: commands write beside them
        shutil.copytree(ROOT / part, folder / part)
    for part in ("data", "runs", "docs/images", "home"):
        (folder / part).mkdir(parents=True)
    if REAL.is_dir():
        (folder / "real").symlink_to(REAL)
        _unpack_kitti(folder / "data" / "kitti")
    outcomes = []
    for stage in _PREPARED:
        lines = [Command(tuple(line.split())) for line in stage.strip().splitlines()]
        with ThreadPoolExecutor(processes) as pool:
            outcomes += pool.map(lambda line: _told("prepared", line, folder), lines)
        if any(outcome.how == "FAILED" for outcome in outcomes):
            sys.exit("what the pages need cannot be prepared")
    (folder / "runs" / "latest").unlink()
    for name, others in _ALSO_CALLED.items():
        for other in others.split():
            (folder / name).with_name(other).symlink_to(Path(name).name)
    _write_results(folder)
    return outcomes


def _unpack_kitti(drive: Path) -> None:
    """The recorded drive as KITTI has it."""
    unpack = [sys.executable, REAL / "unpack_kitti.py", drive / "velodyne"]
    subprocess.run(unpack, check=True)
    for name in ("poses_velo0_from_velo.txt", "tracks_velodyne.csv"):
        shutil.copy(REAL / "kitti_raw_drive_0005" / name, drive / name)


def _write_results(folder: Path) -> None:
    """Detections, tracks and plans of the prepared data set, as files that are scored."""
    for name in ("mine", "tracks"):
        shutil.copy(folder / "runs" / name / "submission.json", folder / f"{name}.json")
    tokens = json.loads((folder / "mine.json").read_text())["results"]
    plan = [[2.0 * k, 0.0] for k in range(1, 7)]
    plans = {token: plan for token in tokens}
    (folder / "plans.json").write_text(json.dumps(plans))


def run_page(page: Path, prepared: Path) -> list[Outcome]:
    """All commands of a page, in a copy of what is prepared; stores are only linked to."""
    with TemporaryDirectory(dir=prepared.parent) as scratch:
        folder = Path(scratch) / "page"
        shutil.copytree(prepared, folder, symlinks=True, ignore=shutil.ignore_patterns("data"))
        (folder / "data").mkdir()
        for store in (prepared / "data").iterdir():
            (folder / "data" / store.name).symlink_to(store.resolve())
        return [_told(page.name, command, folder) for command in commands(page.read_text())]


def _told(page: str, command: Command, folder: Path) -> Outcome:
    """Run, and print a line."""
    outcome = run(command, folder)
    told = outcome.told and (
        f"\n{outcome.told}" if outcome.how == "FAILED" else f" ({outcome.told})"
    )
    print(f"{outcome.how:8}{outcome.seconds:6.1f} s  {page}: {command}{told}", flush=True)
    return outcome


def run_all(pages: Iterable[Path], folder: Path, processes: int) -> int:
    """Prepare, run, count; returns the exit code."""
    outcomes = prepare(folder / "prepared", processes)
    with ThreadPoolExecutor(processes) as pool:
        for of_page in pool.map(lambda page: run_page(page, folder / "prepared"), pages):
            outcomes += of_page
    counts = Counter(outcome.how for outcome in outcomes)
    print(", ".join(f"{counts[how]} {how}" for how in ("ok", "not run", "FAILED")))
    return 1 if counts["FAILED"] else 0


def main() -> int:
    """All pages, or those that are named."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("pages", nargs="*", type=Path, default=PAGES)
    parser.add_argument("--processes", type=int, default=2, help="pages at a time")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        return run_all(options.pages, Path(folder), options.processes)


if __name__ == "__main__":
    sys.exit(main())
