"""The report of a run in a real browser: it sorts, filters, plays, and draws things where they are."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eval.report.run_report import write_report
from tests.eval import made_up
from tests.eval.browser import SIDEWAYS, needs_browser, open_page, opened_browser, picture

pytestmark = needs_browser
EGO, TRUCK, OCCUPIED = (213, 94, 0), (108, 122, 139), (230, 159, 0)  # as base.css has them
PX_PER_M = 8.0  # the scale at first


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


def column(page: Any, name: str) -> list[str]:
    heads = [
        head.get_attribute("data-column") for head in page.locator("#scenarios thead th").all()
    ]
    rows = page.locator("#scenarios tbody tr").all()
    return [row.locator("th, td").nth(heads.index(name)).inner_text().strip() for row in rows]


def scores(page: Any) -> list[float]:
    return [float(text) for text in column(page, "score")]


def open_drive(page: Any, scenario: str, planner: str) -> None:
    page.locator("#search").fill(f"{scenario} {planner}")
    page.locator("#scenarios button.open").first.click()
    page.locator("#player[open] .moment").first.wait_for()


def clock(page: Any) -> str:
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return page.locator("#clock").inner_text()


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


def test_cards_show_mean_and_interval(page: Any) -> None:
    card = page.locator(".card", has_text="pdm").inner_text()
    assert "0.567" in card  # (0.9 + 0.1 + 0.7) / 3
    assert "2 of 3 scenarios without a failure" in card
    low, high = 0.1, 0.9  # the mean of three draws lies within the values
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
    assert not page.locator("#player").is_visible()
    assert page.evaluate("document.activeElement.textContent").endswith("scene-0")


def test_plays_pauses_and_steps(page: Any) -> None:
    open_drive(page, "scene-0", "idm")
    assert clock(page) == "0.0 / 3.0 s"
    page.keyboard.press("Space")
    assert page.locator("#play").get_attribute("aria-label") == "Pause (space)"
    page.wait_for_timeout(450)
    page.keyboard.press("Space")
    seconds = float(clock(page).split()[0])
    assert 0.2 <= seconds <= 1.5
    page.wait_for_timeout(150)
    assert float(clock(page).split()[0]) == seconds
    page.keyboard.press("Home")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert clock(page) == "0.2 / 3.0 s"
    page.locator("#speed").select_option("4")
    page.locator("#play").click()
    page.wait_for_timeout(1100)  # 3 s at four times the speed
    assert clock(page) == "3.0 / 3.0 s"
    assert page.locator("#play").get_attribute("aria-label") == "Play (space)"
    page.locator("#speed").select_option("1")


def test_scrubs_on_the_bar_and_on_the_curves(page: Any) -> None:
    open_drive(page, "scene-0", "idm")
    bar = page.locator("#scrub").bounding_box()
    page.mouse.click(bar["x"] + 0.5 * bar["width"], bar["y"] + 13)
    assert clock(page) == "1.5 / 3.0 s"
    assert page.locator("#scrub").get_attribute("aria-valuetext") == "1.5 s"
    lane = page.locator("[data-curve=speed_mps]").bounding_box()
    page.mouse.move(lane["x"] + 0.8 * lane["width"], lane["y"] + 10)
    page.mouse.down()
    page.mouse.move(lane["x"] + 0.7 * lane["width"], lane["y"] + 10)
    page.mouse.up()
    assert clock(page) == "2.1 / 3.0 s"
    assert page.locator(".lanevalues .lane").nth(1).inner_text() == "10.0"
    cursor = page.locator(".cursor").bounding_box()
    assert cursor["x"] + 1 == pytest.approx(bar["x"] + 0.7 * bar["width"], abs=1)


def test_jumps_to_the_failures(page: Any) -> None:
    open_drive(page, "scene-0", "idm")
    moments = page.locator(".moment").all_inner_texts()
    assert [text.replace("\n", " ") for text in moments] == [
        "✕ Collision 1.2 s",
        "✕ Off road 2.0 s",
    ]
    page.locator(".moment", has_text="Off road").click()
    assert clock(page) == "2.0 / 3.0 s"
    assert page.locator(".alerts").first.inner_text().split() == [
        "✕",
        "Collision",
        "✕",
        "Off",
        "road",
    ]
    page.locator(".flag").first.click()
    assert clock(page) == "1.2 / 3.0 s"
    assert page.locator(".alerts").first.inner_text() == "✕ Collision"
    page.keyboard.press("ArrowLeft")
    assert clock(page) == "1.1 / 3.0 s" and page.locator(".alerts").first.inner_text() == ""
    page.keyboard.press("n")
    page.keyboard.press("n")
    assert clock(page) == "2.0 / 3.0 s"
    flag, bar = page.locator(".flag").first.bounding_box(), page.locator("#scrub").bounding_box()
    middle = flag["x"] + flag["width"] / 2
    assert middle == pytest.approx(bar["x"] + bar["width"] * made_up.COLLISION / 30, abs=1)


def at(image: Any, east_m: float, north_m: float, scale: float = PX_PER_M) -> tuple[int, ...]:
    """The pixel so far from the middle of the view."""
    x, y = image.width / 2 + east_m * scale, image.height / 2 - north_m * scale
    return image.getpixel((math.floor(x), math.floor(y)))


def test_draws_things_where_they_are(page: Any) -> None:
    open_drive(page, "scene-0", "idm")
    page.locator("[data-layer=forecast]").uncheck()
    page.keyboard.press("End")
    assert clock(page) == "3.0 / 3.0 s"
    view = picture(page.locator(".pane").first)
    cos, sin = math.cos(made_up.HEADING), math.sin(made_up.HEADING)
    # The ego in the middle, at 30 degrees: 4.6 m by 2 m.
    assert at(view, 0, 0) == EGO
    assert at(view, -1.9 * cos, -1.9 * sin) == EGO
    assert at(view, -1.9 * cos, +1.9 * sin) != EGO  # not the other way round
    assert at(view, -2.6 * cos - 0.8 * sin, -2.6 * sin + 0.8 * cos) != EGO  # not longer
    assert at(view, +1.3 * sin, -1.3 * cos) != EGO  # not wider
    # The ego has gone 30 m: it is at (25.98, 15), and the truck is 5.98 m west of it, to the north.
    west = 20.0 - 30.0 * cos
    assert at(view, west - 0.8, 3.5) == TRUCK and at(view, west - 0.8, -3.5) == TRUCK
    assert at(view, west - 3.0, 0.0) != TRUCK
    page.locator("[data-layer=agents]").uncheck()
    clock(page)
    assert at(picture(page.locator(".pane").first), west - 0.8, 3.5) != TRUCK
    page.locator("[data-layer=agents]").check()
    page.locator("[data-layer=forecast]").check()


def test_draws_occupancy_ahead_of_the_ego(page: Any) -> None:
    open_drive(page, "scene-1", "idm")
    for layer in ("candidates", "plan", "forecast"):
        page.locator(f"[data-layer={layer}]").uncheck()
    clock(page)
    shown = picture(page.locator(".pane").first)
    page.locator("[data-layer=occupancy]").uncheck()
    clock(page)
    bare = picture(page.locator(".pane").first)
    cos, sin = math.cos(made_up.HEADING), math.sin(made_up.HEADING)
    for along, across, is_occupied in ((4.5, 4.5, True), (9.5, -4.5, True), (3.5, 3, False)):
        place = (along * cos - across * sin, along * sin + across * cos)
        assert (at(shown, *place) != at(bare, *place)) == is_occupied
    mixed = [round(0.35 * b + 0.65 * o) for b, o in zip(at(bare, 5, 2.9), OCCUPIED, strict=True)]
    assert at(shown, 5, 2.9) == pytest.approx(mixed, abs=3)
    for layer in ("candidates", "plan", "forecast", "occupancy"):
        page.locator(f"[data-layer={layer}]").check()


def test_zooms_pans_and_names_the_agent_under_the_mouse(page: Any) -> None:
    open_drive(page, "scene-0", "idm")
    box = page.locator(".pane").first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.wheel(0, -400)
    page.wait_for_timeout(50)
    scale = page.evaluate("report.player.camera.scale")
    assert scale == pytest.approx(8.0 * math.exp(0.6), rel=1e-6)
    page.locator("#follow").click()
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 60, y + 30)  # 60 px further east comes to the middle, 30 px further north
    page.mouse.up()
    clock(page)
    view = picture(page.locator(".pane").first)
    assert at(view, -60, -30, scale=1) == EGO
    assert page.locator("#follow").get_attribute("aria-pressed") == "false"
    page.mouse.move(x - 60, y + 30)
    assert page.evaluate("report.player.panes[0].hover") == 0
    page.mouse.move(x - 60, y + 130)
    assert page.evaluate("report.player.panes[0].hover") is None
    page.keyboard.press("f")
    clock(page)
    assert page.locator("#follow").get_attribute("aria-pressed") == "true"
    page.evaluate("report.player.camera.scale = 8")


def test_two_drives_in_step(page: Any) -> None:
    open_drive(page, "scene-0", "idm")
    page.locator("#beside").select_option(label="pdm")
    page.locator(".double .pane").nth(1).wait_for()
    page.locator(".moment", has_text="B: Collision").click()
    assert clock(page) == "1.2 / 3.0 s"
    assert at(picture(page.locator(".pane").nth(0)), 0, 0) == EGO
    blue = (0, 114, 178)
    assert at(picture(page.locator(".pane").nth(1)), 0, 0) == blue
    page.locator("#ghosts").check()
    clock(page)
    assert page.locator(".pane").nth(1).is_hidden()
    # pdm drives 2 m to the north of idm: its rim (1.6 pixels) is 1 m to the side of its middle.
    view = picture(page.locator(".pane").first)
    cos, sin = math.cos(made_up.HEADING), math.sin(made_up.HEADING)
    sides = (0.9, 0.95, 1.0, 1.05, 1.1)
    rim = [at(view, -sin * side - 1.5 * cos, 2.0 + cos * side - 1.5 * sin) for side in sides]
    assert min(math.dist(color, blue) for color in rim) < 45
    assert math.dist(at(view, -sin * 0.4 - 1.5 * cos, 2.0 + cos * 0.4 - 1.5 * sin), blue) > 90
    page.locator("#ghosts").uncheck()
    page.locator("#beside").select_option("")


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


def test_a_broken_playback_is_said_to_be_so(browser: Any, path: Path, tmp_path: Path) -> None:
    text = path.read_text()
    block = text.split('id="drive-0-0">')[1].split("</script>")[0]
    (tmp_path / "cut.html").write_text(text.replace(block, block[:400]))
    page = open_page(browser, tmp_path / "cut.html")
    page.locator("#search").fill("scene-0 idm")
    page.locator("#scenarios button.open").first.click()
    page.locator(".nothing", has_text="cannot be read").wait_for()
    page.keyboard.press("Space")
    page.locator(".tab", has_text="pdm").click()
    page.locator(".moment").first.wait_for()  # the other drive is whole
    assert page.errors == []
    page.close()


def test_long_tables_grow_as_they_are_read(browser: Any, tmp_path: Path) -> None:
    names = tuple((f"scene-{k}", "jam") for k in range(400))
    scores = {"idm": tuple(k / 400 for k in range(400))}
    run = made_up.run(tmp_path, "long", scores, recorded=False, names=names)
    page = open_page(browser, write_report(run))
    rows = page.locator("#scenarios tbody tr")
    assert rows.count() <= 300 and page.locator("#count").inner_text() == "400 of 400 drives"
    while rows.count() < 400:
        page.locator(".more").click()
    assert page.locator(".more").is_hidden()
    assert rows.last.locator("th").inner_text().endswith("scene-399")
    page.locator("#search").fill("scene-399")
    assert rows.count() == 1
    assert page.errors == []
    page.close()


def test_without_recordings_the_tables_remain(browser: Any, tmp_path: Path) -> None:
    page = open_page(browser, write_report(made_up.run(tmp_path, "old", recorded=False)))
    assert "holds no recordings" in page.locator(".missing").inner_text()
    assert scores(page)[0] == 0.1
    page.locator("#scenarios button.open").first.click()
    assert "no playback" in page.locator(".nothing").inner_text()
    assert "0.100" in page.locator(".values").inner_text()
    assert page.errors == []
    page.close()
