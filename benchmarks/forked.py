"""Forked processes that begin at once, since all that they need is imported already.

The process that forks makes no thread: forked ones would wait for it.
"""

import os
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import NoReturn

# What takes long, and each reader or verb imports only when it needs it.
_HEAVY = (
    "torch._dynamo", "eval.metrics.suite", "eval.report.run_report", "drive.planning",
    "drive.pipelines.simulate_batch", "nuscenes.map_expansion.map_api", "pyarrow.feather",
    "pyarrow.parquet", "shapely", "scipy.spatial.transform", "PIL.Image", "tyro", "tqdm",
)  # fmt: skip


def import_heavy() -> None:
    """Import, once for all processes that are forked later, what takes long; one thread each."""
    import torch

    torch.set_num_threads(1)  # before anything makes a pool of them
    for name in _HEAVY:
        import_module(name)


class Process:
    """A forked process that answers lines with a word; what it says besides goes to a file.

    The file begins anew with each line. `asked`: how many lines.
    """

    def __init__(self, answer: Callable[[str], str], told: Path) -> None:
        self.asked = 0
        read_asked, write_asked = os.pipe()
        read_answer, write_answer = os.pipe()
        self._number = os.fork()
        if self._number == 0:
            os.close(write_asked)
            os.close(read_answer)
            _answer_all(answer, told, read_asked, write_answer)
        os.close(read_asked)
        os.close(write_answer)
        self._asks = os.fdopen(write_asked, "w")
        self._answers = os.fdopen(read_answer)

    def ask(self, line: str) -> str:
        """The answer; empty where the process has ended."""
        self.asked += 1
        self._asks.write(line)
        self._asks.flush()
        return self._answers.readline()

    def end(self) -> int:
        """End it; returns its status, as `os.waitpid` has it."""
        self._asks.close()
        self._answers.close()
        return os.waitpid(self._number, 0)[1]


def _answer_all(answer: Callable[[str], str], told: Path, asked: int, answers: int) -> NoReturn:
    """In the forked process: until no more is asked."""
    code = 1
    try:
        for line in os.fdopen(asked):
            say_to(told)
            word = answer(line)
            sys.stdout.flush()
            sys.stderr.flush()
            os.write(answers, f"{word}\n".encode())
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def say_to(told: Path) -> None:
    """Print to a file, which begins anew, from now on."""
    file = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(file)
