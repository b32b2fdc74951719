"""`bevdrive view`."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from drive.cli.words import split_commas
from drive.pipelines.view import TOLD_BY_PATH, ViewTarget, find_viewed_scene
from eval.view.option_names import AHEAD_S, CAMERAS, COLORS, HIDDEN_LAYERS, LAYERS, THEMES
from sim.errors import InputError
from sim.extras import require_installed

if TYPE_CHECKING:
    from eval.view.scene_layers import SceneLayers
    from eval.view.window_messages import WindowSettings

_WINDOW, _PICTURE = "1440x860", "960x540"
_EPILOG = """examples:
  bevdrive view                                                # a generated junction, in a window
  bevdrive view --families roundabout --seed 3 --out scene.png --time 5
  bevdrive view --scenario merge-val-0-000007                  # any generated scenario, by its id
  bevdrive view runs/latest --scenario merge-val-0-000007 --planner pdm
  bevdrive view runs/latest --planner costvolume --time 6 --ahead 3     # what it would think there
  bevdrive view runs/latest --out drive.mp4 --camera top --color class
  bevdrive view --dataroot DIR --version v1.0-mini --scenario scene-0061
  bevdrive view --dataroot DIR --version v1.0-mini --sample TOKEN --out sample.png
  bevdrive view av2/adcf7d18-0510-35b0-a2fa-b4cea13a6d76 --color instance
  bevdrive view kitti/velodyne/000001.bin --color intensity --out sweep.png
  bevdrive view runs/latest --web                              # in a browser, without a display here
  bevdrive view runs/latest --web --out drive.html             # a page that plays without a server
  bevdrive view runs/found --stage label --out labels.png       # what bevdrive discover found

Paths: a run folder; the folder of a discovery; a saved scenario or a ScenarioNet pickle, or a folder
of them; an Argoverse 2 log; a lidar sweep (nuScenes .pcd.bin, KITTI .bin, Argoverse 2 .feather).
Without a path: a generated scene, or with --dataroot a nuScenes scene. Where the data has no sweeps,
or the drive is simulated, a simulated lidar provides the points.

In the window: space plays, left and right step, up and down choose the instant of a cost volume, C
changes the camera, S saves a picture, Ctrl + click picks a box. Layer `ground` shows what a simulated
lidar sees of the ground, layer `future` where everyone will really be.

