"""What was driven in closed loop, as a scenario like any other."""

import math
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from sim.errors import InputError
from sim.scenario import GroundHeight, Lights, Scenario, Tracks
from sim.scenario_check import require_valid
from sim.sensors.ground import heights_m
from sim.sources.motion import velocities_mps


def driven_scenario(
    scenario: Scenario,
    pose: Float[np.ndarray, "t n 3"],
    valid: Bool[np.ndarray, "t n"],
    dt_s: float,
) -> Scenario:
    """`scenario` with the simulated motion (x, y, yaw; world frame) in place of the recorded one.

    It ends where the simulation ended. Boxes are as high over the ground as they were recorded.
    Raises InputError where agents, instants or time step are not those of the scenario.
    """
    instants, agents = valid.shape
    same_step = math.isclose(dt_s, scenario.dt_s)
    if agents != scenario.num_agents or instants > scenario.num_instants or not same_step:
        raise InputError(
            f"driven: {agents} agents, {instants} instants of {dt_s} s, but {scenario.scenario_id} has "
            f"{scenario.num_agents} agents, {scenario.num_instants} instants of {scenario.dt_s} s"
        )
    there = valid.T
    moved = np.where(there[..., None], pose.transpose(1, 0, 2), 0.0)
    xy, time_s = moved[..., :2], dt_s * np.arange(instants)
    ground = scenario.map.ground
    z = heights_m(ground, xy) + _over_ground_m(scenario.tracks, ground)[:, :instants]
    velocity = [velocities_mps(here, track, time_s) for here, track in zip(there, xy, strict=True)]
    tracks = replace(
        scenario.tracks,
        position_m=np.where(there[..., None], np.dstack((xy, z)), 0.0).astype(np.float32),
        yaw_rad=moved[..., 2].astype(np.float32),
        velocity_mps=np.stack(velocity).astype(np.float32),
        valid=there,
    )
    limit_s, lasts_s = scenario.time_limit_s, (instants - 1) * dt_s
    made = replace(
        scenario,
        source="run",
        tracks=tracks,
        time_limit_s=None if limit_s is None else min(limit_s, lasts_s),
        cues=None,  # the parts are played: they are in the tracks
        lights=Lights(scenario.lights.state[:, :instants], scenario.lights.position_m),
        keyframe=scenario.keyframe[:instants],
        notes=[*scenario.notes, f"driven in closed loop, not as source {scenario.source} has it"],
    )
    require_valid(made)
    return made


def _over_ground_m(tracks: Tracks, ground: GroundHeight | None) -> Float[np.ndarray, "n t"]:
    """How high the centres of the boxes are over the ground, in between and beyond where it is known."""
    over = tracks.position_m[..., 2] - heights_m(ground, tracks.position_m[..., :2])
    every = np.arange(over.shape[1])
    for n, here in enumerate(tracks.valid):
        if here.any():
            over[n] = np.interp(every, every[here], over[n, here])
        else:
            over[n] = 0.5 * tracks.size_m[n, 2]
    return over
