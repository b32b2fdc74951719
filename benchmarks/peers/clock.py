"""The same clock for all of them; the standard library alone, because it runs in their environment too."""

import json
import statistics
import time
from collections.abc import Callable

ROUNDS = 5


def tell(what: str, agents: int, steps: int, drive: Callable[[int], None]) -> None:
    """Drive some steps, then five times `steps` of them; print agent-steps a second."""
    drive(max(1, steps // 10))
    rates = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        drive(steps)
        rates.append(agents * steps / (time.perf_counter() - began))
    line = {
        "what": what,
        "agents": agents,
        "agent_steps_per_s": round(statistics.median(rates)),
        "least": round(min(rates)),
        "most": round(max(rates)),
    }
    print(json.dumps(line), flush=True)
