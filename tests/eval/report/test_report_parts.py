"""What the report is made of: blocks, intervals, pairs, the choice of playbacks, the bytes."""

import base64
import json
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval.metrics.suite import RANKING, declared
from eval.report.page import safe_json
from eval.report.planner_runs import PlannerRun
from eval.report.playback import encode_drive, encode_scene
from eval.report.playback_choice import choose_listed
from eval.report.run_report import write_comparison, write_report
from eval.report.text_block import Quantized, encode_block
from eval.report.video import PX_PER_M, SIZE_PX, Canvas
from eval.runs.folder import RunFolder
from eval.runs.results import DriveScores
from sim.palette import LIGHT
from sim.scenario import AreaKind, MapArea
from tests.eval.report import made_up


def unpack(text: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The format read by its description, not by the code that wrote it."""
    block = zlib.decompress(base64.b64decode(text), -15)
    length = int.from_bytes(block[:4], "little")
    header, at = json.loads(block[4 : 4 + length]), 4 + length
    arrays = {}
    for name, spec in sorted(header["arrays"].items(), key=lambda item: item[1]["at"]):
        count = int(np.prod(spec["shape"]))
        planes = np.frombuffer(block, "u1", count * spec["width"], at).reshape(-1, count)
        at += count * spec["width"]
        zigzag = sum(plane.astype(np.int64) << (8 * k) for k, plane in enumerate(planes))
        whole = np.where(zigzag % 2 == 1, -(zigzag + 1) // 2, zigzag // 2).reshape(spec["shape"])
        for _ in range(spec["order"]):
            whole = np.cumsum(whole, axis=-1)
        arrays[name] = whole * spec["quantum"]
    assert at == len(block)
    return header, arrays


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("reach", [0.4, 50.0, 9000.0, 3e6])
def test_a_block_gives_back_what_was_packed(order: int, reach: float) -> None:
    values = np.random.default_rng(1).uniform(-reach, reach, (3, 2, 40))
    values[0, 0, 0] = np.nan
    _, arrays = unpack(encode_block({"a": 1}, {"x": Quantized(values, 0.01, order)}))
    values[0, 0, 0] = 0.0
    assert np.abs(arrays["x"] - values).max() <= 0.005 + 1e-9


def test_too_large_a_value_is_refused() -> None:
    with pytest.raises(ValueError, match="x: beyond 31 bits"):
        encode_block({}, {"x": Quantized(np.array((0.0, 3e7)), 0.01)})


def test_a_drive_keeps_poses_to_the_centimetre_and_its_failures() -> None:
    drive = made_up.drive_record()
    drive.pose[~drive.valid] = np.nan  # who is not there stays where it was last
    header, arrays = unpack(encode_drive(drive, declared(), made_up.scenario().tracks.size_m))
    there = drive.valid.T
    error_m = np.abs(arrays["xy"].transpose(0, 2, 1) - drive.pose[..., :2].transpose(1, 0, 2))
    assert error_m[there].max() <= 0.0051
    assert (arrays["valid"].astype(bool) == there).all()
    assert arrays["xy"][2, 0, 30] == pytest.approx(9 * np.cos(np.pi / 6), abs=0.006)
    assert header["failures"] == {
        "nuplan/no_at_fault_collision": 12,
        "nuplan/drivable_area_compliance": 20,
    }
    # The first candidate is straight ahead, in the world at 30 degrees, 5 m a step; the second goes
    # to (40, 16) in the ego frame, and costs infinity.
    cos, sin = np.cos(np.pi / 6), 0.5
    ahead, aside = arrays["candidates"][0]
    assert ahead[:, 7] == pytest.approx((40 * cos, 40 * sin), abs=0.06)
    assert aside[:, 7] == pytest.approx((40 * cos - 16 * sin, 40 * sin + 16 * cos), abs=0.06)
    assert arrays["costs"][0].tolist() == [1.0, 0.0]
    # At the third that is shown, instant 4: a quarter an instant, and what is the same always.
    assert header["terms"] == ["collision", "off_lanes"]
    assert arrays["terms"][2].tolist() == [[1.0, -1.5], [0.0, 7.0]]
    # The walker is gone from instant 10 on: no forecast of it.
    assert header["every"] == 2
    assert arrays["chance"][:, 1, 0].tolist() == [100.0] * 5 + [0.0] * 11


def test_who_was_perceived_is_kept_where_it_was_in_the_world() -> None:
    size_m = made_up.scenario().tracks.size_m
    arrays = unpack(encode_drive(made_up.drive_record(occupied=True), declared(), size_m))[1]
    assert arrays["perceived"].shape == (2, 5, 16) and arrays["perceived_id"].shape == (2, 16)
    # At instant 4, the third that is shown, the ego is 4 m along its 30 degrees.
    cos, sin = np.cos(np.pi / 6), 0.5
    box = arrays["perceived"][0, :, 2]
    place = (-6 * cos - 6 * sin, -6 * sin + 6 * cos)
    assert box == pytest.approx((*place, np.pi / 6, 4.0, 2.0), abs=0.006)
    assert arrays["perceived_id"][:, 2].tolist() == [7, -1]
    assert (arrays["perceived"][1] == 0.0).all()


def test_a_film_outlines_who_was_perceived() -> None:
    record, of = made_up.drive_record(occupied=True), made_up.scenario()
    blue = (Canvas(of, record).frame(0, "")[..., :3] == LIGHT.perceived).all(axis=-1)
    # 4 m by 2 m around 10 m behind and 6 m to the left of the ego in the middle, which looks 30 degrees up.
    rows, columns = blue.nonzero()
    cos, sin = np.cos(np.pi / 6), 0.5
    x, y = (-10 * cos - 6 * sin, -10 * sin + 6 * cos)
    middle = SIZE_PX / 2 + PX_PER_M * np.array((x, -y))
    assert (columns.mean(), rows.mean()) == pytest.approx(tuple(middle), abs=2.0)
    assert np.ptp(columns) == pytest.approx(PX_PER_M * (4 * cos + 2 * sin), abs=3.0)
    assert 50 < blue.sum() < 200  # not filled: that would be 200
    assert not (Canvas(of, made_up.drive_record()).frame(0, "") == LIGHT.perceived).all(-1).any()


def test_a_scene_keeps_holes_and_drops_what_is_far() -> None:
    whole = made_up.scenario()
    whole.map.areas.append(MapArea(AreaKind.ROAD_BLOCK, whole.map.areas[0].exterior_m))  # not shown
    header, arrays = unpack(encode_scene(whole))
    assert header["shapes"] == [["drivable", 4], ["hole", 4], ["route", 2]]  # a straight route
    assert arrays["points"][:, 4].tolist() == pytest.approx((25.0, 25.0))
    whole.map.areas[0].exterior_m[:] += 10_000.0
    assert unpack(encode_scene(whole))[0]["shapes"] == [["route", 2]]


def test_nothing_in_the_data_is_a_tag() -> None:
    text = safe_json({"name": "</script><!--&amp;", "value": 0.5})
    assert "<" not in text and "&" not in text and json.loads(text)["name"] == "</script><!--&amp;"
    with pytest.raises(ValueError, match="JSON"):
        safe_json(float("nan"))


def data_of(page: Path) -> dict[str, Any]:
    text = page.read_text()
    return json.loads(
        text.split('<script type="application/json" id="data">')[1].split("</script>")[0]
    )


def test_the_worst_come_first_within_the_budget(tmp_path: Path) -> None:
    run = made_up.run(tmp_path, "a")
    page = write_report(run)
    whole = data_of(page)
    assert sorted(whole["playbacks"]) == ["0", "1", "2"] and whole["missing"] == ""
    blocks = re.findall(r'type="text/plain" id="\w+-1-\d">(.*)</script>', page.read_text())
    few = data_of(write_report(run, budget_bytes=sum(map(len, blocks))))
    # Scene 1 is the worst of both planners (0.25 and 0.1), and just fits.
    assert list(few["playbacks"]) == ["1"]
    assert "2 more lie in the run folder" in few["missing"]
    assert page.read_text().count('type="text/plain"') == 3  # the scene once, two drives
    assert data_of(write_report(run, budget_bytes=0))["playbacks"] == {}


def test_the_same_results_give_the_same_bytes(tmp_path: Path) -> None:
    first = write_report(made_up.run(tmp_path / "1", "a")).read_bytes()
    assert write_report(made_up.run(tmp_path / "2", "a")).read_bytes() == first


def test_a_run_without_drives_says_so(tmp_path: Path) -> None:
    found = data_of(write_report(made_up.run(tmp_path, "a", kept=False)))
    assert "holds no drives" in found["missing"] and len(found["rows"]) == 6


@pytest.mark.parametrize(
    ("stated", "told"),
    [
        (None, ""),
        ({"name": "b", "version": 2, "hash": "c0"}, "benchmark b version 2, hash c0"),
        ({"name": "b", "version": 2}, None),
        ({"name": [], "version": 2, "hash": "c0"}, None),
        ("b", None),
    ],
)
def test_the_benchmark_of_a_run_is_told_or_refused(
    stated: Any, told: str | None, tmp_path: Path
) -> None:
    run = made_up.run(tmp_path, "a", kept=False)
    path = run.path / "metrics.json"
    held = json.loads(path.read_text()) | ({} if stated is None else {"benchmark": stated})
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(held).encode())  # a byte order mark is no harm
    if told is None:
        with pytest.raises(ValueError, match=r"metrics\.json: benchmark: expected name, version"):
            write_report(run)
    else:
        assert told in write_report(run).read_text()


@pytest.mark.parametrize(("source", "told"), [("procedural", True), ("nuscenes", False)])
def test_a_seed_is_told_of_what_was_generated(source: str, told: bool, tmp_path: Path) -> None:
    run = made_up.run(tmp_path, "a", kept=False)
    (run.path / "config.yaml").write_text(f"source: {source}\nseed: 1\n")
    (facts,) = data_of(write_report(run))["facts"]
    assert ("seed 1" in facts) == told and source in facts


def test_tables_come_back_as_they_were_written(tmp_path: Path) -> None:
    rows = made_up.run(tmp_path, "a", kept=False).read_tables().drives
    assert [row.index for row in rows] == [0, 1, 2, 0, 1, 2]
    assert rows[4].scenario_id == "scene-1" and rows[4].metrics["nuplan/score"] == 0.1


def test_pairs_are_by_id_and_say_how_many(tmp_path: Path) -> None:
    a = made_up.run(tmp_path, "a", {"pdm": (0.5, 0.25, 1.0)})
    names = (made_up.NAMES[1], ("elsewhere", "jam"), made_up.NAMES[0])  # another order, one other
    b = made_up.run(tmp_path, "b", {"pdm": (0.1, 0.6, 0.9)}, names=names)
    write_comparison([a, b], tmp_path / "both.html")
    data = data_of(tmp_path / "both.html")
    assert [column["label"] for column in data["columns"]] == ["a/pdm", "b/pdm"]
    (pair,) = data["pairs"]
    assert pair["common"] == 2
    score = pair["metrics"][0]
    # scene-0: 0.9 - 0.5 = +0.4; scene-1: 0.1 - 0.25 = -0.15; the mean is 0.125.
    assert score["difference"][0] == pytest.approx(0.125)
    assert score["difference"][1] <= 0.125 <= score["difference"][2]
    assert score["wins_losses_ties"] == [1, 1, 0]
    overlap = pair["metrics"][[m["key"] for m in data["metrics"]].index("waymax/overlap")]
    assert overlap["difference"][0] == pytest.approx(-0.125)  # lower is better
    assert overlap["wins_losses_ties"] == [1, 1, 0]
    # Both runs hold scene-0: its scene is there once for both.
    assert data["playbacks"]["0"]["0"][0] == data["playbacks"]["0"]["1"][0]


def test_runs_that_cannot_be_compared(tmp_path: Path) -> None:
    a = made_up.run(tmp_path, "a", kept=False)
    names = tuple((f"other-{k}", "jam") for k in range(3))
    b = made_up.run(tmp_path, "b", kept=False, names=names)
    with pytest.raises(ValueError, match=r"b: no scenario in common with .*a "):
        write_comparison([a, b], tmp_path / "both.html")
    with pytest.raises(ValueError, match="given twice"):
        write_comparison([a, a], tmp_path / "both.html")
    (b.path / "per_scenario.parquet").unlink()
    with pytest.raises(
        ValueError, match=r"b: not a finished run .*per_scenario.parquet is missing"
    ):
        write_report(RunFolder(b.path))
    a_drive = a.drive_path("pdm", 0)
    a_drive.parent.mkdir(parents=True)
    a_drive.write_bytes(b"PK")
    a.write_scenario(0, made_up.scenario())
    before = sorted(p.name for p in a.path.iterdir())
    with pytest.raises(ValueError, match=r"000000.npz: not whole"):
        write_report(a)
    assert sorted(p.name for p in a.path.iterdir()) == before  # nothing half-written


def test_a_page_of_many_lists_the_worst_and_some_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 40 scenarios with scores 0 to 39 in drawn order, 10 rows: the 5 worst, of the other 35 every seventh.
    monkeypatch.setattr("eval.report.playback_choice.MOST_ROWS", 10)
    scores = np.random.default_rng(0).permutation(40)
    keys = [f"scene-{k}" for k in range(40)]
    drives = {
        key: DriveScores(key, "merge", "idm", k, {RANKING.key: float(scores[k])})
        for k, key in enumerate(keys)
    }
    column = PlannerRun("idm", "idm", RunFolder(tmp_path), drives)
    listed, told = choose_listed([column], keys)
    assert sorted(scores[keys.index(key)] for key in listed) == [0, 1, 2, 3, 4, 5, 12, 19, 26, 33]
    assert listed == [key for key in keys if key in listed]
    assert "10 of 40 scenarios" in told
    assert choose_listed([column], keys[:10]) == (keys[:10], "")
