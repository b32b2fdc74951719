"""The playback in a real browser: it plays, scrubs, jumps, and draws things where they are."""

import math
from pathlib import Path
from typing import Any

import pytest

from tests.eval.report import made_up
from tests.eval.report.browser import (
    clock,
    needs_browser,
    open_drive,
    open_page,
    picture,
    wait_until,
)

pytestmark = needs_browser
EGO, TRUCK, OCCUPIED, HIT = (
    (213, 94, 0),
    (108, 122, 139),
    (230, 159, 0),
    (200, 0, 60),
)  # sim/palette.py
PX_PER_M = 8.0  # the scale at first


def test_plays_pauses_and_steps(page: Any) -> None:
    open_drive(page, "scene-0", "idm")
    assert clock(page) == "0.0 / 3.0 s"
    page.locator("#speed").select_option("0.5")  # 6 s to the end
    page.keyboard.press("Space")
    assert page.locator("#play").get_attribute("aria-label") == "Pause (space)"
    wait_until(page, "report.player.t > 2")
    page.keyboard.press("Space")
    paused = clock(page)
    assert 0.0 < float(paused.split()[0]) < 3.0
    assert all(clock(page) == paused for _ in range(5))  # two pictures later each
    page.locator("#speed").select_option("1")
    page.keyboard.press("Home")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert clock(page) == "0.2 / 3.0 s"
    page.locator("#speed").select_option("4")
    page.locator("#play").click()
    page.locator("#play[aria-label^=Play]").wait_for()  # it stops at the end
    assert clock(page) == "3.0 / 3.0 s"
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


def test_a_failure_of_the_whole_drive_is_told_too(page: Any) -> None:
    told = page.locator("aside").get_by_text("✕ comfort")
    open_drive(page, "scene-1", "idm")
    assert told.count() == 0
    row = "row.scenario === report.player.scenario && row.column === report.player.column"
    page.evaluate(f"report.data.rows.find((row) => {row}).failed.push('comfort')")
    page.evaluate("report.player.open(report.player.scenario, report.player.column)")
    told.wait_for()


def test_jumps_to_the_failures(page: Any) -> None:
    open_drive(page, "scene-0", "idm")
    moments = page.locator(".moment[data-failure]").all_inner_texts()
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


def test_the_map_has_most_of_a_small_screen(browser: Any, path: Path) -> None:
    page = open_page(browser, path, 1366, 768)
    open_drive(page, "scene-0", "idm")
    clock(page)
    assert share(page, ".stage") > 0.55
    assert page.locator("[data-curve=speed_mps]").is_visible()
    ticks = page.locator("#scrub .axis span").all_inner_texts()
    assert ticks == ["0", "1", "2", "3 s"]
    page.keyboard.press("c")  # every curve
    assert page.locator("#curves").get_attribute("aria-pressed") == "true"
    assert share(page, ".timeline") > 0.25 and share(page, ".stage") > 0.3
    assert page.errors == []
    page.close()


def share(page: Any, name: str) -> float:
    """Of the window that an element takes."""
    box, window = page.locator(name).bounding_box(), page.viewport_size
    return box["width"] * box["height"] / (window["width"] * window["height"])


def test_marks_who_is_hit(page: Any) -> None:
    open_drive(page, "scene-0", "idm")
    (hit,) = page.locator("[data-hit]").all()
    name, time = hit.inner_text().split("\n")
    assert name == "✕ vehicle truck-7" and 1.5 < float(time.split()[0]) < 2.5
    hit.click()
    assert clock(page) == f"{time.split()[0]} / 3.0 s"
    # Half a metre around the truck, 8 m by 2.4 m at (20, 15), seen from the ego.
    east, north = page.evaluate("report.player.panes[0].ego()")[:2]
    frame = [(20.0 - 1.7, 12.0), (20.0 + 1.7, 18.0), (20.0 + 0.6, 15.0 - 4.5)]
    seen = picture(page.locator(".pane").first)
    assert [at(seen, x - east, y - north) for x, y in frame] == [HIT] * 3
    page.keyboard.press("ArrowLeft")
    clock(page)
    east, north = page.evaluate("report.player.panes[0].ego()")[:2]
    seen = picture(page.locator(".pane").first)
    assert all(at(seen, x - east, y - north) != HIT for x, y in frame)


