"""Belief propagation against the enumeration of all that everybody can do together."""

import itertools

import pytest
import torch
from torch import Tensor

from drive.planning.social.belief import PairEnergies, propagate

K = 4


def _pairs(edges: list[tuple[int, int, int]], energy: Tensor) -> PairEnergies:
    world, first, second = (torch.tensor(column) for column in zip(*edges, strict=True))
    return PairEnergies(world, first, second, energy)


def _enumerated(unary: Tensor, edges: list[tuple[int, int]], energy: Tensor) -> Tensor:
    """p of each whole of one world, `[K] * N`, by its definition."""
    num = len(unary)
    total = torch.zeros((K,) * num)
    for whole in itertools.product(range(K), repeat=num):
        cost = sum(unary[i, whole[i]] for i in range(num))
        cost = cost + sum(energy[e, whole[i], whole[j]] for e, (i, j) in enumerate(edges))
        total[whole] = torch.exp(-torch.as_tensor(cost))
    return total / total.sum()


def _marginal(whole: Tensor, node: int) -> Tensor:
    return whole.sum(dim=[d for d in range(whole.ndim) if d != node])


CHAIN = [(0, 1), (1, 2), (2, 3)]
TREE = [(0, 1), (0, 2), (0, 3)]
LOOP = [(0, 1), (1, 2), (0, 2)]
SQUARE = [(0, 1), (1, 2), (2, 3), (0, 3)]


def _drawn(
    edges: list[tuple[int, int]], seed: int, strength: float, share: float = 0.3
) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    num = 1 + max(max(edge) for edge in edges)
    unary = torch.randn(num, K, generator=generator)
    collides = torch.rand(len(edges), K, K, generator=generator) < share
    return unary, strength * collides.float()


@pytest.mark.parametrize("edges", [CHAIN, TREE])
def test_marginals_of_trees_are_exact(edges: list[tuple[int, int]]) -> None:
    # Two worlds of one batch: the second one's energies are others, and it is told nothing of the first.
    drawn = [_drawn(edges, seed, 5.0) for seed in (1, 2)]
    unary = torch.stack([one for one, _ in drawn])
    pairs = _pairs([(w, i, j) for w in (0, 1) for i, j in edges], torch.cat([e for _, e in drawn]))
    beliefs = propagate(unary, pairs, iterations=40)
    for world, (own, energy) in enumerate(drawn):
        whole = _enumerated(own, edges, energy)
        for node in range(len(own)):
            told = beliefs.log_marginals()[world, node].exp()
            torch.testing.assert_close(told, _marginal(whole, node), atol=1e-5, rtol=0.0)
    assert (beliefs.residual < 1e-4).all()


@pytest.mark.parametrize("edges", [LOOP, SQUARE])
@pytest.mark.parametrize("seed", range(5))
def test_marginals_of_loops_are_near(edges: list[tuple[int, int]], seed: int) -> None:
    # 0.06 of the trajectories of two road users who can meet do so (interactive scenarios); here 0.15.
    unary, energy = _drawn(edges, seed, 5.0, share=0.15)
    beliefs = propagate(unary.unsqueeze(0), _pairs([(0, i, j) for i, j in edges], energy), 60)
    whole = _enumerated(unary, edges, energy)
    for node in range(len(unary)):
        gap = beliefs.log_marginals()[0, node].exp() - _marginal(whole, node)
        assert gap.abs().max() < 0.02


def test_what_others_do_if_one_does_this() -> None:
    unary, energy = _drawn(CHAIN, 3, 5.0)
    beliefs = propagate(unary.unsqueeze(0), _pairs([(0, i, j) for i, j in CHAIN], energy), 40)
    whole = _enumerated(unary, CHAIN, energy)
    both = whole.sum(dim=(2, 3))  # of nodes 0 and 1
    torch.testing.assert_close(
        beliefs.log_second_given_first(torch.tensor([0]))[0].exp(),
        both / both.sum(dim=1, keepdim=True),
        atol=1e-5,
        rtol=0.0,
    )


def test_what_others_do_if_they_do_not_look() -> None:
    unary, energy = _drawn(CHAIN, 3, 5.0)
    beliefs = propagate(unary.unsqueeze(0), _pairs([(0, i, j) for i, j in CHAIN], energy), 40)
    without = _enumerated(unary, CHAIN[1:], energy[1:])  # node 0 looks at nobody, nobody at it
    torch.testing.assert_close(
        beliefs.log_second_alone(torch.tensor([0]))[0].exp(),
        _marginal(without, CHAIN[0][1]),
        atol=1e-5,
        rtol=0.0,
    )


@pytest.mark.parametrize("edges", [CHAIN, TREE])
def test_max_product_finds_the_likeliest_whole(edges: list[tuple[int, int]]) -> None:
    for seed in range(5):
        unary, energy = _drawn(edges, seed, 5.0)
        beliefs = propagate(
            unary.unsqueeze(0), _pairs([(0, i, j) for i, j in edges], energy), 40, most=True
        )
        whole = _enumerated(unary, edges, energy)
        best = torch.unravel_index(whole.argmax(), whole.shape)
        assert beliefs.best()[0].tolist() == [int(k) for k in best]


def test_nobody_to_look_at_leaves_each_by_itself() -> None:
    unary = torch.randn(2, 3, K)
    none = torch.zeros(0, dtype=torch.long)
    beliefs = propagate(unary, PairEnergies(none, none, none, torch.zeros(0, K, K)))
    torch.testing.assert_close(beliefs.log_marginals(), torch.log_softmax(-unary, dim=2))
    assert (beliefs.residual == 0.0).all()


def test_what_cannot_be_is_never_believed_and_all_may_be_impossible() -> None:
    unary, energy = _drawn(CHAIN, 4, 5.0)
    unary[1, 2] = 1e3
    unary[3] = 1e3  # nobody: a padded row
    beliefs = propagate(unary.unsqueeze(0), _pairs([(0, i, j) for i, j in CHAIN], energy))
    marginal = beliefs.log_marginals().exp()
    assert marginal[0, 1, 2] < 1e-6
    assert torch.isfinite(marginal).all()


def test_the_damping_does_not_move_what_is_converged_to() -> None:
    unary, energy = _drawn(SQUARE, 0, 2.0)
    pairs = _pairs([(0, i, j) for i, j in SQUARE], energy)
    one, other = (propagate(unary.unsqueeze(0), pairs, 200, damping) for damping in (0.1, 0.6))
    torch.testing.assert_close(one.log_marginals(), other.log_marginals(), atol=1e-4, rtol=0.0)


def test_messages_have_gradients_by_finite_differences() -> None:
    unary, energy = _drawn(LOOP, 5, 2.0)
    unary, energy = unary.double().unsqueeze(0), energy.double()
    one = torch.zeros(3, dtype=torch.long)
    first, second = torch.tensor([0, 1, 0]), torch.tensor([1, 2, 2])

    def told(unary: Tensor, energy: Tensor) -> Tensor:
        return propagate(unary, PairEnergies(one, first, second, energy), 6).log_marginals()

    assert torch.autograd.gradcheck(told, (unary.requires_grad_(), energy.requires_grad_()))
