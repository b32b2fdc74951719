"""Submissions made of the ground truth: perfect ones, and ones whose boxes are moved."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from eval.nuscenes.dataset import Split
from eval.nuscenes.submission import BoxFormat

if TYPE_CHECKING:
    from nuscenes import NuScenes

_META = {name: False for name in ("use_camera", "use_radar", "use_map", "use_external")}


def oracle_submission(
    nusc: "NuScenes", split: Split, form: BoxFormat, noise_m: float = 0.0, seed: int = 0
) -> dict[str, Any]:
    """Every box that the official evaluator counts: of its classes, in range, hit by a sensor.

    `noise_m` moves each box by exactly that far in the plane, in a random direction within 60
    degrees of the one to the ego, so that none leaves its class's range.
    """
    rng = np.random.default_rng(seed)
    results = {token: _boxes(nusc, token, form, noise_m, rng) for token in split.sample_tokens}
    return {"meta": {**_META, "use_lidar": True}, "results": results}


def _boxes(
    nusc: "NuScenes", token: str, form: BoxFormat, noise_m: float, rng: np.random.Generator
) -> list[dict[str, Any]]:
    from nuscenes.eval.common.config import config_factory
    from nuscenes.eval.detection.utils import category_to_detection_name

    config = config_factory(
        "detection_cvpr_2019" if form.task == "detection" else "tracking_nips_2019"
    )
    sample = nusc.get("sample", token)
    lidar = nusc.get("sample_data", sample["data"]["LIDAR_TOP"])
    ego = np.array(nusc.get("ego_pose", lidar["ego_pose_token"])["translation"][:2])
    boxes = []
    for annotation_token in sample["anns"]:
        record = nusc.get("sample_annotation", annotation_token)
        name = category_to_detection_name(record["category_name"])
        center = np.array(record["translation"][:2])
        if (
            name not in form.classes
            or record["num_lidar_pts"] + record["num_radar_pts"] == 0
            or np.linalg.norm(center - ego) >= config.class_range[name]
        ):
            continue
        if noise_m:
            toward = math.atan2(*(ego - center)[::-1]) + rng.uniform(-math.pi / 3, math.pi / 3)
            center = center + noise_m * np.array([math.cos(toward), math.sin(toward)])
        velocity = np.nan_to_num(nusc.box_velocity(annotation_token)[:2])  # NaN: seen only once
        box = {
            "sample_token": token,
            "translation": [*center.tolist(), record["translation"][2]],
            "size": list(record["size"]),
            "rotation": list(record["rotation"]),
            "velocity": velocity.tolist(),
            form.name_field: name,
            form.score_field: 1.0,
        }
        if form.task == "detection":
            box["attribute_name"] = _attribute(nusc, record)
        else:
            box["tracking_id"] = record["instance_token"]
        boxes.append(box)
    return boxes


def _attribute(nusc: "NuScenes", record: dict[str, Any]) -> str:
    tokens = record["attribute_tokens"]
    return nusc.get("attribute", tokens[0])["name"] if tokens else ""
