"""How well does the reactive traffic drive by itself? Collisions and gridlock per family, 60 s.

    python benchmarks/traffic.py --worlds 100 --seconds 60 [--families roundabout merge]

A vehicle-vehicle collision: two boxes of vehicles, full size, overlap by more than 1 cm.
Gridlock: some driver has stood still for 40 s without a break (no red light lasts that long).
"""

import argparse
import time
from typing import Any

import torch

from sim.geometry import box
from sim.scenario import AgentKind
from sim.sources.procedural import FAMILIES, draft
from sim.sources.procedural.ids import scenario_seed
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


def run(family: str, worlds: int, seconds: float, split: str) -> dict[str, Any]:
    """Drive `worlds` drafts of one family and count."""
    drafts = [
        draft(family, scenario_seed(split, family, 0, k), duration_s=seconds) for k in range(worlds)
    ]
    crashed, stuck, first = [], [], {}
    began = time.perf_counter()
    for start in range(0, worlds, 32):
        world = World.from_scenarios(drafts[start : start + 32], maps=False)
        traffic = IdmTraffic.of(world, drives_ego=True)
        state = world.reset()
        hit = torch.zeros(world.num_worlds, dtype=torch.bool)
        stood = torch.zeros(world.num_worlds, dtype=torch.bool)
        for step in range(round(seconds / world.dt_s)):
            state = traffic.act(world, state)
            pairs = collided(world, state)
            now = pairs.flatten(1).any(1)
            for w in torch.nonzero(now & ~hit).flatten().tolist():
                i, j = torch.nonzero(pairs[w])[0].tolist()
                first[start + w] = (round(step * world.dt_s, 1), i, j)
            hit |= now
            stood |= ((state.waited_s > STOOD_S) & state.valid).any(1)
        crashed += hit.tolist()
        stuck += stood.tolist()
    return {
        "family": family,
        "collision_free": 1 - sum(crashed) / worlds,
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
    args = parser.parse_args()
    for family in args.families:
        row = run(family, args.worlds, args.seconds, args.split)
        print(
            f"{family:24s} collision-free {row['collision_free']:.3f}  "
            f"no gridlock {row['no_gridlock']:.3f}  {row['seconds']:.1f} s  "
            f"first contacts {dict(list(row['first'].items())[:6])} stuck {row['stuck'][:6]}"
        )


if __name__ == "__main__":
    main()
