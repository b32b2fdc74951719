"""Which labels are shown over boxes, and where: none hides another, none hides a collision."""

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float

from eval.view.camera import NEAR_M, Camera
from eval.view.shapes import Drawing, ShownBox, box_corners, raised

_RANGE_M = 45.0  # around the ego
_ABOVE_M = 0.25
_MARGIN_PX = 4.0
Area = tuple[float, float, float, float]  # left, top, right, bottom, in pixels
Extent = Callable[[str], tuple[float, float]]  # width and height of a text, in pixels


def shown_labels(
    drawing: Drawing, camera: Camera, size_px: tuple[int, int], extent: Extent
) -> Iterator[tuple[Float[np.ndarray, "3"], Float[np.ndarray, "2"], str]]:
    """World-frame place, pixel (middle of the text's lower edge) and text of each label.

    Whom the ego has hit comes first, then the nearest. Who touches the ego is named above the collision
    as the camera sees it; over the collision itself nothing is written.
    """
    collision = area_px([box for box in drawing.boxes if box.touches], camera, size_px)
    taken = [] if collision is None else [collision]
    for box in _in_order(drawing, camera):
        width, height = extent(box.label)
        place = raised(box.center_m, 0.5 * box.size_m[2] + _ABOVE_M)
        if box.touches and collision is not None:
            place = _over(collision, box, camera, size_px)
            collision = (collision[0], collision[1] - height - 5.0, *collision[2:])
        (pixel,), (depth,) = camera.project(place[None], size_px)
        left, bottom = float(pixel[0]) - 0.5 * width, float(pixel[1])
        area = (left - 3.0, bottom - height - 2.0, left + width + 3.0, bottom + 2.0)
        if depth > NEAR_M and not any(_overlap(area, other) for other in taken):
            taken.append(area)
            yield place, pixel, box.label


def area_px(boxes: list[ShownBox], camera: Camera, size_px: tuple[int, int]) -> Area | None:
    """What boxes take up in the picture; None for no boxes, or some behind the camera."""
    if not boxes:
        return None
    corners = [box_corners(box.center_m, box.size_m, box.yaw_rad) for box in boxes]
    pixel, depth = camera.project(np.concatenate(corners), size_px)
    if depth.min() <= NEAR_M:
        return None
    (left, top), (right, bottom) = pixel.min(axis=0) - _MARGIN_PX, pixel.max(axis=0) + _MARGIN_PX
    return float(left), float(top), float(right), float(bottom)


def _in_order(drawing: Drawing, camera: Camera) -> list[ShownBox]:
    """Those near the ego, but for the ego while it collides: its label would lie on the other's."""
    ego_m = drawing.ego[:2]
    near = [
        (not box.hit, float(np.linalg.norm(box.center_m - camera.eye_m)), k)
        for k, box in enumerate(drawing.boxes)
        if np.hypot(*(box.center_m[:2] - ego_m)) < _RANGE_M and not (box.touches and k == 0)
    ]
    return [drawing.boxes[k] for *_, k in sorted(near)]


def _over(
    area: Area, box: ShownBox, camera: Camera, size_px: tuple[int, int]
) -> Float[np.ndarray, "3"]:
    """The place as far from the camera as the box that is seen over the middle of an area."""
    ray = camera.ray(0.5 * (area[0] + area[2]), area[1] - 3.0, size_px)
    return camera.eye_m + np.linalg.norm(box.center_m - camera.eye_m) * ray


def _overlap(a: Area, b: Area) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