Off-screen drawing needs neither display nor GPU, but Open3D's libraries; without them matplotlib
draws. Exit codes: 0 all well, 1 no window can be opened here, 2 wrong input, 130 interrupted."""


def run(arguments: list[str]) -> int:
    """Find what is to be seen, then open the window or write the picture; returns the exit code."""
    options = _parse(arguments)
    from eval.view.renderer_process import DrawingFailed

    size_px = _size(options.size or (_WINDOW if options.out is None else _PICTURE))
    if options.out is not None:
        _check_out(options.out, (".html",) if options.web else (".png", ".mp4"))
    given = {k: v for k, v in vars(options).items() if k in vars(ViewTarget())}
    target = ViewTarget(**given)
    require_installed("view --web" if options.web else "view", "viser" if options.web else "open3d")
    try:
        if options.web:
            return _open_web(target, options)
        if options.out is None:
            return _open_window(target, options, size_px)
        return _write(_scene_layers(target, options), options, size_px)
    except KeyboardInterrupt:
        print("\nbevdrive: interrupted; nothing written", file=sys.stderr)
        return 130
    except DrawingFailed as error:
        hint = "; --out scene.png needs no display" if options.out is None else ""
        print(f"bevdrive: {error}{hint}", file=sys.stderr)
        return 1


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bevdrive view",
        description="Look at a scenario, a drive, a dataset's scene or a sweep, in Open3D.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("path", nargs="?", type=Path, help="what to look at (see below)")
    add("--scenario", metavar="ID",
        help="which scenario of a run, a folder, a dataset; or any generated one")  # fmt: skip
    add("--planner", metavar="NAME",
        help="whose drive of a run (the first planner's); if it rates candidates (costvolume, "
        "p3, hand_cost, energy, p3@RUN ...): what it would think there, in a run or anywhere")  # fmt: skip
    add("--source", default=TOLD_BY_PATH, help="what reads the path (told by the path)")
    add("--families", nargs="+", default=ViewTarget().families, metavar="FAMILY",
        help="generated: what kind of scene")  # fmt: skip
    add("--split", help="generated: train, val or test; nuScenes: a split (every scene)")
    add("--seed", type=int, default=0, help="generated: which one")
    add("--dataroot", type=Path, help="nuScenes: folder that holds the versions")
    add("--version", default="v1.0-mini", help="nuScenes: the version")
    add("--sample", metavar="TOKEN", help="nuScenes: begin at this sample")
    add("--cache", type=Path, help="nuScenes: where converted scenes are kept (~/.cache/bevdrive)")
    add("--stage", help="whose labels of a discovery (the last one's): cluster, track, label ...")
    add("--weights", metavar="RUN",
        help="of a lidar sweep: what the detector of a discovery (or default) finds in it")  # fmt: skip
    add("--lidar", default="real", help="real (where there are sweeps) or simulated")
    add("--color", choices=COLORS, default="height", help="of points, by")
    add("--layers", nargs="+", choices=LAYERS, metavar="LAYER",
        help=f"which to show: {', '.join(LAYERS)} (all but {' and '.join(HIDDEN_LAYERS)})")  # fmt: skip
    add("--theme", choices=THEMES, default="dark", help="colours on dark or on light ground")
    add("--camera", choices=CAMERAS, default="chase", help="where from: " + ", ".join(CAMERAS))
    add("--ahead", type=float, default=AHEAD_S, metavar="S",
        help=f"cost volume: shown at so many seconds from now ({AHEAD_S:g})")  # fmt: skip
    add(
        "--time",
        type=float,
        metavar="S",
        help="of a picture, or where the window begins (a drive: where it fails first, if it does)",
    )
    add(
        "--out",
        type=Path,
        metavar="FILE",
        help="write scene.png or scene.mp4 (with --web scene.html), open no window",
    )
    add("--web", action="store_true",
        help="in a browser's tab, for this machine alone; with --out a page that plays anywhere")  # fmt: skip
    add(
        "--size",
        metavar="WxH",
        help=f"of the window ({_WINDOW}) or the picture ({_PICTURE}), pixels",
    )
    add("--play", action="store_true", help="the window begins to play at once")
    add("--fps", type=float, default=10.0, help="of an mp4: pictures per second, at real speed")
    options = parser.parse_args(split_commas(arguments, ("--families",)))
    options.families = tuple(options.families)
    options.scenario = () if options.scenario is None else (options.scenario,)
    return options


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit() and int(width) >= 64 and int(height) >= 64):
        raise InputError(f"--size: {text!r} is not width x height in pixels, such as 960x540")
    return int(width) // 2 * 2, int(height) // 2 * 2  # mp4 needs even numbers


def _check_out(out: Path, suffixes: tuple[str, ...]) -> None:
    if out.suffix not in suffixes:
        raise InputError(f"--out: {out}: choose a name ending in {' or '.join(suffixes)}")
    if not out.resolve().parent.is_dir():
        raise InputError(f"--out: {out.resolve().parent}: no such folder")


def _scene_layers(target: ViewTarget, options: argparse.Namespace) -> "SceneLayers":
    import torch

    from eval.view.scene_layers import SceneLayers

    torch.set_num_threads(1)  # the other core draws
    layers = SceneLayers(find_viewed_scene(target), options.color, options.ahead, options.theme)
    times_s = layers.times_ahead_s()
    if times_s and not times_s[0] <= options.ahead <= times_s[-1]:
        raise InputError(
            f"--ahead: {options.ahead:g} s is not between {times_s[0]:g} and {times_s[-1]:g} s"
        )
    return layers


def _instant(scene_layers: "SceneLayers", time_s: float | None) -> int:
    scene = scene_layers.scene
    if time_s is None:
        return scene.first_instant
    last_s = (scene.num_instants - 1) * scene.motion.dt_s
    if not 0.0 <= time_s <= last_s:
        raise InputError(f"--time: {time_s} s is not between 0 and {last_s:.1f} s")
    return round(time_s / scene.motion.dt_s)


def _shown(scene_layers: "SceneLayers", options: argparse.Namespace) -> tuple[str, ...]:
    return tuple(options.layers) if options.layers else scene_layers.shown_at_first()


def _write(
    scene_layers: "SceneLayers",
    options: argparse.Namespace,
    size_px: tuple[int, int],
) -> int:
    from drive.progress_bar import progress_bar
    from eval.image_files import write_mp4, write_png
    from eval.view.renderer import draw_instants, film_instants, open_renderer

    first, shown = _instant(scene_layers, options.time), _shown(scene_layers, options)
    if options.out.suffix == ".png":
        instants = [first]
    else:
        instants = film_instants(
            scene_layers.scene, options.fps, first if options.time is not None else 0
        )
    renderer, reason = open_renderer(size_px)
    if reason:
        print(f"bevdrive: {reason}; drawn by matplotlib instead", file=sys.stderr)
    try:
        images = draw_instants(renderer, scene_layers, instants, options.camera, shown)
        if options.out.suffix == ".png":
            write_png(options.out, next(images))
        else:
            progress = progress_bar(iterable=images, desc="drawing", total=len(instants))
            write_mp4(options.out, iter(progress), size_px, options.fps)
    finally:
        renderer.close()
    print(options.out)
    return 0


def _open_web(target: ViewTarget, options: argparse.Namespace) -> int:
    from drive.progress_bar import progress_bar
    from eval.view.web_page import record_web, serve_web

    scene_layers = _scene_layers(target, options)
    shown = _shown(scene_layers, options)
    if options.out is None:
        settings = _settings(scene_layers, options, (0, 0))
        serve_web(scene_layers, settings, lambda address: print(address, flush=True))
        return 0
    first = _instant(scene_layers, options.time) if options.time is not None else 0
    instants = range(first, scene_layers.scene.num_instants)
    told = progress_bar(iterable=instants, desc="drawing", total=len(instants))
    record_web(options.out, scene_layers, options.camera, shown, told)
    print(options.out)
    return 0


def _open_window(
    target: ViewTarget,
    options: argparse.Namespace,
    size_px: tuple[int, int],
) -> int:
    from eval.view.renderer_process import RendererProcess

    process = RendererProcess("window")  # starts while the scene is made
    try:
        from eval.view.scene_server import serve_window

        scene_layers = _scene_layers(target, options)
        serve_window(process, scene_layers, _settings(scene_layers, options, size_px))
    finally:
        process.close()
    return 0


def _settings(
    scene_layers: "SceneLayers",
    options: argparse.Namespace,
    size_px: tuple[int, int],
) -> "WindowSettings":
    from eval.view.window_messages import WindowSettings

    return WindowSettings(
        size_px,
        _instant(scene_layers, options.time),
        options.camera,
        options.color,
        _shown(scene_layers, options),
        options.ahead,
        options.play,
    )
