"""Drives that the simulator's lidar sees: recordings of scenarios, with noise, and who really was there."""

from collections.abc import Iterator

import numpy as np
import torch

from drive.perception.logs.sweep_log import LogInfo, SweepFrame, Truth
from sim.recording import recorded_state
from sim.scenario import EGO, AgentKind, Scenario
from sim.sensors.lidar import Lidar
from sim.sensors.lidar_noise import LidarNoise, add_noise
from sim.sensors.lidar_presets import LidarSpec
from sim.world import World

_OBJECT = int(AgentKind.OBJECT)


def info_of(spec: LidarSpec) -> LogInfo:
    """Where the sensor is."""
    return LogInfo((spec.mount_x_m, spec.mount_y_m, spec.mount_z_m))


def simulated_sweeps(
    scenario: Scenario, spec: LidarSpec, seconds: float, seed: int
) -> Iterator[SweepFrame]:
    """The sweeps of the first seconds of a recording, one a step."""
    world = World.from_scenarios([scenario], maps=False)
    lidar = Lidar.of(world, spec)
    generator = torch.Generator().manual_seed(seed)
    noise = LidarNoise(paint_seed=seed)
    steps = min(scenario.num_instants, 1 + round(seconds / scenario.dt_s))
    row = torch.arange(spec.num_rows).unsqueeze(1).expand(-1, spec.num_columns)
    for step in range(steps):
        state = recorded_state(world, torch.tensor([step]))
        sweep = add_noise(lidar, lidar.sweep(world, state), noise, generator)
        hit = sweep.hit[0]
        x, y, yaw = state.pose[0, EGO].tolist()
        yield SweepFrame(
            step * scenario.dt_s,
            sweep.point_m[0][hit].numpy(),
            row[hit].numpy(),
            _pose(x, y, yaw),
            _truth(scenario, step, (x, y, yaw), sweep.agent[0][hit].numpy()),
        )


def _truth(
    scenario: Scenario, step: int, ego: tuple[float, float, float], agent: np.ndarray
) -> Truth:
    """The others' boxes in the ego's frame, but for cones and the like."""
    tracks = scenario.tracks
    there = tracks.valid[:, step] & (tracks.kind != _OBJECT)
    there[EGO] = False
    who = np.flatnonzero(there)
    x, y, yaw = ego
    turn = np.array(((np.cos(yaw), np.sin(yaw)), (-np.sin(yaw), np.cos(yaw))))
    box = np.zeros((len(who), 7))
    box[:, :2] = (tracks.position_m[who, step, :2] - (x, y)) @ turn.T
    box[:, 2] = tracks.position_m[who, step, 2]
    box[:, 3:6] = tracks.size_m[who]
    box[:, 6] = tracks.yaw_rad[who, step] - yaw
    points = np.bincount(agent[agent >= 0], minlength=len(tracks.track_id))[who]
    return Truth(box, who, points)


def _pose(x: float, y: float, yaw: float) -> np.ndarray:
    pose = np.eye(4)
    pose[:2, :2] = ((np.cos(yaw), -np.sin(yaw)), (np.sin(yaw), np.cos(yaw)))
    pose[:2, 3] = x, y
    return pose
