"""`ImitationPlanner`: drives as it was shown (behaviour cloning), by the most probable way."""

import torch

from drive.features.example import ExampleSpec
from drive.features.vectors import observed_scene
from drive.networks.weights import DEFAULT, load_network
from drive.planning.candidates import Candidates
from drive.planning.imitation.network import ImitationNetwork
from drive.planning.rated import Rated, RatedPlanner
from drive.planning.trajectories import trajectory_of
from sim.interface import Observation


class ImitationPlanner(RatedPlanner):
    """One forward pass a plan, and nothing hinders it from what it was not shown."""

    needs = ExampleSpec().needs()

    def __init__(self, weights: str = DEFAULT) -> None:
        """`weights`: `default`, a run folder, or a file; InputError where there are none."""
        self.network, _ = load_network(ImitationNetwork, weights)

    def reset(self, num_worlds: int, device: torch.device, generator: torch.Generator) -> None:
        """To where the worlds are."""
        self.network.to(device)

    def rated(self, observation: Observation) -> Rated:
        """All ways, by -log of their probabilities."""
        futures = self.network(observed_scene(observation))
        ways = trajectory_of(futures.position_m.squeeze(2), observation.ego, futures.dt_s)
        cost = -torch.log_softmax(futures.logit.squeeze(2), dim=1)
        candidates = Candidates(ways, torch.ones_like(cost, dtype=torch.bool), futures.dt_s)
        return Rated(candidates, cost)
