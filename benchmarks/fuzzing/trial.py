"""Tries one damaged input after the other in forked processes, with a cap on their memory."""

import os
import resource
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import NoReturn

_HANGS_S = 60
_MORE_BYTES = 2 << 30
_INPUTS_OF_A_PROCESS = 50
# What libraries say that were refused memory; readers may have made an InputError of it.
_OUT_OF_MEMORY = ("MemoryError", "Unable to allocate", "malloc of size", "allocate memory")


class Trials:
    """Each input lies in `scratch/case` while it is tried.

    All that reading takes is imported here once: a process that is forked from this one begins at once,
    tries up to fifty inputs, and is followed by another, at once where an input ends it. This one makes
    no thread, as forked processes would wait for it.
    """

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._seeds = scratch / "seeds"
        self._process: _Process | None = None
        _let_through_memory_errors()
        for name in _imported_by(self._read_whole_ones, scratch / "modules.txt"):
            import_module(name)

    def try_one(self, kind: str, number: int) -> tuple[str, str]:
        """The outcome, in a word, and what was said."""
        if self._process is None or self._process.asked == _INPUTS_OF_A_PROCESS:
            self.close()
            self._process = _Process(self._try_here, self._scratch / "told.txt")
        outcome = self._process.ask(f"{kind} {number}\n").strip()
        told = (self._scratch / "told.txt").read_text(errors="replace")
        if not outcome:
            status = self._process.end()
            self._process = None
            if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM:
                return "hang", f"{told}\nno answer in {_HANGS_S} s"
            return "crash", f"{told}\nthe interpreter ended with status {status}"
        if outcome in ("refused", "traceback") and any(words in told for words in _OUT_OF_MEMORY):
            outcome = "memory"
        return outcome, told

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.end()
            self._process = None

    def keep(self, folder: Path, told: str) -> None:
        """Copy the input that was tried last."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "told.txt").write_text(told)
        if (self._scratch / "case").exists():
            shutil.copytree(
                self._scratch / "case", folder / "case", dirs_exist_ok=True, symlinks=True
            )

    def _read_whole_ones(self) -> None:
        """Make an input of every kind, and read it: the outcome must be "read"."""
        from fuzzing.seeds import make_seeds
        from fuzzing.targets import KINDS

        make_seeds(self._seeds)
        for kind, read in KINDS.items():
            shutil.copytree(self._seeds / kind, self._scratch / "whole" / kind)
            outcome = read(self._scratch / "whole" / kind, self._scratch / "made")
            if outcome != "read":
                raise SystemExit(f"a whole input of kind {kind}: {outcome}")

    def _try_here(self, asked: str) -> str:
        """The outcome of `KIND NUMBER`."""
        from fuzzing.mutators import damage
        from fuzzing.targets import KINDS

        kind, number = asked.split()
        case, made = self._scratch / "case", self._scratch / "made"
        shutil.rmtree(case, ignore_errors=True)
        shutil.rmtree(made, ignore_errors=True)
        shutil.copytree(self._seeds / kind, case)
        _cap_memory(None)
        damage(case, kind, int(number))
        signal.alarm(_HANGS_S)  # it ends the process, whatever that does
        _cap_memory(_MORE_BYTES)
        try:
            return KINDS[kind](case, made)
        except BaseException:
            traceback.print_exc()
            return "traceback"
        finally:
            signal.alarm(0)


class _Process:
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
            _say_to(told)
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


def _say_to(told: Path) -> None:
    file = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(file)


def _imported_by(work: Callable[[], None], listed: Path) -> list[str]:
    """The modules that some work imports; it is done in a forked process, whose threads end with it."""

    def work_and_list(_: str) -> str:
        work()
        listed.write_text(
            "\n".join(n for n, module in sys.modules.items() if _is_module(n, module))
        )
        return "done"

    told = listed.with_suffix(".told")
    process = _Process(work_and_list, told)
    done = process.ask("all\n").strip() == "done"
    process.end()
    if not done:
        raise SystemExit(f"whole inputs cannot be made and read:\n{told.read_text()}")
    return listed.read_text().split()


def _is_module(name: str, module: object) -> bool:
    """Whether it can be imported by its name: `__main__` and what packages put there otherwise cannot."""
    spec = getattr(module, "__spec__", None)
    return spec is not None and spec.name == name and spec.origin is not None


def _let_through_memory_errors() -> None:
    """Readers call a file damaged that asks for more memory than there is; here that is a finding."""
    import sim.errors

    kinds = tuple(kind for kind in sim.errors.DAMAGED if kind is not MemoryError)
    sim.errors.DAMAGED = kinds


def _cap_memory(more_bytes: int | None) -> None:
    """What is there now and so much more; None: no cap."""
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    if more_bytes is not None:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + more_bytes, most))
    else:
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
