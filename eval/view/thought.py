"""`Thought`: what a planner makes of one instant, recorded in a drive or asked of it anew."""

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from eval.runs.drive_record import DriveRecord
from eval.view.what_if import WhatIfShown
from sim.geometry.grid import BevGrid

_APART_M = 1.5  # who passes farther than this from another's end is on another way
_STANDS_M = 0.2  # between the last two points
Row = tuple[str, str, str]


@dataclass(frozen=True)
class CellCosts:
    """What it costs to be in a cell, ego frame, at T instants `dt_s` apart, the first one `dt_s` from now."""

    cost: Float[np.ndarray, "t x y"]
    grid: BevGrid
    dt_s: float

    def level(self, ahead_s: float) -> int:
        """The number of the instant nearest to `ahead_s` from now."""
        return int(np.clip(round(ahead_s / self.dt_s) - 1, 0, len(self.cost) - 1))

    @property
    def times_s(self) -> tuple[float, ...]:
        """The instants, from now."""
        return tuple(self.dt_s * (k + 1) for k in range(len(self.cost)))


@dataclass(frozen=True)
class Thought:
    """What a planner shows at one instant; None: it does not show that. N agents, 0 is the ego.

    World frame: `pose` of everyone, and `plan`. Ego frame: K `candidates` (none: nothing can be driven),
    their `costs`, and what each of the `terms` adds to them; `forecast` of agents 1 to N - 1; `occupancy`,
    the probability of cells at H instants; `perceived`: x, y, yaw, length, width of those taken to be there.
    `other`: the candidate to hold the cheapest against.
    """

    pose: Float[np.ndarray, "n 3"]
    plan: Float[np.ndarray, "p 3"]
    candidates: Float[np.ndarray, "k c 2"] | None = None
    costs: Float[np.ndarray, " k"] | None = None
    terms: dict[str, Float[np.ndarray, " k"]] = field(default_factory=dict)
    other: int | None = None
    forecast: Float[np.ndarray, "a m c 2"] | None = None
    forecast_probability: Float[np.ndarray, "a m"] | None = None
    occupancy: Float[np.ndarray, "h x y"] | None = None
    occupancy_grid: BevGrid | None = None
    cell_costs: CellCosts | None = None
    what_if: WhatIfShown | None = None
    perceived: Float[np.ndarray, "q 5"] | None = None

    @property
    def chosen(self) -> int | None:
        """The cheapest candidate."""
        if self.costs is None or len(self.costs) == 0:
            return None
        return int(np.argmin(np.nan_to_num(self.costs, nan=np.inf)))

    def layers(self) -> set[str]:
        """Names of the layers for which there is something here."""
        parts = {"candidates": self.candidates, "forecast": self.forecast,
                 "occupancy": self.occupancy, "costs": self.cell_costs, "what_if": self.what_if,
                 "perceived": self.perceived}  # fmt: skip
        return {"plan"} | {name for name, part in parts.items() if part is not None}

    def table(self, ahead_s: float) -> tuple[Row, ...]:
        """Name, of the cheapest, of `other`: the cost and its terms; then the range of the cells' costs at
        `ahead_s`. Empty where there is no more than a cost."""
        best, costs = self.chosen, self.costs
        if costs is not None and len(costs) == 0:
            return (("nothing can be driven: a stop", "", ""),)
        if best is None or costs is None or not (self.terms or self.other is not None):
            return ()
        shown = [best] if self.other is None else [best, self.other]
        heads = ("cost", "chosen", "" if self.other is None else "other way")
        rows: list[Row] = [heads, _row("sum", costs[shown])]
        rows += [_row(name.replace("_", " "), each[shown]) for name, each in self.terms.items()]
        if self.cell_costs is not None:
            level = self.cell_costs.level(ahead_s)
            cells, time_s = self.cell_costs.cost[level], self.cell_costs.times_s[level]
            told = f"cells in {time_s:.1f} s"
            rows.append((told, f"{cells.min():.2f} to", f"{cells.max():.2f}"))
        return tuple(rows)


@runtime_checkable
class ThoughtSource(Protocol):
    """Tells what a planner makes of any instant of a scene."""

    def at(self, instant: int) -> Thought:
        """At that time step, 0 is the start."""
        ...


class RecordedThoughts:
    """What a planner showed in a drive."""

    def __init__(self, drive: DriveRecord) -> None:
        self._drive = drive

    def at(self, instant: int) -> Thought:
        """As the drive keeps it."""
        drive = self._drive

        def now(values: np.ndarray | None) -> np.ndarray | None:
            return None if values is None else values[instant].astype(np.float64)

        terms, names, occupancy = now(drive.terms), drive.term_names, now(drive.occupancy)
        named = (
            {}
            if terms is None or names is None
            else dict(zip(names.tolist(), terms.T, strict=True))
        )
        return Thought(
            drive.pose[instant],
            drive.plan[instant],
            now(drive.candidates),
            now(drive.costs),
            named,
            forecast=now(drive.forecast),
            forecast_probability=now(drive.forecast_probability),
            occupancy=None if occupancy is None else occupancy / 255.0,
            occupancy_grid=None if occupancy is None else drive.grid,
            what_if=WhatIfShown.kept(drive, instant),
            perceived=_perceived(drive, instant),
        )


def _perceived(drive: DriveRecord, instant: int) -> Float[np.ndarray, "q 5"] | None:
    """Who was taken to be there, as a drive keeps it; None: it does not."""
    if drive.perceived is None or drive.perceived_id is None:
        return None
    return drive.perceived[instant, drive.perceived_id[instant] >= 0].astype(np.float64)


def other_way(paths_m: Float[np.ndarray, "k c 2"], order: Int[np.ndarray, " m"]) -> int | None:
    """The first of `order` that goes another way than the very first: elsewhere, or on where that one stops.

    Two go the same way where either passes within `_APART_M` of the other's end.
    """
    first, rest = paths_m[order[0]], paths_m[order]
    from_end = np.minimum(_distance_m(first[-1], rest), _distance_m(rest[:, -1], first))
    stands = np.linalg.norm(rest[:, -1] - rest[:, -2], axis=-1) < _STANDS_M
    differs = (from_end > _APART_M) | (stands != stands[0])
    return int(order[differs.argmax()]) if differs.any() else None


def _distance_m(
    point_m: Float[np.ndarray, "*#k 2"], path_m: Float[np.ndarray, "*#k c 2"]
) -> np.ndarray:
    """From points to paths that begin at the ego; shapes broadcast."""
    path = np.concatenate((np.zeros_like(path_m[..., :1, :]), path_m), axis=-2)
    start, step = path[..., :-1, :], np.diff(path, axis=-2)
    seen = point_m[..., None, :] - start
    share = (seen * step).sum(-1) / np.maximum((step**2).sum(-1), 1e-9)
    gap = seen - np.clip(share, 0.0, 1.0)[..., None] * step
    return np.linalg.norm(gap, axis=-1).min(axis=-1)


def _row(name: str, values: np.ndarray) -> Row:
    told = [f"{value:.2f}" for value in values]
    return name, told[0], told[1] if len(told) > 1 else ""
