"""Step by step: probabilities against frequencies, nobody sees ahead, and both ways of a fork are learned."""

import pytest
import torch
from torch import Tensor

from drive.features.vectors import vector_scene
from drive.planning.energy.autoregressive import (
    ACCELERATIONS_MPS2,
    LATERAL_MPS2,
    AutoregressiveEnergy,
    next_entries,
)
from drive.planning.energy.network import Around, EnergyConfig
from sim import trees
from tests.drive.scenes import toy_examples

STEPS = len(ACCELERATIONS_MPS2) * len(LATERAL_MPS2)


def _asked(points: int) -> tuple[AutoregressiveEnergy, Around]:
    torch.manual_seed(0)
    config = EnergyConfig(width=8, heads=2, pair_width=4, encoder_layers=1, points=points)
    network = AutoregressiveEnergy(config)
    scene = vector_scene(trees.take(toy_examples(), torch.tensor([0, 4])).observation)
    return network, network.around(scene)


def test_steps_by_hand() -> None:
    entry = next_entries(torch.tensor([[[1.0, 2.0, torch.pi / 2, 10.0]]]), 0.5)[0, 0]
    # Steady, straight on to the north.
    torch.testing.assert_close(
        entry[3 * 7 + 3], torch.tensor([1.0, 7.0, torch.pi / 2, 10.0, 0.0]), rtol=0, atol=1e-5
    )
    # Braking with 4 m/s2 at 3 m/s2 to the left: 4.5 m of a circle of 100 / 3 m.
    turn = 4.5 * 0.03
    place = torch.tensor([1.0 - 4.5 * turn / 2, 2.0 + 4.5, torch.pi / 2 + turn, 8.0, 0.03])
    torch.testing.assert_close(entry[6], place, rtol=0, atol=0.02)
    stands = next_entries(torch.zeros(1, 1, 4), 0.5)[0, 0, : 4 * 7]
    assert (stands[:, :4] == 0).all()


def test_nobody_sees_ahead() -> None:
    network, around = _asked(5)
    trajectory, _ = network.sample(around, 3, torch.Generator().manual_seed(0))
    other = trajectory.clone()
    other[:, :, 3:] += 1.0
    here, there = network.by_instant(around, trajectory), network.by_instant(around, other)
    torch.testing.assert_close(here[..., :3], there[..., :3])
    assert not torch.isclose(here[..., 3:], there[..., 3:]).any()
    # But what went before counts, beyond the speed of the last instant.
    other = trajectory.clone()
    other[:, :, 0] += 1.0
    there = network.by_instant(around, other)
    assert not torch.isclose(here[..., 2:], there[..., 2:], atol=1e-6).any()


def _both_steps(network: AutoregressiveEnergy, around: Around) -> Tensor:
    """log p of all pairs of steps `[b c c]`."""
    nothing = torch.zeros(2, 1, 0, 5)
    first, log_first = network.following(around, nothing)
    done = first.transpose(1, 2)
    return log_first[:, 0].unsqueeze(2) + network.following(around, done)[1]


def test_draws_are_as_frequent_as_they_are_probable() -> None:
    network, around = _asked(2)
    *_, weight, _bias = network.energy.parameters()
    torch.nn.init.normal_(weight, std=10.0)
    with torch.no_grad():
        joint = _both_steps(network, around).exp()
    torch.testing.assert_close(joint.sum(dim=(1, 2)), torch.ones(2))
    drawn, log_probability = network.sample(around, 1500, torch.Generator().manual_seed(0))
    # Where the second step ends says which pair it was.
    first, _ = network.following(around, torch.zeros(2, 1, 0, 5))
    second, _ = network.following(around, first.transpose(1, 2))
    expected = (joint.unsqueeze(-1) * second[..., :2]).sum(dim=(1, 2))
    spread = (joint.unsqueeze(-1) * second[..., :2].square()).sum(dim=(1, 2)) - expected.square()
    error = (drawn[:, :, 1, :2].mean(dim=1) - expected).abs()
    assert (error < 4.0 * (spread / 1500).sqrt()).all()
    # The mean of log p over draws is minus the entropy.
    entropy = -(joint * joint.log()).sum(dim=(1, 2))
    torch.testing.assert_close(-log_probability.mean(dim=1), entropy, rtol=0, atol=0.15)
    assert (
        expected[0] - second[0, ..., :2].mean(dim=(0, 1))
    ).norm() > 0.3  # they are not all alike


def test_the_likelihood_is_of_the_nearest_steps() -> None:
    network, around = _asked(2)
    drawn, log_probability = network.sample(around, 1, torch.Generator().manual_seed(1))
    found = network.log_probability(around, drawn[:, 0, :, :2])
    torch.testing.assert_close(found, log_probability[:, 0])


def test_both_ways_of_a_fork_are_learned() -> None:
    """Half of the experts turn left, half of them right: half of the draws do, and none goes between."""
    network, around = _asked(3)
    around = trees.map_tensors(lambda t: t[:1].detach().expand(2, *t.shape[1:]), around)
    side = torch.tensor([6, 0])  # at constant speed, hard to the left and to the right
    state = torch.zeros(2, 1, 4)
    state[..., 3] = around.speed_mps.unsqueeze(1)
    way = []
    for _ in range(3):
        entry = next_entries(state, 0.5)[torch.arange(2), 0, 3 * 7 + side]
        way.append(entry[:, :2])
        state = entry[:, None, :4]
    shown = torch.stack(way, dim=1)
    optimizer = torch.optim.Adam(network.parameters(), 3e-2)
    for _ in range(110):
        optimizer.zero_grad()
        loss = -network.log_probability(around, shown).mean()
        loss.backward()
        optimizer.step()
    assert loss.item() < 1.0  # at best log 2
    drawn, _ = network.sample(around, 200, torch.Generator().manual_seed(0))
    gap = (drawn[0, :, None, :, :2] - shown).norm(dim=-1).amax(dim=-1)
    near = (gap < 0.2).float().mean(dim=0)
    assert near.sum() > 0.8
    assert near.tolist() == pytest.approx([0.5, 0.5], abs=0.15)


def test_steps_are_as_likely_as_the_energies_of_whole_trajectories_say() -> None:
    """`following` looks at the new entries alone; `by_instant` at all of each longer trajectory."""
    network, around = _asked(5)
    done, _ = network.sample(around, 3, torch.Generator().manual_seed(0))
    for t in (0, 3):
        entry, log_probability = network.following(around, done[:, :, :t])
        begun = done[:, :, None, :t].expand(-1, -1, STEPS, -1, -1)
        longer = torch.cat((begun, entry.unsqueeze(3)), dim=3).flatten(1, 2)
        energy = network.by_instant(around, longer)[..., -1].unflatten(1, (3, STEPS))
        torch.testing.assert_close(log_probability, torch.log_softmax(-energy, dim=2))
