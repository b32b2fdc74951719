"""Driving against the lanes, as nuPlan scores it: where no driver may, it is no choice of a planner."""

from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from drive.planning.candidates import Candidates
from sim.interface import EgoMap, Observation
from sim.maps.lane_bits import AreaBit

ONCOMING_M = (2.0, 6.0)
"""driven against the lanes within 1 s: half the score from the first on, none from the second on"""


def against_flow_m(
    hd_map: EgoMap,
    pose: Float[Tensor, "b k t 3"],
    speed_mps: Float[Tensor, "b k t"],
    dt_s: float,
) -> Float[Tensor, "b k"]:
    """The most that is driven within 1 s in lanes of which none leads where the car heads."""
    on_lane, along = hd_map.lane_flow(pose[..., :2], pose[..., 2])
    against_m = torch.where(on_lane & ~along, speed_mps * dt_s, 0.0)
    return against_m.unfold(2, round(1.0 / dt_s), 1).sum(-1).amax(dim=2)


def without_wrong_way(observation: Observation, candidates: Candidates) -> Candidates:
    """Those that get no score for their direction and cross a junction are not valid, where there are others.

    Between junctions a slow cyclist may be passed on the other side; at one nobody may (Uniform Vehicle Code,
    section 11-306). Without a map all are valid.
    """
    if observation.map is None:
        return candidates
    wrong = is_wrong_way(observation.map, candidates.trajectory, candidates.dt_s)
    return replace(candidates, valid=kept(candidates.valid, wrong))


def is_wrong_way(
    hd_map: EgoMap, trajectory: Float[Tensor, "b k t 5"], dt_s: float
) -> Bool[Tensor, "b k"]:
    """Whether it gets no score for its direction and crosses a junction."""
    pose, speed_mps = trajectory[..., :3], trajectory[..., 3]
    against_m = against_flow_m(hd_map, pose, speed_mps, dt_s)
    areas = hd_map.area_bits(pose[..., :2])
    at_junction = ((areas & int(AreaBit.INTERSECTION)) != 0).any(dim=2)
    return at_junction & (against_m >= ONCOMING_M[1])


def kept(valid: Bool[Tensor, "b k"], wrong: Bool[Tensor, "b k"]) -> Bool[Tensor, "b k"]:
    """Those that are valid and not wrong; where there are none, those that are valid."""
    right = valid & ~wrong
    return torch.where(right.any(dim=1, keepdim=True), right, valid)
