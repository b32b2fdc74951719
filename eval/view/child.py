"""The drawing process: `python -m eval.view.child FD MODE`, which talks to `eval.view.process`.

Open3D aborts the interpreter where a library is missing; here that ends this process alone.
"""

import os
import sys
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from eval.view.camera import Camera
from eval.view.process import Failed


def draw_offscreen(connection: Connection, size_px: tuple[int, int]) -> None:
    """Answer ("shapes", {layer: shapes}) and ("draw", camera) until the other side hangs up."""
    from open3d.visualization import rendering

    from eval.view.open3d_scene import LayeredScene

    renderer = rendering.OffscreenRenderer(*size_px)
    scene = LayeredScene(renderer.scene)
    connection.send("ready")
    drawn = False
    while True:
        try:
            what, value = connection.recv()
        except EOFError:
            break
        if what == "shapes":
            for layer, shapes in value.items():
                scene.replace(layer, shapes)
        else:
            if not drawn:  # the first image of a renderer may lack what was just added
                _draw(renderer, value)
            drawn = True
            connection.send(_draw(renderer, value))
    os._exit(0)  # taking the renderer down in order may abort


def _draw(renderer: Any, camera: Camera) -> np.ndarray:
    renderer.setup_camera(camera.fov_deg, camera.target_m, camera.eye_m, camera.up)
    return np.asarray(renderer.render_to_image())


class NoDisplay(Exception):
    """There is no screen for a window."""


def require_display() -> None:
    """Raise NoDisplay where none answers: Open3D would go on, and show its window to nobody."""
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
    """Open3D and its renderer talk on stdout; that belongs to the command, so it is shut here."""
    connection = Connection(int(sys.argv[1]))
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    try:
        if sys.argv[2] == "window":
            require_display()
            from eval.view.window import open_window

            open_window(connection)
        else:
            width, height = sys.argv[2].split("x")
            draw_offscreen(connection, (int(width), int(height)))
    except NoDisplay as error:
        connection.send(Failed(str(error), needs=False))
        os._exit(1)
    except Exception as error:  # whatever it is, the other side tells it
        connection.send(Failed(f"{type(error).__name__}: {' '.join(str(error).split())}"))
        os._exit(1)


if __name__ == "__main__":
    main()
