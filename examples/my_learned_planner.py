"""A planner that learns, from how others drove, what the terms of its cost are worth.

bevdrive collect --split train --families curve,merge --count 24 --out data/mine
python examples/my_learned_planner.py data/mine
bevdrive simulate --planner examples/my_learned_planner.py:LearnedCost,idm --replan 0.5 --families curve,merge
"""

import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from drive.features.store import Store
from drive.planning.candidates import Candidates, instants_s
from drive.planning.experts import demonstration
from drive.planning.rated import Rated, RatedPlanner
from drive.planning.samplers.frenet import FrenetSampler
from sim.interface import Needs, Observation
from sim.maps.lane_table import LaneSpec

WEIGHTS = Path("my_cost.safetensors")
NAMES = ("too slow", "acceleration", "across", "off the route", "near others")


def terms(observation: Observation, candidates: Candidates) -> torch.Tensor:
    """`[worlds, candidates, terms]`, each a mean over the trajectory, none below 0."""
    agents, route = observation.agents, observation.route
    place, speed = candidates.trajectory[..., :2], candidates.trajectory[..., 3]
    limit = route.speed_limit_mps[:, 10].clamp(min=1.0)[:, None, None]
    change = speed.diff(dim=2)
    across = speed.square() * candidates.trajectory[..., 4]
    off_m = torch.cdist(place.flatten(1, 2), route.pose[..., :2]).amin(dim=2).reshape(speed.shape)
    time_s = instants_s(speed.device)[:, None]
    others = agents.pose[:, :, None, :2] + time_s * agents.velocity_mps[:, :, None]  # straight on
    gap_m = (place[:, :, None] - others[:, None]).norm(dim=-1)
    near = torch.where(agents.valid[:, None, :, None], torch.exp(-gap_m / 3.0), 0.0).amax(dim=2)
    too_slow = (1.0 - speed / limit).clamp(min=0.0)
    parts = (too_slow, change.abs(), across.abs(), off_m, 10.0 * near)
    return torch.stack([part.mean(dim=2) for part in parts], dim=2)


class LearnedCost(RatedPlanner):
    """Drives the candidate of which the weighted terms sum up to least."""

    needs = Needs(lanes=LaneSpec())  # the sampler looks for lanes beside the route

    def __init__(self, weights: str = str(WEIGHTS)) -> None:
        self.sampler = FrenetSampler()
        self.weights = load_file(weights)["weights"]

    def rated(self, observation: Observation) -> Rated:
        """What the ego might do, and what each of that costs."""
        candidates = self.sampler(observation)
        each = terms(observation, candidates) * self.weights.to(candidates.trajectory.device)
        return Rated(candidates, each.sum(dim=2), dict(zip(NAMES, each.unbind(2), strict=True)))


def train(store: Store, steps: int) -> list[float]:
    """Make what was driven likely under exp(-cost), of all candidates; writes the weights.

    Returns the loss of each step.
    """
    sampler, log_weights = FrenetSampler(), torch.zeros(len(NAMES), requires_grad=True)
    optimiser = torch.optim.Adam([log_weights], lr=0.05)
    draw, losses = np.random.default_rng(0), []
    for _ in range(steps):
        example = store.read(draw.integers(len(store), size=16))
        driven, recorded = demonstration(example)
        candidates = sampler(example.observation)
        cost = (terms(example.observation, candidates) * log_weights.exp()).sum(dim=2)
        gap_m = (candidates.trajectory - driven.unsqueeze(1))[..., :2].norm(dim=-1).mean(dim=2)
        best = torch.where(candidates.valid, gap_m, torch.inf).argmin(dim=1)
        logit = torch.where(candidates.valid, -cost, -torch.inf)
        counts = recorded & candidates.valid.any(dim=1)
        loss = torch.nn.functional.cross_entropy(logit[counts], best[counts])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    save_file({"weights": log_weights.detach().exp()}, WEIGHTS)
    return losses


if __name__ == "__main__":
    print(f"loss {train(Store.open(Path(sys.argv[1])), steps=200)[-1]:.2f}: {WEIGHTS}")
    print(dict(zip(NAMES, load_file(WEIGHTS)["weights"].tolist(), strict=True)))
