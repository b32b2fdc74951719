"""Open3D in a process of its own, seen from the process that starts it.

Open3D aborts the interpreter where a graphics library is missing. Here that ends the other process
(`renderer_process_main.py`), and this one gets a `DrawingFailed`.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from multiprocessing import Pipe
from typing import Any

PACKAGES = "libgl1 libegl1 libx11-6 libgomp1 libusb-1.0-0 libvulkan1 mesa-vulkan-drivers"
_START_S = 60.0


@dataclass(frozen=True)
class RendererFailure:
    """The last message of a renderer process that gives up; `needs_packages`: they may help."""

    reason: str
    needs_packages: bool = True


class DrawingFailed(Exception):
    """Open3D cannot draw here; the message says why and what to install."""


class RendererProcess:
    """A running `renderer_process_main`; every method raises `DrawingFailed` where that has died."""

    def __init__(self, mode: str) -> None:
        """Start it; `mode` is "window", or width x height of off-screen images such as "960x540"."""
        self._connection, theirs = Pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "eval.view.renderer_process_main", str(theirs.fileno()), mode],
            pass_fds=(theirs.fileno(),),
            env=os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        )
        theirs.close()

    def wait_ready(self) -> None:
        """Return when Open3D runs."""
        self.receive(_START_S)

    def send(self, message: Any) -> None:
        """Send any picklable message."""
        try:
            self._connection.send(message)
        except (BrokenPipeError, ConnectionResetError):
            self.receive(0.0)  # it may have said why

    def receive(self, timeout_s: float | None) -> Any:
        """Its next message; with None wait as long as it lives."""
        try:
            if not self._connection.poll(timeout_s):
                raise self._failure(f"no answer in {timeout_s:.0f} s")
            answer = self._connection.recv()
        except (EOFError, ConnectionResetError):
            raise self._failure("its process died") from None
        if isinstance(answer, RendererFailure):
            raise self._failure(answer.reason, answer.needs_packages)
        return answer

    def close(self) -> None:
        """End it."""
        self._connection.close()
        try:
            self._process.wait(timeout=5.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _failure(self, reason: str, needs_packages: bool = True) -> DrawingFailed:
        hint = f" (on Debian: apt-get install {PACKAGES})" if needs_packages else ""
        return DrawingFailed(f"Open3D cannot draw here: {reason}{hint}")
