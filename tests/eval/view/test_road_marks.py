"""Lines of lanes by what they lie between, and zebra crossings: worked out by hand, and by shapely."""

import numpy as np
import pytest
import shapely

from eval.view.road_marks import LineKind, lane_lines, zebra_bars
from sim.geometry.polyline import length_m
from sim.scenario import AreaKind, MapArea
from tests.toy import Car, make_scenario, straight


def _lines() -> dict[tuple[LineKind, float], list[np.ndarray]]:
    """Two lanes east at y of 0 and 3.5, one west at 7; by kind and y. Each is 3.5 m wide, 90 m long."""
    ways = [straight(0, 0, 90, 0), straight(0, 3.5, 90, 3.5), straight(90, 7, 0, 7)]
    found: dict[tuple[LineKind, float], list[np.ndarray]] = {}
    for kind, line in lane_lines(make_scenario(ways, [Car(0, 0.0, 0.0)]).map.lanes):
        assert np.ptp(line[:, 1]) == pytest.approx(0.0, abs=1e-6)
        found.setdefault((kind, round(float(line[0, 1]), 2)), []).append(line)
    return found


def test_every_line_is_there_once_and_of_its_kind() -> None:
    found = _lines()
    edges = [(LineKind.EDGE, -1.75), (LineKind.EDGE, 8.75)]
    assert sorted(found) == [*edges, (LineKind.DIVIDER, 1.75), (LineKind.MIDDLE, 5.25)]
    for key in (*edges, (LineKind.MIDDLE, 5.25)):
        assert len(found[key]) == 1 and length_m(found[key][0]) == pytest.approx(90.0)


def test_a_divider_is_dashes_of_three_metres_every_nine() -> None:
    dashes = sorted(_lines()[LineKind.DIVIDER, 1.75], key=lambda line: line[0, 0])
    assert [line[0, 0] for line in dashes] == pytest.approx(np.arange(0.0, 90.0, 9.0))
    assert [line[-1, 0] - line[0, 0] for line in dashes] == pytest.approx([3.0] * 10)


def test_where_traffic_keeps_left_the_middle_is_the_right_line_of_both() -> None:
    lanes = make_scenario(
        [straight(0, 3.5, 50, 3.5), straight(50, 0, 0, 0)], [Car(0, 0.0, 0.0)]
    ).map.lanes
    middle = [line for kind, line in lane_lines(lanes) if kind == LineKind.MIDDLE]
    assert len(middle) == 1 and middle[0][:, 1] == pytest.approx(1.75)


def test_lanes_that_follow_one_another_have_edges_only() -> None:
    lanes = make_scenario(
        [straight(0, 0, 40, 0), straight(40, 0, 80, 0)], [Car(0, 0.0, 0.0)]
    ).map.lanes
    assert {kind for kind, _ in lane_lines(lanes)} == {LineKind.EDGE}


def test_a_zebra_is_bars_side_by_side_along_its_longer_axis() -> None:
    # 8 m to walk, 3 m wide, turned by 30 degrees: bars begin at 0.25, 1.25 ... 7.25 m, 0.5 m each.
    turn = np.array(((np.cos(0.5236), -np.sin(0.5236)), (np.sin(0.5236), np.cos(0.5236))))
    ring = np.array(((0, 0), (8, 0), (8, 3), (0, 3))) @ turn.T + (20.0, -7.0)
    bars = [shapely.Polygon(bar) for bar in zebra_bars(MapArea(AreaKind.CROSSWALK, ring))]
    truth = [
        shapely.Polygon(np.array(((x, 0), (x + 0.5, 0), (x + 0.5, 3), (x, 3))) @ turn.T + (20, -7))
        for x in np.arange(0.25, 8.0)
    ]
    assert len(bars) == 8
    apart = shapely.union_all(bars).symmetric_difference(shapely.union_all(truth))
    assert apart.area == pytest.approx(0.0, abs=1e-6)


def test_bars_stay_in_an_outline_that_is_no_rectangle() -> None:
    ring = np.array(((0, 0), (10, 0), (8, 4), (2, 4)), dtype=float)
    bars = shapely.union_all(
        [shapely.Polygon(b) for b in zebra_bars(MapArea(AreaKind.CROSSWALK, ring))]
    )
    outline = shapely.Polygon(ring)
    assert bars.difference(outline).area == pytest.approx(0.0, abs=1e-9)
    assert bars.area == pytest.approx(0.5 * outline.area, rel=0.05)
    flat = MapArea(AreaKind.CROSSWALK, np.array(((0.0, 0.0), (5.0, 0.0), (9.0, 0.0))))
    assert zebra_bars(flat) == []
