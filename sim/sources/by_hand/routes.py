"""From the lanes that a driver names to the path that it drives."""

from collections import deque
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from sim.errors import InputError
from sim.geometry import polyline
from sim.scenario import Lane, Route
from sim.sources.by_hand.people import Driver
from sim.sources.procedural.builder import MapBuilder, route_through


def chain_of(lanes: list[Lane], driver: Driver) -> list[int]:
    """Every lane on the way of a driver, those between two that it names included.

    Who names one lane drives on from it as long as there is but one way on.
    """
    chain = [driver.route[0]]
    for after in driver.route[1:]:
        before = chain[-1]
        chain += [after] if is_beside(lanes, before, after) else _way(lanes, before, after, driver)
    if len(driver.route) == 1:
        while len(onward := lanes[chain[-1]].successors) == 1 and onward[0] not in chain:
            chain.append(onward[0])
    return chain


def first_leg(lanes: list[Lane], chain: Sequence[int]) -> list[int]:
    """The lanes up to the first change of lanes."""
    for k, (before, after) in enumerate(pairwise(chain)):
        if is_beside(lanes, before, after):
            return list(chain[: k + 1])
    return list(chain)


def path_of(builder: MapBuilder, driver: Driver, chain: list[int]) -> Route:
    """The path of a driver: with the change of lanes in it, or that of the lanes that it means to be in."""
    lanes = builder.lanes
    changes = [k for k, pair in enumerate(pairwise(chain)) if is_beside(lanes, *pair)]
    if driver.change is None:
        for k in changes:
            chain = [*_beside(lanes, chain[: k + 1], chain[k + 1], driver), *chain[k + 1 :]]
        # The lane beside takes the place of the one that is left: it is named twice then.
        return builder.route(list(dict.fromkeys(chain)))
    if len(changes) != 1:
        raise InputError(
            f"{driver.name}: change_at_m needs a route with one change of lanes, not {len(changes)}: name "
            "a lane and one beside it"
        )
    (k,) = changes
    if k == 0 and driver.at_m > driver.change[0]:
        raise InputError(
            f"{driver.name}: at_m: it starts at {driver.at_m:g} m, beyond {driver.change[0]:g} m, where it "
            "changes lanes"
        )
    return _with_change(builder, driver.name, chain[:k], chain[k:], driver.change)


def is_beside(lanes: list[Lane], one: int, other: int) -> bool:
    """Whether traffic may change from the one lane to the other."""
    return other in (lanes[one].left_neighbor, lanes[one].right_neighbor)


def _way(lanes: list[Lane], before: int, after: int, driver: Driver) -> list[int]:
    """The lanes after `before` up to `after`, the fewest that there are."""
    reached = {before: -1}
    queue = deque([before])
    while queue:
        here = queue.popleft()
        for k in lanes[here].successors:
            if k == after:
                way = [k]
                while here != before:
                    way.insert(0, here)
                    here = reached[here]
                return way
            if k not in reached:
                reached[k] = here
                queue.append(k)
    a, b = lanes[before].lane_id, lanes[after].lane_id
    raise InputError(
        f"{driver.name}: no way leads from lane {a!r} to lane {b!r} of its route: connect them, draw a "
        "connector, put them side_by_side, or name the lane beside that leads there"
    )


def _beside(lanes: list[Lane], before: list[int], after: int, driver: Driver) -> list[int]:
    """The lanes beside `before`, on the side of `after`: where its path runs, which it starts beside."""
    to_left = lanes[before[-1]].left_neighbor == after
    beside = [lanes[k].left_neighbor if to_left else lanes[k].right_neighbor for k in before]
    side = "left" if to_left else "right"
    for k, other in zip(before, beside, strict=True):
        if other < 0:
            raise InputError(
                f"{driver.name}: no lane lies to the {side} of lane {lanes[k].lane_id!r} of its route: "
                "say where it changes lanes (change_at_m), or put a lane side_by_side with it"
            )
    for one, other in pairwise(beside):
        if other not in lanes[one].successors and other != one:
            raise InputError(
                f"{driver.name}: lane {lanes[one].lane_id!r}, beside its route, does not lead to lane "
                f"{lanes[other].lane_id!r}: connect them, or say where it changes lanes (change_at_m)"
            )
    return beside


def _with_change(
    builder: MapBuilder, name: str, before: list[int], rest: list[int], change: tuple[float, float]
) -> Route:
    """A path along `before`, then one that changes from the first lane of `rest` into the second."""
    at_m, over_m = change
    length_m = polyline.length_m(builder.lanes[rest[0]].centerline_m)
    if not 0.0 <= at_m <= length_m - over_m:
        raise InputError(
            f"{name}: a change of lanes over {over_m:g} m at {at_m:g} m does not fit on lane "
            f"{builder.lanes[rest[0]].lane_id!r}, which is {length_m:.1f} m long"
        )
    changing = builder.change_route(rest[0], rest[1], at_m, over_m, tuple(rest[2:]))
    if not before:
        return changing
    start = builder.route(before)
    return route_through(
        (*before, *changing.lanes),
        np.concatenate((start.path_m, changing.path_m)).astype(np.float64),
        np.concatenate((start.lane_of_point, changing.lane_of_point)),
    )
