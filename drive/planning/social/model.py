"""`SocialModel`: the networks that reason about everybody together, and what they think of an observation."""

from dataclasses import dataclass

import torch

from drive.networks.weights import DEFAULT, load_network
from drive.planning.futures import Outlook
from drive.planning.interpretable.network import InterpretableCost
from drive.planning.social.network import SocialEnergy
from drive.planning.social.reasoning import Reasoning
from drive.planning.social.scene import Around
from drive.planning.social.setting import Setting
from drive.planning.social.shortlist import Shortlist
from drive.prediction.joint import JointPredictor
from sim.interface import Observation


@dataclass(frozen=True)
class Thought:
    """What is foretold, the candidates that are left, and what everybody may do."""

    around: Around
    outlook: Outlook
    short: Shortlist
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
        return Thought(setting.around, setting.outlook, setting.short, reasoning)
