"""The solids that a lidar sees: vertical prisms with four sides, and upright cylinders; world frame.

An agent is a box; a car is two, a body and a cabin on it. A static obstacle whose footprint is no
convex quadrilateral is cut into triangles, whose fourth side repeats the third. Everything stands
upright on the ground under its centre. On uneven ground it reaches `_FOUNDATION_M` further down, so
that no gap opens between it and a slope.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sim.geometry import box
from sim.scenario import EGO, AgentKind, ObstacleKind, Scenario, StaticObstacle
from sim.sensors.ground import Ground
from sim.world import World, WorldState

NO_AGENT = -1
_CAR_MAX_HEIGHT_M = 2.3  # a higher vehicle is one box
_FOUNDATION_M = 10.0
# Shares of a car's height, length and width; the cabin's middle is a share of the length further back.
_BODY_HEIGHT, _CABIN_LENGTH, _CABIN_WIDTH, _CABIN_SHIFT = 0.55, 0.6, 0.86, -0.05


class LidarClass(IntEnum):
    """What a return comes from; for scoring, never for the driver."""

    NOTHING = 0
    GROUND = 1
    VEHICLE = 2
    CYCLIST = 3
    PEDESTRIAN = 4
    OBJECT = 5
    BUILDING = 6
    WALL = 7
    POLE = 8
    HEDGE = 9
    TREE = 10
    NOISE = 11


# Share of the light that each class throws back at 905 nm, roughly; index: `LidarClass`.
REFLECTIVITY = (0.0, 0.15, 0.45, 0.35, 0.35, 0.6, 0.4, 0.4, 0.5, 0.3, 0.25, 0.1)
# Plain ints: compiled, a tensor compared with an enum's member is silently False.
_OF_KIND = {int(kind): int(LidarClass[kind.name]) for kind in AgentKind}
_VEHICLE = int(AgentKind.VEHICLE)
_OF_OBSTACLE = {kind: LidarClass[kind.name] for kind in ObstacleKind}


@dataclass(frozen=True)
class Prisms:
    """G solids: all points p with `normal . p <= offset` for four sides, and z within `[low, high]`.

    `normal` has length 1 and points outwards. `agent` is an index into the world's agents or NO_AGENT,
    `label` a `LidarClass`, `velocity_mps` in the world frame. Where `valid` is False there is none.
    """

    normal: Float[Tensor, "b g 4 2"]
    offset_m: Float[Tensor, "b g 4"]
    low_m: Float[Tensor, "b g"]
    high_m: Float[Tensor, "b g"]
    velocity_mps: Float[Tensor, "b g 2"]
    agent: Int[Tensor, "b g"]
    label: Int[Tensor, "b g"]
    valid: Bool[Tensor, "b g"]


@dataclass(frozen=True)
class Cylinders:
    """C upright cylinders (poles, trunks of trees), z within `[low, high]`; `label`: a `LidarClass`."""

    center_m: Float[Tensor, "b c 2"]
    radius_m: Float[Tensor, "b c"]
    low_m: Float[Tensor, "b c"]
    high_m: Float[Tensor, "b c"]
    label: Int[Tensor, "b c"]
    valid: Bool[Tensor, "b c"]


@dataclass(frozen=True)
class StaticScene:
    """What does not move in B worlds: obstacles, and the ground (None: the plane z = 0)."""

    prisms: Prisms
    cylinders: Cylinders
    ground: Ground | None = None

    @staticmethod
    def from_scenarios(scenarios: list[Scenario]) -> "StaticScene":
        """The static obstacles and the ground of each scenario, padded to the most obstacles."""
        flat, round_ = [], []
        for scenario in scenarios:
            obstacles = scenario.map.obstacles
            flat.append([p for o in obstacles if o.radius_m <= 0 for p in _pieces(o)])
            round_.append([_cylinder(o) for o in obstacles if o.radius_m > 0])
        ground = Ground.from_scenarios(scenarios)
        rows, valid = _padded(flat, 16)
        sides = rows[..., :12].reshape(*rows.shape[:2], 4, 3)
        low, base = _stand(ground, rows[..., 14:])
        prisms = Prisms(
            normal=sides[..., :2],
            offset_m=sides[..., 2],
            low_m=low,
            high_m=base + rows[..., 12],
            velocity_mps=torch.zeros_like(rows[..., :2]),
            agent=torch.full(rows.shape[:2], NO_AGENT),
            label=rows[..., 13].long(),
            valid=valid,
        )
        rows, valid = _padded(round_, 5)
        # Copies: what branches of compiled code read must not share memory.
        center, radius = rows[..., :2].clone(), rows[..., 2].clone()
        low, base = _stand(ground, center)
        cylinders = Cylinders(center, radius, low, base + rows[..., 3], rows[..., 4].long(), valid)
        return StaticScene(prisms, cylinders, ground)


def _stand(ground: Ground | None, center_m: Float[Tensor, "b g 2"]) -> tuple[Tensor, Tensor]:
    """z of the lowest point of a solid at `center_m`, and z of the ground that its height counts from."""
    if ground is None:
        flat = torch.zeros_like(center_m[..., 0])
        return flat, flat
    base, _ = ground.read(center_m)
    return base - _FOUNDATION_M, base


def agent_prisms(world: World, state: WorldState, ground: Ground | None) -> Prisms:
    """Two boxes for each of the N - 1 agents but the ego: all bodies, then all cabins.

    Who is no car has one box; its cabin is not `valid`.
    """
    others = slice(EGO + 1, None)
    pose, size, kind = state.pose[:, others], world.size_m[:, others], world.kind[:, others]
    length, width, height = size.unbind(-1)
    is_car = (kind == _VEHICLE) & (height < _CAR_MAX_HEIGHT_M)
    foot, base = _stand(ground, pose[..., :2])
    body_top = torch.where(is_car, _BODY_HEIGHT * height, height)
    cos, sin = torch.cos(pose[..., 2]), torch.sin(pose[..., 2])
    shift = _CABIN_SHIFT * length
    cabin_at = pose[..., :2] + shift.unsqueeze(-1) * torch.stack((cos, sin), dim=-1)
    index = torch.arange(kind.shape[1], device=kind.device).expand(kind.shape) + EGO + 1
    label = torch.zeros_like(kind)
    for own, name in _OF_KIND.items():
        label = torch.where(kind == own, name, label)
    valid = state.valid[:, others]
    velocity = state.velocity_mps[:, others]
    parts = [
        (pose[..., :2], length, width, foot, base + body_top, valid),
        (cabin_at, _CABIN_LENGTH * length, _CABIN_WIDTH * width, base + body_top, base + height,
         valid & is_car),
    ]  # fmt: skip
    made = []
    for center, long, wide, low, high, here in parts:
        solid = torch.cat((center, pose[..., 2:]), dim=-1)
        normal, offset = box.sides(solid, torch.stack((long, wide), dim=-1))
        made.append(Prisms(normal, offset, low, high, velocity, index, label, here))
    return concatenate(*made)


def concatenate(first: Prisms, second: Prisms) -> Prisms:
    """The prisms of both, `first` first."""
    return Prisms(
        normal=torch.cat((first.normal, second.normal), dim=1),
        offset_m=torch.cat((first.offset_m, second.offset_m), dim=1),
        low_m=torch.cat((first.low_m, second.low_m), dim=1),
        high_m=torch.cat((first.high_m, second.high_m), dim=1),
        velocity_mps=torch.cat((first.velocity_mps, second.velocity_mps), dim=1),
        agent=torch.cat((first.agent, second.agent), dim=1),
        label=torch.cat((first.label, second.label), dim=1),
        valid=torch.cat((first.valid, second.valid), dim=1),
    )


def _pieces(obstacle: StaticObstacle) -> list[np.ndarray]:
    """A row for each convex piece of a footprint: 4 x (normal x, y, offset), height, class, centre x, y."""
    ring = obstacle.footprint_m.astype(np.float64)
    area = _cross(ring - ring[0], np.roll(ring, -1, axis=0) - ring[0]).sum()
    ring = ring if area > 0 else ring[::-1]
    quads = [ring] if len(ring) == 4 and _is_convex(ring) else _triangles(ring)
    rows = []
    for quad in quads:
        edge = np.roll(quad, -1, axis=0) - quad
        normal = np.stack((edge[:, 1], -edge[:, 0]), axis=-1)
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        sides = np.column_stack((normal, (normal * quad).sum(-1)))
        sides = np.concatenate((sides, np.repeat(sides[-1:], 4 - len(sides), axis=0)))
        tail = (obstacle.height_m, float(_OF_OBSTACLE[obstacle.kind]), *ring.mean(axis=0))
        rows.append(np.concatenate((sides.ravel(), tail)))
    return rows


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Signed area of the parallelogram of plane vectors `[..., 2]`; numpy's own is for space."""
    return np.asarray(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0])


