"""Open3D in a process of its own: started, asked for images, and its death made an error."""

import os
import subprocess
import sys
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from jaxtyping import UInt8

from eval.view.annotate import annotate
from eval.view.camera import Camera
from eval.view.shapes import Picture, Shape

PACKAGES = "libgl1 libegl1 libx11-6 libgomp1 libusb-1.0-0 libvulkan1 mesa-vulkan-drivers"
_START_S, _DRAW_S = 60.0, 120.0


@dataclass(frozen=True)
class Failed:
    """What a child says last when it has to give up; `needs`: whether packages may help."""

    reason: str
    needs: bool = True


class DrawingFailed(Exception):
    """Open3D cannot draw here; the message says why and what to install."""


class DrawingProcess:
    """A child that holds Open3D. Raises `DrawingFailed` where it does not start, or dies."""

    def __init__(self, mode: str) -> None:
        self._connection, theirs = Pipe()
        self._child = subprocess.Popen(
            [sys.executable, "-m", "eval.view.child", str(theirs.fileno()), mode],
            pass_fds=(theirs.fileno(),),
            env=os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        )
        theirs.close()

    @property
    def connection(self) -> Connection:
        return self._connection

    def wait_ready(self) -> None:
        """Return when Open3D runs."""
        self.receive(_START_S)

    def send(self, message: Any) -> None:
        """Hand something to the child."""
        try:
            self._connection.send(message)
        except (BrokenPipeError, ConnectionResetError):
            self.receive(0.0)  # it may have said why

    def receive(self, timeout_s: float | None) -> Any:
        """What the child says next; None: wait as long as it lives."""
        try:
            if not self._connection.poll(timeout_s):
                raise self._failure(f"no answer in {timeout_s:.0f} s")
            answer = self._connection.recv()
        except (EOFError, ConnectionResetError):
            raise self._failure("its process died") from None
        if isinstance(answer, Failed):
            raise self._failure(answer.reason, answer.needs)
        return answer

    def close(self) -> None:
        """End the child."""
        self._connection.close()
        try:
            self._child.wait(timeout=5.0)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def _failure(self, reason: str, needs: bool = True) -> DrawingFailed:
        hint = f" (on Debian: apt-get install {PACKAGES})" if needs else ""
        return DrawingFailed(f"Open3D cannot draw here: {reason}{hint}")


class Open3dRenderer:
    """Draws pictures off-screen."""

    def __init__(self, size_px: tuple[int, int]) -> None:
        self.size_px = size_px
        width, height = size_px
        self._process = DrawingProcess(f"{width}x{height}")
        try:
            self._process.wait_ready()
        except DrawingFailed:
            self._process.close()
            raise

    def set_static(self, layers: dict[str, list[Shape]]) -> None:
        """Layers that stay."""
        self._process.send(("shapes", layers))

    def draw(
        self, picture: Picture, camera: Camera, labels: bool = True
    ) -> UInt8[np.ndarray, "h w 3"]:
        """The image, caption and labels included."""
        self._process.send(("shapes", picture.layers))
        self._process.send(("draw", camera))
        image = self._process.receive(_DRAW_S)
        return annotate(image, picture, camera, labels)

    def close(self) -> None:
        """End the process behind it."""
        self._process.close()
