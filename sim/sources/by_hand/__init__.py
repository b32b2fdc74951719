"""Scenarios written by hand: roads, signs and people in Python, driven by the project's own traffic.

`ScenarioBuilder` is all that a user needs; `docs/scenarios.md` tells how.
"""

from sim.sources.by_hand.roads import DrawnLane
from sim.sources.by_hand.scenarios import ScenarioBuilder

__all__ = ["DrawnLane", "ScenarioBuilder"]
