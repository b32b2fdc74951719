"""The pictures of the README and the docs: `make pictures DATA=DIR`.

DIR holds the nuScenes mini scenes as ScenarioNet converts them; without it their pictures stay as they are.
Needs Open3D's libraries and chromium (`make system`).
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from drive.cli.main import main

IMAGES = Path(__file__).parent / "images"
EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "my_scenario.py"
LAPTOP, PHONE = (1366, 768), (390, 844)
MOVING = "unprotected_left-val-0-000004"
COLLISION = "left_turn-val-0-000008"  # constant velocity hits a car that crosses
FAMILIES = "signalized_junction,roundabout,left_turn,crosswalk,merge,t_junction"


def call(*words: object) -> None:
    """`bevdrive WORDS`."""
    if main([str(word) for word in words]) != 0:
        raise SystemExit(f"bevdrive {' '.join(map(str, words))} failed")


def screenshot(
    page_file: Path,
    image: Path,
    scheme: str,
    size: tuple[int, int] = LAPTOP,
    fragment: str = "",
    act: str = "0",
) -> None:
    """A page in a window of that size, after a line of script; `fragment` opens a drive of a report."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        viewport = {"width": size[0], "height": size[1]}
        page = browser.new_page(viewport=viewport, color_scheme=scheme)  # type: ignore[arg-type]
        page.goto(f"file://{page_file.resolve()}{fragment}")
        page.wait_for_timeout(500)
        page.evaluate(act)
        page.wait_for_timeout(500)
        page.screenshot(path=str(image))
        browser.close()


def animate(film: Path, image: Path, seconds: float) -> None:
    """The beginning of a film as a GIF, in 48 colours of its own."""
    import imageio_ffmpeg

    colors = "scale=560:-1:flags=lanczos,split[a][b];[a]palettegen=48:stats_mode=diff[p]"
    drawn = f"{colors};[b][p]paletteuse=dither=none:diff_mode=rectangle"
    cut = ["-loglevel", "error", "-t", str(seconds), "-i", str(film), "-vf", drawn]
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-y", *cut, str(image)], check=True)


def draw_generated(root: Path) -> None:
    """What a planner thinks at an instant, and another's drive in motion."""
    call("view", "--scenario", "unprotected_left-val-0-000000", "--planner", "costvolume", "--time", 9,
         "--ahead", 2, "--out", IMAGES / "view_costs.png")  # fmt: skip
    call("simulate", "--scenario", MOVING, "--planner", "p3", "--replan", 0.5, "--videos", 0,
         "--out", root, "--name", "moving")  # fmt: skip
    layers = ["boxes", "map", "lights", "route", "plan", "candidates", "trails"]
    call("view", root / "moving", "--planner", "p3", "--time", 1.5, "--fps", 8, "--color", "class",
         "--layers", *layers, "--out", root / "drive.mp4")  # fmt: skip
    animate(root / "drive.mp4", IMAGES / "drive.gif", seconds=8.5)


def draw(data: Path | None, root: Path) -> None:
    """Drive some scenarios, and look at them in every way."""
    draw_generated(root)
    call("simulate", "--families", FAMILIES, "--count", 24, "--planner", "constant_velocity,idm,pdm",
         "--videos", 0, "--out", root, "--name", "pictures")  # fmt: skip
    run = root / "pictures"
    call("view", run, "--scenario", "signalized_junction-val-0-000000", "--planner", "pdm",
         "--time", 5, "--color", "class", "--out", IMAGES / "view_generated.png")  # fmt: skip
    if data is not None:
        call("view", data, "--scenario", "scene-0553", "--time", 8, "--color", "class",
             "--out", IMAGES / "view_nuscenes.png")  # fmt: skip
        call("view", data, "--scenario", "scene-1094", "--planner", "p3", "--time", 8,
             "--color", "class", "--out", IMAGES / "view_recorded.png")  # fmt: skip
    subprocess.run([sys.executable, EXAMPLE], cwd=root, check=True)
    call("view", root / "scenarios", "--time", 3.5, "--color", "class",
         "--out", IMAGES / "my_scenario.png")  # fmt: skip
    call("view", run, "--scenario", COLLISION, "--planner", "constant_velocity", "--color", "class",
         "--out", IMAGES / "view_collision.png")  # fmt: skip
    look_at_pages(run / "report.html")


def look_at_pages(report: Path) -> None:
    """The report on a laptop and a phone, in light and in dark."""
    seek = "report.player.seek(50)"
    screenshot(report, IMAGES / "report_scores.png", "light")
    screenshot(report, IMAGES / "report_playback.png", "dark", fragment="#0/2", act=seek)
    for scheme in ("light", "dark"):
        screenshot(report, IMAGES / f"report_phone_{scheme}.png", scheme, PHONE)


if __name__ == "__main__":
    given = [Path(word) for word in sys.argv[1:]]
    if len(given) > 1 or not all(folder.is_dir() for folder in given):
        raise SystemExit(
            "usage: python docs/pictures.py [DIR] (nuScenes mini scenes by ScenarioNet)"
        )
    with tempfile.TemporaryDirectory() as scratch:
        draw(given[0] if given else None, Path(scratch))
