"""How well does the reactive traffic drive by itself? Collisions and gridlock per family, 60 s.

    python benchmarks/traffic.py --worlds 100 --seconds 60 [--families roundabout merge] [--spread strong]

A vehicle-vehicle collision: two boxes of vehicles, full size, overlap by more than 1 cm. Those with a
driver in it who does not yield as it should, or runs reds, are counted apart (`violators`).
Gridlock: some driver has stood still for 40 s without a break (no red light lasts that long), other
than those whose part it is to stand.
"""

import argparse
import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from sim.cues import NOT_YET
from sim.geometry import box
from sim.recording import STANDING_MPS
from sim.scenario import AgentKind, CueAction, Scenario, Yielding
from sim.sources.procedural import FAMILIES, draft
from sim.sources.procedural.ids import scenario_seed
from sim.styles import Spread, draw_styles
from sim.traffic.idm import IdmTraffic
from sim.world import World, WorldState

STOOD_S = 40.0


def collided(world: World, state: WorldState) -> torch.Tensor:
    """`[B, N, N]`: vehicles (and cyclists) that overlap now."""
    size = world.size_m[..., :2]
    wheels = (world.kind <= AgentKind.CYCLIST) & state.valid
    depth = box.penetration_m(
        state.pose[:, :, None], size[:, :, None], state.pose[:, None], size[:, None]
    )
    return (depth > 0.01) & wheels[:, :, None] & wheels[:, None] & _pairs(wheels.shape[1])


def _pairs(count: int) -> torch.Tensor:
    return torch.ones(count, count, dtype=torch.bool).triu(1)


def violators(scenario: Scenario, count: int) -> torch.Tensor:
    """`[N]`: who breaks the rules of right of way, padded to `count`."""
    found = torch.zeros(count, dtype=torch.bool)
    if scenario.styles is not None:
        bad = np.isin(scenario.styles.yields, (Yielding.NEVER, Yielding.LATE))
        found[: scenario.num_agents] = torch.from_numpy(bad | scenario.styles.runs_red)
    return found


def stands(world: World, state: WorldState) -> torch.Tensor:
    """`[B, N]`: drivers that stand, and not because their cue has yet to fall."""
    drives = state.valid & (world.paths.agent_path >= 0)
    if world.cues is not None:
        drives &= (world.cues.action != CueAction.START) | (state.cue_step != NOT_YET)
    return drives & (state.speed_mps.abs() < STANDING_MPS)


def restyled(scenario: Scenario, spread: Spread, seed: int) -> Scenario:
    """The same drivers in the same places, with styles drawn anew."""
    rng = np.random.default_rng(seed)
    return replace(scenario, styles=draw_styles(rng, scenario.tracks.kind, spread))


def run(
    family: str, worlds: int, seconds: float, split: str, spread: Spread | None
) -> dict[str, Any]:
    """Drive `worlds` drafts of one family and count."""
    seeds = [scenario_seed(split, family, 0, k) for k in range(worlds)]
    drafts = [draft(family, seed, duration_s=seconds) for seed in seeds]
    if spread is not None:
        drafts = [restyled(one, spread, seed) for one, seed in zip(drafts, seeds, strict=True)]
    crashed, violated, stuck, first = [], [], [], {}
    began = time.perf_counter()
    for start in range(0, worlds, 32):
        world = World.from_scenarios(drafts[start : start + 32], maps=False)
        traffic = IdmTraffic.of(world, drives_ego=True)
        state = world.reset()
        hit = torch.zeros(world.num_worlds, dtype=torch.bool)
        by_violators = torch.zeros_like(hit)
        bad = torch.stack([violators(one, state.valid.shape[1]) for one in world.scenarios])
        excused = bad[:, :, None] | bad[:, None]
        stood = torch.zeros(world.num_worlds, dtype=torch.bool)
        still_s = torch.zeros_like(state.waited_s)
        for step in range(round(seconds / world.dt_s)):
            state = traffic.act(world, state)
            pairs = collided(world, state)
            by_violators |= (pairs & excused).flatten(1).any(1)
            pairs &= ~excused
            now = pairs.flatten(1).any(1)
            for w in torch.nonzero(now & ~hit).flatten().tolist():
                i, j = torch.nonzero(pairs[w])[0].tolist()
                first[start + w] = (round(step * world.dt_s, 1), i, j)
            hit |= now
            still_s = torch.where(stands(world, state), still_s + world.dt_s, 0.0)
            stood |= (still_s > STOOD_S).any(1)
        crashed += hit.tolist()
        violated += by_violators.tolist()
        stuck += stood.tolist()
    return {
        "family": family,
        "collision_free": 1 - sum(crashed) / worlds,
        "violators": sum(violated) / worlds,
        "no_gridlock": 1 - sum(stuck) / worlds,
        "seconds": time.perf_counter() - began,
        "first": first,
        "stuck": [k for k, s in enumerate(stuck) if s],
    }


def main() -> None:
    """Print one line per family."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--split", default="val")
    parser.add_argument("--families", nargs="*", default=list(FAMILIES))
    parser.add_argument("--spread", choices=("mild", "strong"), help="styles drawn anew")
    args = parser.parse_args()
    for family in args.families:
        row = run(family, args.worlds, args.seconds, args.split, args.spread)
        print(
            f"{family:24s} collision-free {row['collision_free']:.3f}  "
            f"violators {row['violators']:.3f}  "
            f"no gridlock {row['no_gridlock']:.3f}  {row['seconds']:.1f} s  "
            f"first contacts {dict(list(row['first'].items())[:6])} stuck {row['stuck'][:6]}"
        )


if __name__ == "__main__":
    main()
