"""`RandomPlanner`: any way that the ego's car can go, whatever the others do."""

import torch

from drive.features.example import ExampleSpec
from drive.planning.oncoming import without_wrong_way
from drive.planning.rated import Rated, RatedPlanner
from drive.planning.samplers.frenet import FrenetSampler
from sim.interface import Needs, Observation


class RandomPlanner(RatedPlanner):
    """One candidate of the Frenet sampler by chance, each as likely.

    What the others do *because of* the ego is learned from drives in which the ego's way has no other
    cause that they share: a driver who brakes mostly does so since everybody has to.
    """

    needs: Needs = ExampleSpec(map=True).needs()

    def __init__(self) -> None:
        self._sampler = FrenetSampler()

    def reset(self, num_worlds: int, device: torch.device, generator: torch.Generator) -> None:
        """Keep the generator."""
        self._generator = generator

    def rated(self, observation: Observation) -> Rated:
        """By numbers that are drawn."""
        candidates = without_wrong_way(observation, self._sampler(observation))
        drawn = torch.rand(
            candidates.valid.shape, generator=self._generator, device=self._generator.device
        )
        return Rated(candidates, drawn.to(candidates.valid.device))
