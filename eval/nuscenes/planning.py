"""Open-loop planning on the key frames of a split: what is recorded, what is planned, the scores."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eval.nuscenes.dataset import Split
from eval.nuscenes.planning_protocols import (
    STEP_S,
    STEPS,
    Tally,
    occupied,
    oriented_hits,
    raster_hits,
)  # fmt: skip
from eval.nuscenes.submission import check_tokens
from sim.errors import InputError
from sim.sources.nuscenes.ego import yaw_of
from sim.text_files import read_json

if TYPE_CHECKING:
    from nuscenes import NuScenes

_FARTHEST_M = 1e4
_PAST = 2  # key frames that ST-P3's window holds before the present one
_SOLID = ("vehicle.", "human.", "movable_object.")  # what the oriented protocol may not hit


@dataclass(frozen=True)
class Frame:
    """A key frame: the ego's pose (x, y, yaw) in the map frame, and the objects around it."""

    token: str
    time_s: float
    map_SE2_ego: np.ndarray
    instance: np.ndarray  # tokens [n]
    category: np.ndarray  # names [n]
    visible: np.ndarray  # [n] above the lowest visibility
    box: np.ndarray  # [n, 5] x, y, yaw, length, width in the map frame


@dataclass(frozen=True)
class Sample:
    """The present key frame with the recorded future in its ego frame."""

    token: str
    velocity_mps: np.ndarray  # [2] since the key frame before; 0 at the first of a scene
    future_m: np.ndarray  # [6, 2], 0 where not recorded
    recorded: np.ndarray  # [6]
    full_window: bool  # two key frames before and six after
    stp3: list[np.ndarray]  # per step, boxes [n, 5]
    uniad: list[np.ndarray]
    solid: list[np.ndarray]


def samples(nusc: "NuScenes", split: Split) -> Iterator[Sample]:
    """The samples of a split, in its order."""
    for frames in _scenes(nusc, split):
        for now in range(len(frames)):
            yield _sample(frames, now)


def constant_velocity(sample: Sample) -> np.ndarray:
    """The plan `[6, 2]` that goes on as from the key frame before to this one."""
    return sample.velocity_mps * (STEP_S * np.arange(1, STEPS + 1))[:, None]


def read_plans(path: Path, split: Split) -> dict[str, np.ndarray]:
    """Plans of a JSON file: an object, sample token -> 6 pairs (x, y).

    x is forward and y left in metres, in the ego frame of the sample (nuScenes' ego_pose of the
    lidar key frame), at 0.5, 1 ... 3 s. Raises InputError naming file and token.
    """
    data = read_json(path)
    if not isinstance(data, dict):
        raise InputError(f"{path}: expected an object (sample token: 6 pairs x, y)")
    check_tokens(path, data, split)
    return {token: _plan(f"{path}: sample {token}", value) for token, value in data.items()}


def evaluate_planning(
    nusc: "NuScenes", split: Split, given: dict[str, dict[str, np.ndarray]]
) -> dict[str, dict[str, dict[str, float]]]:
    """Scores by protocol (stp3, uniad, oriented_box) and row: recorded, constant velocity, given."""
    rows = ("ground truth", "constant velocity", *given)
    tallies = {p: {row: Tally() for row in rows} for p in ("stp3", "uniad", "oriented_box")}
    for sample in samples(nusc, split):
        plans = {"ground truth": sample.future_m, "constant velocity": constant_velocity(sample)}
        plans |= {row: own[sample.token] for row, own in given.items()}
        stp3 = np.stack([occupied(boxes) for boxes in sample.stp3])
        uniad = np.stack([occupied(boxes) for boxes in sample.uniad])
        excused = {r: raster_hits(sample.future_m, raster) for r, raster in
                   (("stp3", stp3), ("uniad", uniad))}  # fmt: skip
        for row, plan in plans.items():
            error = np.linalg.norm(plan - sample.future_m, axis=-1) * sample.recorded
            hits = raster_hits(plan, uniad) & ~excused["uniad"]
            tallies["uniad"][row].add(error, hits)
            if sample.full_window:
                hits = raster_hits(plan, stp3) & ~excused["stp3"]
                tallies["stp3"][row].add(error, hits)
            if sample.recorded.all():
                hits = np.logical_or.accumulate(oriented_hits(plan, sample.solid))
                tallies["oriented_box"][row].add(error, hits)
    return {
        "stp3": {row: tally.mean_to() for row, tally in tallies["stp3"].items()},
        "uniad": {row: tally.at() for row, tally in tallies["uniad"].items()},
        "oriented_box": {row: tally.at() for row, tally in tallies["oriented_box"].items()},
    }


