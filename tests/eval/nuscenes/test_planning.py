"""Open-loop planning: hand-worked cases of each protocol, and shapely for outlines."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from shapely import affinity
from shapely.geometry import Polygon, box

from eval.nuscenes.dataset import Split, find_split, load_dataset
from eval.nuscenes.planning import constant_velocity, evaluate_planning, read_plans, samples
from eval.nuscenes.planning_protocols import (
    REAR_AXLE_TO_CENTER_M,
    Tally,
    headings_rad,
    occupied,
    oriented_hits,
    raster_hits,
)
from tests.eval.nuscenes import tiny


def _boxes(*entries: tuple[float, ...]) -> np.ndarray:
    return np.array(entries, dtype=float).reshape(-1, 5)


def _straight(speed_mps: float) -> np.ndarray:
    return np.stack([0.5 * speed_mps * np.arange(1, 7), np.zeros(6)], axis=-1)


def test_raster_of_a_box_follows_the_published_rounding() -> None:
    # A box from x = -1 to 1 and y = 2 to 3: corners at cells 98 and 102, 104 and 106, all included.
    cells = np.argwhere(occupied(_boxes((0.0, 2.5, 0.0, 2.0, 1.0))))
    assert cells[:, 0].min() == 98 and cells[:, 0].max() == 102
    assert cells[:, 1].min() == 104 and cells[:, 1].max() == 106
    assert len(cells) == 5 * 3


def test_raster_ego_is_eight_by_four_cells_and_never_turns() -> None:
    # Cell centres within -1.542 .. 2.542 and +-0.925 of the ego: -1.25 .. 2.25, +-0.25 and +-0.75,
    # that is cells 97 .. 104 and 98 .. 101.
    for row, column, hit in [
        (97, 98, True), (104, 101, True), (96, 99, False), (105, 99, False), (100, 97, False),
        (100, 102, False),
    ]:  # fmt: skip
        raster = np.zeros((6, 200, 200), dtype=bool)
        raster[:, row, column] = True
        assert raster_hits(np.zeros((6, 2)), raster).tolist() == [hit] * 6, (row, column)
    # 10 m to the left after 3 s: the shape is the same, 20 cells on.
    raster = np.zeros((6, 200, 200), dtype=bool)
    raster[5, 104, 121] = True
    sideways = np.linspace([0.0, 10.0 / 6], [0.0, 10.0], 6)
    assert raster_hits(sideways, raster).tolist() == [False] * 5 + [True]


def test_headings_follow_a_circle_and_stay_when_slow() -> None:
    # 5 m/s on a circle of 20 m: after 0.5 k seconds the heading is 0.125 k.
    angle = 5.0 / 20.0 * 0.5 * np.arange(1, 7)
    circle = 20.0 * np.stack([np.sin(angle), 1 - np.cos(angle)], axis=-1)
    heading = headings_rad(circle)
    np.testing.assert_allclose(heading[:5], angle[:5], atol=1e-9)  # symmetric about each point
    assert abs(heading[5] - angle[5]) < 0.07  # one-sided: half a step behind
    assert headings_rad(np.zeros((6, 2))).tolist() == [0.0] * 6
    stops = np.array([[2.0, 2.0], [4.0, 4.0], [4.0, 4.0], [4.0, 4.01], [4.0, 4.0], [4.0, 4.0]])
    np.testing.assert_allclose(headings_rad(stops), math.pi / 4, atol=1e-9)


def test_oriented_hits_agree_with_shapely() -> None:
    rng = np.random.default_rng(0)
    for _ in range(40):
        bend = rng.uniform(-0.1, 0.1)
        way = rng.uniform(0.5, 10) * 0.5 * np.arange(1, 7)
        plan = np.stack([way, bend * way**2], axis=-1)
        others = [
            np.concatenate(
                [rng.uniform(-5, 30, (4, 1)), rng.uniform(-6, 6, (4, 1)),
                 rng.uniform(-3, 3, (4, 1)), rng.uniform(0.5, 8, (4, 2))], axis=-1)
            for _ in range(6)
        ]  # fmt: skip
        truth = [
            any(_outline(plan, t).intersects(_polygon(*other)) for other in others[t])
            for t in range(6)
        ]
        assert oriented_hits(plan, others).tolist() == truth


def _outline(plan: np.ndarray, step: int) -> Polygon:
    """The car around its rear axle: 0.66 m behind it, 3.42 m ahead."""
    yaw = headings_rad(plan)[step]
    car = box(REAR_AXLE_TO_CENTER_M - 2.042, -0.865, REAR_AXLE_TO_CENTER_M + 2.042, 0.865)
    turned = affinity.rotate(car, yaw, origin=(0, 0), use_radians=True)
    return affinity.translate(turned, *plan[step])


def _polygon(x: float, y: float, yaw: float, length: float, width: float) -> Polygon:
    shape = box(-length / 2, -width / 2, length / 2, width / 2)
    return affinity.translate(affinity.rotate(shape, yaw, origin=(0, 0), use_radians=True), x, y)


def test_means_and_values_at_t() -> None:
    tally = Tally()
    tally.add(np.arange(1.0, 7.0), np.array([0, 0, 0, 0, 1, 1]))
    tally.add(np.zeros(6), np.zeros(6))
    # Errors 0.5, 1 ... 3: at 1, 2, 3 s 1, 2, 3; means to there 0.75, 1.25, 1.75.
    at, mean = tally.at(), tally.mean_to()
    assert [at[f"L2_{t}s"] for t in (1, 2, 3)] == [1.0, 2.0, 3.0]
    assert [mean[f"L2_{t}s"] for t in (1, 2, 3)] == [0.75, 1.25, 1.75]
    # Hits at 2.5 and 3 s in one of two samples: 50 % at 3 s; 2 / 12 on the way there.
    assert [at[f"collision_{t}s"] for t in (1, 2, 3)] == [0.0, 0.0, 50.0]
    assert mean["collision_3s"] == pytest.approx(100 * 2 / 12)


def test_samples_of_a_split(sim_val: Split) -> None:
    found = list(samples(load_dataset(sim_val), sim_val))
    assert [s.token for s in found] == list(sim_val.sample_tokens)
    # 20 key frames: 2 before and 6 after leave 12 windows; 6 after leave 14.
    assert sum(s.full_window for s in found) == 12
    assert sum(bool(s.recorded.all()) for s in found) == 14
    np.testing.assert_allclose(found[5].future_m, _straight(tiny.EGO_SPEED_MPS), atol=1e-9)
    np.testing.assert_allclose(constant_velocity(found[5]), found[5].future_m, atol=1e-6)
    # The left car begins at (10, 8) and drives 6 m/s. In frame 6, 3 s on, it is at x = 28; the ego of
    # frame 5 is at 12.5.
    left = found[5].uniad[0][found[5].uniad[0][:, 1] > 4]
    assert [15.5, 8.0] in left[:, :2].round(6).tolist()
    assert len(found[5].uniad[0]) == 3 and len(found[5].stp3[0]) == 4  # without, with the walker


def test_stp3_does_not_know_what_was_not_seen(tmp_path: Path) -> None:
    root = tiny.write(tmp_path)
    records = json.loads((root / "sample_annotation.json").read_text())
    for record in records:
        if record["instance_token"] == "scene-9001lead" and int(record["token"].split("a")[-1]) > 3:
            record["visibility_token"] = "1"
    (root / "sample_annotation.json").write_text(json.dumps(records))
    split = find_split(tmp_path, tiny.VERSION, "sim_val")
    found = list(samples(load_dataset(split), split))
    # The leading car is last seen in frame 3: known in windows that end by frame 5.
    assert [len(found[k].stp3[0]) for k in (3, 5, 6, 9)] == [4, 4, 3, 3]
    assert [len(found[k].uniad[0]) for k in (3, 5, 6, 9)] == [3, 3, 3, 3]


def test_rows_and_protocols_on_a_dataset(tmp_path: Path) -> None:
    # A walker stands 12 m ahead of frame 0, in the lane, and a car beside it; the plan to score is
    # twice as fast as the recorded ego, which itself drives through the walker.
    standing = {
        "walker": ("human.pedestrian.adult", "", (0.7, 0.7, 1.8), (12.0, 0.0), 0.0, 0.0),
        "beside": ("vehicle.car", "", (1.8, 4.5, 1.5), (40.0, 6.0), 0.0, 0.0),
    }
    tiny.write(tmp_path, standing)
    split = find_split(tmp_path, tiny.VERSION, "sim_val")
    path = tmp_path / "plans.json"
    twice = _straight(2 * tiny.EGO_SPEED_MPS)
    path.write_text(json.dumps({token: twice.tolist() for token in split.sample_tokens}))
    scores = evaluate_planning(load_dataset(split), split, {"mine": read_plans(path, split)})
    for protocol in ("stp3", "uniad", "oriented_box"):
        assert scores[protocol]["ground truth"]["L2_3s"] == 0.0
    assert scores["uniad"]["ground truth"]["collision_3s"] == 0.0
    assert scores["stp3"]["ground truth"]["collision_3s"] == 0.0  # forgiven
    # The error at t is 5 t, over the 14 samples that have all of 3 s; officially over all 20, of
    # which 18, 16 and 14 have a recording at 1, 2 and 3 s.
    assert scores["oriented_box"]["mine"]["L2_2s"] == pytest.approx(10.0)
    for t, having in ((1, 18), (2, 16), (3, 14)):
        assert scores["uniad"]["mine"][f"L2_{t}s"] == pytest.approx(5 * t * having / 20)
    # ST-P3: mean of 2.5 .. 15 is 8.75.
    assert scores["stp3"]["mine"]["L2_3s"] == pytest.approx(8.75)
    # UniAD counts no walkers, and the car stands beside the lane.
    assert scores["uniad"]["mine"]["collision_3s"] == 0.0
    # Oriented: frame k stands at 2.5 k, the walker covers x = 11.65 .. 12.35, the ego -0.662 .. 3.422
    # about its axle: hit where the axle is in 8.228 .. 13.012. The recorded ego is there at x = 10 and
    # 12.5, within 3 s of frames 0 .. 4: 5 of 14 samples.
    truth = scores["oriented_box"]["ground truth"]
    assert truth["collision_3s"] == pytest.approx(100 * 5 / 14)
    # Twice as fast, frame k is at 2.5 k + 5 j after j steps: 10 (k = 0, 2), 12.5 (k = 1, 3).
    mine = scores["oriented_box"]["mine"]
    assert mine["collision_3s"] == pytest.approx(100 * 4 / 14)
    assert mine["collision_1s"] == pytest.approx(100 * 4 / 14)  # j <= 2


def test_ground_truth_in_a_turned_frame(tmp_path: Path) -> None:
    root = tiny.write(tmp_path)
    # The same drive, but the car points north while it moves east: in its frame it drives right.
    poses = json.loads((root / "ego_pose.json").read_text())
    for pose in poses:
        pose["rotation"] = [math.cos(math.pi / 4), 0.0, 0.0, math.sin(math.pi / 4)]
    (root / "ego_pose.json").write_text(json.dumps(poses))
    split = find_split(tmp_path, tiny.VERSION, "sim_val")
    sample = next(samples(load_dataset(split), split))
    right = np.stack([np.zeros(6), -2.5 * np.arange(1, 7)], axis=-1)
    np.testing.assert_allclose(sample.future_m, right, atol=1e-9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("scene-9001s2"), "the first is scene-9001s2"),
        (lambda d: d.update(nowhere=[[0, 0]] * 6), "the first is nowhere"),
        (lambda d: d.update({"scene-9001s2": [[0, 0]] * 5}), "sample scene-9001s2: expected 6"),
        (lambda d: d.update({"scene-9001s2": [[0, math.nan]] * 6}), "sample scene-9001s2: exp"),
        (lambda d: d.update({"scene-9001s2": "left"}), "sample scene-9001s2: expected 6 pairs"),
    ],
)
def test_broken_plans(change, message: str, sim_val: Split, tmp_path: Path) -> None:
    plans = {token: [[0.0, 0.0]] * 6 for token in sim_val.sample_tokens}
    change(plans)
    path = tmp_path / "plans.json"
    path.write_text(json.dumps(plans))
    with pytest.raises(ValueError, match=r"plans\.json") as caught:
        read_plans(path, sim_val)
    assert message in str(caught.value)
