"""The process that draws: `python -m eval.view.renderer_process_main FD MODE`.

FD is its end of the pipe that `renderer_process.RendererProcess` holds. MODE is "window", or the size
of off-screen images such as "960x540".
"""

import os
import sys
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from jaxtyping import UInt8

from eval.view.camera import Camera
from eval.view.renderer_process import RendererFailure
from eval.view.window_messages import READY


def draw_offscreen(connection: Connection, size_px: tuple[int, int]) -> None:
    """Obey ("shapes", {layer: shapes}) and ("background", rgb), answer ("draw", camera) by an image, until
    hung up on."""
    from open3d.visualization import rendering

    from eval.view.open3d_scene import LayeredScene

    renderer = rendering.OffscreenRenderer(*size_px)
    scene = LayeredScene(renderer.scene)
    connection.send(READY)
    is_first = True
    while True:
        try:
            command, value = connection.recv()
        except EOFError:
            break
        if command == "shapes":
            for layer, shapes in value.items():
                scene.replace(layer, shapes)
        elif command == "background":
            scene.set_background(value)
        else:
            if is_first:  # the first image of a renderer may lack what was just added
                _draw(renderer, value)
            is_first = False
            connection.send(_draw(renderer, value))
    os._exit(0)  # taking the renderer down in order may abort


def _draw(renderer: Any, camera: Camera) -> UInt8[np.ndarray, "h w 3"]:
    renderer.setup_camera(camera.fov_deg, camera.target_m, camera.eye_m, camera.up)
    return np.asarray(renderer.render_to_image())


class NoDisplay(Exception):
    """There is no screen for a window."""


def require_display() -> None:
    """Raise NoDisplay where no display answers: Open3D would run on with a window nobody sees."""
    if sys.platform != "linux" or os.environ.get("WAYLAND_DISPLAY"):
        return
    if not os.environ.get("DISPLAY"):
        raise NoDisplay("no display (DISPLAY is not set)")
    import ctypes

    x11 = ctypes.CDLL("libX11.so.6")
    x11.XOpenDisplay.restype = ctypes.c_void_p
    if not x11.XOpenDisplay(None):
        raise NoDisplay(f"no display answers at {os.environ['DISPLAY']}")


def main() -> None:
    """Draw, or tell the other process why that cannot be."""
    connection = Connection(int(sys.argv[1]))
    # Open3D and its renderer write to stdout, which belongs to the command that started this.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    try:
        if sys.argv[2] == "window":
            require_display()
            from eval.view.window import open_window

            open_window(connection)
        else:
            width, height = sys.argv[2].split("x")
            draw_offscreen(connection, (int(width), int(height)))
    except NoDisplay as error:
        connection.send(RendererFailure(str(error), needs_packages=False))
        os._exit(1)
    except Exception as error:  # whatever it is, the other process tells it
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        connection.send(RendererFailure(reason))
        os._exit(1)


if __name__ == "__main__":
    main()