def _sample(frames: list[Frame], now: int) -> Sample:
    present = frames[now]
    origin = present.map_SE2_ego
    ahead = frames[now + 1 : now + 1 + STEPS]
    future = np.zeros((STEPS, 2))
    for k, frame in enumerate(ahead):
        future[k] = _to_ego(origin, frame.map_SE2_ego[None])[0, :2]
    velocity = np.zeros(2)
    if now:
        before = frames[now - 1]
        passed_s = present.time_s - before.time_s
        velocity = -_to_ego(origin, before.map_SE2_ego[None])[0, :2] / passed_s
    # ST-P3 knows the objects that were visible up to now; what appears later is not in its labels.
    window = frames[max(0, now - _PAST) : now + 1]
    known = np.concatenate([frame.instance[frame.visible] for frame in window])
    boxes: dict[str, list[np.ndarray]] = {"stp3": [], "uniad": [], "solid": []}
    for k in range(STEPS):
        if k >= len(ahead):
            for kind in boxes.values():
                kind.append(np.zeros((0, 5)))
            continue
        frame = ahead[k]
        own = np.concatenate([_to_ego(origin, frame.box[:, :3]), frame.box[:, 3:]], axis=-1)
        vehicle, human = (np.char.startswith(frame.category, p) for p in ("vehicle.", "human."))
        solid = np.logical_or.reduce([np.char.startswith(frame.category, p) for p in _SOLID])
        boxes["stp3"].append(own[(vehicle | human) & np.isin(frame.instance, known)])
        boxes["uniad"].append(own[vehicle])
        boxes["solid"].append(own[solid])
    recorded = np.arange(STEPS) < len(ahead)
    full = bool(recorded.all()) and now >= _PAST
    return Sample(present.token, velocity, future, recorded, full, **boxes)


def _scenes(nusc: "NuScenes", split: Split) -> Iterator[list[Frame]]:
    scenes: dict[str, list[str]] = {}
    for token in split.sample_tokens:
        scenes.setdefault(nusc.get("sample", token)["scene_token"], []).append(token)
    for tokens in scenes.values():
        yield [_frame(nusc, token) for token in tokens]


def _frame(nusc: "NuScenes", token: str) -> Frame:
    sample = nusc.get("sample", token)
    lidar = nusc.get("sample_data", sample["data"]["LIDAR_TOP"])
    pose = nusc.get("ego_pose", lidar["ego_pose_token"])
    records = [nusc.get("sample_annotation", t) for t in sample["anns"]]
    rotations = np.array([pose["rotation"], *(r["rotation"] for r in records)], dtype=float)
    ego_yaw, *yaws = yaw_of(rotations)
    boxes = [
        [*r["translation"][:2], yaw, r["size"][1], r["size"][0]]
        for r, yaw in zip(records, yaws, strict=True)
    ]
    return Frame(
        token,
        1e-6 * sample["timestamp"],
        np.array([*pose["translation"][:2], ego_yaw]),
        np.array([r["instance_token"] for r in records], dtype=str),
        np.array([r["category_name"] for r in records], dtype=str),
        np.array([r["visibility_token"] != "1" for r in records], dtype=bool),
        np.array(boxes, dtype=float).reshape(-1, 5),
    )


def _to_ego(map_SE2_ego: np.ndarray, map_SE2_other: np.ndarray) -> np.ndarray:
    """Poses `[n, 3]` of the map frame, in the ego frame."""
    cos, sin = np.cos(map_SE2_ego[2]), np.sin(map_SE2_ego[2])
    dx, dy = (map_SE2_other[:, :2] - map_SE2_ego[:2]).T
    yaw = map_SE2_other[:, 2] - map_SE2_ego[2]
    return np.stack([cos * dx + sin * dy, cos * dy - sin * dx, yaw], axis=-1)


def _plan(where: str, value: Any) -> np.ndarray:
    try:
        plan = np.array(value, dtype=float)
    except (TypeError, ValueError, OverflowError):
        plan = np.zeros(0)
    if plan.shape != (STEPS, 2) or not (np.abs(plan) <= _FARTHEST_M).all():
        told = f"{value!r:.200}"
        raise InputError(f"{where}: expected {STEPS} pairs of finite numbers, got {told}")
    return plan
