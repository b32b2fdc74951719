"""`SocialScene`: the ego and those around it with their trajectories, and what these do to one another."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from drive.features.vectors import observed_scene
from drive.planning.candidates import POINTS, Candidates
from drive.planning.costs.lane_distance import lane_distances_m
from drive.planning.costs.terms import AHEAD_S, FAST_MPS, SOON
from drive.planning.social.belief import PairEnergies
from drive.planning.social.conflicts import TOUCH_M, Pairs, meetings
from drive.planning.social.network import LANE_GRID
from drive.planning.social.samples import Samples
from drive.prediction.joint import JointPredictor, joint_forecast_of
from sim.geometry import se2
from sim.interface import JointForecast, Observation
from sim.scenario import EGO

_CLEAR_M = 0.5  # who is nearer is too near, the more the faster


@dataclass(frozen=True)
class Around:
    """What is known before anything is planned: a joint forecast, its tokens, and the lanes."""

    forecast: JointForecast
    token: Float[Tensor, "b n d"]
    lane_m: Float[Tensor, "b x y"]

    @staticmethod
    def of(predictor: JointPredictor, observation: Observation) -> "Around":
        """By one look of the network."""
        scene = observed_scene(observation)
        tokens = predictor.encoder(scene)
        forecast = joint_forecast_of(predictor.head(tokens, scene), scene)
        return Around(forecast, tokens.agent, lane_distances_m(observation, LANE_GRID)[:, 0])


@dataclass(frozen=True)
class SocialScene:
    """The ego's candidates and the others' samples, K of each: row 0 of `valid` and of pairs is the ego.

    `overlap`: of each pair's trajectories, 0 apart, 1 from `TOUCH_M` deep on, at the worst instant.
    `harm`: what the trajectories of the others in `with_ego` (pairs whose first is the ego) do to the
    ego's, by the terms of `OF_OTHERS`.
    """

    candidates: Candidates
    samples: Samples
    valid: Bool[Tensor, "b m k"]
    pairs: Pairs
    overlap: Float[Tensor, "p k k"]
    with_ego: Int[Tensor, " e"]
    harm: Float[Tensor, "e k k s"]

    @staticmethod
    def of(observation: Observation, candidates: Candidates, samples: Samples) -> "SocialScene":
        """`candidates`: as many as there are samples of each."""
        # Who is NaN meets nobody.
        there = candidates.valid[..., None, None]
        trajectory = torch.where(there, candidates.trajectory, torch.nan)
        own = trajectory[..., :3].unsqueeze(1)
        pose = torch.cat((own, samples.pose), dim=1)
        valid = torch.cat((candidates.valid.unsqueeze(1), samples.valid), dim=1)
        pose = torch.where(valid[..., None, None], pose, torch.nan)
        size = torch.cat((observation.ego.size_m.unsqueeze(1), samples.size_m), dim=1)
        pairs = Pairs.within_reach(pose, valid, size)
        a, b = (pairs.world, pairs.first), (pairs.world, pairs.second)
        met = meetings(pose[a], size[a][:, None, None], pose[b], size[b])
        shape = (len(pairs.world), pose.shape[2], pose.shape[2])
        overlap = met.most((met.depth_m / TOUCH_M).clamp(0.0, 1.0), shape)
        with_ego = (pairs.first == EGO).nonzero().squeeze(1)
        harm = _harm(
            observation, trajectory, samples, pairs.world[with_ego], pairs.second[with_ego] - 1
        )
        return SocialScene(candidates, samples, valid, pairs, overlap, with_ego, harm)

    def energies(self, collision: Float[Tensor, " p"]) -> PairEnergies:
        """Of the pairs, where a collision costs each so much."""
        pairs = self.pairs
        return PairEnergies(
            pairs.world, pairs.first, pairs.second, collision[:, None, None] * self.overlap
        )


def _harm(
    observation: Observation, trajectory: Tensor, samples: Samples, world: Tensor, actor: Tensor
) -> Float[Tensor, "e k k s"]:
    """By the terms of `OF_OTHERS`: boxes overlap, at any quarter of a second; they are near, the more the
    faster; somebody is where the ego gets soon, the more the faster. As the terms of the cost read them
    from a raster; the first two count more the sooner they are."""
    size_m = observation.ego.size_m[world]
    ego, other = trajectory[world], samples.pose[world, actor]
    other = torch.where(samples.valid[world, actor][..., None, None], other, torch.nan)
    other_size_m = samples.size_m[world, actor]
    shape = (len(world), ego.shape[1], other.shape[1])
    fast = ego[..., 3] / FAST_MPS
    soon = torch.linspace(*SOON, POINTS, device=ego.device)
    still = torch.zeros_like(ego[:, :1, 0, :3])
    often = _between(still, ego[..., :3])
    now = samples.now[world, actor].unsqueeze(1)
    met = meetings(often, size_m[:, None, None], _between(now, other), other_size_m, _CLEAR_M)
    instant = met.instant // 2
    counts = 0.5 * soon[instant]
    near = met.sums(counts * fast[met.pair, met.first, instant], shape)
    hit = met.sums(torch.where(met.depth_m > 0.0, counts, 0.0), shape)
    ahead, ahead_size_m = _ahead(ego, size_m)
    follows = meetings(ahead, ahead_size_m, other, other_size_m)
    late = follows.sums(fast[follows.pair, follows.first, follows.instant], shape)
    return torch.stack((hit, near, late), dim=-1)


def _between(
    now: Float[Tensor, "e #k 3"], pose: Float[Tensor, "e k t 3"]
) -> Float[Tensor, "e k u 3"]:
    """Half-way between the instants as well: twice as many, the last of them the last."""
    before = torch.cat((now.unsqueeze(2).expand(*pose.shape[:2], 1, 3), pose[:, :, :-1]), dim=2)
    half_m = 0.5 * (before[..., :2] + pose[..., :2])
    half_rad = before[..., 2:] + 0.5 * se2.wrap_angle(pose[..., 2:] - before[..., 2:])
    half = torch.cat((half_m, half_rad), dim=-1)
    return torch.stack((half, pose), dim=3).flatten(2, 3)


def _ahead(
    ego: Float[Tensor, "e k t 5"], size_m: Float[Tensor, "e 2"]
) -> tuple[Float[Tensor, "e k t 3"], Float[Tensor, "e k t 2"]]:
    """The boxes that the ego's front sweeps within `AHEAD_S` at its speed then."""
    x, y, yaw, speed = ego[..., :4].unbind(-1)
    length = (AHEAD_S[-1] * speed).clamp(min=0.1)
    middle = 0.5 * (size_m[:, :1, None] + length)
    pose = torch.stack((x + middle * torch.cos(yaw), y + middle * torch.sin(yaw), yaw), dim=-1)
    width = size_m[:, 1:, None].expand_as(length)
    return pose, torch.stack((length, width), dim=-1)
