"""`bevdrive discover` as its user calls it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from drive.cli.main import main
from drive.networks.weights import load_network
from drive.perception.detector.network import Detector
from drive.perception.labels import Labels, read_labels, write_labels
from drive.perception.logs.sweep_log import SweepLog
from drive.perception.training_frames import LabelledFrames
from drive.pipelines.discover_config import DiscoverConfig
from drive.pipelines.discover_stages import doubted, labels_path

ASKED = [
    *("discover", "--split", "train", "--families", "straight", "--count", "1"),
    *("--seconds", "1.5", "--lidar", "hdl_32e", "--workers", "0"),
]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "found"
    assert main([*ASKED, "--stage", "label", "--out", str(out)]) == 0
    return out


def test_every_stage_leaves_labels_a_submission_pictures_and_figures(found: Path) -> None:
    name = "straight-train-0-000000"
    figures = json.loads((found / "metrics.json").read_text())
    counts = {}
    for stage in ("cluster", "track", "filter", "label"):
        counts[stage] = len(read_labels(found / "labels" / stage / f"{name}.parquet").frame)
        results = json.loads((found / "labels" / f"{stage}.json").read_text())["results"]
        assert sum(len(held) for held in results.values()) == counts[stage]
        assert len(results) == 16  # sweeps of 1.5 s
        assert (found / "pictures" / f"{stage}-{name}.png").stat().st_size > 10_000
        assert figures[stage]["iou0.3 0-40 m"]["true"] > 0
    assert counts["cluster"] > 0 and counts["track"] >= counts["cluster"]  # gaps are filled
    assert counts["filter"] == counts["label"] < counts["track"]
    assert "  bevdrive discover --split train" in (found / "log.txt").read_text()


def test_what_is_there_is_not_made_again(found: Path) -> None:
    path = next((found / "labels" / "cluster").iterdir())
    before = path.stat().st_mtime_ns
    lost = next((found / "labels" / "track").iterdir())
    content = lost.read_bytes()
    lost.unlink()
    assert main([*ASKED, "--stage", "track", "--out", str(found)]) == 0
    assert path.stat().st_mtime_ns == before
    assert lost.read_bytes() == content


def test_a_stage_is_drawn(found: Path, tmp_path: Path) -> None:
    picture = tmp_path / "clusters.png"
    words = ["view", str(found), "--stage", "cluster", "--size", "320x180", "--out", str(picture)]
    assert main(words) == 0
    assert picture.stat().st_size > 5_000


def test_what_is_far_and_doubted_is_neither_a_road_user_nor_nobody(
    found: Path, tmp_path: Path
) -> None:
    log = SweepLog(next((found / "logs").iterdir()))
    car = np.array([[0.0, 3.0, 0.8, 4.5, 1.9, 1.6, 0.0]])
    boxes = np.repeat(car, 5, axis=0)
    boxes[:, 0] = (50.0, 60.0, 30.0, 70.0, 72.0)
    score = np.array([0.2, 0.1, 0.2, 0.3, 0.9])  # the second is too unsure, the third is near
    stages = {
        "detect0": (boxes, score),
        "label0": (boxes[4:], score[4:]),
    }  # the fourth meets a label
    for stage, (box, sure) in stages.items():
        path = labels_path(tmp_path, stage, log)
        path.parent.mkdir(parents=True)
        write_labels(path, Labels.of_frames([box[:0], box], [sure[:0], sure]))
    config = DiscoverConfig(out=tmp_path)
    assert len(doubted(config, log, 0).frame) == 0
    doubts = doubted(config, log, 1)
    np.testing.assert_array_equal(doubts.box, boxes[:1])
    labels = read_labels(labels_path(tmp_path, "label0", log))
    frames = LabelledFrames([log], [labels], [doubts])
    assert frames[1].box[:, 0].tolist() == [72.0, 50.0]
    assert frames[1].sure.tolist() == [True, False] and len(frames[0].box) == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--out", "{found}", "--seed", "3"], "holds a discovery with other --seed"),
        (["--out", "{parent}"], "holds something else than a discovery"),
        ([], "--out: the folder to write to"),
        (["--stage", "clusters", "--out", "{new}"], "cluster"),
        (["--source", "kitti", "--out", "{new}"], "--path"),
        (["--source", "kitti", "--path", "{parent}", "--out", "{new}"], "no sweeps"),
        (["--rounds", "0", "--out", "{new}"], "--rounds: must be at least 1"),
        (["sweep.bin"], "needs a detector"),
        (["--weights", "{parent}", "--stage", "label", "--out", "{new}"], "--stage: label"),
        (["--start", "{parent}", "--out", "{new}"], "{parent}"),
        (["--start", "default", "--weights", "default", "--out", "{new}"], "--start: nothing is"),
    ],
)
def test_wrong_input_is_one_line(
    found: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    places = {"found": found, "parent": found.parent, "new": tmp_path / "new"}
    given = [word.format(**places) for word in words]
    assert main([*ASKED, *given]) == 2
    error = capsys.readouterr().err.strip()
    assert told.format(**places) in error and len(error.splitlines()) == 1
    assert not (tmp_path / "new" / "labels").exists()


def test_rounds_of_training_and_what_their_detector_finds(
    found: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "trained"
    shutil.copytree(found / "logs", out / "logs")
    shutil.copy(found / "discovery.json", out)
    training = ["--steps", "4", "--rounds", "2", "--least-score", "0.05"]
    config = json.loads((out / "discovery.json").read_text())
    config |= {"steps": 4, "rounds": 2, "least_score": 0.05}
    (out / "discovery.json").write_text(json.dumps(config))
    assert main([*ASKED, *training, "--out", str(out)]) == 0
    assert {"label", "detect0", "label0", "detect1"} <= set(
        json.loads((out / "metrics.json").read_text())
    )
    # What a detector finds that learned next to nothing may be anything: the first labels are kept.
    first, second = (read_labels(next((out / "labels" / s).iterdir())) for s in ("label", "label0"))
    kept = {tuple(box) for box in second.box}
    assert len(first.box) and all(tuple(box) in kept for box in first.box)
    assert (out / "round0" / "weights.safetensors").is_file()

    more = tmp_path / "more"
    for part in ("logs", "labels/label", "labels/cluster", "labels/track", "labels/filter"):
        shutil.copytree(out / part, more / part)
    config |= {"rounds": 1, "start": str(out)}
    (more / "discovery.json").write_text(json.dumps(config))
    words = ["--steps", "4", "--rounds", "1", "--least-score", "0.05", "--start", str(out)]
    assert main([*ASKED, *words, "--out", str(more)]) == 0
    _, card = load_network(Detector, str(more))
    assert card.training["start"] == str(out)

    scored = tmp_path / "scored"
    few = ["--seconds", "0.3", "--weights", str(out), "--out", str(scored)]
    assert main([*ASKED, *few]) == 0
    assert list(json.loads((scored / "metrics.json").read_text())) == ["detect"]

    sweep = tmp_path / "000000.bin"
    point = SweepLog(next((out / "logs").iterdir())).frame(0).point_m - np.float32([0, 0, 1.73])
    np.column_stack((point, np.zeros(len(point)))).astype("<f4").tofile(sweep)
    assert main(["discover", "--weights", str(out), str(sweep)]) == 0
    assert "found in" in capsys.readouterr().out
    picture = tmp_path / "sweep.png"
    words = ["view", str(sweep), "--weights", str(out), "--size", "320x180", "--out", str(picture)]
    assert main(words) == 0
    assert picture.is_file()
