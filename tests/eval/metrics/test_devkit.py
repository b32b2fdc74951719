"""nuPlan's own metric classes on our drives: no part may differ.

    NUPLAN_DEVKIT=DIR pytest -m parity        # DIR: a checkout of motional/nuplan-devkit

48 generated scenarios and the given real ones, all planners; 12 minutes or so.
"""

import os
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from drive.planning import PLANNERS, make_planner
from eval.metrics.suite import evaluate
from eval.rollout import rollout
from sim.scenario import Scenario
from sim.simulator import Simulator
from sim.sources.finding import find
from sim.sources.loading import load
from sim.sources.query import SourceQuery
from tests.conftest import SHARED_DATA, needs_shared_data

if TYPE_CHECKING:
    from tests.eval.metrics.devkit import Devkit

FOLDER = os.environ.get("NUPLAN_DEVKIT", "")
pytestmark = [
    pytest.mark.parity,
    pytest.mark.skipif(not FOLDER, reason="NUPLAN_DEVKIT names no checkout of nuplan-devkit"),
]
BOUND = 1e-3
# Progress: what enters a lane within a millimetre of its edge (outlines are simplified to that, in
# float32) is in it an instant earlier or later, and a fast ego drives 1 % of its way in an instant.
PROGRESS_BOUND = 0.02
AT_ONCE = 24
READY = [name for name in PLANNERS.builtin if name != "energy_autoregressive"]  # with weights


@pytest.fixture(scope="module")
def devkit() -> "Devkit":
    from tests.eval.metrics.devkit import Devkit

    return Devkit(Path(FOLDER))


def _compare(devkit: "Devkit", scenarios: list[Scenario], planner: str, traffic: str) -> None:
    unlike = []
    for first in range(0, len(scenarios), AT_ONCE):
        group = scenarios[first : first + AT_ONCE]
        drive = rollout(Simulator.from_scenarios(group, traffic), make_planner(planner))
        ours = evaluate(drive)
        for world, scenario in enumerate(group):
            for part, theirs in devkit.parts(drive, world).items():
                value = float(ours[part].value[world])
                bound = PROGRESS_BOUND if part == "nuplan/ego_progress" else BOUND
                if abs(value - theirs) > bound:
                    unlike.append((scenario.scenario_id, part, round(value, 4), round(theirs, 4)))
    assert not unlike


@pytest.mark.parametrize("planner", READY)
def test_generated_scenarios(devkit: "Devkit", planner: str) -> None:
    refs = find(SourceQuery(count=48, seed=11, duration_s=8.0))
    _compare(devkit, [scenario for _, scenario in load(refs)[0]], planner, "idm")


@needs_shared_data
@pytest.mark.parametrize("planner", READY)
@pytest.mark.parametrize(
    ("source", "folder"),
    [
        ("scenarionet", "nuscenes_mini_scenarionet"),
        ("scenarionet", "nuscenes_mini_scenarionet_old_converter"),
        ("argoverse2", "av2"),
        ("argoverse2_motion", "av2_motion_forecasting"),
        ("commonroad", "commonroad_ngsim"),
    ],
)
def test_real_scenes(devkit: "Devkit", source: str, folder: str, planner: str) -> None:
    loaded = load(find(SourceQuery(source=source, path=SHARED_DATA / folder)))[0]
    scenarios = sorted((scenario for _, scenario in loaded), key=_step_s)
    for _, group in groupby(scenarios, key=_step_s):  # a batch has one clock
        _compare(devkit, list(group), planner, "log")


def _step_s(scenario: Scenario) -> float:
    return scenario.dt_s
