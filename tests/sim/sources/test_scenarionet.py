"""ScenarioNet scenes of the real nuScenes, both converters."""

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from drive.planning import make_planner
from eval.metrics.suite import evaluate
from eval.rollout import rollout
from sim.scenario import EGO
from sim.simulator import Simulator
from sim.sources.finding import find
from sim.sources.query import SourceQuery
from sim.sources.scenarionet import read_scenario
from sim.sources.unpickle import read_pickle
from tests.conftest import needs_shared_data
from tests.real_scenes import FILES, real_scene


@needs_shared_data
@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem[-10:])
def test_human_is_on_the_road_and_innocent(path: Path) -> None:
    scenario = real_scene(path)
    length, width, _ = scenario.tracks.size_m[EGO]
    assert length > width
    simulator = Simulator.from_scenarios([scenario], "log")
    results = evaluate(rollout(simulator, make_planner("log_replay")))
    assert float(results["nuplan/drivable_area_compliance"].value) == 1.0
    assert float(results["nuplan/no_at_fault_collision"].value) == 1.0
    assert float(results["waymax/log_divergence"].value) < 1e-3


@needs_shared_data
@pytest.mark.parametrize("path", FILES[:1] + FILES[-1:], ids=lambda p: p.stem[-10:])
def test_positions_lead_back_to_the_file(path: Path) -> None:
    scenario, raw = real_scene(path), read_pickle(path)
    tracks = scenario.tracks
    for n, name in enumerate(tracks.track_id):
        truth = np.array(raw["tracks"][name]["state"]["position"])[: tracks.valid.shape[1]]
        if n == EGO:  # the file has its rear axle
            yaw = tracks.yaw_rad[n].astype(np.float64)
            truth[:, :2] += 1.385 * np.stack((np.cos(yaw), np.sin(yaw)), axis=-1)
        ours = tracks.position_m[n].astype(np.float64) + scenario.world_offset_m
        # float32 around the ego: within 0.1 mm up to a kilometre away.
        assert np.abs(ours - truth)[tracks.valid[n], :2].max() < 1e-3
    dropped = sum(int(note.split()[1]) for note in scenario.notes if note.startswith("dropped"))
    assert len(tracks.track_id) + dropped == len(raw["tracks"])


@needs_shared_data
def test_not_a_number_is_named(tmp_path: Path) -> None:
    raw = copy.deepcopy(read_pickle(FILES[0]))
    raw["tracks"]["ego"]["state"]["position"][7, 0] = np.nan
    path = tmp_path / "scene.pkl"
    path.write_bytes(pickle.dumps(raw))
    with pytest.raises(
        ValueError, match=r"scene\.pkl: tracks\.ego\.position: not a number at step 7"
    ):
        read_scenario(path)
    del raw["tracks"]["ego"]
    path.write_bytes(pickle.dumps(raw))
    with pytest.raises(ValueError, match="the ego 'ego' is missing"):
        read_scenario(path)


def test_no_scenarios(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="0 scenarios matched"):
        find(SourceQuery("scenarionet", tmp_path))
    with pytest.raises(ValueError, match="no such file or folder"):
        find(SourceQuery("scenarionet", tmp_path / "nothing"))


@needs_shared_data
def test_idm_traffic_drives_recorded_scenes_without_nan() -> None:
    simulator = Simulator.from_scenarios([real_scene(path) for path in FILES[:2]], "idm")
    driven = rollout(simulator, make_planner("pdm"), num_steps=10)
    assert not torch.isnan(driven.pose[driven.valid]).any()
