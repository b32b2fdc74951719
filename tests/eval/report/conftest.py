"""The page of a made-up run, opened once for all tests of a module."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eval.report.run_report import write_report
from tests.eval.report import made_up
from tests.eval.report.browser import open_page, opened_browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with opened_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(made_up.run(tmp_path_factory.mktemp("runs"), "a-run"))


@pytest.fixture(scope="module")
def whole_page(browser: Any, path: Path) -> Any:
    return open_page(browser, path)


@pytest.fixture
def page(whole_page: Any) -> Iterator[Any]:
    """The page as it is at first; no test may leave an error."""
    whole_page.keyboard.press("Escape")
    whole_page.locator("#reset").click()
    yield whole_page
    assert whole_page.errors == []
