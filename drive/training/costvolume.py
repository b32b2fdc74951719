"""Task costvolume: what it costs to be in a cell at an instant, by max-margin (NMP, Zeng et al. 2019)."""

from dataclasses import asdict, fields, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from drive.features.example import Example
from drive.features.sweeps import seen_scene
from drive.features.vectors import VectorScene
from drive.networks.weights import load_network
from drive.planning.candidates import Candidates
from drive.planning.cost_volume.network import CostVolumeConfig, CostVolumeNetwork
from drive.planning.costs.footprint import look_up
from drive.planning.costs.foretold import GRID
from drive.planning.costs.lane_distance import lane_distances_m
from drive.planning.costs.max_margin import stepwise_margin
from drive.planning.costs.terms import LANE_HALF_M
from drive.planning.costs.volume import CostVolume
from drive.planning.experts import demonstration
from drive.planning.foretold_planner import ahead
from drive.planning.samplers.curves import CurveSampler
from drive.planning.samplers.frenet import FrenetSampler
from drive.prediction.joint import JointPredictor
from drive.prediction.occupancy import OccupancyPredictor
from drive.training.config import CostVolumeTrainConfig
from drive.training.copycat import without_ego_motion
from drive.training.open_loop import open_loop_figures
from drive.training.task import Task
from drive.training.terms import collides
from sim.errors import InputError
from sim.interface import Observation


class CostVolumeTask(Task):
    """Trains a `CostVolumeNetwork` on a frozen forecast: a joint one of tracks, or occupancy from lidar."""

    quality = "collides_3s"
    config: CostVolumeTrainConfig
    network: CostVolumeNetwork

    def __init__(self, config: CostVolumeTrainConfig) -> None:
        super().__init__(config)
        self._predictor: list[JointPredictor] = []  # a list: it is not trained, and not saved
        if config.sensors == "tracks":
            self._predictor.append(load_network(JointPredictor, config.forecast)[0])
        self._sampler = FrenetSampler()
        self._curves = CurveSampler(config.candidates, config.random_speeds)

    @staticmethod
    def make_network(config: CostVolumeTrainConfig) -> CostVolumeNetwork:
        """Untrained: the cost of running into somebody. From lidar with the weights that foretell where."""
        names = {f.name for f in fields(CostVolumeConfig)} & {f.name for f in fields(config)}
        sizes = CostVolumeConfig(**{name: getattr(config, name) for name in names})
        if config.sensors == "tracks":
            return CostVolumeNetwork(sizes)
        foresight, _ = load_network(OccupancyPredictor, config.forecast)
        if foresight.config.sensors != config.sensors:
            told = (
                f"sees {foresight.config.sensors}: bevdrive train occupancy --sensors lidar first"
            )
            raise InputError(f"--forecast {config.forecast}: {told}")
        network = CostVolumeNetwork(replace(sizes, occupancy=asdict(foresight.config)))
        assert network.foresight is not None
        network.foresight.load_state_dict(foresight.state_dict())
        return network

    def losses(self, example: Example, generator: torch.Generator) -> dict[str, Tensor]:
        """`loss`: by how much a candidate costs too little; of the examples recorded to their end."""
        driven, there = demonstration(example)
        observation = example.observation
        negatives = self._negatives(observation, generator)
        hidden = torch.rand(len(driven), generator=generator) < self.config.mask_motion
        volume = self._volume(example, hidden.to(driven.device))
        size_m = observation.ego.size_m
        loss = stepwise_margin(
            volume.along(driven.unsqueeze(1), size_m)[:, 0],
            volume.along(negatives.trajectory, size_m),
            self._margin(example, negatives, driven),
            negatives.valid,
            self.config.relu_inside,
        )
        return {"loss": (loss * there).sum() / there.sum().clamp(min=1)}

    def figures(self, example: Example) -> dict[str, tuple[Tensor, Tensor]]:
        """Of the candidate of least cost, in open loop."""
        driven, there = demonstration(example)
        observation = example.observation
        candidates = self._sampler(observation)
        volume = self._volume(example, torch.zeros_like(there, dtype=torch.bool))
        cost = volume.along(candidates.trajectory, observation.ego.size_m).sum(dim=2)
        best = torch.where(candidates.valid, cost, torch.inf).argmin(dim=1, keepdim=True)
        return open_loop_figures(example, candidates.take(best).trajectory[:, 0], driven, there)

    def _volume(self, example: Example, hidden: Bool[Tensor, " b"]) -> CostVolume:
        """Of the scene, with where others may be; the ego's own motion is `hidden` in some."""
        observation = example.observation
        scene = seen_scene(observation, example.sweeps, self.network.config.sensors)
        foretold = self._foretold(observation, scene)
        return self.network(without_ego_motion(scene, hidden), foretold)

    @torch.no_grad()
    def _foretold(self, observation: Observation, scene: VectorScene) -> Float[Tensor, "b t x y"]:
        """Where others may be, by the frozen forecast, which sees the ego's motion."""
        if self.network.foresight is not None:
            return self.network.foreseen(scene)
        predictor = self._predictor[0].to(scene.agent_pose.device)
        return ahead(predictor, observation, self.network.config.grid)[1]

    @torch.no_grad()
    def _negatives(self, observation: Observation, generator: torch.Generator) -> Candidates:
        """As many of each sampler's, drawn anew; those along the route from the valid ones first."""
        device = observation.ego.speed_mps.device
        seed = int(torch.randint(2**62, (), generator=generator))
        own = torch.Generator(device).manual_seed(seed)
        along_route = self._sampler(observation)
        lot = torch.rand(along_route.valid.shape, generator=own, device=device)
        number = min(self.config.candidates, along_route.num)
        drawn = (lot + along_route.valid).topk(number, dim=1).indices
        return Candidates.joined((along_route.take(drawn), self._curves(observation, own)))

    @torch.no_grad()
    def _margin(
        self, example: Example, candidates: Candidates, driven: Float[Tensor, "b t 5"]
    ) -> Float[Tensor, "b k t"]:
        """d + gamma (NMP, eq. 3): how far from what was driven, and what is against the rules."""
        gap_m = candidates.trajectory[..., :2] - driven[:, None, :, :2]
        off = off_lanes(example.observation, candidates)
        return (
            self.config.distance_margin * gap_m.norm(dim=-1)
            + self.config.harm_margin * collides(example, candidates)
            + self.config.rule_margin * off
        )


def off_lanes(observation: Observation, candidates: Candidates) -> Float[Tensor, "b k t"]:
    """1 where the middle of the ego is farther than `LANE_HALF_M` from that of every lane.

    Beyond what the planners look at nothing is said: 0.
    """
    grid, instants = GRID.coarse(2), candidates.trajectory.shape[2]
    far = lane_distances_m(observation, grid)[:, :1] > LANE_HALF_M
    volume = far.to(candidates.trajectory.dtype).expand(-1, instants, -1, -1)
    middle_m = torch.zeros_like(observation.ego.size_m).unsqueeze(1)
    return look_up(volume, grid, candidates.trajectory, middle_m).squeeze(3)
