"""`BehaviourCost`: the one cost that chooses a behaviour and shapes its trajectory (Sadat et al. 2019)."""

from dataclasses import dataclass

from drive.planning.interpretable.network import InterpretableConfig, InterpretableCost


@dataclass(frozen=True)
class BehaviourConfig(InterpretableConfig):
    """How it is used: its weights were trained for that."""

    refine_steps: int = 6
    """down the cost, from the best candidate of a behaviour"""


class BehaviourCost(InterpretableCost):
    """The named terms, weighted for both levels."""

    task, version, config_class = "behaviour", 1, BehaviourConfig
    config: BehaviourConfig
