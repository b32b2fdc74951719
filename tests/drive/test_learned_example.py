"""The planner of the tutorial that learns: its terms by hand, and what training makes of them."""

import runpy
from pathlib import Path

import pytest
import torch

from drive.planning.candidates import POINTS, Candidates
from tests.drive.scenes import toy_examples, toy_store

EXAMPLE = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "my_learned_planner.py"))


def _along(aside_m: float, speed_mps: float) -> torch.Tensor:
    """Straight on at a constant speed, so far left of the route: `[t, 5]`."""
    x = 0.5 * speed_mps * torch.arange(1, POINTS + 1)
    rows = torch.zeros(POINTS, 5)
    rows[:, 0], rows[:, 1], rows[:, 3] = x, aside_m, speed_mps
    return rows


def test_terms_by_hand() -> None:
    observation = toy_examples().observation
    worlds = len(observation.ego.speed_mps)
    limit_mps = float(observation.route.speed_limit_mps[0, 10])
    two = torch.stack((_along(0.0, limit_mps), _along(-2.0, 0.5 * limit_mps)))
    candidates = Candidates(two.expand(worlds, -1, -1, -1), torch.ones(worlds, 2) > 0.0)
    found = EXAMPLE["terms"](observation, candidates)[0]
    # As fast as allowed on the route; half as fast, 2 m beside it. Nobody speeds up or turns.
    torch.testing.assert_close(found[:, 0], torch.tensor([0.0, 0.5]))
    torch.testing.assert_close(found[:, 1:3], torch.zeros(2, 2))
    assert found[:, 3].tolist() == pytest.approx(
        [0.0, 2.0], abs=0.15
    )  # a point of the route a metre


def test_what_was_driven_becomes_likelier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    losses = EXAMPLE["train"](toy_store(tmp_path / "store"), steps=6)
    assert losses[-1] < losses[0] - 0.05
    rated = EXAMPLE["LearnedCost"]().rated(toy_examples().observation)
    assert rated.terms is not None and set(rated.terms) == set(EXAMPLE["NAMES"])
    torch.testing.assert_close(sum(rated.terms.values()), rated.cost)
