"""From drafts to recordings: the reactive traffic drives everyone, the ego included."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from sim.cues import NOT_YET
from sim.scenario import Cues, Scenario
from sim.sources.procedural.draft import Draft
from sim.traffic import Traffic
from sim.traffic.idm import IdmTraffic
from sim.world import World, WorldState

BATCH = 128  # what a step costs whatever the batch is shared by so many


def record(drafts: list[Draft]) -> list[Scenario]:
    """Complete recordings of the drafts: same map, same start, tracks driven by `IdmTraffic`.

    Agents with a route drive it, and leave the world at its end; the others keep the track that
    the draft gives them. The result depends on each draft alone, not on its neighbours.
    """
    recorded: list[Scenario] = []
    for first in range(0, len(drafts), BATCH):
        batch = drafts[first : first + BATCH]
        world = World.from_scenarios([draft.to_record for draft in batch], maps=False)
        states = drive(world, IdmTraffic.of(world, drives_ego=True))
        recorded += _with_tracks([draft.scenario for draft in batch], states)
    return recorded


def drive(world: World, traffic: Traffic, num_steps: int | None = None) -> list[WorldState]:
    """Every instant of a world in which the traffic drives everyone, the ego included."""
    states = [world.reset()]
    for _ in range(world.num_steps if num_steps is None else num_steps):
        states.append(traffic.act(world, states[-1]))
    return states


def _with_tracks(drafts: list[Scenario], states: list[WorldState]) -> list[Scenario]:
    pose = _numpy([s.pose for s in states])
    velocity = _numpy([s.velocity_mps for s in states])
    valid = _numpy([s.valid for s in states])
    cue_step = states[-1].cue_step.numpy()
    recorded = []
    for w, draft in enumerate(drafts):
        agents, instants = draft.num_agents, draft.num_instants
        seen = valid[w, :agents, :instants]
        position = draft.tracks.position_m.copy()
        position[..., :2] = pose[w, :agents, :instants, :2]
        tracks = replace(
            draft.tracks,
            position_m=np.where(seen[..., None], position, 0.0).astype(np.float32),
            yaw_rad=np.where(seen, pose[w, :agents, :instants, 2], 0.0).astype(np.float32),
            velocity_mps=np.where(seen[..., None], velocity[w, :agents, :instants], 0.0).astype(
                np.float32
            ),
            valid=seen,
        )
        cues = _rehearsed(draft, cue_step[w, :agents])
        recorded.append(replace(draft, tracks=tracks, cues=cues))
    return recorded


def _rehearsed(draft: Scenario, cue_step: np.ndarray) -> Cues | None:
    """The cues, with the time at which each fell in the recording (that of its end: it did not)."""
    if draft.cues is None:
        return None
    step = np.where(cue_step == NOT_YET, draft.num_instants - 1, cue_step)
    return replace(draft.cues, rehearsed_s=(step * draft.dt_s).astype(np.float32))


def _numpy(tensors: list[Tensor]) -> np.ndarray:
    """`[B, N, T, ...]` from one tensor per instant."""
    return torch.stack(tensors, dim=2).numpy()
