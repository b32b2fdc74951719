"""The scene of a lidar as triangles, and Open3D's ray casting on them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from sim.scenario import EGO, AgentKind, GroundHeight, Scenario
from sim.sensors.lidar_presets import LidarSpec

Mesh = tuple[np.ndarray, np.ndarray]


def cast(scenario: Scenario, spec: LidarSpec) -> np.ndarray:
    """Ranges `[E, A]` of one sweep at t = 0, 0 where nothing is hit."""
    o3d = pytest.importorskip("open3d", exc_type=ImportError)
    ground = ground_mesh(scenario.map.ground)
    below = _scene(o3d, [ground])

    def height_m(x: float, y: float) -> float:
        ray = np.array([[x, y, 1e3, 0, 0, -1]], dtype=np.float32)
        return 1e3 - float(below.cast_rays(ray)["t_hit"].numpy()[0])

    scene = _scene(o3d, [ground, *_meshes(scenario, height_m)])
    yaw, at = scenario.tracks.yaw_rad[EGO, 0], scenario.tracks.position_m[EGO, 0, :2]
    ahead = np.array((np.cos(yaw), np.sin(yaw)))
    mount = np.append(at + spec.mount_x_m * ahead, spec.mount_z_m + height_m(*at))
    elevation = np.radians(spec.elevations_deg)[:, None]
    azimuth = yaw + np.arange(spec.num_columns) * 2 * np.pi / spec.num_columns
    direction = np.stack(
        np.broadcast_arrays(
            np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth),
            np.sin(elevation),
        ), axis=-1,
    )  # fmt: skip
    rays = np.concatenate((np.broadcast_to(mount, direction.shape), direction), axis=-1)
    truth = scene.cast_rays(rays.astype(np.float32))["t_hit"].numpy()
    return np.where(truth <= spec.max_range_m, truth, 0.0)


def ground_mesh(ground: GroundHeight | None) -> Mesh:
    """Two triangles a cell, and a skirt that carries the outermost heights on; or the plane."""
    if ground is None:
        corners = np.array(((-500, -500, 0), (500, -500, 0), (500, 500, 0), (-500, 500, 0)), float)
        return corners, np.array(((0, 1, 2), (0, 2, 3)))
    height = np.pad(ground.height_m, 1, "edge")
    lines = [
        start + np.concatenate(((-500.0,), np.arange(n) * ground.resolution_m, (n + 500.0,)))
        for start, n in zip(ground.origin_m, ground.height_m.shape, strict=True)
    ]
    x, y = np.meshgrid(*lines, indexing="ij")
    vertices = np.stack((x, y, height), axis=-1).reshape(-1, 3)
    low = np.arange(len(vertices)).reshape(height.shape)[:-1, :-1].ravel()
    along, across = height.shape[1], 1
    lower = np.stack((low, low + along, low + along + across), axis=-1)
    upper = np.stack((low, low + along + across, low + across), axis=-1)
    return vertices, np.concatenate((lower, upper))


def _scene(o3d: Any, meshes: list[Mesh]) -> Any:
    scene = o3d.t.geometry.RaycastingScene()
    for vertices, triangles in meshes:
        scene.add_triangles(vertices.astype(np.float32), triangles.astype(np.uint32))
    return scene


def _prism_mesh(ring: np.ndarray, low: float, high: float) -> Mesh:
    """Side walls and both lids of a convex ring, as triangles."""
    n = len(ring)
    bottom, top = (np.column_stack((ring, np.full(n, z))) for z in (low, high))
    sides = [((k, (k + 1) % n, n + k), (n + k, (k + 1) % n, n + (k + 1) % n)) for k in range(n)]
    lids = [((0, k, k + 1), (n, n + k, n + k + 1)) for k in range(1, n - 1)]
    triangles = [t for pair in sides + lids for t in pair]
    return np.concatenate((bottom, top)), np.array(triangles)


def _box_ring(x: float, y: float, yaw: float, length: float, width: float) -> np.ndarray:
    corners = 0.5 * np.array(((1, 1), (-1, 1), (-1, -1), (1, -1))) * (length, width)
    turn = np.array(((np.cos(yaw), -np.sin(yaw)), (np.sin(yaw), np.cos(yaw))))
    return corners @ turn.T + (x, y)


def _meshes(scenario: Scenario, height_m: Callable[[float, float], float]) -> list[Mesh]:
    """Boxes and cylinders on the ground under their centres, and on down into it."""
    tracks = scenario.tracks
    found = []
    for n in range(1, scenario.num_agents):
        if not tracks.valid[n, 0]:
            continue
        (x, y), yaw = tracks.position_m[n, 0, :2], tracks.yaw_rad[n, 0]
        length, width, height = tracks.size_m[n]
        z = height_m(x, y)
        is_car = tracks.kind[n] == AgentKind.VEHICLE and height < 2.3
        top = z + (0.55 * height if is_car else height)
        found.append(_prism_mesh(_box_ring(x, y, yaw, length, width), z - 5, top))
        if is_car:
            x, y = x - 0.05 * length * np.cos(yaw), y - 0.05 * length * np.sin(yaw)
            cabin = _box_ring(x, y, yaw, 0.6 * length, 0.86 * width)
            found.append(_prism_mesh(cabin, top, z + height))
    for obstacle in scenario.map.obstacles:
        ring = obstacle.footprint_m
        z = height_m(*ring.mean(axis=0))
        if obstacle.radius_m > 0:
            angle = np.arange(256) * (2 * np.pi / 256)
            circle = obstacle.radius_m * np.stack((np.cos(angle), np.sin(angle)), axis=-1)
            ring = ring.mean(axis=0) + circle
        found.append(_prism_mesh(ring, z - 5, z + obstacle.height_m))
    return found
