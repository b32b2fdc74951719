"""Task cover: a set of trajectories that covers the training examples, and which of them each agent takes."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from drive.features.example import Example
from drive.features.store import Store
from drive.features.vectors import vector_scene
from drive.prediction.cover import CoverConfig, CoverPredictor
from drive.prediction.figures import figures_of
from drive.prediction.trajectory_set import greedy_cover, nearest_in_set
from drive.training.config import CoverTrainConfig
from drive.training.order import open_store, split
from drive.training.task import Task
from sim.errors import InputError
from sim.geometry import se2

_READ = 64  # examples at once


class CoverTask(Task):
    """Trains a `CoverPredictor`."""

    quality = "minADE5"
    config: CoverTrainConfig
    network: CoverPredictor

    @staticmethod
    def make_network(config: CoverTrainConfig) -> CoverPredictor:
        """Untrained, with a set made from the training examples: the same whenever it is asked for."""
        store = open_store(config)
        driven_m = _driven(store, split(store, config)[0], config.sampled)
        set_m = driven_m[greedy_cover(driven_m, config.epsilon_m, config.trajectories)]
        network = CoverPredictor(
            CoverConfig(
                width=config.width,
                resolution_m=config.resolution_m,
                num_x=config.num_x,
                num_y=config.num_y,
                trajectories=len(set_m),
                futures=config.futures,
            )
        )
        network.set_m.copy_(set_m)
        return network

    def losses(self, example: Example, generator: torch.Generator) -> dict[str, Tensor]:
        """`loss`: the cross entropy with the trajectory that is nearest to what was driven."""
        scene, valid = vector_scene(example.observation), example.future.valid
        logit = self.network(scene)
        nearest = nearest_in_set(self.network.set_m, _own_futures(example), valid)
        counts = scene.agent_valid & valid.any(dim=2)
        chosen = torch.log_softmax(logit, dim=2).gather(2, nearest.unsqueeze(2)).squeeze(2)
        return {"loss": -(chosen * counts).sum() / counts.sum().clamp(min=1)}

    def figures(self, example: Example) -> dict[str, tuple[Tensor, Tensor]]:
        """Errors of the most probable trajectories."""
        scene = vector_scene(example.observation)
        futures = self.network.futures_of(self.network(scene))
        return figures_of(futures, scene, example, per_agent=True)


def _driven(store: Store, numbers: np.ndarray, count: int) -> Float[Tensor, "k t 2"]:
    """At most `count` trajectories of agents that are there all the time, of examples drawn from these."""
    drawn = np.random.default_rng(0).permutation(numbers)
    found, total = [], 0
    for first in range(0, len(drawn), _READ):
        example = store.read(drawn[first : first + _READ])
        there = example.future.valid.all(dim=2) & vector_scene(example.observation).agent_valid
        found.append(_own_futures(example)[there])
        total += len(found[-1])
        if total >= count:
            break
    if total == 0:
        folders = ", ".join(map(str, store.folders))
        raise InputError(f"{folders}: nobody in it is there for a whole future")
    return torch.cat(found)[:count]


def _own_futures(example: Example) -> Float[Tensor, "b n t 2"]:
    """Positions as seen from where each agent is now."""
    scene = vector_scene(example.observation)
    own = se2.inverse(scene.agent_pose).unsqueeze(2)
    return se2.transform_points(own, example.future.pose[..., :2])
