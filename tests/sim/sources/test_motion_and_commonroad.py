"""Argoverse 2 motion forecasting and CommonRoad: the real files, and a small document by hand."""

from pathlib import Path

import numpy as np
import pytest

from drive.planning import make_planner
from eval.metrics.suite import evaluate
from eval.rollout import rollout
from sim.errors import InputError
from sim.scenario import EGO, LightState, Scenario
from sim.simulator import Simulator
from sim.sources.commonroad import read_scenario as read_commonroad
from sim.sources.finding import find
from sim.sources.loading import load
from sim.sources.query import SourceQuery
from tests.conftest import SHARED_DATA, needs_shared_data

XML = """<commonRoad timeStepSize="0.1" commonRoadVersion="2020a" benchmarkID="TST_By-1_1_T-1">
<lanelet id="1">
 <leftBound><point><x>990</x><y>1.75</y></point><point><x>1040</x><y>1.75</y></point></leftBound>
 <rightBound><point><x>990</x><y>-1.75</y></point><point><x>1040</x><y>-1.75</y></point></rightBound>
 <successor ref="2"/><trafficLightRef ref="9"/></lanelet>
<lanelet id="2">
 <leftBound><point><x>1040</x><y>1.75</y></point><point><x>1100</x><y>1.75</y></point></leftBound>
 <rightBound><point><x>1040</x><y>-1.75</y></point><point><x>1100</x><y>-1.75</y></point></rightBound>
 <predecessor ref="1"/></lanelet>
<trafficLight id="9"><cycle>
 <cycleElement><duration>3</duration><color>red</color></cycleElement>
 <cycleElement><duration>2</duration><color>green</color></cycleElement>
 <timeOffset>1</timeOffset></cycle></trafficLight>
<planningProblem id="5"><initialState>
 <position><point><x>1000</x><y>0</y></point></position><velocity><exact>10</exact></velocity>
 <orientation><exact>0</exact></orientation><time><exact>0</exact></time></initialState>
 <goalState><position><rectangle><length>2</length><width>2</width>
 <center><x>1040</x><y>0</y></center></rectangle></position>
 <velocity><intervalStart>9</intervalStart><intervalEnd>11</intervalEnd></velocity>
 <time><intervalStart>40</intervalStart><intervalEnd>40</intervalEnd></time></goalState>
</planningProblem></commonRoad>"""


def human(scenario: Scenario) -> dict[str, float]:
    simulator = Simulator.from_scenarios([scenario], "log")
    results = evaluate(rollout(simulator, make_planner("log_replay")))
    return {name: float(result.value[0]) for name, result in results.items()}


@needs_shared_data
@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("argoverse2_motion", "av2_motion_forecasting"),
        ("commonroad", "commonroad_ngsim/USA_US101-15_1_T-1.xml"),
        ("commonroad", "commonroad_ngsim/USA_Lanker-2_16_T-1.xml"),
    ],
)
def test_human_is_on_the_road_and_innocent(source: str, path: str) -> None:
    loaded, skipped = load(find(SourceQuery(source, SHARED_DATA / path)))
    assert not skipped and len(loaded) == 1
    scores = human(loaded[0][1])
    assert scores["nuplan/drivable_area_compliance"] == 1.0
    assert scores["nuplan/no_at_fault_collision"] == 1.0


def test_start_goal_and_light_of_a_document(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text(XML)
    scenario = read_commonroad(path)
    assert scenario.num_instants == 41 and scenario.world_offset_m.tolist() == [1000, 0, 0]
    # 40 m in 4 s from 10 m/s to 10 m/s: the quintic is a straight line.
    truth = np.arange(41.0)
    assert scenario.tracks.position_m[EGO, :, 0] == pytest.approx(truth, abs=0.02)
    assert any("no recorded ego" in note for note in scenario.notes)
    assert scenario.map.stop_lines[0].line_m[:, 0] == pytest.approx([40, 40])
    # Offset 1: step 1 is the first of three red steps, steps 4 and 5 are green.
    red, green = LightState.RED, LightState.GREEN
    assert scenario.lights.state[0, :6].tolist() == [green, red, red, red, green, green]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<commonRoad", "<!DOCTYPE a [<!ENTITY b 'c'>]><commonRoad", "an entity"),
        ("<x>1000</x>", "<x>east</x>", "no number"),
        ("</commonRoad>", "", "not XML"),
        ("planningProblem", "problem", "planningProblem"),
    ],
)
def test_damaged_documents_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "a.xml"
    path.write_text(XML.replace(old, new))
    with pytest.raises(InputError, match=message):
        read_commonroad(path)
