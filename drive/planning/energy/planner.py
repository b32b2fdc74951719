"""`EnergyPlanner`: of what a sampler proposes, the trajectory of the lowest energy (Implicit BC)."""

from dataclasses import replace
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from drive.features.example import ExampleSpec
from drive.features.vectors import observed_scene
from drive.networks.weights import load_network
from drive.planning.candidates import Candidates, Sampler
from drive.planning.energy.network import EnergyNetwork
from drive.planning.trajectories import trajectory_of
from sim.interface import Observation, Plan


class EnergyPlanner:
    """`sampler` proposes; where it has nothing that the car can drive, the ego stops."""

    needs = ExampleSpec().needs()

    def __init__(self, weights: str = "default") -> None:
        """`weights`: `default`, a run folder, or a file; InputError where there are none."""
        self.network, _ = load_network(EnergyNetwork, weights)

    @cached_property
    def sampler(self) -> Sampler:
        """What proposes."""
        from drive.planning.samplers.frenet import FrenetSampler

        return FrenetSampler()

    def reset(self, num_worlds: int, device: torch.device, generator: torch.Generator) -> None:
        """To where the worlds are."""
        self.network.to(device)

    @torch.no_grad()
    def plan(self, observation: Observation) -> Plan:
        """The candidate of the lowest energy; beside it all of them, and their energies."""
        around = self.network.around(observed_scene(observation))
        candidates = self.sampler(observation)
        # Told as in training, where the expert's are known by their places alone.
        told = trajectory_of(places(candidates), observation.ego, candidates.dt_s)
        energy = self.network(around, told)
        worst = energy.amax(dim=1, keepdim=True) + 1.0
        cost = torch.where(candidates.valid, energy, worst)
        best = cost.argmin(dim=1, keepdim=True)
        drivable = replace(
            candidates,
            trajectory=torch.where(candidates.valid[..., None, None], candidates.trajectory, told),
        )
        chosen = drivable.take(best).trajectory[:, 0]
        return Plan(chosen, candidates.dt_s, candidates=told[..., :3], costs=cost)


def places(candidates: Candidates) -> Float[Tensor, "b k t 2"]:
    """Where they lead; those that are not valid stand still, whatever they hold."""
    valid = candidates.valid[:, :, None, None]
    return torch.where(valid, candidates.trajectory[..., :2], 0.0)
