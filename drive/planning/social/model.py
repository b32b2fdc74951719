"""`SocialModel`: the networks that reason about everybody together, and what they think of an observation."""

from dataclasses import dataclass

import torch

from drive.networks.weights import DEFAULT, load_network
from drive.planning.interpretable.network import InterpretableCost
from drive.planning.social.network import SocialEnergy
from drive.planning.social.reasoning import Reasoning
from drive.planning.social.setting import Setting
from drive.prediction.joint import JointPredictor
from sim.interface import Observation


@dataclass(frozen=True)
class Thought:
    """What is looked at, and what everybody may do."""

    setting: Setting
    reasoning: Reasoning


@dataclass(frozen=True)
class SocialModel:
    """A joint forecast, energies of everybody's trajectories, what the ego's cost apart from the others."""

    predictor: JointPredictor
    network: SocialEnergy
    cost: InterpretableCost

    @staticmethod
    def of(network: SocialEnergy, predictor: JointPredictor | None = None) -> "SocialModel":
        """With the shipped cost, and the shipped forecast where no other is given."""
        predictor = predictor or load_network(JointPredictor, DEFAULT)[0]
        return SocialModel(predictor, network, load_network(InterpretableCost, DEFAULT)[0])

    def to(self, device: torch.device) -> None:
        """Move the networks."""
        for network in (self.predictor, self.network, self.cost):
            network.to(device)

    @torch.no_grad()
    def think(self, observation: Observation) -> Thought:
        """Of what the ego sees."""
        setting = Setting.of(self.predictor, self.cost, observation)
        reasoning = Reasoning.of(self.network, setting.around, setting.scene, setting.ego_cost)
        return Thought(setting, reasoning)
