"""The simulated lidar of one scene, in the frame of nuScenes' LIDAR_TOP: x right, y ahead, z up."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from sim import trees
from sim.recording import recorded_state
from sim.scenario import EGO, Scenario
from sim.sensors.lidar import Lidar
from sim.sensors.lidar_noise import LidarNoise, add_noise
from sim.sensors.lidar_presets import LidarSpec
from sim.sensors.lidar_scene import NO_AGENT, Prisms, StaticScene, agent_prisms
from sim.sensors.sweep import LidarSweep
from sim.world import World, WorldState

_BATCH = 4
_MAX_INTENSITY = 255.0


@dataclass(frozen=True)
class Seen:
    """One sweep: P points as a `.pcd.bin` holds them, and what was seen of each of N agents.

    `points` are x (right), y (ahead), z (up) in m, intensity 0 to 255, ring (0: the lowest beam).
    """

    points: np.ndarray  # [P, 5] float32
    num_points: np.ndarray  # [N] returns of each agent
    visible_share: np.ndarray  # [N] 0 to 1: of the returns that each would give alone in the world


def see(
    scenario: Scenario, spec: LidarSpec, instants: list[int], noise_seed: int | None
) -> Iterator[Seen]:
    """The sweep at each of the time steps `instants`, in order; `noise_seed` None: exact returns."""
    one = World.from_scenarios([scenario], maps=False)
    static = StaticScene.from_scenarios([scenario])
    generator = torch.Generator().manual_seed(noise_seed or 0)
    alone = Lidar(spec, _without_obstacles(static))
    for first in range(0, len(instants), _BATCH):
        index = torch.tensor(instants[first : first + _BATCH])
        same = torch.zeros_like(index)
        world, lidar = one.take(same), Lidar(spec, trees.take(static, same))
        state = recorded_state(world, index)
        sweep = lidar.sweep(world, state)
        if noise_seed is not None:
            sweep = add_noise(lidar, sweep, LidarNoise(paint_seed=noise_seed), generator)
        for k in range(len(index)):
            counts = _count(sweep.agent[k], scenario.num_agents)
            at = trees.take(state, torch.tensor([k]))
            full = _count_alone(alone, one, at)
            share = np.divide(counts, full, out=np.zeros(len(counts)), where=full > 0)
            yield Seen(_points(sweep, k, spec), counts, np.minimum(share, 1.0))


def _points(sweep: LidarSweep, row: int, spec: LidarSpec) -> np.ndarray:
    """The points `[P, 5]` of `Seen`: from the ego's to the sensor's frame, in the order of firing.

    That is azimuth after azimuth, clockwise, as the recorded sensor turns.
    """
    x, y, z = (
        sweep.point_m[row] - torch.tensor((spec.mount_x_m, spec.mount_y_m, spec.mount_z_m))
    ).unbind(-1)
    ring = torch.tensor(spec.elevations_deg).argsort().argsort()[:, None].expand_as(x).float()
    intensity = (_MAX_INTENSITY * sweep.intensity[row]).round().clamp(0.0, _MAX_INTENSITY)
    table = torch.stack((-y, x, z, intensity, ring), dim=-1)
    in_turn = table.flip(1).transpose(0, 1)
    return in_turn[sweep.hit[row].flip(1).T].numpy().astype(np.float32)


def _count(agent: Tensor, num_agents: int) -> np.ndarray:
    """How many returns each agent gave, `[N]`."""
    return torch.bincount(agent[agent != NO_AGENT], minlength=num_agents).numpy()


def _count_alone(lidar: Lidar, world: World, state: WorldState) -> np.ndarray:
    """How many returns each agent would give if nothing else stood in the way, `[N]`.

    One world for each agent, with its solids alone in it.
    """
    counts = np.zeros(world.size_m.shape[1], dtype=np.int64)
    away_m = (state.pose[0, :, :2] - state.pose[0, EGO, :2]).norm(dim=-1)
    reach_m = lidar.spec.max_range_m + world.size_m[0].norm(dim=-1)
    near = (state.valid[0] & (away_m < reach_m)).nonzero()[:, 0]
    near = near[near != EGO]
    if len(near) == 0:
        return counts
    together = agent_prisms(world, state, lidar.static.ground)
    apart = Prisms(**{k: _apart(part)[near - EGO - 1] for k, part in vars(together).items()})
    columns, same = lidar.columns(state), torch.zeros_like(near)
    many = Lidar(lidar.spec, trees.take(replace(lidar.static, ground=None), same))
    met = lidar.meet_ground(columns)  # the same in each world, and most of the work
    sweep = many.cast(trees.take(columns, same), apart, met)
    counts[near.numpy()] = (sweep.agent != NO_AGENT).flatten(1).sum(1).numpy()
    return counts


def _apart(part: Tensor) -> Tensor:
    """From `[1, 2 N, ...]` (the bodies of N agents, then their cabins) to `[N, 2, ...]`."""
    return part.reshape(2, -1, *part.shape[2:]).transpose(0, 1)


def _without_obstacles(static: StaticScene) -> StaticScene:
    """The same ground without any obstacle."""
    prisms = {k: v[:, :1] for k, v in vars(static.prisms).items()}
    cylinders = {k: v[:, :1] for k, v in vars(static.cylinders).items()}
    prisms["valid"], cylinders["valid"] = (t["valid"] & False for t in (prisms, cylinders))
    return StaticScene(Prisms(**prisms), type(static.cylinders)(**cylinders), static.ground)
