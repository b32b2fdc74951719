"""Colours: mixed as light is, written as style sheets read them, all of a page's names among them."""

import math
import re
from itertools import combinations, product
from pathlib import Path

import pytest

from sim.kind_colors import agent_colors
from sim.palette import DARK, LIGHT, Palette, css, over

SCRIPT = Path(__file__).parents[2] / "eval" / "report" / "web" / "scene.js"


def test_over_by_hand() -> None:
    # A quarter of 200, 0, 100 and three quarters of 40, 80, 100.
    assert over((200, 0, 100, 0.25), (40, 80, 100)) == (80, 60, 100)
    assert over((1, 2, 3, 1.0), (9, 9, 9)) == (1, 2, 3)


def test_as_a_style_sheet() -> None:
    text = css(LIGHT)
    assert "--m-cost-low: rgb(0 90 170);" in text
    assert "--m-planner-1: rgb(0 114 178);" in text
    assert "--m-route: rgb(86 180 233 / 0.35);" in text
    assert re.findall(r"--m-[\w-]+", text) == re.findall(r"--m-[\w-]+", css(DARK))


@pytest.mark.parametrize("scheme", [LIGHT, DARK])
def test_planners_and_forecasts_are_told_from_each_other_and_from_other_agents(
    scheme: Palette,
) -> None:
    others = [*agent_colors(scheme).values(), scheme.hit, scheme.drivable, scheme.ground]
    for one, two in combinations(scheme.planners, 2):
        assert math.dist(one, two) > 50
    for one, two in product((*scheme.planners, scheme.forecast), others):
        assert math.dist(one, two) > 35


def test_the_scripts_ask_for_colours_that_there_are() -> None:
    listed = re.search(r"const names = \[(.*?)\]", SCRIPT.read_text(), re.DOTALL)
    assert listed
    asked = re.findall(r'"([\w-]+)"', listed[1])
    assert sorted(asked) == sorted(re.findall(r"--m-([\w-]+)", css(LIGHT)))
