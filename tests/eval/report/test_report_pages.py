"""The pages of several runs and of `evaluate` in a real browser."""

import math
from pathlib import Path
from typing import Any

import pytest

from eval.report.run_report import write_comparison
from eval.report.table import Table, has_tables, rewrite_report, write_tables
from eval.runs.folder import RunFolder
from tests.eval.report import made_up
from tests.eval.report.browser import SIDEWAYS, needs_browser, open_page, wait_until

pytestmark = needs_browser
MINUS = "\N{MINUS SIGN}"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """idm is the same in both runs; pdm: 0.9, 0.1, 0.7 before, and 0.95, 0.4, 0.6 after."""
    root = tmp_path_factory.mktemp("runs")
    before = made_up.run(root, "before")
    after = made_up.run(root, "after", {"idm": made_up.SCORES["idm"], "pdm": (0.95, 0.4, 0.6)})
    write_comparison([before, after], root / "compare.html")
    return root / "compare.html"


def row(page: Any, metric: str) -> list[str]:
    cells = page.locator(f".forests tr[data-metric='{metric}']").locator("th, td").all_inner_texts()
    return [cell.strip() for cell in cells]


def test_two_runs_side_by_side(browser: Any, path: Path) -> None:
    page = open_page(browser, path)
    labels = page.locator(".card h2").all_inner_texts()
    assert labels == ["before/idm", "before/pdm", "after/idm", "after/pdm"]
    # The planner that changed is compared first: +0.05, +0.3 and -0.1 make a mean of 0.083.
    assert "3 scenarios in common" in page.locator(".common").inner_text()
    _, a, b, delta, _, record = row(page, "nuplan/score")
    assert (a, b) == ("0.567", "0.650")
    mean, low, _, high = delta.replace(MINUS, "-").split()
    assert mean == "+0.083" and float(low) <= 0.083 <= float(high)
    assert (float(low), float(high)) == (-0.1, 0.3)  # three values: 1 draw in 27 is all of one
    assert record == "2 / 0 / 1"
    assert row(page, "waymax/overlap")[3].startswith(
        f"{MINUS}0.083"
    )  # not better: the interval holds 0
    # The other way round every sign turns.
    page.locator("select[aria-label^=First]").select_option(label="after/pdm")
    page.locator("select[aria-label^=Second]").select_option(label="before/pdm")
    assert row(page, "nuplan/score")[3].startswith(f"{MINUS}0.083")
    assert row(page, "nuplan/score")[5] == "1 / 0 / 2"
    page.locator("select[aria-label^=Second]").select_option(label="after/idm")
    assert row(page, "nuplan/score")[1] == "0.650"
    assert page.errors == []
    page.close()


def test_a_dot_opens_both_drives_in_step(browser: Any, path: Path) -> None:
    page = open_page(browser, path)
    first = page.locator(".ranking button").first
    assert first.inner_text().split("\n")[0] == "scene-1"  # +0.3
    dot = page.locator(".point").first  # scene-0: 0.9 before, 0.95 after
    assert "scene-0: A 0.900, B 0.950" in dot.get_attribute("aria-label")
    dot.click()
    page.locator(".double .pane").nth(1).wait_for()
    assert page.locator("#player-title").inner_text() == "scene-0"
    who = page.locator(".caption .who").all_inner_texts()
    assert [text.split() for text in who] == [["A", "before/pdm"], ["B", "after/pdm"]]
    page.keyboard.press("Space")
    wait_until(page, "report.player.t > 2")
    page.keyboard.press("Space")
    egos = page.evaluate("report.player.panes.map((pane) => pane.ego())")
    assert egos[0] == egos[1]  # the same made-up drive, at the same time
    assert math.hypot(egos[0][0], egos[0][1] - 2.0) > 1.0
    assert page.locator(".flag.v1").count() == 2
    page.keyboard.press("Escape")
    page.locator("button.open:focus").wait_for()  # the focus goes back to the drive's row
    first.focus()
    page.keyboard.press("Enter")
    page.locator(".double .pane").nth(1).wait_for()
    assert page.locator("#player-title").inner_text() == "scene-1"
    assert page.errors == []
    page.close()


def test_the_comparison_fits_a_phone(browser: Any, path: Path) -> None:
    page = open_page(browser, path, 360, 740, color_scheme="dark")
    assert page.evaluate(SIDEWAYS) == 0
    assert page.errors == []
    page.close()


def test_tables_of_evaluate(browser: Any, tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, "closed", {"task": "closed-loop"})
    part = run.path / "log"
    part.mkdir()
    (part / "report.html").write_text("")
    rows = {"idm": {"scenes": 2.0, "score": 0.5}, "<pdm>": {"scenes": 2.0, "score": 0.25},
            "none": {"scenes": 2.0, "score": math.nan}}  # fmt: skip
    tables = {"log": Table("Log replay", "means & more", rows, (("<pdm>", "score"),))}
    write_tables(run.path, tables)
    page = open_page(browser, run.path / "report.html", 360, 740)
    assert page.locator(".card").inner_text().split("\n")[0] == "<pdm>"
    assert "0.250" in page.locator(".card").inner_text()
    assert page.locator(".links a").get_attribute("href") == "log/report.html"
    head = page.locator("table.sortable th button", has_text="score")
    head.click()
    names = page.locator("tbody th")
    assert names.all_inner_texts() == ["<pdm>", "idm", "none"]
    head.click()
    assert names.all_inner_texts() == ["idm", "<pdm>", "none"]  # who has no value stays last
    page.locator("table.sortable th button").first.click()
    assert page.locator("thead th").first.get_attribute("aria-sort") == "ascending"
    page.locator("#theme").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate(SIDEWAYS) == 0
    assert page.errors == []
    page.close()
    written = (run.path / "report.html").read_bytes()
    assert has_tables(run.path)
    assert rewrite_report(run.path).read_bytes() == written
