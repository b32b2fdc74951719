"""`World`: B scenarios padded into one batch on one device; functional `reset` and `step`.

N agents a world, agent 0 is the ego. Padding is marked in `valid` and never changes a result.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sim import rows
from sim.compiling import materialize
from sim.drivers import Drivers
from sim.dynamics import move_ego, track_plan
from sim.geometry import se2
from sim.interface import Agents, Controls, EgoMap, EgoState, Observation, Plan, Sensors
from sim.maps.field import MapField
from sim.maps.reachable import reachable_points
from sim.paths import Paths
from sim.scenario import EGO, Scenario
from sim.traffic import Traffic

WHEELBASE_PER_LENGTH = 0.6  # Chrysler Pacifica 3.09 / 5.18, Renault Zoe 2.59 / 4.08
ROUTE_POINTS = 160
ROUTE_BEHIND_M = 10
_FAR_M = 1e6  # where points that are padding lie
HINT_EVERY = 5  # steps between the instants at which recorded agents are searched on the paths


@dataclass(frozen=True)
class Log:
    """The recording of every agent, the ego included, world frame."""

    pose: Float[Tensor, "b n t 3"]
    velocity_mps: Float[Tensor, "b n t 2"]
    valid: Bool[Tensor, "b n t"]


@dataclass(frozen=True)
class WorldState:
    """Everything that moves, at one instant. `step` counts from the start of each recording."""

    step: Int[Tensor, " b"]
    pose: Float[Tensor, "b n 3"]
    velocity_mps: Float[Tensor, "b n 2"]
    acceleration_mps2: Float[Tensor, "b n"]
    valid: Bool[Tensor, "b n"]
    ego_steering_rad: Float[Tensor, " b"]
    path_s_m: Float[Tensor, "b n"]  # arc length along the agent's own path
    waited_s: Float[Tensor, "b n"]  # how long it has been standing

    @property
    def speed_mps(self) -> Float[Tensor, "b n"]:
        """Speed along the heading, negative when reversing."""
        yaw = self.pose[..., 2]
        vx, vy = self.velocity_mps[..., 0], self.velocity_mps[..., 1]
        return vx * torch.cos(yaw) + vy * torch.sin(yaw)


@dataclass
class World:
    """The static side of a batch, and how it moves."""

    scenarios: list[Scenario]
    dt_s: float
    length_steps: Int[Tensor, " b"]  # steps until each recording ends
    size_m: Float[Tensor, "b n 3"]
    kind: Int[Tensor, "b n"]
    log: Log
    light_state: Int[Tensor, "b l t"]
    paths: Paths
    traffic: Traffic
    exact_tracking: bool = False

    @staticmethod
    def from_scenarios(
        scenarios: list[Scenario], traffic: Traffic, exact_tracking: bool = False
    ) -> "World":
        """Pad and stack scenarios of one `dt_s`; raises ValueError where they differ."""
        steps = {scenario.dt_s for scenario in scenarios}
        if len(steps) != 1:
            raise ValueError(f"scenarios of one batch need one dt_s, got {sorted(steps)}")
        size = _stack([s.tracks.size_m for s in scenarios], fill=1.0)
        kind = _stack([s.tracks.kind.astype(np.int64) for s in scenarios])
        poses = [
            np.concatenate((s.tracks.position_m[..., :2], s.tracks.yaw_rad[..., None]), axis=-1)
            for s in scenarios
        ]
        log = Log(
            pose=_stack([pose.astype(np.float32) for pose in poses]),
            velocity_mps=_stack([s.tracks.velocity_mps for s in scenarios]),
            valid=_stack([s.tracks.valid for s in scenarios]),
        )
        return World(
            scenarios=scenarios,
            dt_s=steps.pop(),
            length_steps=torch.tensor([s.num_steps - 1 for s in scenarios]),
            size_m=size,
            kind=kind,
            log=log,
            light_state=_stack([s.lights.state.astype(np.int64) for s in scenarios]),
            paths=Paths.from_scenarios(scenarios),
            traffic=traffic,
            exact_tracking=exact_tracking,
        )

    def to(self, device: torch.device | str) -> "World":
        """The same worlds on `device`; what has been made from the maps so far moves along."""
        moved = replace(self)
        for name, value in vars(self).items():  # cached properties included
            vars(moved)[name] = _to(value, device)
        return moved

    def take(self, index: Int[Tensor, " k"]) -> "World":
        """Worlds `index` of this batch as a batch of their own; maps are shared, not copied."""
        scenarios = [self.scenarios[k] for k in index.tolist()] if self.scenarios else []
        picked = replace(self, scenarios=scenarios)
        for name, value in vars(self).items():  # cached properties included
            if name != "scenarios":
                vars(picked)[name] = rows.take(value, index)
        return picked

    def put(self, places: Int[Tensor, " k"], source: "World", index: Int[Tensor, " k"]) -> None:
        """Replace the worlds at `places` by `index` of `source`, from which this batch was taken."""
        for name, value in vars(self).items():
            rows.put(value, places, vars(source)[name], index)
        for place, k in zip(places.tolist(), index.tolist(), strict=True):
            self.scenarios[place] = source.scenarios[k]

    @cached_property
    def field(self) -> MapField:
        """The map as rasters (made when first asked for: traffic alone does without)."""
        return MapField.from_scenarios(self.scenarios).to(self.size_m.device)

    @cached_property
    def wheelbase_m(self) -> Float[Tensor, "b n"]:
        """Distance between the axles, which lie symmetric about the centre of the box."""
        return WHEELBASE_PER_LENGTH * self.size_m[..., 0]

    @cached_property
    def drivers(self) -> Drivers:
        """The agents that have a path."""
        return Drivers.of(self.paths, self.log.valid[:, :, 0])

    @cached_property
    def reachable(self) -> Float[Tensor, "b k 3"]:
        """Points every metre of the lanes that the ego may get to: x, y, and 1 on its route."""
        points = [reachable_points(scenario) for scenario in self.scenarios]
        return _stack(points, fill=_FAR_M).to(self.size_m.device)

    @cached_property
    def log_hints(self) -> Float[Tensor, "b h p n"]:
        """Where each agent without a path is along every path, every `HINT_EVERY` steps.

        -1: far away, or an agent with a path of its own.
        """
        free = self.paths.agent_path < 0
        order = torch.argsort(free.int(), dim=1, descending=True, stable=True)
        index = order[:, : int(free.sum(dim=1).max())]
        world = torch.arange(len(free), device=free.device).unsqueeze(1)
        hints = []
        for instant in range(0, self.log.valid.shape[2], HINT_EVERY):
            found = self.paths.search(self.log.pose[world, index, instant])
            hint = found.new_full((*found.shape[:2], free.shape[1]), -1.0)
            hints.append(hint.scatter(2, index.unsqueeze(1).expand(found.shape), found))
        return torch.stack(hints, dim=1)

    def log_hint_s_m(self, step: Int[Tensor, " b"]) -> Float[Tensor, "b p n"]:
        """Arc length on every path near which each recorded agent is at `step`."""
        hint = (step // HINT_EVERY).clamp(max=self.log_hints.shape[1] - 1)
        return self.log_hints[torch.arange(len(step), device=step.device), hint]

    @property
    def num_steps(self) -> int:
        """Steps until the longest recording of the batch ends."""
        return int(self.length_steps.max())

    @property
    def num_worlds(self) -> int:
        return self.size_m.shape[0]

    def reset(self) -> WorldState:
        """Everyone where the recording starts."""
        pose = self.log.pose[:, :, 0]
        valid = self.log.valid[:, :, 0]
        return WorldState(
            step=torch.zeros_like(self.length_steps),
            pose=pose,
            velocity_mps=self.log.velocity_mps[:, :, 0],
            acceleration_mps2=torch.zeros_like(pose[..., 0]),
            valid=valid,
            ego_steering_rad=torch.zeros_like(pose[:, 0, 0]),
            path_s_m=torch.where(valid, self.paths.entry_s_m[self.paths.row, :, 0], -1.0),
            waited_s=torch.zeros_like(pose[..., 0]),
        )

    def step(self, state: WorldState, action: Plan | Controls) -> WorldState:
        """One `dt_s` later: the ego follows its plan or its controls, the traffic does what it does.

        Both act on the same `state`; neither sees the other's next move.
        """
        ego = (
            track_plan(self, state, action)
            if isinstance(action, Plan)
            else move_ego(self, state, action)
        )
        ego_pose, ego_speed, ego_acceleration, ego_steering = ego
        moved = self.traffic.act(self, state)
        velocity = ego_speed.unsqueeze(-1) * torch.stack(
            (torch.cos(ego_pose[:, 2]), torch.sin(ego_pose[:, 2])), dim=-1
        )
        (pose,) = materialize(torch.cat((ego_pose.unsqueeze(1), moved.pose[:, 1:]), dim=1))
        return replace(
            moved,
            step=state.step + 1,
            pose=pose,
            velocity_mps=torch.cat((velocity.unsqueeze(1), moved.velocity_mps[:, 1:]), dim=1),
            acceleration_mps2=torch.cat(
                (ego_acceleration.unsqueeze(1), moved.acceleration_mps2[:, 1:]), dim=1
            ),
            valid=torch.cat((state.valid[:, :1], moved.valid[:, 1:]), dim=1),
            ego_steering_rad=ego_steering,
        )

    def observe(
        self,
        state: WorldState,
        sensors: Sensors | None = None,
        history: Sequence[WorldState] = (),
    ) -> Observation:
        """What the ego may know: everyone else's present, its route, the map, in its own frame.

        With `sensors`, also what they see; those that look back in time need the `history` of states
        before this one, the latest last.
        """
        raster, lidar = sensors.sense(self, state, history) if sensors else (None, None)
        ego_SE2_world = se2.inverse(state.pose[:, EGO])
        others = slice(1, None)
        length_m = self.size_m[:, EGO, 0]
        return Observation(
            step=state.step,
            dt_s=self.dt_s,
            ego=EgoState(
                speed_mps=state.speed_mps[:, EGO],
                acceleration_mps2=state.acceleration_mps2[:, EGO],
                steering_rad=state.ego_steering_rad,
                size_m=self.size_m[:, EGO, :2],
                wheelbase_m=self.wheelbase_m[:, EGO],
            ),
            agents=Agents(
                pose=se2.compose(ego_SE2_world.unsqueeze(1), state.pose[:, others]),
                velocity_mps=se2.rotate(
                    state.velocity_mps[:, others], ego_SE2_world[:, 2].unsqueeze(1)
                ),
                size_m=self.size_m[:, others, :2],
                kind=self.kind[:, others],
                valid=state.valid[:, others],
            ),
            route=self.paths.ego_route(
                state.pose[:, EGO],
                state.speed_mps[:, EGO],
                length_m,
                self.lights_at(state.step),
                ROUTE_BEHIND_M,
                ROUTE_POINTS,
            ),
            map=EgoMap(self.field, state.pose[:, EGO]),
            raster=raster,
            lidar=lidar,
        )

    def lights_at(self, step: Int[Tensor, " b"]) -> Int[Tensor, "b l"]:
        """The state of every light; after the recording ends the last one holds."""
        if self.light_state.shape[2] == 0:
            return self.light_state.new_zeros(self.light_state.shape[:2])
        instant = step.clamp(max=self.light_state.shape[2] - 1)
        return self.light_state[torch.arange(len(step), device=step.device), :, instant]


def _to(value: Any, device: torch.device | str) -> Any:
    """A tensor, or a dataclass of tensors, on `device`; anything else as it is."""
    if isinstance(value, Tensor):
        return value.to(device)
    if is_dataclass(value) and not isinstance(value, type):
        parts = {f.name: _to(getattr(value, f.name), device) for f in fields(value)}
        return type(value)(**parts)
    return value


def _stack(arrays: list[np.ndarray], fill: float | int = 0) -> Tensor:
    """Pad every axis to the largest and stack."""
    shape = tuple(max(a.shape[axis] for a in arrays) for axis in range(arrays[0].ndim))
    out = np.full((len(arrays), *shape), fill, dtype=arrays[0].dtype)
    for row, array in zip(out, arrays, strict=True):
        row[tuple(slice(0, n) for n in array.shape)] = array
    return torch.from_numpy(out)
