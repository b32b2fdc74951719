"""What is fixed in the nuScenes format: tables, categories, cities, frames, tokens."""

import hashlib
import math
from dataclasses import replace

from sim.scenario import AgentKind
from sim.sensors.lidar_presets import HDL_32E
from sim.sources.nuscenes.ego import REAR_AXLE_TO_CENTER_M

TABLES = (
    "category", "attribute", "visibility", "instance", "sensor", "calibrated_sensor", "ego_pose",
    "log", "scene", "sample", "sample_data", "sample_annotation", "map",
)  # fmt: skip

# LIDAR_TOP of the recorded cars is at (0.943713, 0, 1.84023) m in nuScenes' ego frame (rear axle).
LIDAR_TOP = replace(HDL_32E, mount_x_m=0.943713 - REAR_AXLE_TO_CENTER_M, mount_z_m=1.84023)

KEYFRAME_S = 0.5
SWEEP_S = 0.1

# Extent in x and y of the four cities' maps: the devkit knows no others and has these numbers built in.
CITIES_M = {
    "singapore-queenstown": (3228.6, 3687.1),
    "singapore-hollandvillage": (2808.3, 2922.9),
    "boston-seaport": (2979.5, 2118.1),
    "singapore-onenorth": (1585.6, 2025.0),
}

CATEGORIES = (
    "animal",
    "human.pedestrian.adult",
    "human.pedestrian.child",
    "human.pedestrian.construction_worker",
    "human.pedestrian.personal_mobility",
    "human.pedestrian.police_officer",
    "human.pedestrian.stroller",
    "human.pedestrian.wheelchair",
    "movable_object.barrier",
    "movable_object.debris",
    "movable_object.pushable_pullable",
    "movable_object.trafficcone",
    "static_object.bicycle_rack",
    "vehicle.bicycle",
    "vehicle.bus.bendy",
    "vehicle.bus.rigid",
    "vehicle.car",
    "vehicle.construction",
    "vehicle.emergency.ambulance",
    "vehicle.emergency.police",
    "vehicle.motorcycle",
    "vehicle.trailer",
    "vehicle.truck",
)
_CATEGORY_OF_KIND = {
    AgentKind.VEHICLE: "vehicle.car",
    AgentKind.CYCLIST: "vehicle.bicycle",
    AgentKind.PEDESTRIAN: "human.pedestrian.adult",
    AgentKind.OBJECT: "movable_object.debris",
}

ATTRIBUTES = {
    "vehicle.moving": "Vehicle is moving.",
    "vehicle.stopped": "Vehicle is stationary but has an intent to move.",
    "vehicle.parked": "Vehicle is stationary for a longer duration.",
    "cycle.with_rider": "There is a rider on the bicycle or motorcycle.",
    "cycle.without_rider": "There is no rider on the bicycle or motorcycle.",
    "pedestrian.sitting_lying_down": "The human is sitting or lying down.",
    "pedestrian.standing": "The human is standing.",
    "pedestrian.moving": "The human is moving.",
}
_MOVING_MPS = 0.2  # from this speed on an agent is annotated as moving

# Upper end of the visible share of an object, token and name of that level.
VISIBILITY = (
    (0.4, "1", "v0-40"),
    (0.6, "2", "v40-60"),
    (0.8, "3", "v60-80"),
    (1.0, "4", "v80-100"),
)


def make_token(*parts: object) -> str:
    """32 hexadecimal digits that depend on `parts` alone (the devkit splits tokens at "_")."""
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()[:32]


def category_of(name: str, kind: int) -> str:
    """The nuScenes category of an agent: `name` if it is one, else that of its `AgentKind`."""
    return name if name in CATEGORIES else _CATEGORY_OF_KIND[AgentKind(kind)]


def attribute_of(category: str, speed_mps: float, parked: bool) -> str | None:
    """The attribute of an annotation; None for things that have none."""
    moving = speed_mps >= _MOVING_MPS
    if category in ("vehicle.bicycle", "vehicle.motorcycle"):
        return "cycle.with_rider"
    if category.startswith("vehicle."):
        if moving:
            return "vehicle.moving"
        return "vehicle.parked" if parked else "vehicle.stopped"
    if category.startswith("human."):
        return "pedestrian.moving" if moving else "pedestrian.standing"
    return None


def visibility_of(visible_share: float) -> str:
    """The token of the level that a visible share falls into."""
    return next((token for end, token, _ in VISIBILITY if visible_share < end), VISIBILITY[-1][1])


def yaw_quaternion(yaw_rad: float) -> list[float]:
    """The quaternion (w, x, y, z) of a rotation about z."""
    return [math.cos(0.5 * yaw_rad), 0.0, 0.0, math.sin(0.5 * yaw_rad)]


def fixed_tables(mount_m: tuple[float, float, float]) -> dict[str, list[dict]]:
    """The tables that are the same for every scene.

    `mount_m` is the lidar's place in nuScenes' ego frame; its own frame has x to the right, y ahead.
    """
    return {
        "category": [
            {"token": make_token("category", name), "name": name, "description": "", "index": k + 1}
            for k, name in enumerate(CATEGORIES)
        ],
        "attribute": [
            {"token": make_token("attribute", name), "name": name, "description": text}
            for name, text in ATTRIBUTES.items()
        ],
        "visibility": [
            {
                "token": token,
                "level": level,
                "description": f"visibility of whole object is up to {end:.0%}",
            }
            for end, token, level in VISIBILITY
        ],
        "sensor": [
            {"token": make_token("sensor"), "channel": "LIDAR_TOP", "modality": "lidar"},
        ],
        "calibrated_sensor": [
            {
                "token": make_token("calibrated_sensor"),
                "sensor_token": make_token("sensor"),
                "translation": list(mount_m),
                "rotation": yaw_quaternion(-0.5 * math.pi),
                "camera_intrinsic": [],
            }
        ],
    }
