"""Recalibrated logits: what they were made from is found again."""

import torch

from drive.prediction.recalibration import KNOTS, Recalibration


def test_it_begins_as_no_map_and_a_map_is_piecewise_linear() -> None:
    logit = torch.linspace(-9.0, 9.0, 37).reshape(1, 1, 1, 1, 37).expand(1, 2, 3, 1, 37)
    map_ = Recalibration(3, 2)
    torch.testing.assert_close(map_(logit), logit)
    # Half as steep from 0 on, 1 lower, for class 1 at instant 2 alone: -1 at 0, 1.25 at 4.5 less 1.
    map_.slope[2, 1, KNOTS.index(0.0) + 1 :] = 0.5
    map_.shift[2, 1] = -1.0
    told = map_(logit)
    torch.testing.assert_close(told[:, 0], logit[:, 0])
    at = {
        round(float(x), 1): float(y)
        for x, y in zip(logit[0, 1, 2, 0], told[0, 1, 2, 0], strict=True)
    }
    assert at[-4.0] == -5.0 and at[0.0] == -1.0 and at[4.0] == 1.0


def test_who_is_too_sure_is_put_right() -> None:
    # Drawn with the probabilities of half the logit, less 1 where it is above 0: 200,000 cells.
    generator = torch.Generator().manual_seed(0)
    logit = 10.0 * torch.rand(2, 1, 2, 400, 250, generator=generator) - 5.0
    true = torch.where(logit > 0.0, 0.5 * logit - 1.0, logit - 1.0)
    happened = torch.rand(logit.shape, generator=generator) < torch.sigmoid(true)
    map_ = Recalibration(2, 1)
    map_.fit(logit, happened, torch.ones(2, 2, dtype=torch.bool))
    torch.testing.assert_close(map_(logit)[:, :, 0], logit[:, :, 0])  # now is left alone
    told = torch.sigmoid(map_(logit)[:, :, 1])
    assert (told - torch.sigmoid(true[:, :, 1])).abs().max() < 0.015
    assert (map_.slope > 0.0).all()
    map_.reset()
    torch.testing.assert_close(map_(logit), logit)


def test_what_was_not_recorded_or_hardly_ever_happened_changes_nothing() -> None:
    logit = torch.randn(1, 1, 2, 100, 100, generator=torch.Generator().manual_seed(0))
    always = torch.ones_like(logit) > 0.0
    for happened, recorded in (
        (always, torch.tensor([[True, False]])),
        (~always, torch.ones(1, 2) > 0),
    ):
        map_ = Recalibration(2, 1)
        map_.fit(logit, happened, recorded)
        torch.testing.assert_close(map_(logit), logit)
