"""The official detection and tracking evaluators on submissions whose scores are known."""

import json
from pathlib import Path
from typing import Any

import pytest

from eval.nuscenes.dataset import Split, find_split, load_dataset
from eval.nuscenes.detection import evaluate_detection, restrict
from eval.nuscenes.oracle import oracle_submission
from eval.nuscenes.submission import (
    check_submission,
    detection_format,
    tracking_format,
    write_text_ids,
)
from eval.nuscenes.tracking import evaluate_tracking
from sim.errors import InputError
from tests.eval.nuscenes import tiny


def _detect(split: Split, tmp_path: Path, noise_m: float = 0.0) -> dict[str, Any]:
    nusc = load_dataset(split)
    path = tmp_path / "submission.json"
    path.write_text(json.dumps(oracle_submission(nusc, split, detection_format(), noise_m)))
    check_submission(path, split, detection_format())
    return evaluate_detection(nusc, split, path, tmp_path / "official")


def test_perfect_detections(sim_val: Split, tmp_path: Path) -> None:
    score = _detect(sim_val, tmp_path)
    assert score["restricted"]["mAP"] == pytest.approx(1.0)
    assert score["restricted"]["NDS"] == pytest.approx(1.0)
    # 3 of 10 classes are there: mAP 0.3. Absent classes have error 1: all ten carry translation
    # and scale, nine orientation (no cones), eight velocity and attribute, so that the scores are
    # 3/10, 3/10, 3/9, 3/8, 3/8. NDS = (5 * 0.3 + their sum) / 10.
    nds = (1.5 + 0.3 + 0.3 + 3 / 9 + 3 / 8 + 3 / 8) / 10
    assert score["official"]["mAP"] == pytest.approx(0.3)
    assert score["official"]["NDS"] == pytest.approx(nds)
    assert set(score["per_class"]) == {"car", "truck", "pedestrian"}
    assert (tmp_path / "official" / "metrics_summary.json").is_file()
    assert not (tmp_path / "official" / "plots").exists()


def test_detections_moved_by_70_cm(sim_val: Split, tmp_path: Path) -> None:
    # Every box misses at 0.5 m and matches at 1, 2 and 4 m: AP 3/4; the error is the offset itself.
    score = _detect(sim_val, tmp_path, noise_m=0.7)["restricted"]
    assert score["mAP"] == pytest.approx(0.75)
    assert score["mATE"] == pytest.approx(0.7)
    assert score["mASE"] == pytest.approx(0.0)
    # NDS = (5 * 0.75 + (1 - 0.7) + 4) / 10.
    assert score["NDS"] == pytest.approx(0.805)


def test_noise_moves_no_box_across_the_range(tmp_path: Path) -> None:
    # Cars count up to 50 m: one drives 50.3 m ahead of the ego, one 49.7 m behind it.
    car = ("vehicle.car", "vehicle.moving", (1.8, 4.5, 1.5))
    edge = {"ahead": (*car, (50.3, 0.0), 0.0, 5.0), "behind": (*car, (-49.7, 0.0), 0.0, 5.0)}
    tiny.write(tmp_path, tiny.OBJECTS | edge)
    split = find_split(tmp_path, tiny.VERSION, "sim_val")
    assert _detect(split, tmp_path, noise_m=0.7)["restricted"]["mAP"] == pytest.approx(0.75)


def test_restricted_score_leaves_out_errors_that_no_class_has() -> None:
    nan = float("nan")
    cones = {"AP": 0.5, "ATE": 0.2, "ASE": 0.4, "AOE": nan, "AVE": nan, "AAE": nan}
    # (5 * 0.5 + 0.8 + 0.6) / 7
    assert restrict({"traffic_cone": cones}, 5.0)["NDS"] == pytest.approx(3.9 / 7)


def test_perfect_tracks(sim_val: Split, tmp_path: Path) -> None:
    path = tmp_path / "submission.json"
    form = tracking_format()
    path.write_text(json.dumps(oracle_submission(load_dataset(sim_val), sim_val, form)))
    check_submission(path, sim_val, form)
    score = evaluate_tracking(sim_val, path, tmp_path / "official")
    assert score["official"]["amota"] == pytest.approx(1.0)
    assert score["official"]["amotp"] == pytest.approx(0.0, abs=1e-4)
    assert score["official"]["gt"] == pytest.approx((40 + 20 + 20) / 3)  # officially a mean
    assert score["official"]["ids"] == 0
    written = json.loads((tmp_path / "official" / "metrics_summary.json").read_text())
    assert written["amota"] == pytest.approx(1.0)


