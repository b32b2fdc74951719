"""`DriveInstants`: any instant of a drive, or of a recording, as a planner would have been shown it."""

from dataclasses import replace

import torch
from torch import Tensor

from eval.runs.drive_record import DriveRecord
from sim.interface import Needs, Observation
from sim.scenario import EGO, Scenario
from sim.simulator import Simulator
from sim.sources.driven import driven_scenario
from sim.world import World, WorldState


class DriveInstants:
    """One world, whose instants are asked for in any order.

    The ego's speed, acceleration and steering are those of the drive, as far as it keeps them; the
    velocities of the others are slopes of where they were. Without a drive all is as recorded.
    """

    def __init__(self, scenario: Scenario, drive: DriveRecord | None, needs: Needs) -> None:
        """Raises InputError where the drive is not one of that scenario."""
        self._drive = drive
        if drive is not None:
            scenario = driven_scenario(scenario, drive.pose, drive.valid, drive.dt_s)
        world = World.from_scenarios([scenario], maps=needs.map or needs.privileged)
        self._simulator = Simulator.of(world, "log", needs)

    def observe(self, instant: int) -> Observation:
        """A batch of one: what the ego knows at time step `instant`."""
        simulator = self._simulator
        state = simulator.reset(torch.tensor([instant]) if instant else None)
        if self._drive is not None:
            state = _as_driven(state, self._drive)
        if self._drive is not None and instant:  # as `Simulator.step` finds it
            path = simulator.world.paths.ego_path(state.pose[:, EGO])
            state = replace(state, path=_with_ego(state.path, path))
        return simulator.observe(state)


def _as_driven(state: WorldState, drive: DriveRecord) -> WorldState:
    """With what a drive keeps of the ego."""
    step, pose = int(state.step), state.pose[:, EGO]
    speed, acceleration = (drive.curves.get(name) for name in ("speed_mps", "acceleration_mps2"))
    if speed is not None:
        ahead = torch.stack((torch.cos(pose[:, 2]), torch.sin(pose[:, 2])), dim=-1)
        own = ahead * torch.copysign(torch.tensor(float(speed[step])), state.speed_mps[:, :1])
        state = replace(state, velocity_mps=_with_ego(state.velocity_mps, own))
    if acceleration is not None:
        own = torch.full_like(pose[:, 0], float(acceleration[step]))
        state = replace(state, acceleration_mps2=_with_ego(state.acceleration_mps2, own))
    if drive.steering_rad is not None:
        own = torch.full_like(pose[:, 0], float(drive.steering_rad[step]))
        state = replace(state, ego_steering_rad=own)
    return state


def _with_ego(values: Tensor, own: Tensor) -> Tensor:
    """`values [B, N, ...]` with the ego's row replaced."""
    return torch.cat((own.unsqueeze(1), values[:, EGO + 1 :]), dim=1)
