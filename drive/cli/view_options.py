"""The options of `bevdrive view`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drive.cli.options import Form
from drive.pipelines.view import TOLD_BY_PATH, ViewTarget
from eval.view.option_names import AHEAD_S, CAMERAS, COLORS, HIDDEN_LAYERS, LAYERS, THEMES
from sim.errors import InputError, one_of

WINDOW, PICTURE = "1440x860", "960x540"


@dataclass(frozen=True)
class ViewOptions:
    """Look at a scenario, a drive, a dataset's scene or a sweep, in Open3D.

    Examples:
      bevdrive view                                                # a generated junction, in a window
      bevdrive view --families roundabout --seed 3 --out scene.png --time 5
      bevdrive view --scenario merge-val-0-000007                  # any generated scenario, by its id
      bevdrive view runs/latest --scenario merge-val-0-000007 --planner pdm
      bevdrive view runs/latest --planner costvolume --time 6 --ahead 3   # what it would think there
      bevdrive view runs/latest --out drive.mp4 --camera top --color class
      bevdrive view --dataroot DIR --version v1.0-mini --scenario scene-0061
      bevdrive view --dataroot DIR --version v1.0-mini --sample TOKEN --out sample.png
      bevdrive view av2/adcf7d18-0510-35b0-a2fa-b4cea13a6d76 --color instance
      bevdrive view kitti/velodyne/000001.bin --color intensity --out sweep.png
      bevdrive view runs/latest --web                   # in a browser, without a display here
      bevdrive view runs/latest --web --out drive.html  # a page that plays without a server
      bevdrive view runs/found --stage label --out labels.png   # what bevdrive discover found

    Paths: a run folder; the folder of a discovery; a saved scenario or a ScenarioNet pickle, or a folder
    of them; an Argoverse 2 log; a lidar sweep (nuScenes .pcd.bin, KITTI .bin, Argoverse 2 .feather).
    Without a path: a generated scene, or with --dataroot a nuScenes scene. Where the data has no sweeps,
    or the drive is simulated, a simulated lidar provides the points.

    In the window: space plays, left and right step, up and down choose the instant of a cost volume, C
    changes the camera, S saves a picture, Ctrl + click picks a box. Layer `ground` shows what a simulated
    lidar sees of the ground, layer `future` where everyone will really be.

    Off-screen drawing needs neither display nor GPU, but Open3D's libraries; without them matplotlib
    draws. Exit codes: 0 all well; 1 no window can be opened here; 2 wrong input; 130 interrupted.
    """

    path: Path | None = None
    """what to look at (see above)"""
    scenario: str | None = None
    """which scenario of a run, a folder, a dataset; or any generated one"""
    planner: str | None = None
    """whose drive of a run (the first planner's); if it rates candidates (costvolume, p3, hand_cost, energy,
    p3@RUN ...): what it would think there, in a run or anywhere"""
    source: str = TOLD_BY_PATH
    """what reads the path (told by the path)"""
    families: tuple[str, ...] = ViewTarget.families
    """generated: what kind of scene"""
    split: str | None = None
    """generated: train, val or test; nuScenes: a split (every scene)"""
    seed: int = 0
    """generated: which one"""
    dataroot: Path | None = None
    """nuScenes: folder that holds the versions"""
    version: str = ViewTarget.version
    """nuScenes: the version"""
    sample: str | None = None
    """nuScenes: begin at this sample, a token"""
    cache: Path | None = None
    """nuScenes: where converted scenes are kept; not given: ~/.cache/bevdrive"""
    stage: str | None = None
    """whose labels of a discovery (the last one's): cluster, track, label ..."""
    weights: str | None = None
    """of a lidar sweep: what the detector of a discovery (or default) finds in it"""
    lidar: str = ViewTarget.lidar
    """real (where there are sweeps) or simulated"""
    color: str = "height"
    """of points, by height, intensity, class or instance"""
    layers: tuple[str, ...] = ()
    """which to show"""
    theme: str = "dark"
    """dark or light: colours on such ground"""
    camera: str = "chase"
    """where from: chase, top, side, overview"""
    ahead: float = AHEAD_S
    """cost volume: shown at so many seconds from now"""
    time: float | None = None
    """seconds: of a picture, or where the window begins (a drive: where it fails first, if it does)"""
    out: Path | None = None
    """write scene.png or scene.mp4 (with --web scene.html), open no window"""
    web: bool = False
    """in a browser's tab, for this machine alone; with --out a page that plays anywhere"""
    size: str | None = None
    """WIDTHxHEIGHT of the window or the picture, pixels"""
    play: bool = False
    """the window begins to play at once"""
    fps: float = 10.0
    """of an mp4: pictures per second, at real speed"""

    def target(self) -> ViewTarget:
        """What is looked at."""
        known = vars(ViewTarget())
        given: dict[str, Any] = {k: value for k, value in vars(self).items() if k in known}
        given["scenario"] = (self.scenario,) if self.scenario else ()
        return ViewTarget(**given)

    def size_px(self) -> tuple[int, int]:
        """Width and height, which mp4 needs to be even."""
        text = self.size or (WINDOW if self.out is None else PICTURE)
        width, _, height = text.partition("x")
        if not (width.isdigit() and height.isdigit() and min(int(width), int(height)) >= 64):
            raise InputError(f"--size: {text!r} is not width x height in pixels, such as {PICTURE}")
        return int(width) // 2 * 2, int(height) // 2 * 2

    def check(self) -> None:
        """Raise InputError for what can be told without the scene."""
        for name, choices in {"color": COLORS, "theme": THEMES, "camera": CAMERAS}.items():
            one_of(f"--{name}", getattr(self, name), choices)
        for layer in self.layers:
            one_of("--layers", layer, LAYERS)
        if not 0.1 <= self.fps <= 240.0:
            raise InputError(f"--fps: must be from 0.1 to 240, not {self.fps:g}")
        if self.out is not None:
            self._check_out(self.out)

    def _check_out(self, out: Path) -> None:
        suffixes = (".html",) if self.web else (".png", ".mp4")
        if out.suffix not in suffixes:
            raise InputError(f"--out: {out}: choose a name ending in {' or '.join(suffixes)}")
        if not out.resolve().parent.is_dir():
            raise InputError(f"--out: {out.resolve().parent}: no such folder")


def view_form() -> Form[ViewOptions]:
    """The command line of the verb."""
    groups = {
        "scene": ("scenario", "planner", "source", "families", "split", "seed", "stage", "weights"),
        "nuscenes": ("dataroot", "version", "sample", "cache"),
        "picture": ("lidar", "color", "layers", "theme", "camera", "ahead", "time"),
        "output": ("out", "web", "size", "play", "fps"),
    }
    layers = f"which to show: {', '.join(LAYERS)}; not given: all but {' and '.join(HIDDEN_LAYERS)}"
    size = f"width and height in pixels; not given: {WINDOW} of a window, {PICTURE} of a picture"
    helps = {"layers": layers, "size": size}
    return Form(ViewOptions, "bevdrive view", groups, positional=("path",), helps=helps)
