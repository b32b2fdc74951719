"""The process that tries inputs, from outside: started anew whenever it dies or hangs."""

import shutil
import subprocess
import sys
from pathlib import Path
from select import select

_HANGS_S = 60.0
_STARTS_S = 240.0


class Worker:
    """One worker process after the other; each input lies in `scratch/case` while it is tried."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._process: subprocess.Popen[str] | None = None

    def try_one(self, kind: str, number: int) -> tuple[str, str]:
        """The outcome, in a word, and what was said."""
        process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(f"{kind} {number}\n")
            process.stdin.flush()
        except BrokenPipeError:
            pass
        if not select([process.stdout], [], [], _HANGS_S)[0]:
            self.close()
            return "hang", f"no answer in {_HANGS_S} s"
        line = process.stdout.readline()
        if not line:
            code = process.wait()
            self.close()
            return "crash", f"the interpreter ended with {code}\n{self._said()}"
        return line.strip(), self._said()

    def keep(self, folder: Path, told: str) -> None:
        """Copy the input that was tried last."""
        if (self._scratch / "case").exists():
            shutil.copytree(
                self._scratch / "case", folder / "case", dirs_exist_ok=True, symlinks=True
            )
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "told.txt").write_text(told)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _said(self) -> str:
        path = self._scratch / "told.txt"
        return path.read_text(errors="replace") if path.is_file() else ""

    def _start(self) -> "subprocess.Popen[str]":
        command = [sys.executable, str(Path(__file__).with_name("worker.py")), str(self._scratch)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        if not select([self._process.stdout], [], [], _STARTS_S)[0]:
            raise SystemExit("the worker does not start")
        if self._process.stdout.readline().strip() != "ready":
            self.close()
            raise SystemExit(f"the worker does not start: {' '.join(command)}")
        return self._process
