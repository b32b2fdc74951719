"""torchdrivesim: 64 worlds of 32 cars, a bicycle each, and their collisions by discs; one thread.

Less than ours: nobody drives by himself, and there is no road: no off-road test, no map, no lights.
"""

import logging
import math

import torch
from torchdrivesim.kinematic import KinematicBicycle  # pyright: ignore[reportMissingImports]
from torchdrivesim.mesh import BirdviewMesh  # pyright: ignore[reportMissingImports]
from torchdrivesim.rendering import renderer_from_config  # pyright: ignore[reportMissingImports]
from torchdrivesim.rendering.base import (  # pyright: ignore[reportMissingImports]
    DummyRendererConfig,
)
from torchdrivesim.simulator import Simulator, TorchDriveConfig  # pyright: ignore[reportMissingImports]

from benchmarks.peers.clock import tell

WORLDS, CARS = 64, 32


def _simulator() -> Simulator:
    """Cars on a grid with 10 m between them, all at 8 m/s, each with a heading of its own."""
    generator = torch.Generator().manual_seed(0)
    place = 10.0 * torch.cartesian_prod(torch.arange(8.0), torch.arange(4.0))
    state = torch.zeros(WORLDS, CARS, 4)
    state[..., :2] = place
    state[..., 2] = 2.0 * math.pi * torch.rand(WORLDS, CARS, generator=generator)
    state[..., 3] = 8.0
    cars = KinematicBicycle()
    cars.set_params(lr=torch.full((WORLDS, CARS), 1.5))
    cars.set_state(state)
    mesh = BirdviewMesh.empty(batch_size=WORLDS)
    return Simulator(
        mesh,
        {"vehicle": cars},
        {"vehicle": torch.tensor((4.5, 1.9)).expand(WORLDS, CARS, 2)},
        {"vehicle": torch.ones(WORLDS, CARS, dtype=torch.bool)},
        TorchDriveConfig(),
        renderer_from_config(DummyRendererConfig(), static_mesh=mesh),
    )


def main() -> None:
    """Steps alone, then steps and collisions."""
    logging.disable(logging.CRITICAL)
    simulator = _simulator()
    straight = {"vehicle": torch.zeros(WORLDS, CARS, 2)}

    def step(steps: int) -> None:
        for _ in range(steps):
            simulator.step(straight)

    def with_collisions(steps: int) -> None:
        for _ in range(steps):
            simulator.step(straight)
            simulator.compute_collision()

    with torch.no_grad():
        tell("torchdrivesim: bicycles alone", WORLDS * CARS, 200, step)
        tell("torchdrivesim: bicycles, collisions by discs", WORLDS * CARS, 5, with_collisions)


if __name__ == "__main__":
    main()
