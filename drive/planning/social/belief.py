"""Belief propagation over everybody's trajectories: who does what, given that all of them do something.

p(y) is proportional to exp(-sum_i E_i(y_i) - sum_{i<j} E_ij(y_i, y_j)), each unordered pair counted once
(DSDNet, Zeng et al. 2020, section 3.2). Exact on trees; on loops an approximation (Yedidia et al. 2003).
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

_LEAST = 1e-30  # of what a message is the logarithm of


@dataclass(frozen=True)
class PairEnergies:
    """P pairs of road users of one world each: of `first`, whose samples are rows, and `second`."""

    world: Int[Tensor, " p"]
    first: Int[Tensor, " p"]
    second: Int[Tensor, " p"]
    energy: Float[Tensor, "p k l"]

    def nodes(self, num: int) -> tuple[Int[Tensor, " q"], Int[Tensor, " q"]]:
        """Whom each message is from, and to: from the first ones of all pairs, then from the second ones."""
        first, second = self.world * num + self.first, self.world * num + self.second
        return torch.cat((first, second)), torch.cat((second, first))


@dataclass(frozen=True)
class Beliefs:
    """What messages say: `to_second` of each pair's first one to its second one, and back.

    `residual`: by how much any message's probability still changed in each world, at last.
    """

    unary: Float[Tensor, "b n k"]
    pairs: PairEnergies
    to_second: Float[Tensor, "p k"]
    to_first: Float[Tensor, "p k"]
    residual: Float[Tensor, " b"]

    def log_marginals(self) -> Float[Tensor, "b n k"]:
        """Of each by itself; of max-product: of the best that all can do with it, up to a constant."""
        return torch.log_softmax(self._said() - self.unary, dim=2)

    def best(self) -> Int[Tensor, "b n"]:
        """After max-product: the trajectory of each in the likeliest whole, where that is unique."""
        return (self._said() - self.unary).argmax(dim=2)

    def log_second_given_first(self, which: Int[Tensor, " q"]) -> Float[Tensor, "q k k"]:
        """What the second of each of these pairs does, if the first one does this: rows sum to 1."""
        told = self._told_by_others(which).unsqueeze(1)
        return torch.log_softmax(told - self.pairs.energy[which], dim=2)

    def log_second_alone(self, which: Int[Tensor, " q"]) -> Float[Tensor, "q k"]:
        """What the second of each of these pairs does, if it does not look at the first one."""
        return torch.log_softmax(self._told_by_others(which), dim=1)

    def _told_by_others(self, which: Int[Tensor, " q"]) -> Float[Tensor, "q k"]:
        """All that the second is told but by the first."""
        world, second = self.pairs.world[which], self.pairs.second[which]
        return (self._said() - self.unary)[world, second] - self.to_second[which]

    def _said(self) -> Float[Tensor, "b n k"]:
        """All that each is told."""
        return _sums(self.unary, self.pairs, torch.cat((self.to_second, self.to_first)))


def propagate(
    unary: Float[Tensor, "b n k"],
    pairs: PairEnergies,
    iterations: int = 12,
    damping: float = 0.3,
    most: bool = False,
) -> Beliefs:
    """Messages after so many rounds, all at once in each (flooding); `damping`: what stays of the old ones.

    Sum-product, or with `most` max-product. What cannot be has a large unary energy, no infinite one.
    """
    of, _ = pairs.nodes(unary.shape[1])
    half = len(pairs.world)
    message = unary.new_zeros(2 * half, unary.shape[2])
    change = torch.zeros_like(message[:, 0])
    passes = torch.exp(-pairs.energy)
    for _ in range(iterations):
        told = (_sums(unary, pairs, message) - unary).flatten(0, 1)[of]
        back = torch.cat((message[half:], message[:half]))
        cavity = told - back
        new = _maximum(cavity, pairs.energy) if most else _sum(cavity, passes)
        new = (1.0 - damping) * new + damping * message
        new = new - torch.logsumexp(new, dim=1, keepdim=True)
        change = (new.exp() - message.softmax(dim=1)).abs().amax(dim=1).detach()
        message = new
    residual = unary.new_zeros(len(unary)).scatter_reduce(
        0, pairs.world.repeat(2), change, "amax", include_self=True
    )
    return Beliefs(unary, pairs, message[:half], message[half:], residual)


def _sums(
    unary: Float[Tensor, "b n k"], pairs: PairEnergies, message: Float[Tensor, "q k"]
) -> Float[Tensor, "b n k"]:
    """Of the messages to each."""
    _, to = pairs.nodes(unary.shape[1])
    sums = torch.zeros_like(unary).flatten(0, 1).index_add(0, to, message)
    return sums.unflatten(0, unary.shape[:2])


def _sum(cavity: Float[Tensor, "q k"], passes: Float[Tensor, "p k k"]) -> Float[Tensor, "q k"]:
    """log sum_s exp(cavity(s) - E(s, .)), as matrix products of what is at most 1."""
    half = len(passes)
    greatest = cavity.amax(dim=1, keepdim=True)
    share = torch.exp(cavity - greatest)
    there = torch.einsum("pk,pkl->pl", share[:half], passes)
    back = torch.einsum("pl,pkl->pk", share[half:], passes)
    return torch.cat((there, back)).clamp(min=_LEAST).log() + greatest


def _maximum(cavity: Float[Tensor, "q k"], energy: Float[Tensor, "p k k"]) -> Float[Tensor, "q k"]:
    """max_s [cavity(s) - E(s, .)]."""
    half = len(energy)
    there = (cavity[:half, :, None] - energy).amax(dim=1)
    back = (cavity[half:, None, :] - energy).amax(dim=2)
    return torch.cat((there, back))
