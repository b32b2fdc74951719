"""Figures of the open loop, by hand; what a candidate runs into; and task p3 from data to weights."""

from pathlib import Path

import pytest
import torch

from drive.features.example import Example, make_examples
from drive.networks.weights import load_network
from drive.planning.candidates import DT_S, POINTS, Candidates
from drive.planning.interpretable.network import InterpretableCost
from drive.training.config import InterpretableTrainConfig
from drive.training.open_loop import open_loop_figures
from tests.drive.scenes import SPEC, toy_store
from tests.toy import Car, make_scenario, straight


def _example(*others: Car) -> Example:
    """The first instant, 1 s after the start, of an ego at 10 m/s."""
    cars = [Car(0, 0.0, 0.0, 0.0, 10.0), *others]
    scenario = make_scenario([straight(-50.0, 0.0, 250.0, 0.0)], cars, 7.0)
    return next(iter(make_examples([scenario], SPEC)))


def _straight(y_m: float) -> torch.Tensor:
    """At 10 m/s, aside."""
    plan = torch.zeros(1, POINTS, 5)
    plan[0, :, 0] = 10.0 * DT_S * torch.arange(1, POINTS + 1)
    plan[..., 1], plan[..., 3] = y_m, 10.0
    return plan


def _figures(example: Example, planned: torch.Tensor, there: bool = True) -> dict[str, float]:
    found = open_loop_figures(example, planned, _straight(0.0), torch.tensor([there]))
    assert all(int(count) == int(there) for _, count in found.values())
    return {name: float(total) for name, (total, _) in found.items()}


def test_figures_by_hand() -> None:
    # 21 m ahead at 6 m/s, a second later 17 m: boxes of 4 m meet when 17 - 4 t < 4, from 3.5 s on.
    example = _example(Car(0, 21.0, 0.0, 0.0, 6.0))
    into = _figures(example, _straight(0.0))
    assert into == {
        "collides_1s": 0.0, "collides_2s": 0.0, "collides_3s": 0.0, "collides_5s": 1.0,
        "L2_1s": 0.0, "L2_2s": 0.0, "L2_3s": 0.0, "L2_5s": 0.0,
    }  # fmt: skip
    past = _figures(example, _straight(-3.0))
    assert past["collides_5s"] == 0.0
    assert [past[f"L2_{h}s"] for h in (1, 2, 3, 5)] == pytest.approx([3.0] * 4)
    assert set(_figures(example, _straight(0.0), there=False).values()) == {0.0}


def test_a_collision_goes_on() -> None:
    # 10 m ahead and standing: passed through within 3 s, and still a collision after 5.
    found = _figures(_example(Car(-1, 22.0, 0.0)), _straight(0.0))
    assert [found[f"collides_{h}s"] for h in (1, 2, 3, 5)] == [1.0] * 4
    found = _figures(_example(Car(-1, 30.0, 0.0)), _straight(0.0))
    assert [found[f"collides_{h}s"] for h in (1, 2, 3, 5)] == [0.0, 1.0, 1.0, 1.0]


def test_who_overlaps_at_the_start_is_left_out() -> None:
    within = Car(0, 2.0, 0.0, 0.0, 10.0)
    found = _figures(_example(within), _straight(0.0))
    assert [found[f"collides_{h}s"] for h in (1, 2, 3, 5)] == [0.0] * 4
    found = _figures(_example(within, Car(-1, 30.0, 0.0)), _straight(0.0))
    assert found["collides_3s"] == 1.0


def test_harm_begins_with_the_first_contact_and_stays() -> None:
    from drive.training.terms import collides

    # A car from 15 to 19 m (17 m ahead, standing): the front at 5, 10 ... + 2 m is in it from 1.5 s on.
    example = _example(Car(-1, 27.0, 0.0))
    plans = torch.cat((_straight(0.0), _straight(4.0)))[None]
    harm = collides(example, Candidates(plans, torch.ones(1, 2) > 0))
    assert harm[0].tolist() == [[0.0, 0.0, *[1.0] * 8], [0.0] * 10]


def test_p3_is_trained_and_read_back(tmp_path: Path) -> None:
    pytest.importorskip("lightning")
    from drive.training.fit import fit

    data = toy_store(tmp_path / "data").folders[0]
    config = InterpretableTrainConfig(
        data=(str(data),), steps=2, steps_per_epoch=2, batch_size=3, val_every=2, warmup=1,
        accelerator="cpu", learning_rate=0.1,
    )  # fmt: skip
    figures = fit("p3", config, tmp_path / "run")
    network, card = load_network(InterpretableCost, str(tmp_path / "run"))
    assert card.figures == figures
    assert 0.0 <= figures["val/collides_3s"] <= 1.0
    assert figures["val/L2_3s"] > 0.0
    untrained = InterpretableCost(network.config)
    moved = (network.log_whole - untrained.log_whole).abs().amax()
    assert 0.0 < float(moved) < 1.0
    assert all(torch.isfinite(p).all() for p in network.parameters())
