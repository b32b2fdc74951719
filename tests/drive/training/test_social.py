"""Task social: who did what, by hand; losses that reach every weight; a training that drives."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from drive.networks.weights import load_network
from drive.planning.candidates import POINTS
from drive.planning.social.network import SocialEnergy
from drive.planning.social.planner import SocialPlanner
from drive.planning.social.samples import SLOWER_MPS2, Samples
from drive.training.config import SocialTrainConfig
from drive.training.social import SocialTask, nearest
from tests.drive.planning.social.test_samples import straight_on
from tests.drive.scenes import toy_examples, toy_store

pytest.importorskip("lightning")
CONFIG = SocialTrainConfig(data=("x",), hidden=8, pair_hidden=4)


def test_the_nearest_samples_are_those_of_what_was_done() -> None:
    example = toy_examples()
    observation = example.observation
    forecast = straight_on(observation)
    samples = Samples.of(observation, forecast)
    near, there = nearest(example, samples)
    # Everybody holds its speed: what is foretold, unchanged, in both futures.
    profiles = len(SLOWER_MPS2) + 2
    for world, actor in there.nonzero().tolist():
        assert near[world, actor, 0]
        assert near[world, actor, profiles]
        far = SLOWER_MPS2.index(-5.0)
        stands = observation.agents.velocity_mps[world, samples.agent[world, actor]].norm() < 0.1
        assert stands or not near[world, actor, far]
    known = example.future.valid[:, 1:, :POINTS].all(dim=2) & observation.agents.valid
    assert int(there.sum()) == int(known.sum())


def test_losses_have_gradients_in_every_weight_and_fall() -> None:
    torch.manual_seed(0)
    task, example = SocialTask(CONFIG), toy_examples()
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(task.network.parameters(), lr=0.03)
    first = float(task.losses(example, generator)["loss"])
    for step in range(8):
        losses = task.losses(example, generator)
        optimizer.zero_grad()
        losses["loss"].backward()
        if step == 0:
            last_layers = dict(task.network.named_parameters())
            for name in (
                "think.2.weight", "of_pair.2.weight", "of_heed.2.weight", "prior", "log_ego",
                "log_of_others",
            ):  # fmt: skip
                gradient = last_layers[name].grad
                assert gradient is not None
                assert gradient.abs().sum() > 0.0, name
        optimizer.step()
    assert float(task.losses(example, generator)["loss"]) < 0.95 * first


def test_of_an_ego_that_is_no_example_only_what_the_others_did_is_learned() -> None:
    torch.manual_seed(0)
    task, example = SocialTask(replace(CONFIG, others_only=True)), toy_examples()
    losses = task.losses(example, torch.Generator().manual_seed(0))
    assert "margin" not in losses and "nll_ego" not in losses
    losses["loss"].backward()
    told = {name: value.grad for name, value in task.network.named_parameters()}
    assert told["log_ego"] is None and told["log_of_others"] is None
    heeds = told["of_heed.2.weight"]
    assert heeds is not None and heeds.abs().sum() > 0.0


def test_it_is_trained_and_drives(tmp_path: Path) -> None:
    from drive.training.fit import fit

    store = toy_store(tmp_path / "store").folders[0]
    config = SocialTrainConfig(
        data=(str(store),), hidden=8, pair_hidden=4, steps=2, steps_per_epoch=1, batch_size=3,
        val_every=2, accelerator="cpu",
    )  # fmt: skip
    figures = fit("social", config, tmp_path / "run")
    assert figures["val/nll_social"] > 0.0
    network, card = load_network(SocialEnergy, str(tmp_path / "run"))
    assert card.task == "social"
    assert network.config.hidden == 8
    plan = SocialPlanner(str(tmp_path / "run")).plan(toy_examples().observation)
    assert plan.trajectory.shape == (5, POINTS, 5)
