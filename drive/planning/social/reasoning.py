"""`Reasoning`: what everybody is likely to do, by three ways to reckon with one another."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from drive.planning.social.belief import Beliefs, propagate
from drive.planning.social.network import SocialEnergy
from drive.planning.social.scene import Around, SocialScene
from sim.scenario import EGO

MODES = ("nonsocial", "social", "reactive")
"""`nonsocial`: each by itself, as if nobody looked at anybody; `social`: by their marginals, where all look
at one another and at the ego; `reactive`: by what they do if the ego does this (Liu et al. 2021), but for a
share, learned from where they are to one another, who do not look at the ego"""
_NEVER = 1e3  # an energy of what cannot be: exp(-1e3) is 0


@dataclass(frozen=True)
class Reasoning:
    """Messages about a scene, and what is believed because of them."""

    scene: SocialScene
    beliefs: Beliefs
    heedless: Float[Tensor, " e"]  # how likely those who can meet the ego do not look at it

    @staticmethod
    def of(
        network: SocialEnergy,
        around: Around,
        scene: SocialScene,
        ego_cost: Float[Tensor, "b k"],
    ) -> "Reasoning":
        """`ego_cost`: what the ego's candidates cost apart from the others."""
        samples, row = scene.samples, torch.arange(len(ego_cost), device=ego_cost.device)
        token = around.token[row.unsqueeze(1), samples.agent + 1]
        others = network.unary(token, samples, around.lane_m)
        unary = torch.cat((network.ego_unary(ego_cost).unsqueeze(1), others), dim=1)
        unary = torch.where(scene.valid, unary, _NEVER)
        tokens = torch.cat((around.token[:, EGO : EGO + 1], token), dim=1)
        now = torch.nn.functional.pad(samples.now, (0, 0, 1, 0))  # the ego's is 0
        collision = network.collision(tokens, now, scene.pairs)
        beliefs = propagate(unary, scene.energies(collision))
        pairs, those = scene.pairs, scene.with_ego
        heedless = network.heedless(tokens, now, pairs.world[those], pairs.second[those])
        return Reasoning(scene, beliefs, heedless)

    def log_others(self, mode: str) -> Float[Tensor, "b n k"]:
        """How likely each does each by itself; in mode reactive as in social: no plan is given."""
        if mode == "nonsocial":
            return torch.log_softmax(-self.beliefs.unary[:, 1:], dim=2)
        return self.beliefs.log_marginals()[:, 1:]

    def log_ego(self) -> Float[Tensor, "b k"]:
        """How likely the others find each of the ego's candidates."""
        return self.beliefs.log_marginals()[:, EGO]

    def log_beside_ego(self, mode: str) -> Float[Tensor, "e k k"]:
        """How likely those who can meet the ego do each, if the ego does this."""
        which = self.scene.with_ego
        if mode == "reactive":
            heedless = self.heedless[:, None, None]
            heeds = torch.log1p(-heedless) + self.beliefs.log_second_given_first(which)
            alone = torch.log(heedless) + self.beliefs.log_second_alone(which).unsqueeze(1)
            return torch.logaddexp(heeds, alone)
        pairs = self.scene.pairs
        each = self.log_others(mode)[pairs.world[which], pairs.second[which] - 1]
        return each.unsqueeze(1).expand(-1, each.shape[1], -1)

    def log_given(self, mode: str, plan: Int[Tensor, " b"]) -> Float[Tensor, "b n k"]:
        """How likely each of the others does each, if the ego does its candidate `plan`."""
        scene = self.scene
        world, actor = scene.pairs.world[scene.with_ego], scene.pairs.second[scene.with_ego] - 1
        row = torch.arange(len(world), device=plan.device)
        beside = self.log_beside_ego(mode)[row, plan[world]]
        return self.log_others(mode).index_put((world, actor), beside)

    def collisions_given(self, mode: str, plan: Int[Tensor, " b"]) -> Float[Tensor, "b n"]:
        """How likely the ego runs into each of the others with its candidate `plan`."""
        scene = self.scene
        world, actor = scene.pairs.world[scene.with_ego], scene.pairs.second[scene.with_ego] - 1
        row = torch.arange(len(world), device=plan.device)
        p = self.log_beside_ego(mode)[row, plan[world]].exp()
        hit = (p * scene.overlap[scene.with_ego, plan[world]]).sum(dim=1)
        return hit.new_zeros(scene.samples.there.shape).index_put((world, actor), hit)

    def expected_harm(self, mode: str) -> Float[Tensor, "b k s"]:
        """The terms of `OF_OTHERS` of each of the ego's candidates."""
        return self._expected(self.scene.harm, mode)

    def expected_collisions(self, mode: str) -> Float[Tensor, "b k"]:
        """How many road users each of the ego's candidates is expected to run into."""
        scene = self.scene
        return self._expected(scene.overlap[scene.with_ego].unsqueeze(-1), mode).squeeze(-1)

    def _expected(self, value: Float[Tensor, "e k k s"], mode: str) -> Float[Tensor, "b k s"]:
        """Over what the others do, summed over them."""
        scene = self.scene
        mean = torch.einsum("ekl,ekls->eks", self.log_beside_ego(mode).exp(), value)
        sums = mean.new_zeros(len(scene.valid), *mean.shape[1:])
        return sums.index_add(0, scene.pairs.world[scene.with_ego], mean)
