"""What is expected of the others if the ego does this, and what then happens?

    python benchmarks/expectations.py [--weights default RUN] [--families dense_merge zipper ...]

At instants of drives of `idm` on `interactive-val` the planner `social` says of its boldest and of its
most careful candidate how likely the ego runs into each of the others, by each of its modes. The simulator
then goes on from that instant with the ego on the candidate, among IDM traffic that sees it, and tells whom
it touches within 5 s.
"""

import argparse
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from drive.networks.weights import load_network
from drive.planning.idm import IdmPlanner
from drive.planning.social.model import SocialModel
from drive.planning.social.network import SocialEnergy
from drive.planning.social.planner import SocialPlanner
from drive.planning.social.reasoning import MODES, Reasoning
from eval.follow import hold
from sim.geometry import box
from sim.interface import Plan
from sim.scenario import EGO, Scenario
from sim.simulator import Simulator
from sim.sources.finding import find
from sim.sources.loading import load
from sim.sources.query import SourceQuery
from sim.world import WorldState

AHEAD_S, EVERY_S, FIRST_S = 5.0, 2.0, 1.0
BINS = (0.0, 0.05, 0.2, 0.5, 1.01)
_LEAST = 0.005  # likelihoods are held so far from 0 and 1, for their logarithm


@dataclass(frozen=True)
class Met:
    """Road users whom a candidate may meet: how likely by each of `MODES` it touches them, whether it did."""

    expected: Float[Tensor, "m 3"]
    touched: Bool[Tensor, " m"]


def main() -> None:
    """A table for each weights."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights", nargs="+", default=["default"])
    parser.add_argument("--families", nargs="+", default=[])
    parser.add_argument("--count", type=int, default=54)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    query = SourceQuery(
        benchmark="interactive-val", families=tuple(options.families), count=options.count
    )
    scenarios = [scenario for _, scenario in load(find(query))[0]]
    for weights in options.weights:
        print(f"\n{weights}\n")
        print(table(meetings(scenarios, weights)))


@torch.no_grad()
def meetings(scenarios: list[Scenario], weights: str) -> dict[str, Met]:
    """By candidate: boldest, most careful."""
    model = SocialModel.of(load_network(SocialEnergy, weights)[0].eval())
    simulator = Simulator.from_scenarios(scenarios, "idm", SocialPlanner.needs)
    world, driver = simulator.world, IdmPlanner()
    state = simulator.reset()
    every, first = round(EVERY_S / world.dt_s), round(FIRST_S / world.dt_s)
    found: dict[str, list[Met]] = {"boldest": [], "most careful": []}
    for step in range(world.num_steps - round(AHEAD_S / world.dt_s)):
        observation = simulator.observe(state)
        if step >= first and (step - first) % every == 0:
            reasoning = model.think(observation).reasoning
            for name, candidate in zip(found, extremes(reasoning), strict=True):
                met = ask(reasoning, candidate, simulator, state)
                found[name].append(met)
        state = simulator.step(state, driver.plan(observation))
    return {
        name: Met(torch.cat([m.expected for m in many]), torch.cat([m.touched for m in many]))
        for name, many in found.items()
    }


def extremes(reasoning: Reasoning) -> tuple[Int[Tensor, " b"], Int[Tensor, " b"]]:
    """The candidate that gets farthest, and the one that gets least far."""
    candidates = reasoning.scene.candidates
    driven_m = candidates.trajectory[..., 3].sum(dim=2)
    farthest = torch.where(candidates.valid, driven_m, -torch.inf).argmax(dim=1)
    return farthest, torch.where(candidates.valid, driven_m, torch.inf).argmin(dim=1)


def ask(
    reasoning: Reasoning, candidate: Int[Tensor, " b"], simulator: Simulator, state: WorldState
) -> Met:
    """Of the worlds in which that candidate can be driven, who is there and may meet it."""
    scene, row = reasoning.scene, torch.arange(len(candidate))
    expected = [reasoning.collisions_given(mode, candidate) for mode in MODES]
    way = torch.nan_to_num(scene.candidates.trajectory[row, candidate])
    touched = touches(simulator, state, Plan(way, scene.candidates.dt_s))
    possible = scene.candidates.valid[row, candidate].unsqueeze(1) & scene.samples.there
    asked = torch.zeros_like(scene.samples.there)
    pairs, those = scene.pairs, scene.with_ego
    asked[pairs.world[those], pairs.second[those] - 1] = True
    asked &= possible
    happened = touched.gather(1, scene.samples.agent + 1)
    return Met(torch.stack(expected, dim=2)[asked], happened[asked])


def touches(simulator: Simulator, state: WorldState, plan: Plan) -> Bool[Tensor, "b n"]:
    """Whom the ego's box overlaps at some step, if it follows the plan and did not overlap him before."""
    world, dt_s = simulator.world, simulator.world.dt_s
    held = hold(plan, state.pose[:, EGO], state.speed_mps[:, EGO])
    before = together(simulator, state)
    touched = torch.zeros_like(before)
    for since in range(round(AHEAD_S / dt_s)):
        state = simulator.step(state, held.left(state.pose[:, EGO], since, dt_s))
        touched |= together(simulator, state)
    return touched & ~before & (torch.arange(world.size_m.shape[1]) != EGO)


def together(simulator: Simulator, state: WorldState) -> Bool[Tensor, "b n"]:
    """Whose boxes overlap the ego's."""
    size_m = simulator.world.size_m[..., :2]
    ego, own_m = state.pose[:, EGO : EGO + 1], size_m[:, EGO : EGO + 1]
    hit = box.overlaps(ego.expand_as(state.pose), own_m.expand_as(size_m), state.pose, size_m)
    return hit & state.valid & state.valid[:, EGO : EGO + 1]


def table(found: dict[str, Met]) -> str:
    """By how likely it is if nobody looked; and how unlikely, in nats, what happened was found."""
    head = ("candidate", "by `nonsocial`", "road users", "touched", *(f"`{m}`" for m in MODES))
    lines = [head, ("---",) * len(head)]
    for name, met in found.items():
        alone, happened = met.expected[:, 0], met.touched.float()
        for low, high in pairwise(BINS):
            those = (alone >= low) & (alone < high)
            means = [f"{v:.3f}" for v in met.expected[those].mean(dim=0).tolist()]
            share = float(happened[those].mean())
            lines.append(
                (name, f"{low:g} to {min(high, 1):g}", f"{those.sum()}", f"{share:.3f}", *means)
            )
        p = met.expected.clamp(_LEAST, 1 - _LEAST)
        nats = -torch.where(met.touched.unsqueeze(1), p, 1 - p).log().mean(dim=0)
        told = [f"{v:.4f}" for v in nats.tolist()]
        lines.append((name, "nats", f"{len(alone)}", f"{happened.mean():.3f}", *told))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
