"""Planners that draw trajectories from an energy when they drive, and take the best of those.

`EnergyPlanner` chooses among what a sampler proposes, whatever the energy; these go where it is low.
"""

from functools import partial
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from drive.features.example import ExampleSpec
from drive.features.vectors import observed_scene
from drive.networks.weights import DEFAULT, load_network
from drive.planning.behaviour.controls import controls_of
from drive.planning.candidates import Candidates
from drive.planning.energy.autoregressive import AutoregressiveEnergy
from drive.planning.energy.chains import begun, driven_truly, walked
from drive.planning.energy.langevin import (
    Sampling,
    implicit_bc_optimiser,
    polynomial_decay,
    unadjusted_langevin,
)
from drive.planning.energy.planner import EnergyPlanner
from drive.planning.rated import Rated, RatedPlanner
from drive.planning.trajectories import trajectory_of
from sim.interface import Observation

CHAINS, STEPS = 16, 40  # a world
DRAWN = 32  # trajectories a world, step by step


class LangevinPlanner(EnergyPlanner):
    """Chains of unadjusted Langevin, which end as draws from exp(-E); the lowest one is driven.

    They begin at candidates of the sampler, drawn by their probability.
    """

    sampling: ClassVar[Sampling] = staticmethod(unadjusted_langevin)

    def reset(self, num_worlds: int, device: torch.device, generator: torch.Generator) -> None:
        """To where the worlds are; what is drawn comes from the generator."""
        super().reset(num_worlds, device, generator)
        self._generator = generator

    def rated(self, observation: Observation) -> Rated:
        """Where the chains end, by their energies."""
        around, ego = self.network.around(observed_scene(observation)), observation.ego
        proposed = self.priced(observation, around, self.sampler(observation))
        start = begun(proposed.cost, proposed.candidates, CHAINS, self._generator)

        def energy_of(trajectory: Float[Tensor, "b k t 5"]) -> Float[Tensor, "b k"]:
            return self.network(around, trajectory_of(trajectory[..., :2], ego))

        walk = partial(self.sampling, step_sizes=polynomial_decay(STEPS), generator=self._generator)
        return self.priced(observation, around, walked(energy_of, ego, start, walk))


class OptimiserPlanner(LangevinPlanner):
    """The same with Implicit BC's optimiser, whose chains end low (Florence et al. 2021)."""

    sampling: ClassVar[Sampling] = staticmethod(implicit_bc_optimiser)


class AutoregressivePlanner(RatedPlanner):
    """Trajectories drawn step by step; of what the car makes of them, that of the most probable one.

    No sampler proposes: what can come next is part of the network.
    """

    needs = ExampleSpec().needs()

    def __init__(self, weights: str = DEFAULT) -> None:
        """`weights`: a run folder, or a file; InputError where there are none."""
        self.network, _ = load_network(AutoregressiveEnergy, weights)

    def reset(self, num_worlds: int, device: torch.device, generator: torch.Generator) -> None:
        """To where the worlds are; what is drawn comes from the generator."""
        self.network.to(device)
        self._generator = generator

    def rated(self, observation: Observation) -> Rated:
        """By minus the logarithms of their probabilities."""
        around, ego = self.network.around(observed_scene(observation)), observation.ego
        drawn, log_probability = self.network.sample(around, DRAWN, self._generator)
        found = Candidates(drawn, torch.ones_like(log_probability, dtype=torch.bool))
        return Rated(driven_truly(ego, controls_of(ego, found), found), -log_probability)
