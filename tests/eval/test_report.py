"""The report in a real browser: it sorts, it filters, and no script fails."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eval.report.html import write_report
from eval.report.run_folder import Chunk, Row, RunFolder

CHROMIUM = shutil.which("chromium")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    folder = RunFolder.create(tmp_path_factory.mktemp("runs"), "a-run", {"seed": 1})
    rows = [
        Row(f"scene-{k}", family, planner, k, {"nuplan/score": score, "waymax/overlap": 1 - score})
        for planner, scores in {"idm": (0.5, 0.25, 1.0), "pdm": (0.9, 0.1, 0.7)}.items()
        for k, (family, score) in enumerate(
            zip(("merge", "jam", "<b>odd & name</b>"), scores, strict=True)
        )
    ]
    result = Chunk(rows, [{"scenario": "broken.pkl", "reason": "truncated"}])
    summary = folder.write_tables(result)
    path: Path = folder.path / "report.html"
    write_report(path, "a-run", summary, result, "seed: 1\n")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.errors = []
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.on(
            "console", lambda m: page.errors.append(m.text) if m.type == "error" else None
        )  # fmt: skip
        page.goto(f"file://{path.resolve()}")
        yield page
        browser.close()


def _column(page: Any, name: str) -> list[str]:
    heads = page.locator("#scenarios thead th").all_inner_texts()
    index = next(k for k, head in enumerate(heads) if head.strip().lower().startswith(name))
    rows = page.locator("#scenarios tbody tr:visible")
    return [row.locator("td").nth(index).inner_text() for row in rows.all()]


@needs_browser
def test_sorts_by_score_up_and_down(page: Any) -> None:
    head = page.locator("#scenarios thead th", has_text="score").first
    head.click()
    ascending = [float(text) for text in _column(page, "score")]
    assert ascending == [0.1, 0.25, 0.5, 0.7, 0.9, 1.0]
    head.click()
    assert [float(text) for text in _column(page, "score")] == ascending[::-1]


@needs_browser
def test_filters_by_words(page: Any) -> None:
    page.locator("#filter").fill("pdm jam")
    assert [float(text) for text in _column(page, "score")] == [0.1]
    page.locator("#filter").fill("nothing like that")
    assert _column(page, "score") == []
    page.locator("#filter").fill("")
    assert len(_column(page, "score")) == 6


@needs_browser
def test_names_are_text_and_the_skipped_are_listed(page: Any) -> None:
    assert page.locator("#scenarios b").count() == 0
    assert "broken.pkl" in page.locator("body").inner_text()
    wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(wider) == 0  # nothing sticks out sideways
    assert page.errors == []
