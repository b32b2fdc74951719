"""The cheapest of many, found without pricing them all: against all prices."""

import pytest
import torch
from jaxtyping import Float, Int
from torch import Tensor

from drive.planning.interpretable.price_best import price_best

WORLDS, NUMBER, BEST = 5, 700, 48


class Counting:
    """Looks prices up, and counts."""

    def __init__(self, price: Float[Tensor, "b k"]) -> None:
        self.price, self.asked = price, torch.zeros_like(price)

    def __call__(self, world: Int[Tensor, " w"], index: Int[Tensor, "w m"]) -> Float[Tensor, "w m"]:
        row = world.unsqueeze(1)
        self.asked[row, index] += 1.0
        return self.price[row, index]


def test_whoever_looks_at_all_gets_the_price_of_all() -> None:
    # None of the others is cheaper than the first 128, which are asked together, but they cost more.
    least = torch.arange(float(NUMBER)).expand(WORLDS, -1)
    price = least + 1000.0 * (least >= 128.0)
    for best in (NUMBER, 10 * NUMBER):
        assert torch.equal(price_best(least, Counting(price), best), price)


@pytest.mark.parametrize("spread", [0.0, 0.1, 1.0, 100.0])
def test_the_best_are_those_of_all_and_nobody_is_asked_twice(spread: float) -> None:
    draw = torch.Generator().manual_seed(int(spread))
    least = torch.rand(WORLDS, NUMBER, generator=draw)
    price = least + spread * torch.rand(WORLDS, NUMBER, generator=draw) ** 3
    ask = Counting(price)
    found = price_best(least, ask, BEST)
    wanted = price.sort(dim=1).values[:, :BEST]
    assert torch.equal(found.sort(dim=1).values[:, :BEST], wanted)
    assert bool((found <= price).all()) and float(ask.asked.max()) == 1.0
    # The only ones left out are those whose least price is above the last of the best.
    left = (ask.asked == 0.0).nonzero()
    assert all(float(least[w, k]) >= float(wanted[w, -1]) for w, k in left.tolist())
    if spread <= 0.1:
        assert float(ask.asked.mean()) < 0.5


def test_a_world_whose_candidates_are_all_ruled_out_is_asked_to_its_end() -> None:
    least = torch.rand(2, NUMBER, generator=torch.Generator().manual_seed(0))
    ask = Counting(torch.stack((torch.full((NUMBER,), torch.inf), least[1])))
    found = price_best(least, ask, BEST)
    assert bool(torch.isinf(found[0]).all()) and float(ask.asked[0].min()) == 1.0
    assert float(ask.asked[1].mean()) < 0.5


def test_who_cannot_be_driven_is_not_asked_and_few_are_no_matter() -> None:
    least = torch.full((1, NUMBER), torch.inf)
    least[0, 300:400] = torch.arange(100.0)
    ask = Counting(least + 1000.0)
    assert torch.equal(price_best(least, ask, BEST)[0, 300:400], 1000.0 + torch.arange(100.0))
    few = torch.rand(3, 7)
    assert torch.equal(price_best(few, Counting(few + 1.0), BEST), few + 1.0)
