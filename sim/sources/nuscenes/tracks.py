"""Annotations of a nuScenes scene as `Tracks` at 10 Hz, in the dataset's frame (float64 positions)."""

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from sim.errors import InputError
from sim.scenario import AgentKind, Tracks
from sim.sources.nuscenes.ego import (
    EGO_SIZE_M,
    can_bus_motion,
    center_velocity_mps,
    ego_poses,
    to_center,
    yaw_of,
)
from sim.sources.nuscenes.interpolate import nearest_step, on_grid

if TYPE_CHECKING:
    from nuscenes import NuScenes

DT_S = 0.1
_CYCLES = ("vehicle.bicycle", "vehicle.motorcycle")


def samples_of(nusc: "NuScenes", scene: dict) -> list[dict]:
    """The key frames of a scene in order.

    InputError, naming the table, where there are fewer than two, where the list comes back to where it
    was, ends elsewhere than the scene does, does not go on in time, or one is without LIDAR_TOP.
    """
    where = "sample.json"
    samples, seen, token = [], set(), scene["first_sample_token"]
    while token:
        if token in seen:
            raise InputError(f"{where}: the list of samples comes back to {token}")
        seen.add(token)
        samples.append(nusc.get("sample", token))
        if "LIDAR_TOP" not in samples[-1]["data"]:
            raise InputError(f"sample_data.json: sample {token} has no LIDAR_TOP")
        token = samples[-1]["next"]
    if len(samples) < 2:
        raise InputError(f"{where}: fewer than two key frames")
    if samples[-1]["token"] != scene["last_sample_token"]:
        raise InputError(f"{where}: the list of samples ends at {samples[-1]['token']}, too early")
    for before, after in pairwise(samples):
        if after["timestamp"] <= before["timestamp"]:
            raise InputError(f"{where}: sample {after['token']} is not after the one before it")
    return samples


def read_tracks(nusc: "NuScenes", scene: dict) -> tuple[Tracks, np.ndarray, list[str]]:
    """All tracks, the ego first; which time steps are marked as key frames `[T]`; and notes.

    Time step k is k * 0.1 s after the first key frame. The dataset's key frames are 0.45 to 0.55 s
    apart, so one is up to 0.05 s away from the time step that is marked for it.
    """
    samples = samples_of(nusc, scene)
    start_us = samples[0]["timestamp"]
    frame_s = np.array([sample["timestamp"] - start_us for sample in samples]) * 1e-6
    grid_s = DT_S * np.arange(round(frame_s[-1] / DT_S) + 1)
    keyframe = np.zeros(len(grid_s), dtype=bool)
    keyframe[nearest_step(frame_s, grid_s)] = True
    names, categories, sizes = ["ego"], ["vehicle.car"], [EGO_SIZE_M]
    ego, notes = _ego(nusc, scene, start_us, grid_s)
    rows = [ego]
    for instance, seen in _by_instance(nusc, samples).items():
        frame = np.array([k for k, _ in seen])
        boxes = [box for _, box in seen]
        names.append(instance)
        categories.append(boxes[0]["category_name"])
        width, length, height = np.median([box["size"] for box in boxes], axis=0)
        sizes.append((length, width, height))
        pose = np.array([box["translation"] for box in boxes], dtype=np.float64)
        yaw = np.unwrap(yaw_of(np.array([box["rotation"] for box in boxes])))
        values = np.concatenate((pose, yaw[:, None]), axis=1)
        value, rate, known = on_grid(frame, frame_s[frame], values, grid_s)
        rows.append((value, rate[:, :2], known))
    value, velocity, known = (np.stack(part) for part in zip(*rows, strict=True))
    return (
        Tracks(
            track_id=names,
            category=categories,
            kind=np.array([kind_of(name) for name in categories], dtype=np.int64),
            size_m=np.array(sizes, dtype=np.float32),
            position_m=value[..., :3],
            yaw_rad=_wrap(value[..., 3]).astype(np.float32),
            velocity_mps=velocity.astype(np.float32),
            valid=known,
        ),
        keyframe,
        notes,
    )


def kind_of(category: str) -> AgentKind:
    """The kind of agent that a nuScenes category is; animals count as pedestrians."""
    if category in _CYCLES:
        return AgentKind.CYCLIST
    if category.startswith("vehicle."):
        return AgentKind.VEHICLE
    if category.startswith(("human.", "animal")):
        return AgentKind.PEDESTRIAN
    return AgentKind.OBJECT


def attributes_of(nusc: "NuScenes", scene: dict) -> dict[str, list[tuple[int, str]]]:
    """By instance: numbers of key frames and the attribute (such as "vehicle.parked") it has there."""
    return {
        instance: named
        for instance, seen in _by_instance(nusc, samples_of(nusc, scene)).items()
        if (
            named := [
                (k, nusc.get("attribute", token)["name"])
                for k, row in seen
                for token in row["attribute_tokens"]
            ]
        )
    }


def _by_instance(nusc: "NuScenes", samples: list[dict]) -> dict[str, list[tuple[int, dict]]]:
    """By instance token: numbers of key frames and the rows of `sample_annotation` there."""
    found: dict[str, list[tuple[int, dict]]] = {}
    for k, sample in enumerate(samples):
        for token in sample["anns"]:
            row = nusc.get("sample_annotation", token)
            found.setdefault(row["instance_token"], []).append((k, row))
    return found


def _ego(
    nusc: "NuScenes", scene: dict, start_us: int, grid_s: np.ndarray
) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], list[str]]:
    """The centre of the ego's box (x, y, z, yaw) `[T, 4]`, velocity `[T, 2]`, valid `[T]`; and notes."""
    time_us, pose = ego_poses(nusc, scene)
    late_s = (start_us - time_us[0]) * 1e-6, time_us[-1] * 1e-6 - start_us * 1e-6 - grid_s[-1]
    if min(late_s) < -DT_S:
        raise InputError(
            "sample_data.json: LIDAR_TOP, and so the ego, is not there from the "
            "first key frame to the last"
        )
    center = to_center(pose)
    frame = np.arange(len(center))
    value, rate, known = on_grid(frame, (time_us - start_us) * 1e-6, center, grid_s)
    notes = []
    try:
        motion = can_bus_motion(nusc, scene["name"], start_us + grid_s * 1e6)
    except InputError as error:
        motion, notes = None, [f"dropped the messages of the CAN bus: {error}"]
    if motion is None:
        return (value, rate[:, :2], known), notes
    velocity = center_velocity_mps(*motion, value[:, 3])
    return (value, velocity, known), ["the ego's velocity is the CAN bus's"]


def _wrap(angle_rad: np.ndarray) -> np.ndarray:
    return (angle_rad + np.pi) % (2 * np.pi) - np.pi
