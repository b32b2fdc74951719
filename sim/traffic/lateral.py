"""The motion of a lane change: a fifth-order course from where it began to the middle of the path."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

STEEPEST = 0.35  # of the course against the path: a slow car takes as long a way as it needs
_SHORTEST_M = 4.0
_PEAK = 1.875  # of the derivative of the course


@dataclass(frozen=True)
class Lateral:
    """Changes `from_m` left of a path over to it, of which a share `left` is left (below 0: none).

    On after a change `left` runs down to -1: so long nobody changes for its own advantage again.
    """

    from_m: Float[Tensor, "b d"]
    left: Float[Tensor, "b d"]
    per_m: Float[Tensor, "b d"]  # share of the change that is done by driving a metre

    @staticmethod
    def of(from_m: Tensor, left: Tensor, speed_mps: Tensor, duration_s: Tensor) -> "Lateral":
        """Changes that last `duration_s`, longer at low speed."""
        return Lateral(from_m, left, _per_m(from_m, speed_mps * duration_s))

    @property
    def offset_m(self) -> Float[Tensor, "b d"]:
        """How far left of the path."""
        t = self.left.clamp(0.0, 1.0)
        return self.from_m * t**3 * (10.0 - 15.0 * t + 6.0 * t**2)

    @property
    def slope(self) -> Float[Tensor, "b d"]:
        """Of the course against the path: d offset / d arc length."""
        t = self.left.clamp(0.0, 1.0)
        return -self.from_m * 30.0 * t**2 * (1.0 - t) ** 2 * self.per_m

    def begun(self, begins: Bool[Tensor, "b d"], offset_m: Float[Tensor, "b d"]) -> "Lateral":
        """The same, but some begin a change, `offset_m` left of their new path."""
        from_m = torch.where(begins, offset_m, self.from_m)
        fresh = torch.minimum(self.per_m, 1.0 / _shortest_m(offset_m))
        return Lateral(
            from_m, torch.where(begins, 1.0, self.left), torch.where(begins, fresh, self.per_m)
        )

    def along_path_m(
        self, driven_m: Float[Tensor, "b d"], curvature: Float[Tensor, "b d"]
    ) -> Float[Tensor, "b d"]:
        """How far one comes along the path by driving so far beside it, at an angle."""
        cos = torch.rsqrt(1.0 + self.slope**2)
        return driven_m * cos / (1.0 - curvature * self.offset_m).clamp(min=0.5)

    def after(self, driven_m: Float[Tensor, "b d"]) -> "Lateral":
        """The same, so far on."""
        left = (self.left - driven_m * self.per_m).clamp(min=-1.0)
        return Lateral(self.from_m, left, self.per_m)

    def beside(self, pose: Float[Tensor, "b d 3"]) -> Float[Tensor, "b d 3"]:
        """Poses on the paths moved beside them, and turned along the course."""
        x, y, yaw = pose.unbind(-1)
        x, y = x - self.offset_m * torch.sin(yaw), y + self.offset_m * torch.cos(yaw)
        return torch.stack((x, y, yaw + torch.atan(self.slope)), dim=-1)


def _shortest_m(from_m: Tensor) -> Tensor:
    return (from_m.abs() * (_PEAK / STEEPEST)).clamp(min=_SHORTEST_M)


def _per_m(from_m: Tensor, usual_m: Tensor) -> Tensor:
    return 1.0 / torch.maximum(usual_m, _shortest_m(from_m))
