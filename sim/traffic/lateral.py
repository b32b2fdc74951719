"""The motion beside a path: over to its middle, or to a line beside it, on a fifth-order course."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

STEEPEST = 0.35  # of the course against the path: a slow car takes as long a way as it needs
TIGHTEST_M = 5.5  # radius of those who pull out from behind something, at a walk
_SHORTEST_M = 4.0
_PEAK, _BEND = 1.875, 5.7735  # of the derivative of the course, and of its second one
NOT_OVER = 1e-3  # of the change of those who keep to a line beside their path


@dataclass(frozen=True)
class Lateral:
    """Changes `from_m` left of a line over to it, of which a share `left` is left (below 0: none).

    The line is the path, or for those who pass something lies `line_m` left of it; None: nobody
    passes. On after a change to the path `left` runs down to -1: so long nobody changes for its own
    advantage again.
    """

    from_m: Float[Tensor, "b d"]
    left: Float[Tensor, "b d"]
    per_m: Float[Tensor, "b d"]  # share of the change that is done by driving a metre
    line_m: Float[Tensor, "b d"] | None

    @staticmethod
    def of(
        from_m: Tensor, left: Tensor, speed_mps: Tensor, duration_s: Tensor, line_m: Tensor | None
    ) -> "Lateral":
        """Changes that last `duration_s`, longer at low speed; to lines beside paths as short as can be."""
        per_m = 1.0 / way_back_m(from_m, speed_mps * duration_s)
        if line_m is not None:
            per_m = torch.where(line_m != 0.0, 1.0 / way_out_m(from_m), per_m)
        return Lateral(from_m, left, per_m, line_m)

    @property
    def over_m(self) -> Float[Tensor, "b d"]:
        """How far left of the line."""
        t = self.left.clamp(0.0, 1.0)
        return self.from_m * t**3 * (10.0 - 15.0 * t + 6.0 * t**2)

    @property
    def offset_m(self) -> Float[Tensor, "b d"]:
        """How far left of the path."""
        return self.over_m if self.line_m is None else self.line_m + self.over_m

    @property
    def slope(self) -> Float[Tensor, "b d"]:
        """Of the course against the path: d offset / d arc length."""
        t = self.left.clamp(0.0, 1.0)
        return -self.from_m * 30.0 * t**2 * (1.0 - t) ** 2 * self.per_m

    @property
    def moves_over(self) -> Bool[Tensor, "b d"]:
        """Whose change is not over."""
        return self.left > NOT_OVER

    def begun(self, begins: Bool[Tensor, "b d"], offset_m: Float[Tensor, "b d"]) -> "Lateral":
        """The same, but some begin a change, `offset_m` left of their new path."""
        from_m = torch.where(begins, offset_m, self.from_m)
        fresh = torch.minimum(self.per_m, 1.0 / _shortest_m(offset_m))
        return Lateral(
            from_m,
            torch.where(begins, 1.0, self.left),
            torch.where(begins, fresh, self.per_m),
            self.line_m,
        )

    def turned(self, begins: Bool[Tensor, "b d"], line_m: Float[Tensor, "b d"]) -> "Lateral":
        """The same, but some begin to change to another line."""
        from_m = self.offset_m - line_m
        back = torch.minimum(self.per_m, 1.0 / _shortest_m(from_m))
        per_m = torch.where(line_m != 0.0, 1.0 / way_out_m(from_m), back)
        return Lateral(
            torch.where(begins, from_m, self.from_m),
            torch.where(begins, 1.0, self.left),
            torch.where(begins, per_m, self.per_m),
            line_m,
        )

    def along_path_m(
        self, driven_m: Float[Tensor, "b d"], curvature: Float[Tensor, "b d"]
    ) -> Float[Tensor, "b d"]:
        """How far one comes along the path by driving so far beside it, at an angle."""
        cos = torch.rsqrt(1.0 + self.slope**2)
        return driven_m * cos / (1.0 - curvature * self.offset_m).clamp(min=0.5)

    def after(self, driven_m: Float[Tensor, "b d"]) -> "Lateral":
        """The same, so far on; backwards a change that is not over begins anew, and none that is."""
        most = torch.where(self.left > 0.0, 1.0, 0.0)
        left = torch.minimum(self.left - driven_m * self.per_m, most).clamp(min=-1.0)
        if self.line_m is not None:
            left = torch.where(self.line_m != 0.0, left.clamp(min=NOT_OVER), left)
        return replace(self, left=left)

    def beside(self, pose: Float[Tensor, "b d 3"]) -> Float[Tensor, "b d 3"]:
        """Poses on the paths moved beside them, and turned along the course."""
        x, y, yaw = pose.unbind(-1)
        x, y = x - self.offset_m * torch.sin(yaw), y + self.offset_m * torch.cos(yaw)
        return torch.stack((x, y, yaw + torch.atan(self.slope)), dim=-1)


def way_out_m(from_m: Tensor) -> Tensor:
    """Of the shortest change over so much: at full lock."""
    return (from_m.abs() * (_BEND * TIGHTEST_M)).sqrt().clamp(min=_SHORTEST_M)


def way_back_m(from_m: Tensor, usual_m: Tensor) -> Tensor:
    """Of a change over so much that usually takes `usual_m`."""
    return torch.maximum(usual_m, _shortest_m(from_m))


def _shortest_m(from_m: Tensor) -> Tensor:
    return (from_m.abs() * (_PEAK / STEEPEST)).clamp(min=_SHORTEST_M)
