"""`bevdrive view`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from drive.cli.options import Form
from drive.cli.view_options import ViewOptions, view_form
from drive.pipelines.view import ViewTarget, find_viewed_scene
from sim.errors import InputError
from sim.extras import require_installed

if TYPE_CHECKING:
    from eval.view.scene_layers import SceneLayers
    from eval.view.window_messages import WindowSettings


def forms() -> dict[str, Form]:
    """The one that there is."""
    return {"": view_form()}


def parse(arguments: list[str]) -> ViewOptions:
    """What is to be seen, and how; not checked yet."""
    return view_form().parse(arguments)


def run(arguments: list[str]) -> int:
    """Find what is to be seen, then open the window or write the picture; returns the exit code."""
    options = parse(arguments)
    options.check()
    from eval.view.renderer_process import DrawingFailed

    target, size_px = options.target(), options.size_px()
    require_installed("view --web" if options.web else "view", "viser" if options.web else "open3d")
    try:
        if options.web:
            return _open_web(target, options)
        if options.out is None:
            return _open_window(target, options, size_px)
        return _write(_scene_layers(target, options), options, options.out, size_px)
    except KeyboardInterrupt:
        print("\nbevdrive: interrupted; nothing written", file=sys.stderr)
        return 130
    except DrawingFailed as error:
        hint = "; --out scene.png needs no display" if options.out is None else ""
        print(f"bevdrive: {error}{hint}", file=sys.stderr)
        return 1


def _scene_layers(target: ViewTarget, options: ViewOptions) -> "SceneLayers":
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


def _shown(scene_layers: "SceneLayers", options: ViewOptions) -> tuple[str, ...]:
    return options.layers or scene_layers.shown_at_first()


def _write(
    scene_layers: "SceneLayers",
    options: ViewOptions,
    out: Path,
    size_px: tuple[int, int],
) -> int:
    from drive.progress_bar import progress_bar
    from eval.image_files import write_mp4, write_png
    from eval.view.renderer import draw_instants, film_instants, open_renderer

    first, shown = _instant(scene_layers, options.time), _shown(scene_layers, options)
    if out.suffix == ".png":
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
        if out.suffix == ".png":
            write_png(out, next(images))
        else:
            progress = progress_bar(iterable=images, desc="drawing", total=len(instants))
            write_mp4(out, iter(progress), size_px, options.fps)
    finally:
        renderer.close()
    print(out)
    return 0


def _open_web(target: ViewTarget, options: ViewOptions) -> int:
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
    options: ViewOptions,
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
    options: ViewOptions,
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
