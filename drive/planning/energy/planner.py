"""`EnergyPlanner`: of what a sampler proposes, the trajectory of the lowest energy (Implicit BC)."""

import torch
from jaxtyping import Float
from torch import Tensor

from drive.features.example import ExampleSpec
from drive.features.vectors import observed_scene
from drive.networks.weights import DEFAULT, load_network
from drive.planning.candidates import Candidates, Sampler
from drive.planning.energy.network import Around, EnergyNetwork
from drive.planning.rated import Rated, RatedPlanner
from drive.planning.samplers.frenet import FrenetSampler
from drive.planning.trajectories import trajectory_of
from sim.interface import Observation

_AT_ONCE = 1024  # trajectories, over all worlds


class EnergyPlanner(RatedPlanner):
    """`sampler` proposes; where it has nothing that the car can drive, the ego stops."""

    needs = ExampleSpec().needs()

    def __init__(self, weights: str = DEFAULT) -> None:
        """`weights`: `default`, a run folder, or a file; InputError where there are none."""
        self.network, _ = load_network(EnergyNetwork, weights)
        self.sampler: Sampler = FrenetSampler()

    def reset(self, num_worlds: int, device: torch.device, generator: torch.Generator) -> None:
        """To where the worlds are."""
        self.network.to(device)

    def rated(self, observation: Observation) -> Rated:
        """By their energies."""
        around = self.network.around(observed_scene(observation))
        return self.priced(observation, around, self.sampler(observation))

    def priced(self, observation: Observation, around: Around, candidates: Candidates) -> Rated:
        """Candidates by their energies."""
        # Told as in training, where the expert's are known by their places alone.
        told = trajectory_of(places(candidates), observation.ego, candidates.dt_s)
        return Rated(candidates, self._energies(around, told))

    def _energies(
        self, around: Around, trajectory: Float[Tensor, "b k t 5"]
    ) -> Float[Tensor, "b k"]:
        """A few candidates of all worlds at once on a processor: what all would need outgrows its caches."""
        batch, count = trajectory.shape[:2]
        at_once = max(1, _AT_ONCE // batch) if trajectory.device.type == "cpu" else count
        parts = [self.network(around, part) for part in trajectory.split(at_once, dim=1)]
        return torch.cat(parts, dim=1)


def places(candidates: Candidates) -> Float[Tensor, "b k t 2"]:
    """Where they lead; those that are not valid stand still, whatever they hold."""
    valid = candidates.valid[:, :, None, None]
    return torch.where(valid, candidates.trajectory[..., :2], 0.0)
