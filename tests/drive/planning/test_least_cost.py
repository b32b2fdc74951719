"""From costs to a plan: the cheapest that can be driven, the best shown, else a stop."""

import math

import pytest
import torch

from drive.planning.candidates import DT_S, POINTS, Candidates
from drive.planning.least_cost import SHOWN, least_cost_plan
from tests.drive.planning.samplers.egos import ego_in, seen_by


def _numbered(num: int, valid: torch.Tensor) -> Candidates:
    """Candidate k is at x = k all the time; who is not valid holds nothing good."""
    number = torch.arange(num, dtype=torch.float32)
    trajectory = torch.zeros(len(valid), num, POINTS, 5)
    trajectory[..., 0] = number[:, None]
    trajectory[~valid] = math.nan
    return Candidates(trajectory, valid)


@pytest.mark.parametrize("num", [5, 100])
def test_the_cheapest_valid_one_is_driven_and_the_best_are_shown_in_order(num: int) -> None:
    draw = torch.Generator().manual_seed(0)
    valid = torch.rand(2, num, generator=draw) > 0.3
    cost = torch.randn(2, num, generator=draw)
    cost[~valid] = torch.where(torch.rand(int((~valid).sum())) > 0.5, -9.0, math.nan)
    plan = least_cost_plan(seen_by(ego_in([5.0, 6.0], [0.0, 0.0])), _numbered(num, valid), cost)
    assert plan.candidates is not None and plan.costs is not None
    for b in range(2):
        ranked = sorted((float(cost[b, k]), k) for k in range(num) if valid[b, k])[:SHOWN]
        assert plan.trajectory[b, 0, 0] == ranked[0][1]
        assert plan.candidates[b, : len(ranked), 0, 0].tolist() == [k for _, k in ranked]
        assert plan.costs[b, : len(ranked)].tolist() == [c for c, _ in ranked]
        assert plan.candidates.shape[1] == min(num, SHOWN)
    assert all(torch.isfinite(t).all() for t in (plan.trajectory, plan.candidates, plan.costs))


def test_a_stop_where_nothing_can_be_driven() -> None:
    """Braking at 4.05 m/s2 from 8.1 m/s takes 2 s and 8.1 m; from 25 m/s 6.2 s, more than a plan lasts."""
    observation = seen_by(ego_in([8.1, 25.0, 0.0], [0.01, 0.0, 0.0]))
    candidates = _numbered(40, torch.zeros(3, 40, dtype=torch.bool))
    plan = least_cost_plan(observation, candidates, torch.full((3, 40), math.nan))
    x, y, yaw, speed, curvature = plan.trajectory.unbind(-1)
    assert x[0, :5].tolist() == pytest.approx(
        [8.1 * t - 2.025 * t * t for t in (0.5, 1.0, 1.5, 2.0)] + [8.1], abs=1e-4
    )
    assert speed[0].tolist() == pytest.approx([6.075, 4.05, 2.025, *[0.0] * 7], abs=1e-4)
    assert float(speed[1, -1]) == pytest.approx(25.0 - 4.05 * 5.0, abs=1e-4)
    # Everybody is where the speeds lead to.
    began = torch.tensor([[8.1], [25.0], [0.0]])
    mean = 0.5 * (speed + torch.cat((began, speed[:, :-1]), dim=1))
    torch.testing.assert_close(x, (DT_S * mean).cumsum(dim=1), atol=1e-3, rtol=0)
    assert (torch.stack((y, yaw, curvature)) == 0.0).all()
    assert plan.candidates is not None and plan.costs is not None
    assert torch.isfinite(plan.candidates).all() and torch.isfinite(plan.costs).all()
