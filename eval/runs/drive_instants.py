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
        if instant == 0:
            return self._simulator.observe(self._simulator.reset())
        state = self._simulator.reset(torch.tensor([instant]))
        return self._simulator.observe(state if self._drive is None else self._as_driven(state))

    def _as_driven(self, state: WorldState) -> WorldState:
        """With what a drive keeps of the ego, and on the path that a simulator takes it to be on."""
        assert self._drive is not None
        step, curves = int(state.step), self._drive.curves
        pose, paths = state.pose[:, EGO], self._simulator.world.paths
        speed, acceleration = curves.get("speed_mps"), curves.get("acceleration_mps2")
        velocity, steering = state.velocity_mps, state.ego_steering_rad
        if speed is not None:
            ahead = torch.stack((torch.cos(pose[:, 2]), torch.sin(pose[:, 2])), dim=-1)
            own = ahead * torch.copysign(torch.tensor(float(speed[step])), state.speed_mps[:, :1])
            velocity = _with_ego(velocity, own)
        if self._drive.steering_rad is not None:
            steering = torch.full_like(steering, float(self._drive.steering_rad[step]))
        rates = state.acceleration_mps2
        if acceleration is not None:
            rates = _with_ego(rates, torch.full_like(rates[:, EGO], float(acceleration[step])))
        return replace(
            state,
            velocity_mps=velocity,
            acceleration_mps2=rates,
            ego_steering_rad=steering,
            path=_with_ego(state.path, paths.ego_path(pose)),
        )


def _with_ego(values: Tensor, own: Tensor) -> Tensor:
    """`values [B, N, ...]` with the ego's row replaced."""
    return torch.cat((own.unsqueeze(1), values[:, EGO + 1 :]), dim=1)
