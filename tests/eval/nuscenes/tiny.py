"""A nuScenes dataset small enough to work its scores out by hand.

Scenes scene-9001 (split sim_val) and scene-9002 (sim_train): 20 key frames at 2 Hz, the ego drives
east at 5 m/s from (500, 500). Objects are 6 m and more apart, well inside their class's range.
"""

import json
import math
from pathlib import Path
from typing import Any

from PIL import Image

VERSION = "v1.0-sim"
FRAMES = 20
EGO_SPEED_MPS = 5.0
# name: (category, attribute, size w l h, start relative to the ego, yaw, speed)
OBJECTS: dict[str, tuple[str, str, tuple[float, float, float], tuple[float, float], float, float]] = {
    "lead": ("vehicle.car", "vehicle.moving", (1.8, 4.5, 1.5), (20.0, 0.0), 0.0, 5.0),
    "left": ("vehicle.car", "vehicle.moving", (1.8, 4.5, 1.5), (10.0, 8.0), 0.0, 6.0),
    "truck": ("vehicle.truck", "vehicle.moving", (2.5, 8.0, 3.0), (-18.0, 8.0), 0.0, 5.5),
    "walker": ("human.pedestrian.adult", "pedestrian.moving", (0.7, 0.7, 1.8), (8.0, -7.0), 0.0, 5.2),
}  # fmt: skip


def write(dataroot: Path, objects: dict[str, Any] | None = None) -> Path:
    """Write the 13 tables, the split file and a map; returns the folder of the tables."""
    objects = OBJECTS if objects is None else objects
    tables: dict[str, list[dict[str, Any]]] = {
        "category": _named(entry[0] for entry in objects.values()),
        "attribute": _named(entry[1] for entry in objects.values()),
        "visibility": [{"token": str(k), "level": f"v{k}", "description": ""} for k in range(1, 5)],
        "sensor": [{"token": "lidar", "channel": "LIDAR_TOP", "modality": "lidar"}],
        "calibrated_sensor": [{
            "token": "mount", "sensor_token": "lidar", "translation": [0.94, 0.0, 1.84],
            "rotation": [1.0, 0.0, 0.0, 0.0], "camera_intrinsic": [],
        }],
        "map": [{
            "token": "map", "log_tokens": ["log"], "category": "semantic_prior",
            "filename": "maps/map.png",
        }],
        "log": [{
            "token": "log", "logfile": "", "vehicle": "", "date_captured": "2020-01-01",
            "location": "singapore-onenorth",
        }],
        **{name: [] for name in ("instance", "ego_pose", "scene", "sample", "sample_data",
                                 "sample_annotation")},
    }  # fmt: skip
    for scene in ("scene-9001", "scene-9002"):
        _add_scene(tables, scene, objects)
    root = dataroot / VERSION
    root.mkdir(parents=True)
    (dataroot / "maps").mkdir()
    Image.new("L", (10, 10)).save(dataroot / "maps" / "map.png")
    for name, records in tables.items():
        (root / f"{name}.json").write_text(json.dumps(records))
    splits = {"sim_val": ["scene-9001"], "sim_train": ["scene-9002"]}
    (root / "splits.json").write_text(json.dumps(splits))
    return root


def _add_scene(tables: dict[str, Any], scene: str, objects: dict[str, Any]) -> None:
    sample = [f"{scene}s{k}" for k in range(FRAMES)]
    start_us = 1_600_000_000_000_000 + 60_000_000 * int(scene[-1])
    tables["scene"].append({
        "token": scene, "name": scene, "log_token": "log", "nbr_samples": FRAMES,
        "first_sample_token": sample[0], "last_sample_token": sample[-1], "description": "",
    })  # fmt: skip
    for k, token in enumerate(sample):
        time_us = start_us + 500_000 * k
        neighbors = {"prev": sample[k - 1] if k else "", "next": (sample[k + 1 :] or [""])[0]}
        tables["sample"].append({
            "token": token, "timestamp": time_us, "scene_token": scene, **neighbors
        })  # fmt: skip
        tables["ego_pose"].append({
            "token": f"{token}ego", "timestamp": time_us, "rotation": [1.0, 0.0, 0.0, 0.0],
            "translation": [500.0 + 0.5 * EGO_SPEED_MPS * k, 500.0, 0.0],
        })  # fmt: skip
        tables["sample_data"].append({
            "token": f"{token}lidar", "sample_token": token, "ego_pose_token": f"{token}ego",
            "calibrated_sensor_token": "mount", "timestamp": time_us, "fileformat": "pcd",
            "is_key_frame": True, "height": 0, "width": 0, "filename": f"samples/{token}.pcd.bin",
            **{key: value and f"{value}lidar" for key, value in neighbors.items()},
        })  # fmt: skip
    for name, entry in objects.items():
        _add_object(tables, sample, f"{scene}{name}", entry)


def _add_object(tables: dict[str, Any], sample: list[str], token: str, entry: Any) -> None:
    category, attribute, size, start, yaw, speed = entry
    tables["instance"].append({
        "token": token, "category_token": category, "nbr_annotations": FRAMES,
        "first_annotation_token": f"{token}a0", "last_annotation_token": f"{token}a{FRAMES - 1}",
    })  # fmt: skip
    for k in range(FRAMES):
        way = 0.5 * k * speed
        tables["sample_annotation"].append({
            "token": f"{token}a{k}", "sample_token": sample[k], "instance_token": token,
            "attribute_tokens": [attribute] if attribute else [], "visibility_token": "4",
            "translation": [500.0 + start[0] + way * math.cos(yaw),
                            500.0 + start[1] + way * math.sin(yaw), 1.0],
            "size": list(size), "rotation": [math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2)],
            "num_lidar_pts": 10, "num_radar_pts": 0,
            "prev": f"{token}a{k - 1}" if k else "",
            "next": f"{token}a{k + 1}" if k < FRAMES - 1 else "",
        })  # fmt: skip


def _named(names: Any) -> list[dict[str, str]]:
    """Records whose token is their name."""
    return [{"token": n, "name": n, "description": ""} for n in sorted(set(names) - {""})]
