"""Where paths cross, merge, or do not meet at all."""

import math

import numpy as np
import shapely

from sim.geometry import polyline
from sim.paths.build import build_paths
from sim.traffic.path_relations import (
    CONFLICT_WIDTH_M,
    CROSSES,
    KIND,
    MERGES,
    NO_ZONE,
    RIGHT_OF_WAY,
    Relations,
)
from tests.toy import Car, make_scenario, straight


def _relations(lines: list[np.ndarray], cars: list[Car], **kwargs) -> Relations:
    scenario = make_scenario(lines, cars, **kwargs)
    return Relations.of([scenario], build_paths([scenario]))


def test_crossing_zone_holds_every_touch_of_two_cars() -> None:
    # Paths crossing at 60 degrees: where two 2 m wide strips overlap, there the zone must be.
    a, b = straight(-50, 0, 50, 0), straight(-25, -43.3, 25, 43.3)
    found = _relations([a, b], [Car(0, -40, 0), Car(1, -20, -34.64, math.pi / 3)])
    zone = found.zone[0, 0, 1, 0].numpy()
    assert found.zone[0, 0, 1, :, KIND].tolist() == [CROSSES, NO_ZONE]
    strips = [shapely.LineString(line).buffer(1.0, cap_style="flat") for line in (a, b)]
    overlap = strips[0].intersection(strips[1])
    for line, (enter, leave) in zip((a, b), (zone[:2], zone[2:4]), strict=True):
        s = polyline.project(line, np.asarray(overlap.exterior.coords))[0]
        assert enter <= s.min() + 0.5 and leave >= s.max() - 0.5
        assert leave - enter < 2 * CONFLICT_WIDTH_M / math.sin(math.pi / 3) + 4.0


def test_parallel_lanes_do_not_conflict_and_a_ramp_merges() -> None:
    main, beside = straight(-100, 0, 100, 0), straight(-100, 3.5, 100, 3.5)
    ramp = np.concatenate((straight(-100, -30, -10, -3)[:-1], straight(-10, -3, 100, 0)))
    found = _relations(
        [main, beside, ramp], [Car(k, -90, 0) for k in range(3)], priorities=[10, 10, 0]
    )
    zone = found.zone[0]
    assert (zone[0, 1, :, KIND] == NO_ZONE).all()
    assert zone[0, 2, 0, KIND] == MERGES
    assert zone[0, 2, 0, RIGHT_OF_WAY] == 10
    assert zone[2, 0, 0, RIGHT_OF_WAY] == -10
