"""A place full of things for the lidar: cars and 200 obstacles at random within 90 m."""

from dataclasses import replace

import numpy as np

from sim.scenario import GroundHeight, ObstacleKind, Scenario, StaticObstacle, Tracks
from sim.sources.procedural import draft

OBSTACLES = 200
HALF_SIZE_M = 90.0


def cluttered(seed: int, agents: int, uneven: bool) -> Scenario:
    """The ego in the middle of a straight road, `agents - 1` cars anywhere; on a plane or on hills."""
    rng = np.random.default_rng(seed)
    base = draft("straight", seed=seed)
    place = rng.uniform(-HALF_SIZE_M, HALF_SIZE_M, (agents, 1, 2))
    place[0] = 0.0
    instants = base.num_instants
    position = np.concatenate((place, np.full((agents, 1, 1), 0.8)), axis=-1)
    tracks = Tracks(
        track_id=[str(n) for n in range(agents)],
        category=["vehicle.car"] * agents,
        kind=np.zeros(agents, dtype=np.int64),
        size_m=np.tile(np.array((4.5, 1.9, 1.6), dtype=np.float32), (agents, 1)),
        position_m=np.repeat(position, instants, axis=1).astype(np.float32),
        yaw_rad=np.repeat(rng.uniform(-3, 3, (agents, 1)), instants, axis=1).astype(np.float32),
        velocity_mps=np.zeros((agents, instants, 2), dtype=np.float32),
        valid=np.ones((agents, instants), dtype=bool),
    )
    obstacles = [_obstacle(rng, is_pole=k % 4 == 0) for k in range(OBSTACLES)]
    ground = _hills() if uneven else None
    return replace(
        base,
        tracks=tracks,
        routes=[base.routes[0]] + [None] * (agents - 1),
        map=replace(base.map, obstacles=obstacles, ground=ground),
        styles=None,
    )


def _obstacle(rng: np.random.Generator, is_pole: bool) -> StaticObstacle:
    middle, size = rng.uniform(-HALF_SIZE_M, HALF_SIZE_M, 2), rng.uniform(0.5, 6.0, 2)
    corners = 0.5 * size * np.array(((1, 1), (-1, 1), (-1, -1), (1, -1)))
    kind = ObstacleKind.POLE if is_pole else ObstacleKind.WALL
    ring = (middle + corners).astype(np.float32)
    return StaticObstacle(kind, ring, float(rng.uniform(1, 8)), 0.2 if is_pole else 0.0)


def _hills() -> GroundHeight:
    along = np.arange(-110.0, 110.0, 0.3)
    height = 2.0 * np.sin(along / 25.0)[:, None] * np.cos(along / 40.0)
    return GroundHeight(np.full(2, -110.0), 0.3, height.astype(np.float32))
