"""Futures that marginals foretell, of somebody who crosses the ego's way."""

import pytest
import torch

from drive.features.vectors import observed_scene
from drive.planning.social.foretelling import FUTURES, foretold_by
from tests.drive.planning.social.test_planner import GOES, WAITS, _crossing, _reasoned
from tests.drive.planning.social.test_samples import straight_on


def test_the_likeliest_trajectories_of_each_in_its_own_frame() -> None:
    observation = _crossing()
    reasoning, samples = _reasoned(observation, cost=3.0)
    forecast = straight_on(observation)
    scene = observed_scene(observation)
    told = foretold_by(reasoning, forecast, scene, "nonsocial").likeliest
    p = torch.softmax(-reasoning.beliefs.unary[0, 1], dim=0)
    best = p.argsort(descending=True, stable=True)[:FUTURES]
    torch.testing.assert_close(told.logit[0, :, 1].exp(), p[best])
    # It looks along y, and is at (30, -30): ahead of it is the world's y, to its left the world's -x.
    path_m = samples.pose[0, 0, best[0], :, :2]
    now_m = observation.agents.pose[0, 0, :2]
    seen_m = torch.stack((path_m[:, 1] - now_m[1], now_m[0] - path_m[:, 0]), dim=1)
    torch.testing.assert_close(told.position_m[0, 0, 1], seen_m, atol=1e-4, rtol=1e-4)
    # The ego would rather wait, 3 nats more.
    own_m = reasoning.scene.candidates.trajectory[0, [WAITS, GOES], :, :2]
    torch.testing.assert_close(told.position_m[0, :2, 0], own_m, atol=1e-4, rtol=1e-4)
    assert float(told.logit[0, 0, 0] - told.logit[0, 1, 0]) == pytest.approx(3.0, abs=1e-4)


def test_draws_are_of_what_is_likely() -> None:
    observation = _crossing()
    scene, forecast = observed_scene(observation), straight_on(observation)
    reasoning, _ = _reasoned(observation, cost=100.0)
    for mode in ("nonsocial", "social"):
        drawn = foretold_by(reasoning, forecast, scene, mode).drawn
        waits = reasoning.scene.candidates.trajectory[0, WAITS, :, :2]
        torch.testing.assert_close(
            drawn.position_m[0, :, 0], waits.expand(FUTURES, -1, -1), atol=1e-4, rtol=1e-4
        )
        assert torch.isfinite(drawn.position_m).all()
    # The other one does not do the same in all of them.
    assert drawn.position_m[0, :, 1].std(dim=0).max() > 1.0


def test_who_is_not_reasoned_about_does_as_the_forecast_says() -> None:
    observation = _crossing()
    reasoning, samples = _reasoned(observation)
    samples.there[:] = False
    told = foretold_by(reasoning, straight_on(observation), observed_scene(observation), "social")
    # 8 m/s straight on: 4 m more each half second.
    ahead_m = 4.0 * torch.arange(1, 11)
    for futures in (told.likeliest, told.drawn):
        expected = torch.stack((ahead_m, torch.zeros(10)), dim=1).expand(FUTURES, -1, -1)
        torch.testing.assert_close(futures.position_m[0, :, 1], expected, atol=1e-3, rtol=1e-3)
        assert (futures.logit[0, :, 1] == 0.0).all()
