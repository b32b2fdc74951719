"""`Setting`: what is reasoned about, before anybody reasons: forecast, samples, the ego's candidates."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from drive.planning.candidates import Candidates
from drive.planning.futures import Outlook
from drive.planning.interpretable.network import InterpretableCost
from drive.planning.oncoming import without_wrong_way
from drive.planning.samplers.frenet import FrenetSampler
from drive.planning.social.samples import Samples
from drive.planning.social.scene import Around, SocialScene
from drive.planning.social.shortlist import Shortlist
from drive.prediction.joint import JointPredictor
from sim.interface import Observation


@dataclass(frozen=True)
class Setting:
    """What is foretold, what each of the others may do, the ego's candidates that are left, and what these
    cost apart from the others."""

    around: Around
    outlook: Outlook
    samples: Samples
    short: Shortlist
    scene: SocialScene
    ego_cost: Float[Tensor, "b k"]

    @staticmethod
    @torch.no_grad()
    def of(
        predictor: JointPredictor,
        cost: InterpretableCost,
        observation: Observation,
        own: Candidates | None = None,
    ) -> "Setting":
        """Of what the ego sees; `own`: one that is the first of its candidates in any case."""
        around = Around.of(predictor, observation)
        outlook = Outlook.of(around.forecast, observation.agents)
        samples = Samples.of(observation, around.forecast)
        candidates = without_wrong_way(observation, FrenetSampler()(observation))
        short = Shortlist.of(observation, candidates, outlook, samples, cost, own)
        scene = SocialScene.of(observation, short.candidates, samples)
        return Setting(around, outlook, samples, short, scene, cost.total(short.terms))
