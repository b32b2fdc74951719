"""Cameras: where they stand, where a point falls in the image, which box a pixel shows."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from eval.view.option_names import CAMERAS
from eval.view.shapes import rotation_z
from sim.errors import one_of

NEAR_M = 0.5
FOV_DEG = 50.0
_BARS_M, _BAR_PX = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0), 160.0


@dataclass(frozen=True)
class Camera:
    """A pinhole camera at `eye_m` that looks at `target_m`, world frame, the image's top towards `up`.

    `fov_deg` is the vertical field of view.
    """

    eye_m: Float[np.ndarray, "3"]
    target_m: Float[np.ndarray, "3"]
    up: Float[np.ndarray, "3"]
    fov_deg: float = FOV_DEG

    def project(
        self, points_m: Float[np.ndarray, "n 3"], size_px: tuple[int, int]
    ) -> tuple[Float[np.ndarray, "n 2"], Float[np.ndarray, " n"]]:
        """Pixels (x right, y down) and depth in metres along the view, negative behind the camera.

        `size_px` is width, height of the image.
        """
        right, down, ahead = self._axes()
        seen = (np.asarray(points_m, dtype=np.float64) - self.eye_m) @ np.stack(
            (right, down, ahead)
        ).T
        depth = seen[:, 2]
        width, height = size_px
        focal_px = 0.5 * height / np.tan(0.5 * np.radians(self.fov_deg))
        safe = np.where(np.abs(depth) < 1e-6, 1e-6, depth)
        center = np.array((0.5 * width, 0.5 * height))
        return center + focal_px * seen[:, :2] / safe[:, None], depth

    def ray(self, x_px: float, y_px: float, size_px: tuple[int, int]) -> Float[np.ndarray, "3"]:
        """The world-frame direction (of length 1) in which a pixel looks."""
        right, down, ahead = self._axes()
        width, height = size_px
        focal_px = 0.5 * height / np.tan(0.5 * np.radians(self.fov_deg))
        across, below = (x_px - 0.5 * width) / focal_px, (y_px - 0.5 * height) / focal_px
        ray = ahead + across * right + below * down
        return ray / np.linalg.norm(ray)

    def scale_bar(
        self, place_m: Float[np.ndarray, "3"], size_px: tuple[int, int]
    ) -> tuple[float, float] | None:
        """The longest round length that is at most `_BAR_PX` wide in the picture where `place_m` is, across
        the view: metres and pixels. None where the place is behind the camera."""
        right, _, _ = self._axes()
        pixel, depth = self.project(np.stack((place_m, place_m + right)), size_px)
        if depth.min() <= NEAR_M:
            return None
        px_per_m = float(np.linalg.norm(pixel[1] - pixel[0]))
        fitting = [length_m for length_m in _BARS_M if length_m * px_per_m <= _BAR_PX]
        return (fitting[-1], fitting[-1] * px_per_m) if fitting else None

    def _axes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        ahead = self.target_m - self.eye_m
        ahead = ahead / np.linalg.norm(ahead)
        right = np.cross(ahead, self.up)
        right = right / np.linalg.norm(right)
        return right, np.cross(ahead, right), ahead


def follow(kind: str, ego: Float[np.ndarray, "4"]) -> Camera:
    """The camera `kind`, one of `CAMERAS`, for an ego at (x, y, z of the ground, yaw), world frame.

    Raises InputError for another kind.
    """
    one_of("--camera", kind, CAMERAS)
    x, y, z, yaw = (float(value) for value in ego)
    place = np.array((x, y, z))
    ahead, left = (
        np.array((np.cos(yaw), np.sin(yaw), 0.0)),
        np.array((-np.sin(yaw), np.cos(yaw), 0.0)),
    )
    up = np.array((0.0, 0.0, 1.0))
    if kind == "top":  # the ego's heading is up
        target = place + 12.0 * ahead
        return Camera(target + 75.0 * up, target, ahead)
    if kind == "side":
        return Camera(place - 22.0 * left + 9.0 * up, place + 4.0 * ahead, up)
    if kind == "overview":  # does not turn with the ego: north is up
        return Camera(place + np.array((0.0, -55.0, 55.0)), place, up)
    return Camera(place - 17.0 * ahead + 9.5 * up, place + 13.0 * ahead, up)


def hit_distance_m(
    eye_m: Float[np.ndarray, "3"],
    ray: Float[np.ndarray, "3"],
    center_m: Float[np.ndarray, "3"],
    size_m: Float[np.ndarray, "3"],
    yaw_rad: float,
) -> float:
    """Metres along a ray (of length 1, from `eye_m`) to where it enters an upright box; inf: it misses.

    The slab test, in the frame of the box.
    """
    turn = rotation_z(-yaw_rad)
    origin, direction = turn @ (eye_m - center_m), turn @ ray
    direction = np.where(np.abs(direction) < 1e-9, 1e-9, direction)
    a, b = (-0.5 * size_m - origin) / direction, (0.5 * size_m - origin) / direction
    enter, leave = np.minimum(a, b).max(), np.maximum(a, b).min()
    return float(enter) if leave >= max(enter, 0.0) else float("inf")
