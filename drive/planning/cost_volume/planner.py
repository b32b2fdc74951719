"""The planners over a cost volume: the cheapest of sampled candidates, or the cheapest path of all."""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from drive.features.example import ExampleSpec
from drive.features.sweeps import SweepMemory, lidar_scene, without_tracks
from drive.features.vectors import observed_scene
from drive.networks.weights import DEFAULT, load_network
from drive.planning.candidates import DT_S, Candidates
from drive.planning.cost_volume.network import CostVolumeNetwork
from drive.planning.cost_volume.paths import cheapest_positions
from drive.planning.costs.volume import CostVolume
from drive.planning.forecaster import Forecaster
from drive.planning.foretold_planner import ForetoldPlanner
from drive.planning.oncoming import without_wrong_way
from drive.planning.rated import Rated
from drive.planning.trajectories import trajectory_of
from sim.errors import InputError
from sim.interface import Observation, Occupancy


class CostVolumePlanner(ForetoldPlanner):
    """NMP's planner (Zeng et al. 2019): the candidate along which the volume's costs sum up to least.

    With weights that see lidar it looks at nobody's track.
    """

    cost: CostVolumeNetwork

    def __init__(self, weights: str = DEFAULT, forecaster: Forecaster | None = None) -> None:
        network, _ = load_network(CostVolumeNetwork, weights)
        super().__init__(network, forecaster, network.config.grid)
        self._sweeps = None
        if network.config.sensors == "lidar":
            if forecaster is not None:
                raise InputError(
                    f"--forecast: of tracks, but {weights} sees lidar and foresees by it"
                )
            self.needs = ExampleSpec(map=True, sweeps=True).needs()
            self._sweeps = SweepMemory()

    def rated(self, observation: Observation) -> Rated:
        """By what they cost where the others may be, as foretold from tracks or from lidar."""
        if self._sweeps is None:
            return super().rated(observation)
        scene = lidar_scene(observation, self._sweeps.look(observation))
        occupancy = self.cost.foreseen(scene)
        volume = self.cost(scene, occupancy)
        shown = Occupancy(occupancy, self._grid, DT_S)
        return replace(self.cheapest(without_tracks(observation), volume), occupancy=shown)

    def priced(self, observation: Observation, occupancy: Float[Tensor, "b t x y"]) -> Rated:
        """By a volume over tracks."""
        return self.cheapest(observation, self.cost(observed_scene(observation), occupancy))

    def cheapest(self, observation: Observation, volume: CostVolume) -> Rated:
        """What a sampler proposes, by the sums along it."""
        candidates = without_wrong_way(observation, self.sampler(observation))
        along = volume.along(candidates.trajectory, observation.ego.size_m)
        return Rated(candidates, along.sum(dim=2), _by_instant(along, volume.dt_s), volume=volume)


class CheapestPathPlanner(CostVolumePlanner):
    """The exact alternative to samples: dynamic programming over places, on a coarse lattice.

    It knows of the car only how fast it may change its velocity and turn; and it likes speeds that are
    whole steps of the lattice, multiples of 3.2 m/s, better than those between.
    """

    def cheapest(self, observation: Observation, volume: CostVolume) -> Rated:
        """The cheapest path alone."""
        position_m, cost = cheapest_positions(volume, observation)
        trajectory = trajectory_of(position_m, observation.ego).unsqueeze(1)
        alone = Candidates(trajectory, torch.isfinite(cost).unsqueeze(1))
        return Rated(alone, cost.unsqueeze(1), volume=volume)


def _by_instant(along: Float[Tensor, "b k t"], dt_s: float) -> dict[str, Float[Tensor, "b k"]]:
    """What each instant adds to the cost, by its time from now."""
    return {f"in {dt_s * (k + 1):.1f} s": cost for k, cost in enumerate(along.unbind(2))}
