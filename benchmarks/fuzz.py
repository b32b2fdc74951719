"""Damaged inputs: does anything end the interpreter, hang, take all memory, or show a raw traceback?

    python benchmarks/fuzz.py --minutes 10
    python benchmarks/fuzz.py --count 300 --seed 0 --kinds pickle scenario

Every input is one of the project's own formats, made whole and then damaged (`fuzzing/mutators.py`),
and read by the verb that a user would give it to (`fuzzing/targets.py`), in forked processes with a
cap on their memory (`fuzzing/trial.py`). What went wrong is kept below --out; the exit code is 1 if
anything did.
"""

import argparse
import collections
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from fuzzing.targets import KINDS
from fuzzing.trial import Trials


def main() -> int:
    """Fuzz, and print counts."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--count", type=int, help="stop after so many inputs")
    parser.add_argument("--seed", type=int, default=0, help="number of the first input")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--out", type=Path, help="where bad inputs are kept (a new folder)")
    options = parser.parse_args()
    out = options.out or Path(tempfile.mkdtemp(prefix="fuzz-"))
    end = time.monotonic() + 60.0 * options.minutes
    counts: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    number, bad = options.seed, 0
    with tempfile.TemporaryDirectory() as scratch:
        trials = Trials(Path(scratch))
        while time.monotonic() < end and number - options.seed != options.count:
            kind = options.kinds[number % len(options.kinds)]
            outcome, told = trials.try_one(kind, number)
            counts[kind][outcome] += 1
            if outcome not in ("read", "refused"):
                bad += 1
                trials.keep(out / f"{kind}-{number}-{outcome}", told)
                print(
                    f"{kind} {number}: {outcome}: {(told.strip().splitlines() or [''])[-1][:160]}"
                )
            number += 1
        trials.close()
    for kind, outcomes in counts.items():
        listed = ", ".join(f"{count} {name}" for name, count in sorted(outcomes.items()))
        print(f"{kind:12s} {sum(outcomes.values()):6d}: {listed}")
    print(f"{number - options.seed} inputs, {bad} bad" + (f": {out}" if bad else ""))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
