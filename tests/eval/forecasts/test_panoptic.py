"""VPQ by hand, and against loops over instants and pairs of instances with a dictionary of partners."""

import torch

from eval.forecasts.panoptic import vpq_terms


def _row(*ids: str) -> torch.Tensor:
    """A scene of grids of one row; a text an instant, a digit a cell."""
    return torch.tensor([[[int(cell) for cell in row]] for row in ids]).unsqueeze(0)


def test_by_hand() -> None:
    truth = _row("111102220", "111102220", "111102220", "111102220")
    # Agent 1: 3 of 4 cells (IoU 3/4), then half of them (no match: FP, FN), then all of them.
    # Agent 2: all, then as another (3), which it stays; last it is gone.
    forecast = _row("555003330", "550003330", "555504440", "555504440")
    above, below = vpq_terms(forecast, truth)
    # 1: 2 TP. 2: one TP (agent 2), one FP, one FN. 3: one TP, and for the new partner one FP, one FN.
    # 4: 2 TP: the new partner is the last one.
    assert above.tolist() == [[1.75, 1.0, 1.0, 2.0]]
    assert below.tolist() == [[2.0, 2.0, 2.0, 2.0]]


def test_a_partner_is_remembered_while_the_instance_is_away() -> None:
    truth = _row("11", "00", "11", "11")
    above, below = vpq_terms(_row("22", "00", "33", "33"), truth)
    assert above.tolist() == [[1.0, 0.0, 0.0, 1.0]]
    assert below.tolist() == [[1.0, 0.0, 1.0, 1.0]]


def test_nobody() -> None:
    none, some = _row("000", "000"), _row("110", "022")
    for forecast, truth, half in ((none, none, 0.0), (some, none, 0.5), (none, some, 0.5)):
        above, below = vpq_terms(forecast, truth)
        assert above.tolist() == [[0.0, 0.0]] and below.tolist() == [[half, half]]


def _like_a_loop(
    forecast: torch.Tensor, truth: torch.Tensor
) -> tuple[list[float], list[float], int]:
    """One scene `[t x y]`: numerators, denominators, how often a partner changed."""
    above, below, changes = [], [], 0
    partner: dict[int, int] = {}
    for now, true_now in zip(forecast, truth, strict=True):
        ids = [i for i in now.unique().tolist() if i]
        true_ids = [i for i in true_now.unique().tolist() if i]
        iou_sum, hits, false_positive, false_negative = 0.0, 0, set(ids), set(true_ids)
        for q in true_ids:
            for p in ids:
                both = ((now == p) & (true_now == q)).sum().item()
                iou = both / ((now == p) | (true_now == q)).sum().item()
                if iou > 0.5:
                    if partner.get(q, p) == p:
                        iou_sum, hits = iou_sum + iou, hits + 1
                        false_positive.remove(p)
                        false_negative.remove(q)
                    else:
                        changes += 1
                    partner[q] = p
        above.append(iou_sum)
        below.append(hits + len(false_positive) / 2 + len(false_negative) / 2)
    return above, below, changes


def test_like_a_loop() -> None:
    """Blocks of 2 x 2 cells, some cells of which are forecast wrong, and some blocks renamed."""
    generator = torch.Generator().manual_seed(0)

    def random(high: int, *shape: int) -> torch.Tensor:
        return torch.randint(high, shape, generator=generator)

    blocks = random(5, 6, 1, 3, 3) * (random(4, 6, 7, 3, 3) > 0)  # away now and then
    renamed = torch.where(random(5, 6, 7, 3, 3) == 0, (blocks + 1) * (blocks > 0), blocks)
    truth = blocks.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    forecast = renamed.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    forecast = torch.where(random(8, 6, 7, 6, 6) == 0, random(6, 6, 7, 6, 6), forecast)
    above, below = vpq_terms(forecast, truth)
    num_changes = 0
    for b in range(6):
        expected_above, expected_below, changes = _like_a_loop(forecast[b], truth[b])
        assert torch.allclose(above[b], torch.tensor(expected_above))
        assert torch.allclose(below[b], torch.tensor(expected_below))
        num_changes += changes
    assert num_changes > 5
