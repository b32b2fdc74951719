"""The report of a run in a real browser: it sorts, filters, opens, and fits a phone."""

from pathlib import Path
from typing import Any

import pytest

from eval.report.run_report import write_report
from tests.eval.report import made_up
from tests.eval.report.browser import (
    SIDEWAYS,
    clock,
    cut_off,
    needs_browser,
    open_drive,
    open_page,
    wait_until,
)

pytestmark = needs_browser


def column(page: Any, name: str) -> list[str]:
    heads = [
        head.get_attribute("data-column") for head in page.locator("#scenarios thead th").all()
    ]
    rows = page.locator("#scenarios tbody tr").all()
    return [row.locator("th, td").nth(heads.index(name)).inner_text().strip() for row in rows]


def scores(page: Any) -> list[float]:
    return [float(text) for text in column(page, "score")]


def test_sorts_up_and_down(page: Any) -> None:
    head = page.locator("th[data-column=score] button")
    ascending = [0.1, 0.25, 0.5, 0.7, 0.9, 1.0]
    assert scores(page) == ascending  # the worst first
    head.focus()
    page.keyboard.press("Enter")
    assert scores(page) == ascending[::-1]
    assert page.locator("th[data-column=score]").get_attribute("aria-sort") == "descending"
    page.locator("th[data-column=family] button").click()
    assert column(page, "family")[:2] == ["<i>odd</i>"] * 2
    head.click()
    assert scores(page) == ascending


def test_filters(page: Any) -> None:
    page.locator("#search").fill("PDM jam")
    assert scores(page) == [0.1]
    assert page.locator("#count").inner_text() == "1 of 6 drives"
    page.locator("#search").fill("nothing like that")
    assert scores(page) == []
    page.locator("#search").fill("")
    page.locator("#by-family").select_option("merge")
    assert scores(page) == [0.5, 0.9]
    page.locator("#by-column").select_option(label="pdm")
    assert scores(page) == [0.9]
    page.locator("#reset").click()
    # Below 0.3 the made-up drives have collided.
    page.locator("#by-failure").select_option(label="Collision")
    assert scores(page) == [0.1, 0.25] and column(page, "failed") == ["✕ Collision"] * 2
    page.locator("#by-failure").select_option(label="nothing")
    assert scores(page) == [0.5, 0.7, 0.9, 1.0]
    page.locator(".card", has_text="idm").locator(".failure", has_text="Collision").click()
    assert scores(page) == [0.25]
    page.locator(".familyline", has_text="jam").click()
    assert scores(page) == [0.1, 0.25]


def test_tags(page: Any) -> None:
    shown = page.locator("#scenarios tbody tr", has_text="scene-1").first.locator(".tag")
    assert shown.all_inner_texts() == ["near pedestrian", "cut in"]
    choices = page.locator("#by-tag option").all_inner_texts()
    assert choices == ["all", "cut in", "near pedestrian", "stationary"]
    page.locator("#by-tag").select_option("cut_in")
    assert scores(page) == [0.1, 0.25]  # scene-1, of pdm and idm
    page.locator("#reset").click()
    assert len(scores(page)) == 6
    page.locator(
        "#scenarios .tag", has_text="stationary"
    ).first.click()  # filters, and opens nothing
    assert scores(page) == [0.5, 0.9] and not page.locator("#player").is_visible()
    page.locator("#reset").click()
    page.locator("#search").fill("near_pedestrian pdm")
    assert scores(page) == [0.1, 0.9]


def test_cards_show_mean_and_interval(page: Any) -> None:
    card = page.locator(".card", has_text="pdm").inner_text()
    assert "0.567" in card  # (0.9 + 0.1 + 0.7) / 3
    assert "2 of 3 scenarios without a failure" in card
    low, high = 0.0, 1.0  # no score lies elsewhere, whatever Student's law says of three
    words = card.split("interval ")[1].split("\n")[0].split(" to ")
    assert low <= float(words[0]) < 0.567 < float(words[1]) <= high


def test_names_are_text_and_the_skipped_are_listed(page: Any) -> None:
    assert page.locator("#scenarios b, #scenarios i").count() == 0
    assert made_up.ODD in page.locator("#scenarios").inner_text()
    assert "broken.pkl" in page.locator("main").inner_text()
    open_drive(page, "odd", "idm")
    assert page.locator("#player-title").inner_text() == made_up.ODD


