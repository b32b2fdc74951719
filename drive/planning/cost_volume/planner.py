"""The planners over a cost volume: the cheapest of sampled candidates, or the cheapest path of all."""

import torch
from jaxtyping import Float
from torch import Tensor

from drive.features.vectors import observed_scene
from drive.networks.weights import DEFAULT, load_network
from drive.planning.candidates import Candidates
from drive.planning.cost_volume.network import CostVolumeNetwork
from drive.planning.cost_volume.paths import cheapest_positions
from drive.planning.forecaster import Forecaster
from drive.planning.foretold_planner import ForetoldPlanner
from drive.planning.rated import Rated
from drive.planning.trajectories import trajectory_of
from sim.interface import Observation


class CostVolumePlanner(ForetoldPlanner):
    """NMP's planner (Zeng et al. 2019): the candidate along which the volume's costs sum up to least."""

    def __init__(self, weights: str = DEFAULT, forecaster: Forecaster | None = None) -> None:
        network, _ = load_network(CostVolumeNetwork, weights)
        super().__init__(network, forecaster, network.config.grid)

    def priced(self, observation: Observation, occupancy: Float[Tensor, "b t x y"]) -> Rated:
        """What a sampler proposes, by the sums along it."""
        candidates = self._sampler(observation)
        volume = self.cost(observed_scene(observation), occupancy)
        along = volume.along(candidates.trajectory, observation.ego.size_m)
        return Rated(candidates, along.sum(dim=2), _by_instant(along, volume.dt_s), volume=volume)


class CheapestPathPlanner(CostVolumePlanner):
    """The exact alternative to samples: dynamic programming over places, on a coarse lattice.

    It knows of the car only how fast it may change its velocity and turn; and it likes speeds that are
    whole steps of the lattice, multiples of 3.2 m/s, better than those between.
    """

    def priced(self, observation: Observation, occupancy: Float[Tensor, "b t x y"]) -> Rated:
        """The cheapest path alone."""
        volume = self.cost(observed_scene(observation), occupancy)
        position_m, cost = cheapest_positions(volume, observation)
        trajectory = trajectory_of(position_m, observation.ego).unsqueeze(1)
        alone = Candidates(trajectory, torch.isfinite(cost).unsqueeze(1))
        return Rated(alone, cost.unsqueeze(1), volume=volume)


def _by_instant(along: Float[Tensor, "b k t"], dt_s: float) -> dict[str, Float[Tensor, "b k"]]:
    """What each instant adds to the cost, by its time from now."""
    return {f"in {dt_s * (k + 1):.1f} s": cost for k, cost in enumerate(along.unbind(2))}