def test_a_planner_has_one_colour(page: Any) -> None:
    wanted = {"idm": EGO, "pdm": (0, 114, 178)}
    for planner, color in wanted.items():
        css = f"rgb({', '.join(map(str, color))})"
        card = page.locator(".card", has=page.locator("h2", has_text=planner))
        assert card.evaluate("(e) => getComputedStyle(e).borderTopColor") == css
        assert card.locator("h2 .mark").evaluate("(e) => getComputedStyle(e).fill") == css
        open_drive(page, "scene-0", planner)
        clock(page)
        curve = page.locator("[data-curve=speed_mps] .curve")
        assert curve.evaluate("(e) => getComputedStyle(e).stroke") == css
        assert at(picture(page.locator(".pane").first), 0, 0) == color
        page.keyboard.press("Escape")


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
    for layer in ("candidates", "plan", "forecast", "what-if"):
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
    for layer in ("candidates", "plan", "forecast", "what-if", "occupancy"):
        page.locator(f"[data-layer={layer}]").check()


def test_outlines_who_was_perceived(page: Any) -> None:
    open_drive(page, "scene-1", "idm")
    clock(page)
    shown = picture(page.locator(".pane").first)
    page.locator("[data-layer=perceived]").uncheck()
    clock(page)
    bare = picture(page.locator(".pane").first)
    page.locator("[data-layer=perceived]").check()
    cos, sin = math.cos(made_up.HEADING), math.sin(made_up.HEADING)

    def drawn(along_m: float, across_m: float) -> bool:
        place = (along_m * cos - across_m * sin, along_m * sin + across_m * cos)
        return at(shown, *place) != at(bare, *place)

    side = [drawn(-12.0 + 0.1 * k, 7.0) for k in range(40)]
    assert 15 < sum(side) < 36  # dashed
    assert not any(drawn(-11.0 + 0.1 * k, 6.0) for k in range(20))  # and not filled
    assert not any(drawn(x, y) for x, y in ((-13.0, 6.0), (-10.0, 8.0), (0.0, 0.0)))


def test_tells_the_terms_of_the_cost_at_the_instant(page: Any) -> None:
    open_drive(page, "scene-1", "idm")
    page.evaluate("report.player.jump(9)")  # what was kept last is of instant 8
    wait_until(page, "document.querySelector('#terms tbody td').textContent.startsWith('2')")
    rows = page.locator("#terms tbody tr").all()
    told = [row.locator("th, td").all_inner_texts() for row in rows]
    assert told[0] == ["collision", "2.00", "0.00"] and told[1][0] == "off lanes"
    assert told[1][2] == "7.00"


def test_tells_to_whom_it_matters_if_the_ego_goes_or_waits(page: Any) -> None:
    open_drive(page, "scene-1", "idm")
    rows = "document.querySelector('#what-if tbody').innerText"
    page.evaluate("report.player.jump(9)")
    wait_until(page, f"{rows}.startsWith('It matters to nobody')")
    page.evaluate("report.player.jump(21)")
    wait_until(page, f"{rows}.startsWith('truck-7')")
    told = [
        row.locator("th, td").all_inner_texts() for row in page.locator("#what-if tbody tr").all()
    ]
    assert told == [
        ["truck-7 vehicle"],
        ["slower", "25 %", "62 %", "20 %", "20 %"],
        ["hit", "", "3 %", "3 %", "3 %"],
        ["differs", "", "40 %", "0 %", "0 %"],
    ]
    # If it goes it is 8 m on in half a second, and 64 m in 4 s.
    line = "report.player.views[0].drive.line('what_way', 20 / 2 * 2, [0, 0])"
    end = page.evaluate(f"{line}[7]")
    assert end == pytest.approx(
        [64 * math.cos(made_up.HEADING), 64 * math.sin(made_up.HEADING)], abs=0.2
    )


def test_zooms_pans_and_names_the_agent_under_the_mouse(page: Any) -> None:
    open_drive(page, "scene-0", "idm")
    box = page.locator(".pane").first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.wheel(0, -400)
    wait_until(page, "report.player.camera.scale > 8")
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
