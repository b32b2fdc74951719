"""`ImitationPlanner`: drives as it was shown (behaviour cloning), by the most probable way."""

import torch

from drive.features.example import ExampleSpec
from drive.features.vectors import observed_scene
from drive.networks.weights import load_network
from drive.planning.imitation.network import ImitationNetwork
from drive.planning.trajectories import trajectory_of
from sim.interface import Observation, Plan


class ImitationPlanner:
    """One forward pass a plan; it rates nothing, and nothing hinders it from what it was not shown."""

    needs = ExampleSpec().needs()

    def __init__(self, weights: str = "default") -> None:
        """`weights`: `default`, a run folder, or a file; InputError where there are none."""
        self.network, _ = load_network(ImitationNetwork, weights)

    def reset(self, num_worlds: int, device: torch.device, generator: torch.Generator) -> None:
        """To where the worlds are."""
        self.network.to(device)

    @torch.no_grad()
    def plan(self, observation: Observation) -> Plan:
        """The most probable way; beside it all of them, and -log of their probabilities."""
        futures = self.network(observed_scene(observation))
        ways = trajectory_of(futures.position_m.squeeze(2), observation.ego, futures.dt_s)
        cost = -torch.log_softmax(futures.logit.squeeze(2), dim=1)
        row = torch.arange(len(cost), device=cost.device)
        chosen = ways[row, cost.argmin(dim=1)]
        return Plan(chosen, futures.dt_s, candidates=ways[..., :3], costs=cost)
