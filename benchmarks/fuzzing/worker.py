"""Reads `KIND NUMBER` lines, makes and tries that input, answers with the outcome, in a word."""

import os
import resource
import shutil
import sys
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

_MORE_BYTES = 2 << 30


def main(scratch: Path) -> None:
    """Until the input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what verbs print is no answer
    from fuzzing.mutators import damage
    from fuzzing.seeds import make_seeds
    from fuzzing.targets import KINDS

    seeds = scratch / "seeds"
    if not (seeds / "done").is_file():
        shutil.rmtree(seeds, ignore_errors=True)
        make_seeds(seeds)
        (seeds / "done").touch()
    _cap_memory()
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        kind, number = line.split()
        case = scratch / "case"
        shutil.rmtree(case, ignore_errors=True)
        told = (scratch / "told.txt").open("w")
        os.dup2(told.fileno(), 1)
        os.dup2(told.fileno(), 2)
        if not (seeds / kind).is_dir():
            print("read", file=answers, flush=True)
            continue
        shutil.copytree(seeds / kind, case)
        damage(case, kind, int(number))
        try:
            outcome = KINDS[kind](case, scratch / "made")
        except MemoryError:
            traceback.print_exc()
            outcome = "memory"
        except BaseException:
            traceback.print_exc()
            outcome = "traceback"
        sys.stdout.flush()
        sys.stderr.flush()
        print(outcome, file=answers, flush=True)


def _cap_memory() -> None:
    """What is there now, and two gigabytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + _MORE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
