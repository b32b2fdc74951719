"""A page in headless Chromium that notes every error it meets."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

CHROMIUM = shutil.which("chromium")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@contextmanager
def opened_browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def open_page(browser: Any, path: Path, width: int = 1280, height: int = 800, **kind: Any) -> Any:
    page = browser.new_page(viewport={"width": width, "height": height}, **kind)
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("console", lambda m: page.errors.append(m.text) if m.type == "error" else None)
    page.on("request", lambda r: page.errors.append(r.url) if "http" in r.url else None)
    page.set_default_timeout(120_000)  # met only where something never comes
    page.goto(f"file://{path.resolve()}")
    return page


def cut_off(page: Any) -> list[str]:
    """Texts that are shown in part: beyond their own box, or to the right of the window."""
    return page.evaluate(
        """() => [...document.querySelectorAll("body *")].filter((e) => {
          if (!e.checkVisibility() || e.closest("svg, script") || !e.textContent.trim()) return false;
          const hides = getComputedStyle(e).overflowX !== "visible" && e.scrollWidth > e.clientWidth + 1;
          return hides || (!e.children.length && e.getBoundingClientRect().right > innerWidth + 1);
        }).map((e) => `${e.tagName}.${e.className}: ${e.textContent.trim().slice(0, 60)}`)"""
    )


def picture(locator: Any) -> Image.Image:
    return Image.open(BytesIO(locator.screenshot())).convert("RGB")


def open_drive(page: Any, scenario: str, planner: str) -> None:
    page.locator("#search").fill(f"{scenario} {planner}")
    page.locator("#scenarios button.open").first.click()
    page.locator("#player[open] .moment").first.wait_for()


def wait_until(page: Any, condition: str) -> None:
    """Look at every picture whether this JavaScript is true (the page's policy forbids `eval`)."""
    page.evaluate(
        f"new Promise((done) => {{ const look = () => ({condition}) ? done() : "
        "requestAnimationFrame(look); look(); })"
    )


def clock(page: Any) -> str:
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return page.locator("#clock").inner_text()
