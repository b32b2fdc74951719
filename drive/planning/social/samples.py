"""`Samples`: what each road user near the ego might do, as trajectories to choose among.

Free ones follow the futures that a joint forecast foretells, lane-bound ones the lanes ahead; each at the
speed it is foretold at and at others: who gives way or claims it goes the same way, sooner or later.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from drive.planning.candidates import DT_S, POINTS
from sim.geometry import se2
from sim.interface import JointForecast, Observation
from sim.maps.lane_table import VectorMap
from sim.scenario import EGO, AgentKind

ACTORS = 16
"""road users that are reasoned about: those that move, the nearest first"""
SLOWER_MPS2 = (0.0, -0.7, -1.5, -3.0, -5.0, 0.7, 1.5)
"""what a speed profile is changed by, from now on"""
DIPS_MPS2 = (-1.5, -3.0)
"""and for `_DIP_S`, after which it recovers as fast"""
LANE_PROFILES = (0, 2, 3, 6, 7)  # of both together, along lanes at the present speed
_DIP_S = 1.5
_PIECES = 3  # of lanes that are followed
_JOINED_M, _NEAR_M, _ALONG_RAD = 0.7, 2.5, 0.8
_LANE_PRIOR = -2.0  # of a lane-bound way: between a likely and an unlikely future
_BACK_M = 10.0  # of its lane, in which an offset from it fades
_MOVES_M, _AFTER_M = 1.0, 1000.0  # who is not foretold to move comes after those who are
_BEYOND_M = 80.0  # straight on, after the end of a way


@dataclass(frozen=True)
class Samples:
    """K trajectories for each of N road users, every `DT_S`, the first entry one `DT_S` from now; ego frame.

    `agent`: which of `Observation.agents` each is; `there`: False where there is nobody. `prior`: the
    logarithm of how likely the joint forecast finds the way that a trajectory follows; `change_mps2`: by
    what its speed departs from what was foretold; `on_lane`: it keeps to lanes. Those that are not valid
    may hold anything.
    """

    pose: Float[Tensor, "b n k t 3"]
    valid: Bool[Tensor, "b n k"]
    prior: Float[Tensor, "b n k"]
    change_mps2: Float[Tensor, "b n k"]
    on_lane: Bool[Tensor, "b n k"]
    agent: Int[Tensor, "b n"]
    there: Bool[Tensor, "b n"]
    size_m: Float[Tensor, "b n 2"]
    now: Float[Tensor, "b n 3"]

    @staticmethod
    def of(observation: Observation, forecast: JointForecast, actors: int = ACTORS) -> "Samples":
        """Of the `actors` nearest that move; without lanes in the observation no lane-bound ones."""
        agents = observation.agents
        agent, there = chosen(observation, forecast, actors)
        row = torch.arange(len(agent), device=agent.device).unsqueeze(1)
        now, velocity = agents.pose[row, agent], agents.velocity_mps[row, agent]
        futures = forecast.pose[:, :, EGO + 1 :].transpose(1, 2)[row, agent]
        first = now[:, :, None, None].expand(*futures.shape[:3], 1, 3)
        # Who is padded, or foretold something that is no number, stands where it is.
        knots = torch.where(torch.isfinite(futures), futures, first)
        knots = torch.cat((first, knots), dim=3)
        free = _driven(_Ways.of(knots), _foretold_speeds(knots), changes_mps(knots.device))
        parts = [
            Samples(
                free.flatten(2, 3),
                there.unsqueeze(2).expand(*there.shape, free.shape[2] * free.shape[3]),
                _prior(forecast, free.shape),
                _changes(free.shape, range(len(SLOWER_MPS2) + len(DIPS_MPS2)), knots.device),
                torch.zeros_like(free[..., 0, 0] > 0.0).flatten(2, 3),
                agent, there, agents.size_m[row, agent], now,
            )
        ]  # fmt: skip
        if observation.lanes is not None:
            parts.append(_on_lanes(parts[0], observation.lanes, velocity))
        return replace(
            parts[0],
            **{
                name: torch.cat([getattr(part, name) for part in parts], dim=2)
                for name in ("pose", "valid", "prior", "change_mps2", "on_lane")
            },
        )


def chosen(
    observation: Observation, forecast: JointForecast, actors: int
) -> tuple[Int[Tensor, "b n"], Bool[Tensor, "b n"]]:
    """The nearest who move by any future, then the nearest who stand; things are no actors."""
    agents = observation.agents
    futures = forecast.pose[:, :, EGO + 1 :, :, :2]
    moved = (futures - agents.pose[:, None, :, None, :2]).norm(dim=-1).amax(dim=(1, 3))
    distance = agents.pose[..., :2].norm(dim=-1)
    distance = torch.where(moved > _MOVES_M, distance, distance + _AFTER_M)
    actor = agents.valid & (agents.kind != AgentKind.OBJECT)
    distance = torch.where(actor, distance, torch.inf)
    near, index = distance.sort(dim=1, stable=True)
    return index[:, :actors], torch.isfinite(near[:, :actors])


def changes_mps(device: torch.device) -> Float[Tensor, "p t"]:
    """By how much the speed of each profile departs from what it would be, over each step."""
    middle_s = DT_S * (torch.arange(POINTS, device=device) + 0.5)
    steady = torch.tensor(SLOWER_MPS2, device=device)[:, None] * middle_s
    there_and_back = torch.minimum(middle_s, (2.0 * _DIP_S - middle_s).clamp(min=0.0))
    dips = torch.tensor(DIPS_MPS2, device=device)[:, None] * there_and_back
    return torch.cat((steady, dips))


@dataclass(frozen=True)
class _Ways:
    """Ways as poses, and how far along each of these is."""

    pose: Float[Tensor, "*k p 3"]
    s_m: Float[Tensor, "*k p"]

    @staticmethod
    def of(pose: Float[Tensor, "*k p 3"]) -> "_Ways":
        """With a straight piece after their end."""
        last = pose[..., -1:, :]
        ahead = _BEYOND_M * torch.stack((torch.cos(last[..., 2]), torch.sin(last[..., 2])), dim=-1)
        pose = torch.cat((pose, torch.cat((last[..., :2] + ahead, last[..., 2:]), dim=-1)), dim=-2)
        step_m = torch.diff(pose[..., :2], dim=-2).norm(dim=-1)
        return _Ways(pose, torch.nn.functional.pad(step_m, (1, 0)).cumsum(dim=-1))

    def at(self, s_m: Float[Tensor, "*k q"]) -> Float[Tensor, "*k q 3"]:
        """Between the poses in proportion."""
        high = torch.searchsorted(self.s_m.contiguous(), s_m.contiguous(), right=True)
        high = high.clamp(1, self.s_m.shape[-1] - 1)
        before, after = torch.gather(self.s_m, -1, high - 1), torch.gather(self.s_m, -1, high)
        share = ((s_m - before) / (after - before).clamp(min=1e-3)).clamp(0.0, 1.0).unsqueeze(-1)
        index = high.unsqueeze(-1).expand(*high.shape, 3)
        start, end = torch.gather(self.pose, -2, index - 1), torch.gather(self.pose, -2, index)
        yaw = start[..., 2:] + share * se2.wrap_angle(end[..., 2:] - start[..., 2:])
        return torch.cat((torch.lerp(start[..., :2], end[..., :2], share), yaw), dim=-1)


def _foretold_speeds(knots: Float[Tensor, "b n f p 3"]) -> Float[Tensor, "b n f t"]:
    return torch.diff(knots[..., :2], dim=3).norm(dim=-1)[..., :POINTS] / DT_S


def _driven(
    ways: _Ways, speed_mps: Float[Tensor, "b n f t"], changes: Float[Tensor, "p t"]
) -> Float[Tensor, "b n f p t 3"]:
    """Every way at every change of its speed; nobody drives backwards."""
    speed = (speed_mps.unsqueeze(-2) + changes).clamp(min=0.0)
    s_m = (DT_S * speed).cumsum(dim=-1)
    return ways.at(s_m.flatten(-2)).unflatten(-2, s_m.shape[-2:])


def _prior(forecast: JointForecast, shape: torch.Size) -> Float[Tensor, "b n k"]:
    prior = forecast.probability.clamp(min=1e-4).log()
    return prior[:, None, :, None].expand(shape[:4]).flatten(2, 3)


def _changes(
    shape: torch.Size, profiles: "range | tuple[int, ...]", device: torch.device
) -> Tensor:
    every = torch.tensor(SLOWER_MPS2 + DIPS_MPS2, device=device)
    return every[list(profiles)].expand(shape[:4]).flatten(2, 3)


def _on_lanes(free: Samples, lanes: VectorMap, velocity_mps: Float[Tensor, "b n 2"]) -> Samples:
    """At the present speed along the lane under each, and where it parts, along two of the ways on."""
    line, line_valid = _ahead(lanes)
    pose, found = _joined(line, line_valid, free.now, velocity_mps)
    changes = changes_mps(pose.device)[list(LANE_PROFILES)]
    speed = velocity_mps.norm(dim=-1)[:, :, None, None].expand(*pose.shape[:3], POINTS)
    ways = _Ways.of(pose)
    driven = _driven(ways, speed, changes)
    # An offset from the lane fades as its way goes on.
    gap = free.now[:, :, None, :2] - pose[:, :, :, 0, :2]
    s_m = (DT_S * (speed.unsqueeze(-2) + changes).clamp(min=0.0)).cumsum(dim=-1)
    fades = torch.exp(-s_m / _BACK_M).unsqueeze(-1) * gap[:, :, :, None, None]
    driven = torch.cat((driven[..., :2] + fades, driven[..., 2:]), dim=-1)
    valid = (found & free.there.unsqueeze(2)).unsqueeze(3).expand(driven.shape[:4])
    return replace(
        free,
        pose=driven.flatten(2, 3),
        valid=valid.flatten(2, 3),
        prior=torch.full_like(driven[..., 0, 0], _LANE_PRIOR).flatten(2, 3),
        change_mps2=_changes(driven.shape, LANE_PROFILES, pose.device),
        on_lane=torch.ones_like(valid).flatten(2, 3),
    )


def _ahead(lanes: VectorMap) -> tuple[Float[Tensor, "b e w p 3"], Bool[Tensor, "b e w"]]:
    """Each piece with those that it leads to, two ways; a way that there is not repeats the first."""
    there = lanes.point_valid & lanes.valid.unsqueeze(2)
    step = torch.diff(lanes.point_m, dim=2)
    yaw = torch.atan2(step[..., 1], step[..., 0])
    runs = there[:, :, 1:] & there[:, :, :-1]
    yaw = torch.where(runs, yaw, yaw[:, :, :1])
    pose = torch.cat((lanes.point_m, torch.cat((yaw, yaw[:, :, -1:]), dim=2).unsqueeze(-1)), dim=-1)
    last = (there.sum(dim=2) - 1).clamp(min=0)
    index = last[..., None, None].expand(*last.shape, 1, 3)
    end = torch.gather(pose, 2, index)
    number = torch.arange(pose.shape[2], device=pose.device)
    pose = torch.where((number <= last.unsqueeze(-1)).unsqueeze(-1), pose, end)
    gap = (end[:, :, 0, None, :2] - pose[:, None, :, 0, :2]).norm(dim=-1)
    leads = (gap < _JOINED_M) & there.any(dim=2).unsqueeze(1) & there.any(dim=2).unsqueeze(2)
    leads &= ~torch.eye(gap.shape[1], dtype=torch.bool, device=gap.device)
    first = leads.int().argmax(dim=2)
    others = leads & (torch.arange(gap.shape[1], device=gap.device) != first.unsqueeze(2))
    second = torch.where(others.any(dim=2), others.int().argmax(dim=2), first)
    row = torch.arange(len(pose), device=pose.device).unsqueeze(1)

    goes_on = leads.any(dim=2)
    ways = []
    for onward in (first, second):
        then = torch.where(goes_on[..., None, None], pose[row, onward], end.expand_as(pose))
        further = (goes_on & goes_on[row, onward])[..., None, None]
        last_one = torch.where(
            further, pose[row, first[row, onward]], then[:, :, -1:].expand_as(pose)
        )
        ways.append(torch.cat((pose, then, last_one), dim=2))
    valid = torch.stack((there.any(dim=2), others.any(dim=2)), dim=2)
    return torch.stack(ways, dim=2), valid


def _joined(
    line: Float[Tensor, "b e w p 3"],
    line_valid: Bool[Tensor, "b e w"],
    now: Float[Tensor, "b n 3"],
    velocity_mps: Float[Tensor, "b n 2"],
) -> tuple[Float[Tensor, "b n w q 3"], Bool[Tensor, "b n w"]]:
    """The ways on from the point of a lane beside each agent that runs where it heads."""
    piece = line.shape[3] // _PIECES
    own = line[:, None, :, 0, :piece]
    gap = (own[..., :2] - now[:, :, None, None, :2]).norm(dim=-1)
    turn = se2.wrap_angle(own[..., 2] - now[:, :, None, None, 2]).abs()
    fits = (gap < _NEAR_M) & (turn < _ALONG_RAD) & line_valid[:, None, :, :1]
    gap = torch.where(fits, gap, torch.inf).flatten(2)
    near, index = gap.min(dim=2)
    at, point = index // piece, index % piece
    row = torch.arange(len(line), device=line.device).unsqueeze(1)
    ways = line[row, at]
    # From that point on: the same length for everyone, the last pose repeated.
    number = torch.arange(ways.shape[3], device=line.device) + point.unsqueeze(-1)
    number = number.clamp(max=ways.shape[3] - 1)[:, :, None, :, None]
    ways = torch.gather(ways, 3, number.expand(*ways.shape[:4], 3))
    return ways, torch.isfinite(near).unsqueeze(2) & line_valid[row, at]
