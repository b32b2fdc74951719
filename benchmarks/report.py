"""How large is a report, and how fast does it open? 100 scenarios x 15 s x 32 agents.

    python benchmarks/report.py [--run DIR] [--scenarios 100] [--agents 32]

Drives the scenarios with three planners (or takes a run of `bevdrive simulate` that has), fills each
drive up with moving agents (others' tracks, moved in space and time), writes the page of one planner
and of all, and opens both in headless Chromium.
"""

import argparse
import shutil
import tempfile
import time
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from drive.pipelines.presets import to_plain
from drive.pipelines.scenarios import find_scenarios
from drive.pipelines.simulate import simulate
from drive.pipelines.simulate_config import SimulateConfig
from eval.report.run_report import write_report
from eval.runs.drive_record import DriveRecord
from eval.runs.folder import RunFolder
from eval.runs.results import Results
from sim.scenario import Scenario, Tracks

PLANNERS = ("constant_velocity", "idm", "pdm")
LATEST = 40  # instants by which a track may be moved in time
BESIDE_M = 15.0


def drive(root: Path, count: int) -> RunFolder:
    """A real run."""
    config = SimulateConfig(count=count, planner=PLANNERS, videos=0)
    run = RunFolder.create(root, "driven", to_plain(config))
    simulate(config, run, find_scenarios(config))
    return run


def moved(values: np.ndarray, source: np.ndarray, delay: np.ndarray) -> np.ndarray:
    """Rows `source` of `[T, N, ...]`, each `delay` instants later."""
    instant = np.maximum(np.arange(len(values))[:, None] - delay, 0)
    return values[instant, source]


def fill(scenario: Scenario, record: DriveRecord, agents: int) -> tuple[Scenario, DriveRecord]:
    """Both with `agents` agents; the added ones are copies of others, elsewhere and later."""
    missing = agents - scenario.num_agents
    if missing <= 0:
        return scenario, record
    rng = np.random.default_rng(scenario.num_agents)
    source = rng.integers(1, scenario.num_agents, missing)
    delay = rng.integers(1, LATEST, missing)
    beside = np.append(rng.uniform(-BESIDE_M, BESIDE_M, (missing, 2)), np.zeros((missing, 1)), 1)
    pose = moved(record.pose, source, delay) + beside.astype(np.float32)
    valid = moved(record.valid, source, delay)
    grown = {
        "pose": np.concatenate((record.pose, pose), 1),
        "valid": np.concatenate((record.valid, valid), 1),
    }
    for name in ("forecast", "forecast_probability"):
        held = getattr(record, name)
        if held is not None:
            grown[name] = np.concatenate((held, moved(held, source - 1, delay)), 1)
    rows = np.append(np.arange(scenario.num_agents), source)
    of = {f.name: getattr(scenario.tracks, f.name) for f in fields(Tracks)}
    tracks: dict[str, Any] = {
        name: held[rows] if isinstance(held, np.ndarray) else [held[r] for r in rows]
        for name, held in of.items()
    }
    tracks["track_id"] = [f"agent-{n}" for n in range(agents)]
    routes = [scenario.routes[r] for r in rows]
    many = replace(scenario, tracks=Tracks(**tracks), routes=routes, styles=None)
    return many, replace(record, **grown)


def filled(run: RunFolder, root: Path, planners: tuple[str, ...], agents: int) -> RunFolder:
    """A run folder of some of the planners, with so many agents."""
    made = RunFolder.create(root, f"{len(planners)}-planners", run.config())
    drives = [drive for drive in run.read_tables().drives if drive.planner in planners]
    for drive in drives:
        scenario = run.read_scenario(drive.index)
        record = DriveRecord.load(run.drive_path(drive.planner, drive.index))
        scenario, record = fill(scenario, record, agents)
        made.write_scenario(drive.index, scenario)
        record.save(made.drive_path(drive.planner, drive.index))
    made.write_tables(Results(drives, []), run.declared_metrics())
    return made


def opened(path: Path) -> dict[str, float]:
    """Seconds until the table is there, until the whole page is, and until a playback is drawn."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page: Any = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto("about:blank")
        began = time.perf_counter()
        page.goto(f"file://{path.resolve()}", wait_until="commit")
        page.wait_for_selector("#scenarios tbody tr")
        table = time.perf_counter() - began
        page.wait_for_load_state("load")
        whole = time.perf_counter() - began
        began = time.perf_counter()
        page.locator("#scenarios button.open").first.click()
        page.locator("#clock:not(:empty)").wait_for()
        playback = time.perf_counter() - began
        browser.close()
    return {"table_s": table, "whole_s": whole, "playback_s": playback}


def main() -> None:
    """Print one line for each number of planners."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, help="a run of these planners; not given: drive")
    parser.add_argument("--scenarios", type=int, default=100)
    parser.add_argument("--agents", type=int, default=32)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        run = RunFolder.open(options.run) if options.run else drive(root, options.scenarios)
        for planners in (PLANNERS[-1:], PLANNERS):
            made = filled(run, root, planners, options.agents)
            began = time.perf_counter()
            page = write_report(made)
            written = time.perf_counter() - began
            times = ", ".join(f"{name} {value:.2f}" for name, value in opened(page).items())
            size = page.stat().st_size / 1e6
            print(f"{len(planners)} planners: {size:.1f} MB, written in {written:.1f} s; {times}")


if __name__ == "__main__":
    main()
