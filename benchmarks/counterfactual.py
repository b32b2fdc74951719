"""Does a forecast that is told the ego's plan know what the others do because of it?

    python benchmarks/counterfactual.py [--weights default RUN] [--families dense_merge zipper ...]

From one instant the simulator goes on twice: the ego goes along its route as fast as it can, or brakes as
hard as it can. How much farther somebody then is in 5 s if the ego brakes is what its plan changes. The joint
forecast is asked for the same difference, given either plan. `interactive-val`, IDM traffic, driven by `idm`
up to each instant.
"""

import argparse
import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from drive.features.example import ExampleSpec
from drive.features.vectors import observed_scene
from drive.networks.weights import load_network
from drive.planning.idm import IdmPlanner
from drive.planning.samplers.frenet import FrenetSampler
from drive.prediction.joint import JointPredictor
from eval.follow import hold
from sim.geometry import se2
from sim.interface import Observation, Plan
from sim.scenario import EGO, Scenario
from sim.simulator import Simulator
from sim.sources.finding import find
from sim.sources.loading import load
from sim.sources.query import SourceQuery
from sim.world import WorldState

AHEAD_S, EVERY_S, FIRST_S = 5.0, 2.0, 1.0
CHANGED_M = 2.0  # by the ego's plan: less may be chance
NEARLY_M = 0.3  # beside the route: still on it
FAMILIES = (
    "dense_merge", "zipper", "exit_lane", "cut_in", "unprotected_left", "dense_roundabout",
    "contested_stop", "narrow_oncoming", "blocked_multilane", "cut_out",
)  # fmt: skip


def main() -> None:
    """A row of each weights."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights", nargs="+", default=["default"])
    parser.add_argument("--families", nargs="+", default=list(FAMILIES))
    parser.add_argument("--count", type=int, default=80)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    families = tuple(options.families)
    refs = find(SourceQuery(benchmark="interactive-val", families=families, count=options.count))
    networks = {w: load_network(JointPredictor, w)[0].eval() for w in options.weights}
    truth, told = differences([s for _, s in load(refs)[0]], networks)
    print(
        f"| weights, of {len(truth)} | those who | truth, m | foretold, m | right way | error, m |"
    )
    print("|---|---|---|---|---|---|")
    groups = {
        "get farther if the ego brakes": truth > CHANGED_M,
        "get less far if it brakes": truth < -CHANGED_M,
        "do much the same": truth.abs() <= CHANGED_M,
    }
    for name, foretold in told.items():
        for who, those in groups.items():
            print(row(name, f"{those.sum()} {who}", truth[those], foretold[those]))
        print(row(name, "all", truth, foretold))


@dataclass(frozen=True)
class Branch:
    """A plan of the ego, and where everybody was `AHEAD_S` later."""

    plan: Plan
    place_m: Float[Tensor, "b n 2"]


@torch.no_grad()
def differences(
    scenarios: list[Scenario], networks: dict[str, JointPredictor], until_s: float = math.inf
) -> tuple[Tensor, dict[str, Tensor]]:
    """How much farther along its heading each of the others is if the ego brakes; truth, and as foretold.

    At instants from `FIRST_S` on, up to `until_s` after the start.
    """
    simulator = Simulator.from_scenarios(scenarios, "idm", ExampleSpec(map=True).needs())
    world, driver = simulator.world, IdmPlanner()
    state = simulator.reset()
    last_s = min(world.num_steps * world.dt_s - AHEAD_S, until_s)
    every, first = round(EVERY_S / world.dt_s), round(FIRST_S / world.dt_s)
    truth: list[Tensor] = []
    told: dict[str, list[Tensor]] = {name: [] for name in networks}
    for step in range(round(last_s / world.dt_s)):
        observation = simulator.observe(state)
        if step >= first and (step - first) % every == 0:
            go, brake = (
                Branch(plan, gone_on(simulator, state, plan)) for plan in plans_of(observation)
            )
            scene = observed_scene(observation)
            there = scene.agent_valid[:, 1:] & (scene.velocity_mps[:, 1:].norm(dim=-1) > 1.0)
            ahead = along(brake.place_m - go.place_m, state.pose[..., 2])[:, 1:]
            truth.append(ahead[there])
            for name, network in networks.items():
                told[name].append(foretold(network, observation, go, brake)[there])
        state = simulator.step(state, driver.plan(observation))
    return torch.cat(truth), {name: torch.cat(parts) for name, parts in told.items()}


def plans_of(observation: Observation) -> list[Plan]:
    """Along the route: the fastest and the slowest candidate."""
    courses = FrenetSampler().courses(observation)
    candidates = courses.candidates
    on_route = courses.offset_m[..., -1].abs() < NEARLY_M
    possible = candidates.valid & on_route
    driven_m = candidates.trajectory[..., 3].sum(dim=-1)
    rows = torch.arange(len(driven_m))
    fastest = torch.where(possible, driven_m, -torch.inf).argmax(dim=1)
    slowest = torch.where(possible, driven_m, torch.inf).argmin(dim=1)
    return [Plan(candidates.trajectory[rows, k], candidates.dt_s) for k in (fastest, slowest)]


def gone_on(simulator: Simulator, state: WorldState, plan: Plan) -> Float[Tensor, "b n 2"]:
    """Where everybody is after the ego followed the plan."""
    dt_s = simulator.world.dt_s
    held = hold(plan, state.pose[:, EGO], state.speed_mps[:, EGO])
    for since in range(round(AHEAD_S / dt_s)):
        state = simulator.step(state, held.left(state.pose[:, EGO], since, dt_s))
    return state.pose[..., :2]


def along(change_m: Float[Tensor, "b n 2"], yaw: Float[Tensor, "b n"]) -> Float[Tensor, "b n"]:
    """Its part along a heading."""
    return se2.rotate(change_m, -yaw)[..., 0]


def foretold(
    network: JointPredictor, observation: Observation, go: Branch, brake: Branch
) -> Float[Tensor, "b n"]:
    """The expected difference, by the probabilities of the futures; of the others."""
    points, ends = network.config.points, []
    for branch in (go, brake):
        way = branch.plan.trajectory[..., :3]
        beyond = way[:, -1:].expand(-1, points - way.shape[1], -1)
        joint = network.predict_joint(observation, torch.cat((way, beyond), dim=1))
        index = round(AHEAD_S / network.config.dt_s) - 1
        ends.append((joint.pose[..., index, :2] * joint.probability[..., None, None]).sum(dim=1))
    yaw = observed_scene(observation).agent_pose[..., 2]
    return along(ends[1] - ends[0], yaw)[:, 1:]


def row(name: str, who: str, truth_m: Tensor, told_m: Tensor) -> str:
    """Means; the right way: the sign. With nothing foretold, the error is the mean of the truth's size."""
    right = (truth_m.sign() == told_m.sign()).float().mean()
    error, none = (told_m - truth_m).abs().mean(), truth_m.abs().mean()
    return (
        f"| {name} | {who} | {truth_m.mean():.2f} | {told_m.mean():.2f} | {right:.2f} "
        f"| {error:.2f} (nothing foretold: {none:.2f}) |"
    )


if __name__ == "__main__":
    main()
