"""`SocialPlanner`: the ego's plan and everybody's futures from one energy (DSDNet, Zeng et al. 2020)."""

from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from drive.features.example import ExampleSpec
from drive.networks.weights import DEFAULT, load_network
from drive.planning.candidates import DT_S, Candidates
from drive.planning.costs.foretold import GRID
from drive.planning.costs.terms import OF_OTHERS
from drive.planning.forecaster import Forecaster, make_forecaster
from drive.planning.interpretable.network import InterpretableCost
from drive.planning.rated import Rated, RatedPlanner
from drive.planning.social.model import SocialModel
from drive.planning.social.network import SocialEnergy
from drive.planning.social.reasoning import MODES, Reasoning
from drive.planning.social.what_if import what_if
from drive.prediction.joint import JointPredictor
from sim.errors import InputError, one_of
from sim.interface import Forecast, Needs, Observation, Occupancy, Plan

_CERTAIN = 0.9  # collisions that are expected of a candidate
_SHOWN = 6  # trajectories of each that viewer and report get


class SocialPlanner(RatedPlanner):
    """Candidates along the route; their safety is what is expected of the others' trajectories."""

    needs: Needs = ExampleSpec(map=True).needs()

    def __init__(
        self,
        weights: str = DEFAULT,
        forecaster: Forecaster | None = None,
        mode: str = "reactive",
    ) -> None:
        """`mode`: one of `MODES`; InputError for another, and for a forecaster that shows no tokens."""
        one_of("--mode", mode, MODES)
        forecaster = forecaster or make_forecaster("joint", DEFAULT)
        if not isinstance(forecaster, JointPredictor):
            raise InputError(
                "social: reckons with a network of task joint, and with no other forecast"
            )
        self.mode = mode
        self.model = SocialModel.of(load_network(SocialEnergy, weights)[0], forecaster)

    def reset(self, num_worlds: int, device: torch.device, generator: torch.Generator) -> None:
        """Move to the device."""
        self.model.to(device)

    def rated(self, observation: Observation) -> Rated:
        """By what they cost, that of the others expected."""
        return self._reasoned(observation)[0]

    @torch.no_grad()
    def plan(self, observation: Observation) -> Plan:
        """The best of them; shown is what the others are expected to do if the ego does that."""
        rated, reasoning = self._reasoned(observation)
        plan = rated.plan(observation)
        told = expected(reasoning, self.mode, _best(rated), observation.agents.valid.shape[1])
        return replace(plan, forecast=told)

    def _reasoned(self, observation: Observation) -> tuple[Rated, Reasoning]:
        thought = self.model.think(observation)
        short, reasoning = thought.setting.short, thought.reasoning
        terms = self.model.cost.weighted(short.terms)
        harm = weighted_harm(self.model.network, self.model.cost, reasoning, self.mode)
        for name, of_others in zip(OF_OTHERS, harm.unbind(-1), strict=True):
            terms[name] = terms[name] + of_others
        collisions = reasoning.expected_collisions(self.mode)
        rated = Rated(
            _spared(short.candidates, collisions),
            torch.stack(list(terms.values())).sum(dim=0),
            terms,
            thought.setting.outlook,
            Occupancy(short.occupancy, GRID, DT_S),
        )
        allowed = rated.candidates.valid & (collisions <= _CERTAIN)
        told = what_if(reasoning, self.mode, allowed, _best(rated))
        return replace(rated, what_if=told), reasoning


def _best(rated: Rated) -> Int[Tensor, " b"]:
    """The candidate that is planned, if any can be driven."""
    return torch.where(rated.candidates.valid, rated.cost, torch.inf).argmin(dim=1)


def weighted_harm(
    network: SocialEnergy, cost: InterpretableCost, reasoning: Reasoning, mode: str
) -> Float[Tensor, "b k s"]:
    """What the others cost the ego's candidates, by the terms of `OF_OTHERS`: what is expected, by the
    weights of the cost, times learned factors."""
    weight = (cost.log_each[: len(OF_OTHERS)] + network.log_of_others).exp()
    return reasoning.expected_harm(mode) * weight


def _spared(candidates: Candidates, collisions: Float[Tensor, "b k"]) -> Candidates:
    """None at all where every one of them collides for certain: then the ego brakes."""
    hopeless = (collisions > _CERTAIN) | ~candidates.valid
    return replace(candidates, valid=candidates.valid & ~hopeless.all(dim=1, keepdim=True))


def expected(reasoning: Reasoning, mode: str, plan: Tensor, num_agents: int) -> Forecast:
    """The likeliest trajectories of each road user, if the ego does candidate `plan`."""
    samples = reasoning.scene.samples
    best, index = reasoning.log_given(mode, plan).exp().topk(_SHOWN, dim=2)
    row = torch.arange(len(plan), device=plan.device)[:, None, None]
    number = torch.arange(samples.there.shape[1], device=plan.device)[None, :, None]
    path = samples.pose[row, number, index][..., :2]
    position = path.new_zeros(len(plan), num_agents, *path.shape[2:])
    probability = best.new_zeros(len(plan), num_agents, _SHOWN)
    there = samples.there[..., None]
    at = samples.agent
    position[row[:, 0], at] = torch.where(there[..., None, None], path, position[row[:, 0], at])
    probability[row[:, 0], at] = torch.where(there, best, 0.0)
    return Forecast(position, probability, DT_S)
