"""Tries one damaged input after the other in forked processes, with a cap on their memory."""

import os
import resource
import shutil
import signal
import traceback
from pathlib import Path

from forked import Process, import_heavy

_HANGS_S = 60  # of the processor's time
_HANGS_CLOCK_S = 600
_MORE_BYTES = 2 << 30
_INPUTS_OF_A_PROCESS = 50
# What libraries say that were refused memory; readers may have made an InputError of it.
_OUT_OF_MEMORY = ("MemoryError", "Unable to allocate", "malloc of size", "allocate memory")


class Trials:
    """Each input lies in `scratch/case` while it is tried.

    A forked process tries up to fifty inputs and is followed by another, at once where an input ends it.
    """

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._seeds = scratch / "seeds"
        self._process: Process | None = None
        _let_through_memory_errors()
        import_heavy()
        first = Process(self._read_whole_ones, scratch / "told.txt")
        if first.ask("all\n").strip() != "read":
            raise SystemExit(f"cannot begin:\n{(scratch / 'told.txt').read_text()}")
        first.end()

    def try_one(self, kind: str, number: int) -> tuple[str, str]:
        """The outcome, in a word, and what was said."""
        if self._process is None or self._process.asked == _INPUTS_OF_A_PROCESS:
            self.close()
            self._process = Process(self._try_here, self._scratch / "told.txt")
        outcome = self._process.ask(f"{kind} {number}\n").strip()
        told = (self._scratch / "told.txt").read_text(errors="replace")
        if not outcome:
            status = self._process.end()
            self._process = None
            if os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGPROF, signal.SIGALRM):
                return (
                    "hang",
                    f"{told}\nno answer in {_HANGS_S} s ({_HANGS_CLOCK_S} s by the clock)",
                )
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

    def _read_whole_ones(self, _: str) -> str:
        """Make an input of every kind, and read it: the outcome must be "read" for all."""
        from fuzzing.seeds import make_seeds
        from fuzzing.targets import KINDS

        make_seeds(self._seeds)
        for kind, read in KINDS.items():
            shutil.copytree(self._seeds / kind, self._scratch / "whole" / kind)
            outcome = read(self._scratch / "whole" / kind, self._scratch / "made")
            if outcome != "read":
                return f"{kind}: {outcome}"
        return "read"

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
        # Both signals end the process, whatever it does.
        signal.setitimer(signal.ITIMER_PROF, _HANGS_S)
        signal.alarm(_HANGS_CLOCK_S)
        _cap_memory(_MORE_BYTES)
        try:
            return KINDS[kind](case, made)
        except BaseException:
            traceback.print_exc()
            return "traceback"
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.alarm(0)


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
