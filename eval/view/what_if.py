"""What others are expected to do if the ego goes or waits: numbers, rows of a table, and shapes."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from eval.runs.drive_record import DriveRecord
from eval.view.ground_heights import GroundHeights
from eval.view.palette import Colors
from eval.view.shapes import Shape, join_lines, polyline
from sim.geometry import se2
from sim.interface import WhatIf

_COLORS = ("violet", "amber")  # of the first two ways: the ego goes, it waits
_LISTED = 3  # others, those for whom it matters most
_MATTERS = 0.05  # a probability, below which nothing is said
_ABOVE_M, _APART_M = 0.14, 0.02
_THIN_PX, _THICK_PX = 3.0, 7.0


@dataclass(frozen=True)
class WhatIfShown:
    """The `WhatIf` of one instant of one world, as arrays; its agents are the scenario's, less the ego."""

    way_m: Float[np.ndarray, "w t 2"]
    agent: Int[np.ndarray, " n"]
    path_m: Float[np.ndarray, "w n t 2"]
    slower: Float[np.ndarray, "v n"]
    collision: Float[np.ndarray, "w n"]
    change: Float[np.ndarray, "w n"]

    @staticmethod
    def of(what_if: WhatIf) -> "WhatIfShown":
        """The first world's."""
        parts = {name: v[0].numpy() for name, v in vars(what_if).items() if name != "dt_s"}
        return WhatIfShown(**parts)

    @staticmethod
    def kept(drive: DriveRecord, instant: int) -> "WhatIfShown | None":
        """As a drive keeps it; None: it does not."""
        if drive.what_if_way is None:
            return None
        parts = {
            name: getattr(drive, f"what_if_{name}")[instant]
            for name in ("way", "agent", "path", "slower", "collision", "change")
        }
        percent = {k: parts[k] / 100.0 for k in ("slower", "collision", "change")}
        return WhatIfShown(
            parts["way"].astype(np.float64),
            parts["agent"],
            parts["path"].astype(np.float64),
            **percent,
        )

    def listed(self) -> list[int]:
        """For whom it matters whether the ego goes or waits, and who may be hit, the most first."""
        differs = [abs(of[0] - of[1]) for of in (self.slower[1:], self.change)]
        matters = np.max((*differs, *self.collision[:2]), axis=0)
        matters = np.where(self.agent >= 0, matters, 0.0)
        order = np.argsort(-matters, kind="stable")[:_LISTED]
        return [int(k) for k in order if matters[k] > _MATTERS]

    def rows(self) -> tuple[tuple[str, str, str], ...]:
        """How likely each of the listed is slower than foretold (in brackets: by itself), is hit if the ego
        goes and if it waits, and how much of what it does then differs from what it does by itself."""
        rows = [("what if the ego", "goes", "waits"), ("drawn", *_COLORS)]
        for k in self.listed():
            number, alone = int(self.agent[k]) + 1, self.slower[0, k]
            slower = f"{number} slower (alone {alone:.0%})"
            rows.append((slower, *(f"{p:.0%}" for p in self.slower[1:3, k])))
            for word, of in (("hit", self.collision), ("differs", self.change)):
                rows.append((f"{number} {word}", *(f"{p:.0%}" for p in of[:2, k])))
        return tuple(rows)

    def shapes(
        self, pose: Float[np.ndarray, "n 3"], heights: GroundHeights, colors: Colors
    ) -> list[Shape]:
        """Layer `what_if`: thick what the ego does, thin what the listed most likely do then."""
        lines = []
        for way, rgb in enumerate((colors.goes, colors.waits)):
            above_m = _ABOVE_M + _APART_M * way
            paths = [(pose[0, :2], self.way_m[way], _THICK_PX)]
            for k in self.listed():
                begin = pose[self.agent[k] + 1, :2]
                paths.append((begin, self.path_m[way, k], _THIN_PX))
            for begin, path_m, width_px in paths:
                path = np.vstack((begin, _to_world(pose[0], path_m)))
                if np.isfinite(path).all() and np.ptp(path, axis=0).max() > 0.3:
                    lines.append(polyline(heights.lift(path, above_m), rgb, width_px))
        return list(join_lines(lines))


def _to_world(world_SE2_ego: np.ndarray, points_m: np.ndarray) -> np.ndarray:
    pose = torch.from_numpy(world_SE2_ego.astype(np.float64))
    return se2.transform_points(pose, torch.from_numpy(points_m.astype(np.float64))).numpy()
