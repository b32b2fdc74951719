"""The official prediction metrics on predictions whose scores are known."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nuscenes.prediction import PredictHelper

from drive.cli.main import main
from eval.nuscenes.dataset import Split, find_split, load_dataset
from eval.nuscenes.prediction import (
    agents_to_predict,
    baselines,
    evaluate_prediction,
    load_config,
    read_predictions,
    require_agents,
)
from tests.eval.nuscenes import tiny


@pytest.fixture(scope="module")
def helper(sim_val: Split) -> PredictHelper:
    return PredictHelper(load_dataset(sim_val))


def test_agents_are_vehicles_with_six_seconds_to_come(
    helper: PredictHelper, sim_val: Split
) -> None:
    pairs = agents_to_predict(helper, sim_val)
    # Three vehicles (not the walker), of 20 key frames those with 12 after them: 8.
    assert len(pairs) == 3 * 8
    assert not any("walker" in instance for instance, _ in pairs)


def test_parked_vehicles_are_not_predicted(tmp_path: Path) -> None:
    parked = ("vehicle.car", "vehicle.parked", (1.8, 4.5, 1.5), (30.0, 9.0), 0.0, 0.0)
    tiny.write(tmp_path, {"lead": tiny.OBJECTS["lead"], "parked": parked})
    split = find_split(tmp_path, tiny.VERSION, "sim_val")
    pairs = agents_to_predict(PredictHelper(load_dataset(split)), split)
    assert {instance for instance, _ in pairs} == {"scene-9001lead"}


def test_the_challenges_own_list_is_used(
    helper: PredictHelper, sim_val: Split, tmp_path: Path
) -> None:
    listed = tmp_path / "maps" / "prediction"
    listed.mkdir(parents=True)
    scenes = {"scene-9001": ["scene-9001lead_scene-9001s3"], "scene-9002": ["a_b"]}
    (listed / "prediction_scenes.json").write_text(json.dumps(scenes))
    moved = Split(tmp_path, *list(vars(sim_val).values())[1:])
    assert agents_to_predict(helper, moved) == [("scene-9001lead", "scene-9001s3")]


def test_rows(helper: PredictHelper, sim_val: Split) -> None:
    pairs = agents_to_predict(helper, sim_val)
    config = load_config(helper, sim_val)  # no map expansion here: no OffRoadRate
    rows = {
        name: evaluate_prediction(helper, config, make())
        for name, make in baselines(helper, pairs).items()
    }
    assert all(value == 0.0 for value in rows["oracle"].values())
    # Everybody drives straight at constant speed, which the first frame does not show: there the
    # baseline stands still. Mean error of standing at v: v * mean(0.5 .. 6) = 3.25 v, for 3 of 24
    # agents with v = 5, 6, 5.5; at the end 6 v; a miss each.
    constant = rows["constant velocity"]
    assert constant["minADE_1"] == pytest.approx(3.25 * 16.5 / 24, rel=1e-6)
    assert constant["minFDE_10"] == pytest.approx(6 * 16.5 / 24, rel=1e-6)
    assert constant["MR_5"] == pytest.approx(3 / 24)
    assert rows["physics oracle"]["minADE_5"] <= constant["minADE_5"]


def test_best_of_k_modes(helper: PredictHelper, sim_val: Split, tmp_path: Path) -> None:
    pairs = agents_to_predict(helper, sim_val)
    entries = baselines(helper, pairs)["oracle"]()
    for entry in entries:
        truth = np.array(entry["prediction"][0])
        # The likeliest mode is 3 m off, the second 1 m.
        entry["prediction"] = [(truth + off).tolist() for off in ((0.0, 3.0), (1.0, 0.0))]
        entry["probabilities"] = [0.6, 0.4]
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(entries))
    scores = evaluate_prediction(
        helper, load_config(helper, sim_val), read_predictions(path, sim_val)
    )
    assert scores["minADE_1"] == pytest.approx(3.0) and scores["MR_1"] == 1.0
    assert scores["minADE_5"] == pytest.approx(1.0) and scores["MR_5"] == 0.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d[0].pop("instance"), "prediction 0: no `instance` and `sample`"),
        (lambda d: d[0].update(sample=["s"]), "prediction 0: no `instance` and `sample`"),
        (lambda d: d.insert(0, "lead"), "prediction 0: no `instance` and `sample`"),
        (lambda d: d.append(d[0]), "predicted twice"),
        (lambda d: d[0].update(sample="nowhere"), "sample nowhere: the sample is not in split sim_val"),
        (lambda d: d[0].update(sample="scene-9002s0"), "the sample is not in split sim_val"),
        (lambda d: d[0].update(instance="nobody"), "instance nobody, sample scene-9001s0: the instance"),
        (lambda d: d[0].update(prediction=[[[0, 0]] * 11]), "expected [1 to 25 modes, 12, 2], got [1"),
        (lambda d: d[0].update(prediction=[[[0, 0]] * 12] * 26), "12, 2], got [26, 12, 2]"),
        (lambda d: d[0].update(prediction=[[[0, math.nan]] * 12]), "a value that is not finite"),
        (lambda d: d[0].update(probabilities=[0.5, 0.5]), "probabilities: expected 1, got [2]"),
        (lambda d: d[0].update(prediction=[[[0, 0], [0]]]), "prediction: not an array of numbers"),
    ],
)  # fmt: skip
def test_broken_files_are_refused_without_the_tables(
    change: Callable[[Any], Any],
    message: str,
    tiny_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """From the command line; the devkit's tables may not be loaded."""
    monkeypatch.setattr("nuscenes.NuScenes.__init__", None)
    still = {"prediction": [[[0.0, 0.0]] * 12], "probabilities": [1.0]}
    entries = [
        {"instance": f"scene-9001{name}", "sample": f"scene-9001s{k}", **still}
        for k in range(8)
        for name in ("lead", "left", "truck")
    ]
    change(entries)
    path, out = tmp_path / "mine.json", tmp_path / "runs"
    path.write_text(json.dumps(entries))
    where = ["--dataroot", str(tiny_root), "--version", tiny.VERSION, "--split", "sim_val"]
    words = ["evaluate", "prediction", *where, "--results", str(path), "--out", str(out)]
    assert main(words) == 2
    error = capsys.readouterr().err
    assert "mine.json: " in error and message in error and error.count("\n") == 1
    assert not out.exists()


