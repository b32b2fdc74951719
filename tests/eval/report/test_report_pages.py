"""The pages of several runs and of `evaluate` in a real browser."""

import math
from pathlib import Path
from typing import Any

import pytest

from eval.report.run_report import write_comparison, write_report
from eval.report.table import Table, has_tables, rewrite_report, write_tables
from eval.runs.folder import RunFolder
from tests.eval.report import made_up
from tests.eval.report.browser import SIDEWAYS, cut_off, needs_browser, open_page, wait_until

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
    _, a, b, delta, _, p, finding, record = row(page, "nuplan/score")
    assert (a, b) == ("0.567", "0.650")
    mean, low, _, high = delta.replace(MINUS, "-").split()
    # Student's interval of three: 4.303 standard errors of 0.117 to either side, or farther.
    assert mean == "+0.083" and float(low) <= -0.418 and float(high) >= 0.585
    # +-0.05 +-0.3 +-0.1: six of eight sums are 0.25 or more from 0.
    assert p.split() == ["1.000", "alone", "0.750"]
    assert record == "2 / 0 / 1" and finding == "too few pairs to tell"
    assert "3 pairs: too few pairs to tell who is better (20 at least)" in (
        page.locator("#compare .missing").inner_text()
    )
    assert page.locator(".metrics .best").count() == 0
    assert row(page, "waymax/overlap")[3].startswith(f"{MINUS}0.083")
    # The other way round every sign turns.
    page.locator("select[aria-label^=First]").select_option(label="after/pdm")
    page.locator("select[aria-label^=Second]").select_option(label="before/pdm")
    assert row(page, "nuplan/score")[3].startswith(f"{MINUS}0.083")
    assert row(page, "nuplan/score")[7] == "1 / 0 / 2"
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


@pytest.mark.parametrize("count", [19, 20])
def test_better_is_said_of_enough_pairs(browser: Any, tmp_path: Path, count: int) -> None:
    """pdm is better in every scenario, its overlap lower; comfort is the same; `late` differs by nothing."""
    names = tuple((f"scene-{k}", "jam") for k in range(count))
    scores = {"idm": (0.5,) * count, "pdm": tuple(0.6 + 0.01 * k for k in range(count))}
    run = made_up.run(tmp_path, "run", scores, kept=False, names=names)
    page = open_page(browser, write_report(run))
    found = {key: row(page, key)[6] for key in ("nuplan/score", "waymax/overlap", "nuplan/comfort")}
    best = page.locator(".metrics .best .mean").all_inner_texts()
    if count < 20:
        assert set(found.values()) == {"too few pairs to tell"} and best == []
    else:
        assert list(found.values()) == ["▲ better", "▲ better", "no clear difference"]
        assert best == ["0.695", "0.305"]  # score and overlap of pdm: 0.6 + 0.01 * 9.5
        # The other way round: worse.
        page.locator("select[aria-label^=First]").select_option(label="pdm")
        page.locator("select[aria-label^=Second]").select_option(label="idm")
        assert row(page, "nuplan/score")[6] == "▼ worse"
        assert "corrected for the 4 comparisons" in page.locator("#compare .note").inner_text()
    assert page.errors == []
    page.close()


def test_axes_have_ticks(browser: Any, path: Path) -> None:
    page = open_page(browser, path)
    ticks = page.locator(".forests thead .axis span").all_inner_texts()
    assert ticks == [f"{MINUS}1", f"{MINUS}0.5", "0", "0.5", "1"]
    # A tick lies where the line of the same value lies in the rows.
    places = page.locator(".forests thead .axis span").evaluate_all(
        "(all) => all.map((e) => e.getBoundingClientRect()).map((r) => r.x + r.width / 2)"
    )
    lines = (
        page.locator(".forests tbody tr")
        .first.locator(".grid")
        .evaluate_all("(all) => all.map((e) => e.getBoundingClientRect().x)")
    )
    assert lines == pytest.approx(places, abs=1.5)
    assert page.locator(".card .axis").first.locator("span").all_inner_texts() == ["0", "0.5", "1"]
    page.close()


def test_the_comparison_fits_a_phone(browser: Any, path: Path) -> None:
    page = open_page(browser, path, 390, 844, color_scheme="dark")
    assert page.evaluate(SIDEWAYS) == 0
    assert cut_off(page) == []
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
