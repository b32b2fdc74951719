"""What is wrong with who is there, in sentences: places, widths, walls in the way, overlaps."""

from collections.abc import Mapping, Sequence

import numpy as np

from sim.errors import InputError, one_of
from sim.geometry import polyline
from sim.scenario import Route, StaticObstacle
from sim.scenario_check.values import require_number
from sim.sources.by_hand.people import STYLES, Driver, Mover, Style
from sim.sources.procedural.builder import MapBuilder
from sim.sources.procedural.crowd import overlap

Array = np.ndarray
_SPEED_MPS = 70.0


def checked_style(name: str, style: Style) -> dict[str, float]:
    """Its keys are fields of `Styles`, its values numbers; ranges are asked about with the scenario."""
    for key, value in style.items():
        one_of(f"{name}: style", key, STYLES)
        if not isinstance(value, int | float):
            raise InputError(f"{name}: style: {key}: expected a number, got {value!r}")
    return {key: float(value) for key, value in style.items()}


def require_size(name: str, size_m: Sequence[float]) -> None:
    """Length, width and height of a road user."""
    if len(size_m) != 3:
        raise InputError(f"{name}: size_m: expected length, width, height")
    for what, value in zip(("length", "width", "height"), size_m, strict=True):
        require_number(f"{name}: size_m: {what}", value, 0.0, 100.0)


def require_speed(name: str, speed_mps: float, least_mps: float = 0.0) -> None:
    """A speed that road users have."""
    require_number(f"{name}: speed_mps", speed_mps, -1e9, 1e9)
    if not least_mps <= speed_mps <= _SPEED_MPS:
        raise InputError(
            f"{name}: speed_mps: {speed_mps:g} is not between {least_mps:g} and {_SPEED_MPS:g}"
        )


def require_fits(builder: MapBuilder, driver: Driver, leg: Sequence[int]) -> None:
    """Its box lies between the ends of `leg`, the lanes that it can stand on."""
    length_m = sum(polyline.length_m(builder.lanes[k].centerline_m) for k in leg)
    half_m = 0.5 * driver.size_m[0]
    first, last = (builder.lanes[k].lane_id for k in (leg[0], leg[-1]))
    if driver.at_m < half_m:
        raise InputError(
            f"{driver.name}: its tail lies {half_m - driver.at_m:.1f} m behind the start of lane {first!r}: "
            f"at_m must be at least {half_m:.1f}"
        )
    if driver.at_m + half_m > length_m:
        over_m = driver.at_m + half_m - length_m
        raise InputError(
            f"{driver.name}: its front lies {over_m:.1f} m beyond the end of lane {last!r}: at_m must be "
            f"at most {length_m - half_m:.1f}"
        )


def require_wide(builder: MapBuilder, driver: Driver, chain: Sequence[int]) -> None:
    """Every lane of its way is as wide as the driver's vehicle."""
    for k in chain:
        if builder.widths_m[k] < driver.size_m[1]:
            raise InputError(
                f"{driver.name}: {driver.size_m[1]:.2f} m wide, but lane {builder.lanes[k].lane_id!r} of its "
                f"route is {builder.widths_m[k]:.2f} m wide"
            )


def require_way_free(driver: Driver, route: Route, obstacles: Mapping[str, StaticObstacle]) -> None:
    """Nothing that stands for good is where the driver's box will sweep."""
    import shapely

    swept = shapely.LineString(route.path_m).buffer(0.5 * driver.size_m[1], cap_style="flat")
    for name, obstacle in obstacles.items():
        if swept.intersects(shapely.Polygon(obstacle.footprint_m)):
            raise InputError(
                f"{driver.name}: its route leads through {name}: move the one or the other"
            )


def require_path_free(mover: Mover, obstacles: Mapping[str, StaticObstacle]) -> None:
    """Who follows a track goes through nothing that stands for good."""
    import shapely

    points = mover.track[mover.valid, :2]
    goes = (
        shapely.LineString(points) if np.ptp(points, axis=0).max() > 0 else shapely.Point(points[0])
    )
    verb = "walks" if mover.category.startswith("human") else "goes"
    for name, obstacle in obstacles.items():
        if goes.intersects(shapely.Polygon(obstacle.footprint_m)):
            how = f"{verb} through" if goes.geom_type == "LineString" else "stands in"
            raise InputError(f"{mover.name} {how} {name}: lead the one around the other")


def require_apart(names: Sequence[str], boxes: Array, there: Array) -> None:
    """Boxes `[N, 5]` (x, y, yaw, length, width) of all who are there at the start do not overlap."""
    for k in np.flatnonzero(there)[1:].tolist():
        before = np.flatnonzero(there[:k])
        met = before[overlap(boxes[k], boxes[before])]
        if met.size:
            raise InputError(
                f"{names[k]} and {names[met[0]]} overlap at the start: their middles are "
                f"{np.linalg.norm(boxes[k, :2] - boxes[met[0], :2]):.1f} m apart; move one of them"
            )