def test_opens_and_closes_by_keyboard(page: Any) -> None:
    page.locator("body").press("j")  # into the table
    page.keyboard.press("ArrowDown")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    page.locator("#player[open] .moment").first.wait_for()
    assert page.locator("#player-title").inner_text() == "scene-1"  # the second: idm, 0.25
    assert page.locator(".tab[aria-pressed=true]").inner_text().strip() == "idm"
    page.keyboard.press("j")
    assert page.locator("#player-title").inner_text() == "scene-0"  # the third: idm, 0.5
    page.keyboard.press("Escape")
    # The browser first gives the focus back to the row that opened, then the page moves it here.
    wait_until(page, "document.activeElement.textContent.endsWith('scene-0')")
    assert not page.locator("#player").is_visible()


def pinch(page: Any, before_px: float, after_px: float) -> None:
    """Two fingers on the view, so far from its middle before and after."""
    box = page.locator(".pane").first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    session = page.context.new_cdp_session(page)

    def touch(kind: str, away_px: float | None) -> None:
        places = [] if away_px is None else [x - away_px, x + away_px]
        points = [{"x": place, "y": y, "id": k} for k, place in enumerate(places)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", before_px)
    for part in (0.25, 0.5, 0.75, 1.0):
        touch("touchMove", before_px + part * (after_px - before_px))
    touch("touchEnd", None)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_cut_off_on_a_phone(browser: Any, path: Path, scheme: str) -> None:
    page = open_page(browser, path, 390, 844, color_scheme=scheme)
    assert cut_off(page) == []
    page.locator("#scenarios button.open").first.click()
    page.locator("#player[open] .moment").first.wait_for()
    assert cut_off(page) == []
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_fits_a_phone_in_either_scheme(browser: Any, path: Path, scheme: str) -> None:
    page = open_page(browser, path, 360, 740, color_scheme=scheme, has_touch=True)
    assert page.evaluate(SIDEWAYS) == 0
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == {"light": "rgb(245, 246, 244)", "dark": "rgb(18, 21, 23)"}[scheme]
    page.locator("#scenarios button.open").first.tap()
    page.locator("#player[open] .moment").first.wait_for()
    assert page.evaluate(SIDEWAYS) == 0
    wider = "(e) => e.scrollWidth - e.clientWidth"
    assert page.locator("#player").evaluate(wider) == 0
    bar = page.locator("#scrub").bounding_box()
    page.touchscreen.tap(bar["x"] + bar["width"] / 6, bar["y"] + 13)
    assert clock(page) == "0.5 / 3.0 s"
    pinch(page, 50, 100)
    assert page.evaluate("report.player.camera.scale") == pytest.approx(16.0, rel=0.02)
    page.locator("#close").tap()
    page.locator("#theme").tap()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != paper
    assert page.errors == []
    page.close()


def test_a_link_to_a_drive(browser: Any, path: Path) -> None:
    page = open_page(browser, path)
    page.goto(f"file://{path.resolve()}#2/1")
    page.reload()
    page.locator("#player[open] .moment").first.wait_for()
    assert page.locator("#player-title").inner_text() == made_up.ODD
    assert page.locator(".tab[aria-pressed=true]").inner_text().strip() == "pdm"
    page.close()


def test_long_tables_grow_as_they_are_read(browser: Any, tmp_path: Path) -> None:
    names = tuple((f"scene-{k}", "jam") for k in range(400))
    scores = {"idm": tuple(k / 400 for k in range(400))}
    run = made_up.run(tmp_path, "long", scores, kept=False, names=names)
    page = open_page(browser, write_report(run))
    rows = page.locator("#scenarios tbody tr")
    assert rows.count() <= 300 and page.locator("#count").inner_text() == "400 of 400 drives"
    whole = "document.querySelectorAll('#scenarios tbody tr').length === 400"
    wait_until(page, f"scrollTo(0, document.body.scrollHeight), {whole}")
    assert page.locator(".more").is_hidden()
    assert rows.last.locator("th").inner_text().endswith("scene-399")
    page.locator("#search").fill("scene-399")
    assert rows.count() == 1
    assert page.errors == []
    page.close()


def test_without_drives_the_tables_remain(browser: Any, tmp_path: Path) -> None:
    page = open_page(browser, write_report(made_up.run(tmp_path, "old", kept=False)))
    assert "holds no drives" in page.locator("[aria-label=Scenarios] .missing").inner_text()
    assert scores(page)[0] == 0.1
    page.locator("#scenarios button.open").first.click()
    assert "no playback" in page.locator(".nothing").inner_text()
    assert "0.100" in page.locator(".values").inner_text()
    assert page.errors == []
    page.close()