def _is_convex(ring: np.ndarray) -> bool:
    edge = np.roll(ring, -1, axis=0) - ring
    return bool((_cross(edge, np.roll(edge, -1, axis=0)) > 0).all())


def _triangles(ring: np.ndarray) -> list[np.ndarray]:
    """Triangles `[3, 2]` that cover a counter-clockwise ring `[V, 2]` (ear clipping, Meisters 1975)."""
    left, found = list(range(len(ring))), []
    while len(left) > 3:
        for k in range(len(left)):
            ear = [left[(k + d) % len(left)] for d in (-1, 0, 1)]
            a, b, c = ring[ear]
            rest = ring[[i for i in left if i not in ear]]
            sides = [_cross(q - p, rest - p) for p, q in ((a, b), (b, c), (c, a))]
            if _cross(b - a, c - b) > 0 and not (np.stack(sides) > 0).all(0).any():
                found.append(np.stack((a, b, c)))
                del left[k]
                break
        else:  # degenerate: what is left has no area
            return found
    return [*found, ring[left]]


def _cylinder(obstacle: StaticObstacle) -> np.ndarray:
    """A row: centre x, y, radius, height, class."""
    center = obstacle.footprint_m.mean(axis=0)
    return np.array(
        (*center, obstacle.radius_m, obstacle.height_m, float(_OF_OBSTACLE[obstacle.kind]))
    )


def _padded(rows: list[list[np.ndarray]], width: int) -> tuple[Tensor, Tensor]:
    """The rows of B worlds as `[B, G, width]`, and which are real `[B, G]`; G is at least 1."""
    count = max(1, *(len(row) for row in rows))
    out = np.zeros((len(rows), count, width), dtype=np.float32)
    valid = np.zeros((len(rows), count), dtype=bool)
    for w, row in enumerate(rows):
        if row:
            out[w, : len(row)], valid[w, : len(row)] = np.stack(row), True
    return torch.from_numpy(out), torch.from_numpy(valid)