def test_agents_missing_and_agents_not_asked_for(helper: PredictHelper, sim_val: Split) -> None:
    pairs = agents_to_predict(helper, sim_val)
    entries = baselines(helper, pairs)["oracle"]()
    path = Path("mine.json")
    require_agents(path, entries, pairs)
    with pytest.raises(
        ValueError, match=r"mine\.json: 1 of 24 agents are missing, the first is inst"
    ):
        require_agents(path, entries[1:], pairs)
    late = entries[0] | {"sample": "scene-9001s15"}  # it has no 6 s to come
    with pytest.raises(ValueError, match="sample scene-9001s15: not among the 24 agents"):
        require_agents(path, [*entries, late], pairs)


def test_the_challenges_list_is_held_against_the_file_at_once(
    sim_val: Split, tiny_root: Path, tmp_path: Path
) -> None:
    listed = tmp_path / "maps" / "prediction"
    listed.mkdir(parents=True)
    (tmp_path / tiny.VERSION).symlink_to(tiny_root / tiny.VERSION)
    scenes = {"scene-9001": ["scene-9001lead_scene-9001s3"]}
    (listed / "prediction_scenes.json").write_text(json.dumps(scenes))
    moved = Split(tmp_path, *list(vars(sim_val).values())[1:])
    path = tmp_path / "mine.json"
    path.write_text("[]")
    with pytest.raises(ValueError, match="1 of 1 agents are missing"):
        read_predictions(path, moved)


def test_off_road_rate_with_a_map(tmp_path: Path) -> None:
    tiny.write(tmp_path)
    # One road, y 495 .. 505: the leading car is on it, the two at y = 508 are not.
    corners = [(490.0, 495.0), (700.0, 495.0), (700.0, 505.0), (490.0, 505.0)]
    layers: dict[str, Any] = {
        name: []
        for name in (
            "line", "road_segment", "road_block", "lane", "ped_crossing", "walkway", "stop_line",
            "carpark_area", "road_divider", "lane_divider", "traffic_light", "lane_connector",
        )
    }  # fmt: skip
    layers |= {
        "version": "1.3", "canvas_edge": [1585.6, 2025.0], "arcline_path_3": {}, "connectivity": {},
        "node": [{"token": f"n{k}", "x": x, "y": y} for k, (x, y) in enumerate(corners)],
        "polygon": [{"token": "p", "exterior_node_tokens": [f"n{k}" for k in range(4)], "holes": []}],
        "drivable_area": [{"token": "d", "polygon_tokens": ["p"]}],
    }  # fmt: skip
    expansion = tmp_path / "maps" / "expansion"
    expansion.mkdir()
    (expansion / "singapore-onenorth.json").write_text(json.dumps(layers))
    split = find_split(tmp_path, tiny.VERSION, "sim_val")
    helper = PredictHelper(load_dataset(split))
    pairs = agents_to_predict(helper, split)
    scores = evaluate_prediction(
        helper, load_config(helper, split), baselines(helper, pairs)["oracle"]()
    )
    assert scores["OffRoadRate"] == pytest.approx(2 / 3)
