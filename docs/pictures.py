"""The pictures of the README and the docs: `make pictures DATA=DIR`.

DIR holds the nuScenes mini scenes as ScenarioNet converts them. Needs Open3D's libraries and chromium
(`make system`).
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from drive.cli.main import main

IMAGES = Path(__file__).parent / "images"
EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "my_scenario.py"
FAMILIES = "signalized_junction,roundabout,left_turn,crosswalk,merge,t_junction"


def call(*words: object) -> None:
    """`bevdrive WORDS`."""
    if main([str(word) for word in words]) != 0:
        raise SystemExit(f"bevdrive {' '.join(map(str, words))} failed")


def screenshot(report: Path, image: Path, scheme: str, fragment: str = "", act: str = "0") -> None:
    """The report at laptop size, after a line of script; `fragment` opens a drive."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
        page.goto(f"file://{report.resolve()}{fragment}")
        page.wait_for_timeout(500)
        page.evaluate(act)
        page.wait_for_timeout(500)
        page.screenshot(path=str(image))
        browser.close()


def draw(data: Path, root: Path) -> None:
    """Drive some scenarios, and look at them in every way."""
    call("simulate", "--families", FAMILIES, "--count", 24, "--planner", "constant_velocity,idm,pdm",
         "--videos", 0, "--out", root, "--name", "pictures")  # fmt: skip
    run = root / "pictures"
    call("view", run, "--scenario", "signalized_junction-val-0-000000", "--planner", "pdm",
         "--time", 5, "--color", "class", "--out", IMAGES / "view_generated.png")  # fmt: skip
    call("view", data, "--scenario", "scene-0553", "--time", 8, "--color", "class",
         "--out", IMAGES / "view_nuscenes.png")  # fmt: skip
    subprocess.run([sys.executable, EXAMPLE], cwd=root, check=True)
    call("view", root / "scenarios", "--time", 3.5, "--color", "class",
         "--out", IMAGES / "my_scenario.png")  # fmt: skip
    report = run / "report.html"
    screenshot(report, IMAGES / "report_scores.png", "light")
    seek = "report.player.seek(50)"
    screenshot(report, IMAGES / "report_playback.png", "dark", "#0/2", seek)


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        raise SystemExit("usage: python docs/pictures.py DIR (nuScenes mini scenes by ScenarioNet)")
    with tempfile.TemporaryDirectory() as scratch:
        draw(Path(sys.argv[1]), Path(scratch))
