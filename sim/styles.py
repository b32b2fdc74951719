"""Drivers who differ: how the styles of a scenario's agents are drawn, and the one that all once had.

Spreads follow fits to recorded traffic where there are some (`docs/architecture.md` names them): drivers
differ in each parameter, and one trait, assertiveness, runs through all of them: who drives fast
keeps short gaps and lets fewer in.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int

from sim.scenario import EGO, AgentKind, Styles, Yielding

Spread = Literal["mild", "strong"]
_TRAIT = 0.6  # correlation of each parameter with assertiveness; their squares add up to 1
_REST = 0.8
_EGO_SPEED_FACTOR = 0.97


@dataclass(frozen=True)
class _Normal:
    """A clipped normal distribution; `sign`: whether assertive drivers have more of it, or less."""

    mean: float
    deviation: float
    low: float
    high: float
    sign: int

    def draw(self, trait: np.ndarray, rng: np.random.Generator) -> Float[np.ndarray, " n"]:
        score = _TRAIT * self.sign * trait + _REST * rng.standard_normal(len(trait))
        return (self.mean + self.deviation * score).clip(self.low, self.high).astype(np.float32)


_NORMAL: dict[Spread, dict[str, _Normal]] = {
    "mild": {
        "speed_factor": _Normal(0.95, 0.05, 0.82, 1.08, 1),
        "headway_s": _Normal(1.25, 0.18, 0.9, 1.8, -1),
        "min_gap_m": _Normal(2.1, 0.3, 1.5, 3.0, -1),
        "max_acceleration_mps2": _Normal(1.5, 0.2, 1.1, 2.0, 1),
        "braking_mps2": _Normal(2.4, 0.25, 1.8, 3.0, 1),
        "reaction_s": _Normal(0.2, 0.05, 0.1, 0.3, 0),
        "politeness": _Normal(0.4, 0.15, 0.15, 0.8, -1),
        "accepted_gap_s": _Normal(5.2, 0.4, 4.5, 6.5, -1),
        "lane_change_s": _Normal(4.5, 0.6, 3.3, 6.0, -1),
        "noise_mps2": _Normal(0.1, 0.03, 0.03, 0.2, 0),
    },
    "strong": {
        "speed_factor": _Normal(1.0, 0.12, 0.75, 1.3, 1),
        "headway_s": _Normal(1.3, 0.4, 0.6, 2.8, -1),
        "min_gap_m": _Normal(2.3, 0.7, 1.2, 4.0, -1),
        "max_acceleration_mps2": _Normal(1.5, 0.4, 0.8, 2.6, 1),
        "braking_mps2": _Normal(2.4, 0.5, 1.5, 3.5, 1),
        "reaction_s": _Normal(0.3, 0.12, 0.1, 0.6, 0),
        "politeness": _Normal(0.4, 0.3, 0.0, 1.0, -1),
        "accepted_gap_s": _Normal(5.2, 0.8, 4.2, 7.5, -1),
        "lane_change_s": _Normal(4.3, 1.0, 2.8, 7.0, -1),
        "noise_mps2": _Normal(0.19, 0.05, 0.05, 0.35, 0),
    },
}
# Shares of those who do not do as they should.
_YIELDS: dict[Spread, dict[Yielding, float]] = {
    "mild": {Yielding.NEVER: 0.0, Yielding.LATE: 0.03, Yielding.CREEPS: 0.05},
    "strong": {Yielding.NEVER: 0.04, Yielding.LATE: 0.08, Yielding.CREEPS: 0.1},
}
_RUNS_RED: dict[Spread, float] = {"mild": 0.0, "strong": 0.01}
_ROLLS_STOP: dict[Spread, float] = {"mild": 0.2, "strong": 0.5}
_JAYWALKS: dict[Spread, float] = {"mild": 0.0, "strong": 0.1}  # of those on foot: do not look


def uniform_styles(num_agents: int) -> Styles:
    """All alike but for their desired speeds, 85 to 100 % of the limit; nobody breaks a rule."""
    agent = np.arange(num_agents).astype(np.float32)
    part = np.modf(agent * np.float32(0.6180339887))[0]
    factor = np.float32(0.85) + np.float32(0.15) * part
    factor[EGO] = _EGO_SPEED_FACTOR

    def all_have(value: float) -> Float[np.ndarray, " n"]:
        return np.full(num_agents, value, dtype=np.float32)

    return Styles(
        speed_factor=factor,
        headway_s=all_have(1.2),
        min_gap_m=all_have(2.0),
        max_acceleration_mps2=all_have(1.5),
        braking_mps2=all_have(2.5),
        reaction_s=all_have(0.0),
        politeness=all_have(0.3),
        accepted_gap_s=all_have(5.0),
        lane_change_s=all_have(4.5),
        noise_mps2=all_have(0.0),
        yields=np.full(num_agents, int(Yielding.DUE), dtype=np.int64),
        runs_red=np.zeros(num_agents, dtype=bool),
        rolls_stop=np.zeros(num_agents, dtype=bool),
    )


def draw_styles(rng: np.random.Generator, kind: Int[np.ndarray, " n"], spread: Spread) -> Styles:
    """Styles for agents of these kinds (`AgentKind`); the ego gets the mean and keeps every rule.

    "mild": most drive as they should, nobody runs a red light or takes another's right of way.
    "strong": 4 % never yield, 8 % late, 10 % creep, 1 % run reds, half roll through stop signs; one in
    ten on foot does not look.
    """
    count = len(kind)
    trait = rng.standard_normal(count)
    drawn: dict[str, Any] = {
        name: normal.draw(trait, rng) for name, normal in _NORMAL[spread].items()
    }
    chance = rng.random((3, count))
    yields = np.full(count, int(Yielding.DUE), dtype=np.int64)
    share = 0.0
    for what, more in _YIELDS[spread].items():
        yields[(chance[0] >= share) & (chance[0] < share + more)] = int(what)
        share += more
    walks = kind == AgentKind.PEDESTRIAN
    jaywalks = chance[0] < _JAYWALKS[spread]
    yields[walks] = np.where(jaywalks[walks], int(Yielding.NEVER), int(Yielding.DUE))
    styles = Styles(
        **drawn,
        yields=yields,
        runs_red=chance[1] < _RUNS_RED[spread],
        rolls_stop=chance[2] < _ROLLS_STOP[spread],
    )
    for name, normal in _NORMAL[spread].items():
        getattr(styles, name)[EGO] = normal.mean
    return with_style(
        styles,
        EGO,
        speed_factor=_EGO_SPEED_FACTOR,
        reaction_s=0.0,
        noise_mps2=0.0,
        yields=Yielding.DUE,
        runs_red=False,
        rolls_stop=False,
    )


def hostile_styles(styles: Styles) -> Styles:
    """The same, but nobody yields, and nobody lets anybody in."""
    never = np.full_like(styles.yields, int(Yielding.NEVER))
    return replace(styles, yields=never, politeness=np.zeros_like(styles.politeness))


def with_style(styles: Styles, agent: int, **values: float | int) -> Styles:
    """The same, but for some values of one agent, as `with_style(styles, 3, politeness=0.0)`."""
    changed = {}
    for name, value in values.items():
        changed[name] = getattr(styles, name).copy()
        changed[name][agent] = value
    return replace(styles, **changed)