def test_identity_switch_is_counted(sim_val: Split, tmp_path: Path) -> None:
    form = tracking_format()
    submission = oracle_submission(load_dataset(sim_val), sim_val, form)
    for token in sim_val.sample_tokens[10:]:
        for box in submission["results"][token]:
            box["tracking_id"] = f"new-{box['tracking_id']}"
    path = tmp_path / "submission.json"
    path.write_text(json.dumps(submission))
    score = evaluate_tracking(sim_val, path, tmp_path / "official")
    assert score["official"]["ids"] == 4  # each of four objects, once


def test_ids_that_are_integers_are_made_texts(sim_val: Split, tmp_path: Path) -> None:
    """As numbers, and one track half as the number 0 and half as "0": one track all the same."""
    form = tracking_format()
    submission = oracle_submission(load_dataset(sim_val), sim_val, form)
    boxes = [box for boxes in submission["results"].values() for box in boxes]
    number = {name: k for k, name in enumerate(sorted({b["tracking_id"] for b in boxes}))}
    for k, box in enumerate(boxes):
        own = number[box["tracking_id"]]
        box["tracking_id"] = str(own) if own == 0 and k % 2 else own
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(submission))
    check_submission(path, sim_val, form)
    texts = write_text_ids(path, tmp_path / "texts.json")
    score = evaluate_tracking(sim_val, texts, tmp_path / "official")
    assert score["official"]["amota"] == pytest.approx(1.0) and score["official"]["ids"] == 0
    assert write_text_ids(texts, tmp_path / "again.json") == texts
    boxes[0]["tracking_id"] = 1.5
    path.write_text(json.dumps(submission))
    with pytest.raises(InputError, match=r"tracking_id: expected a text or an integer, got 1\.5"):
        check_submission(path, sim_val, form)


def _spoil(kind: str, data: dict[str, Any]) -> None:
    token = "scene-9001s3"
    box = data["results"][token][0]
    match kind:
        case "unknown":
            data["results"]["nowhere"] = []
        case "missing":
            del data["results"][token]
        case "other split":
            data["results"]["scene-9002s0"] = []
        case "class":
            box["detection_name"] = "cat"
        case "nan":
            box["translation"][1] = float("nan")
        case "size":
            box["size"] = [0.0, 1.0, 1.0]
        case "score":
            box["detection_score"] = "high"
        case "attribute":
            box["attribute_name"] = "vehicle.flying"
        case "token":
            box["sample_token"] = "scene-9001s4"
        case "meta":
            del data["meta"]
        case "many":
            data["results"][token] *= 200
        case "empty":
            data["results"] = {key: [] for key in data["results"]}


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("unknown", "1 sample tokens are not in split sim_val of v1.0-sim, the first is nowhere"),
        ("missing", "1 of 20 samples of split sim_val are missing, the first is scene-9001s3"),
        ("other split", "are not in split sim_val of v1.0-sim, the first is scene-9002s0"),
        ("class", "sample scene-9001s3, box 0: detection_name: unknown 'cat' (choices: car,"),
        ("nan", "sample scene-9001s3, box 0: translation: expected 3 numbers"),
        ("size", "sample scene-9001s3, box 0: size: must be above 0"),
        ("score", "sample scene-9001s3, box 0: detection_score: expected a number"),
        ("attribute", "sample scene-9001s3, box 0: attribute_name: unknown 'vehicle.flying'"),
        ("token", "sample scene-9001s3, box 0: sample_token is 'scene-9001s4'"),
        ("meta", "no object `meta`"),
        ("many", "sample scene-9001s3: 800 boxes, at most 500"),
        ("empty", "holds no box at all"),
    ],
)
def test_broken_submissions(kind: str, message: str, sim_val: Split, tmp_path: Path) -> None:
    form = detection_format()
    data = oracle_submission(load_dataset(sim_val), sim_val, form)
    _spoil(kind, data)
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(data))
    with pytest.raises(ValueError, match=r"mine\.json") as caught:
        check_submission(path, sim_val, form)
    assert message in str(caught.value)


def test_one_track_twice_in_a_sample(sim_val: Split, tmp_path: Path) -> None:
    form = tracking_format()
    data = oracle_submission(load_dataset(sim_val), sim_val, form)
    data["results"]["scene-9001s3"].append(dict(data["results"]["scene-9001s3"][0]))
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(data))
    with pytest.raises(ValueError, match="sample scene-9001s3: tracking_id scene-9001lead 2 times"):
        check_submission(path, sim_val, form)
