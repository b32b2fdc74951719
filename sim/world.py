"""`World`: B scenarios padded into one batch on one device; what stands still, and what was recorded.

N agents a world, agent 0 is the ego. Padding is marked in `valid` and never changes a result.
`sim.simulator` moves the agents and shows the ego what it may know.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sim import trees
from sim.cues import NOT_YET, CueTable
from sim.errors import InputError
from sim.goals import Goals
from sim.maps.expert_route import ExpertRoute
from sim.maps.field import MapField
from sim.maps.lane_areas import LaneAreas
from sim.maps.reachable import reachable_points
from sim.paths.build import build_paths
from sim.paths.paths import Paths
from sim.scenario import Scenario
from sim.short_repr import short_repr

WHEELBASE_PER_LENGTH = 0.6  # Chrysler Pacifica 3.09 / 5.18, Renault Zoe 2.59 / 4.08
REMEMBERED_S = 3.0  # how long the ego goes on reckoning with whom it no longer sees
_FAR_M = 1e6  # where points that are padding lie
_ON_PATH_M = 0.2  # who is nearer is on its path, and not changing over to it


@short_repr
@dataclass(frozen=True)
class Log:
    """The recording of every agent, the ego included; T instants, world frame."""

    pose: Float[Tensor, "b n t 3"]
    velocity_mps: Float[Tensor, "b n t 2"]
    valid: Bool[Tensor, "b n t"]


@short_repr
@dataclass(frozen=True)
class Past:
    """Where everyone was at the last H instants, one step apart, the present last; world frame.

    Instants before an episode began repeat its first one and are not `known`.
    """

    pose: Float[Tensor, "b n h 3"]
    velocity_mps: Float[Tensor, "b n h 2"]
    valid: Bool[Tensor, "b n h"]
    known: Bool[Tensor, "b h"]

    def then(self, state: "WorldState") -> "Past":
        """One step later, when everyone is where `state` says."""

        def push(old: Tensor, new: Tensor) -> Tensor:
            return torch.cat((old[:, :, 1:], new.unsqueeze(2)), dim=2)

        return Past(
            pose=push(self.pose, state.pose),
            velocity_mps=push(self.velocity_mps, state.velocity_mps),
            valid=push(self.valid, state.valid),
            known=torch.cat((self.known[:, 1:], torch.ones_like(self.known[:, :1])), dim=1),
        )

    def last(self, steps: int) -> "Past":
        """Now and the `steps` instants before."""
        ago = slice(-1 - steps, None)
        return Past(
            self.pose[:, :, ago],
            self.velocity_mps[:, :, ago],
            self.valid[:, :, ago],
            self.known[:, ago],
        )


@short_repr
@dataclass(frozen=True)
class LastSeen:
    """Where the ego takes each agent to be, world frame: where it sees it, or saw it last.

    Whoever is out of sight is moved on at constant velocity. `unseen_s`: for how long that has been
    so; inf: it was never seen, or has left the world.
    """

    pose: Float[Tensor, "b n 3"]
    velocity_mps: Float[Tensor, "b n 2"]
    unseen_s: Float[Tensor, "b n"]

    @property
    def known(self) -> Bool[Tensor, "b n"]:
        """Who is in sight, or was within the last `REMEMBERED_S`."""
        return self.unseen_s < REMEMBERED_S + 1e-3  # the steps add up to it but for rounding


@short_repr
@dataclass(frozen=True)
class WorldState:
    """Everything that moves, at one instant. `step` counts from the start of each recording."""

    step: Int[Tensor, " b"]
    pose: Float[Tensor, "b n 3"]
    velocity_mps: Float[Tensor, "b n 2"]
    acceleration_mps2: Float[Tensor, "b n"]
    valid: Bool[Tensor, "b n"]
    ego_steering_rad: Float[Tensor, " b"]
    path: Int[Tensor, "b n"]  # on which each agent drives now (`Paths`); -1: on none
    path_s_m: Float[Tensor, "b n"]  # arc length along that path; -1: not yet on it
    change_from_m: Float[
        Tensor, "b n"
    ]  # how far left of its path an agent began to change over to it
    change_left: Float[
        Tensor, "b n"
    ]  # what is left of that: from 1 to 0, and -1: it may change again
    aside_m: Float[Tensor, "b n"]  # how far left of its path the line is that it keeps to
    waited_s: Float[Tensor, "b n"]  # how long it has been standing; on foot: waiting at a kerb
    late_steps: Int[Tensor, "b n"]  # by how much somebody on foot is behind the recording
    cue_step: Int[Tensor, "b n"]  # when the cue of an agent with a part fell; -1: it has not
    past: Past | None = None  # kept where somebody looks back (`sim.interface.Needs`)
    seen: LastSeen | None = None  # None: the ego knows where everybody is

    @property
    def known(self) -> "WorldState":
        """What the ego knows of this state: those it neither sees nor remembers are not there."""
        seen = self.seen
        if seen is None:
            return self
        return replace(self, pose=seen.pose, velocity_mps=seen.velocity_mps, valid=seen.known)

    @property
    def speed_mps(self) -> Float[Tensor, "b n"]:
        """Speed along the heading, negative when reversing."""
        return speed_along(self.pose, self.velocity_mps)


@short_repr
@dataclass(frozen=True)
class World:
    """The static side of a batch of scenarios. `maps` is None where nobody asks about the map."""

    scenarios: list[Scenario]
    dt_s: float
    length_steps: Int[Tensor, " b"]  # steps until each recording ends
    size_m: Float[Tensor, "b n 3"]
    wheelbase_m: Float[Tensor, "b n"]  # the axles lie symmetric about the centre of the box
    kind: Int[Tensor, "b n"]
    log: Log
    light_state: Int[Tensor, "b l t"]
    paths: Paths
    goals: Goals
    maps: "WorldMaps | None"
    cues: CueTable | None  # None: nobody has a part to play

    @staticmethod
    def from_scenarios(scenarios: list[Scenario], maps: bool = True) -> "World":
        """Pad and stack scenarios; raises `InputError` where their `dt_s` differ.

        `maps`: also what metrics, planners and rewards ask about the map, which takes longest.
        """
        steps = {scenario.dt_s for scenario in scenarios}
        if len(steps) != 1:
            raise InputError(f"scenarios of one batch need one dt_s, got {sorted(steps)}")
        size = trees.stack_padded(
            [trees.of_tensor_type(s.tracks.size_m) for s in scenarios], fill=1.0
        )
        poses = [
            np.concatenate((s.tracks.position_m[..., :2], s.tracks.yaw_rad[..., None]), axis=-1)
            for s in scenarios
        ]
        return World(
            scenarios=scenarios,
            dt_s=steps.pop(),
            length_steps=torch.tensor([s.num_instants - 1 for s in scenarios]),
            size_m=size,
            wheelbase_m=WHEELBASE_PER_LENGTH * size[..., 0],
            kind=trees.stack_padded([s.tracks.kind.astype(np.int64) for s in scenarios]),
            log=Log(
                pose=trees.stack_padded([pose.astype(np.float32) for pose in poses]),
                velocity_mps=trees.stack_padded(
                    [trees.of_tensor_type(s.tracks.velocity_mps) for s in scenarios]
                ),
                valid=trees.stack_padded([s.tracks.valid for s in scenarios]),
            ),
            light_state=trees.stack_padded([s.lights.state.astype(np.int64) for s in scenarios]),
            paths=build_paths(scenarios),
            goals=Goals.from_scenarios(scenarios),
            maps=WorldMaps.from_scenarios(scenarios) if maps else None,
            cues=CueTable.of(scenarios),
        )

    def to(self, device: torch.device | str) -> "World":
        """The same worlds on `device`."""
        return trees.to(self, device)

    def take(self, index: Int[Tensor, " k"]) -> "World":
        """Worlds `index` of this batch as a batch of their own; maps are shared, not copied."""
        scenarios = [self.scenarios[k] for k in index.tolist()] if self.scenarios else []
        return replace(trees.take(self, index), scenarios=scenarios)

    def put(self, places: Int[Tensor, " k"], source: "World", index: Int[Tensor, " k"]) -> None:
        """Replace the worlds at `places` by `index` of `source`, from which this batch was taken."""
        trees.put(self, places, source, index)
        for place, k in zip(places.tolist(), index.tolist(), strict=True):
            self.scenarios[place] = source.scenarios[k]

    @property
    def field(self) -> MapField:
        """The map as rasters; ValueError where the worlds were made without maps."""
        return self._maps.field

    @property
    def reachable(self) -> Float[Tensor, "b k 3"]:
        """Points every metre of the lanes that the ego may get to: x, y, and 1 on its route."""
        return self._maps.reachable

    @property
    def lane_areas(self) -> LaneAreas:
        """The lanes around the episode as polygons and baselines."""
        return self._maps.lane_areas

    @property
    def expert_route(self) -> ExpertRoute:
        """The road blocks that the recorded ego drove through."""
        return self._maps.expert_route

    @property
    def _maps(self) -> "WorldMaps":
        if self.maps is None:
            raise ValueError("these worlds have no maps: World.from_scenarios(..., maps=True)")
        return self.maps

    @property
    def num_steps(self) -> int:
        """Steps until the longest recording of the batch ends."""
        return int(self.length_steps.max())

    @property
    def num_worlds(self) -> int:
        return self.size_m.shape[0]

    def reset(self) -> WorldState:
        """Everyone where the recording starts; nobody accelerates, wheels straight."""
        pose = self.log.pose[:, :, 0]
        valid = self.log.valid[:, :, 0]
        path, path_s_m = self.paths.agent_path, self.paths.entry_s_m[self.paths.row, :, 0]
        beside = torch.zeros_like(path_s_m)
        if self.paths.lane_changes is not None:
            changes, row = self.paths.lane_changes, self.paths.row
            path, path_s_m = changes.start_path[row], changes.start_s_m[row]
            beside = changes.start_offset_m[row]
        change_from_m, change_left = changes_from(beside)
        return WorldState(
            step=torch.zeros_like(self.length_steps),
            pose=pose,
            velocity_mps=self.log.velocity_mps[:, :, 0],
            acceleration_mps2=torch.zeros_like(pose[..., 0]),
            valid=valid,
            ego_steering_rad=torch.zeros_like(pose[:, 0, 0]),
            path=path,
            path_s_m=torch.where(valid, path_s_m, -1.0),
            change_from_m=change_from_m,
            change_left=change_left,
            aside_m=torch.zeros_like(pose[..., 0]),
            waited_s=torch.zeros_like(pose[..., 0]),
            cue_step=torch.full_like(valid, NOT_YET, dtype=torch.long),
            late_steps=torch.zeros_like(path),
        )

    def lights_at(self, step: Int[Tensor, " b"]) -> Int[Tensor, "b l"]:
        """The state of every light; after the recording ends the last one holds."""
        if self.light_state.shape[2] == 0:
            return self.light_state.new_zeros(self.light_state.shape[:2])
        instant = step.clamp(max=self.light_state.shape[2] - 1)
        return self.light_state[torch.arange(len(step), device=step.device), :, instant]


@short_repr
@dataclass(frozen=True)
class WorldMaps:
    """What can be asked about the maps of a batch, prepared once."""

    field: MapField
    reachable: Float[Tensor, "b k 3"]  # see `World.reachable`
    lane_areas: LaneAreas
    expert_route: ExpertRoute

    @staticmethod
    def from_scenarios(scenarios: list[Scenario]) -> "WorldMaps":
        """Rasterised and collected from each scenario's map."""
        points = [reachable_points(scenario) for scenario in scenarios]
        field, areas = MapField.from_scenarios(scenarios), LaneAreas.from_scenarios(scenarios)
        return WorldMaps(
            field=field,
            reachable=trees.stack_padded(points, fill=_FAR_M),
            lane_areas=areas,
            expert_route=ExpertRoute.from_scenarios(scenarios, areas, field),
        )


def changes_from(offset_m: Float[Tensor, "b n"]) -> tuple[Tensor, Tensor]:
    """`change_from_m` and `change_left` of agents that are found so far left of their paths."""
    changing = offset_m.abs() > _ON_PATH_M
    return torch.where(changing, offset_m, 0.0), torch.where(changing, 1.0, -1.0)


def speed_along(pose: Float[Tensor, "*k 3"], velocity_mps: Float[Tensor, "*k 2"]) -> Tensor:
    """Speed `[*k]` along the heading, negative when reversing."""
    yaw = pose[..., 2]
    return velocity_mps[..., 0] * torch.cos(yaw) + velocity_mps[..., 1] * torch.sin(yaw)
