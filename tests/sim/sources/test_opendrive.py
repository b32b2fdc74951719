"""OpenDRIVE: curves against values by hand and Fresnel integrals; lanes, links, limits of tiny maps."""

from pathlib import Path

import numpy as np
import pytest
from scipy.special import fresnel

from sim.errors import InputError
from sim.geometry import polyline
from sim.scenario import AreaKind, Lane, LaneKind, LaneMap
from sim.sources.by_hand import ScenarioBuilder
from sim.sources.opendrive import read_opendrive

LINE = '<geometry s="{s}" x="{x}" y="{y}" hdg="{yaw}" length="{length}">{shape}</geometry>'
DRIVING = (
    '<lane id="{k}" type="{kind}"><link>{link}</link>'
    '<width sOffset="0" a="{a}" b="{b}" c="0" d="0"/></lane>'
)


def _geometry(
    length: float, shape: str = "<line/>", s: float = 0, x: float = 0, y: float = 0, yaw: float = 0
) -> str:
    return LINE.format(s=s, x=x, y=y, yaw=yaw, length=length, shape=shape)


def _lane(k: int, link: str = "", a: float = 3.5, b: float = 0.0, kind: str = "driving") -> str:
    return DRIVING.format(k=k, link=link, a=a, b=b, kind=kind)


def _road(
    name: str,
    length: float,
    geometry: str,
    lanes: list[str],
    extra: str = "",
    junction: str = "-1",
    rule: str = "RHT",
    offset: str = "",
) -> str:
    left = "".join(one for one in lanes if 'lane id="-' not in one)
    right = "".join(one for one in lanes if 'lane id="-' in one)
    return (
        f'<road id="{name}" length="{length}" junction="{junction}" rule="{rule}">{extra}'
        f'<planView>{geometry}</planView><lanes>{offset}<laneSection s="0"><left>{left}</left>'
        f'<center><lane id="0" type="none"/></center><right>{right}</right></laneSection></lanes></road>'
    )


def _read(folder: Path, *parts: str) -> LaneMap:
    path = folder / "map.xodr"
    path.write_text(f"<?xml version='1.0'?><OpenDRIVE>{''.join(parts)}</OpenDRIVE>")
    return read_opendrive(path)


def _named(lane_map: LaneMap, name: str) -> Lane:
    return next(lane for lane in lane_map.lanes if lane.lane_id == name)


def _end(lane_map: LaneMap, name: str) -> np.ndarray:
    """Where the left edge of a lane -1 ends: on the reference line."""
    return _named(lane_map, name).left_boundary_m[-1]


def test_an_arc_ends_where_a_circle_does(tmp_path: Path) -> None:
    # A quarter of a circle of radius 40 m to the left, from (5, 7) northwards: it ends at (-35, 47).
    length = 40 * np.pi / 2
    geometry = _geometry(length, '<arc curvature="0.025"/>', x=5, y=7, yaw=np.pi / 2)
    lane_map = _read(tmp_path, _road("1", length, geometry, [_lane(-1)]))
    assert _end(lane_map, "1.0.-1") == pytest.approx((-35, 47), abs=1e-4)
    # Lane -1 is outside of the bend: its middle has a radius of 41.75 m.
    middle = _named(lane_map, "1.0.-1").centerline_m
    radius = np.linalg.norm(middle - np.array((-35, 7)), axis=1)
    assert radius == pytest.approx(41.75, abs=0.01)
    assert polyline.length_m(middle.astype(float)) == pytest.approx(41.75 * np.pi / 2, abs=0.01)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_clothoid_is_a_fresnel_integral(tmp_path: Path, sign: int) -> None:
    # Curvature from 0 to 1/50 over 30 m: heading s^2 / 3000; with k = sqrt(1500 pi), x = k C(s / k).
    shape = f'<spiral curvStart="0" curvEnd="{sign * 0.02}"/>'
    lane_map = _read(tmp_path, _road("1", 30, _geometry(30, shape), [_lane(-1)]))
    scale = np.sqrt(1500 * np.pi)
    s, c = fresnel(30 / scale)
    assert _end(lane_map, "1.0.-1") == pytest.approx((scale * c, sign * scale * s), abs=1e-4)


def test_a_spiral_may_begin_bent(tmp_path: Path) -> None:
    # From 1/50 back to straight: the same curve backwards, seen from its other end (turned by 0.3 rad).
    shape = '<spiral curvStart="0.02" curvEnd="0"/>'
    lane_map = _read(tmp_path, _road("1", 30, _geometry(30, shape), [_lane(-1)]))
    scale = np.sqrt(1500 * np.pi)
    s, c = fresnel(30 / scale)
    x, y = (
        scale * c,
        scale * s,
    )  # chord of the clothoid from straight, its end heading 30^2 / 3000 = 0.3
    wanted = (x * np.cos(0.3) + y * np.sin(0.3), x * np.sin(0.3) - y * np.cos(0.3))
    assert _end(lane_map, "1.0.-1") == pytest.approx(wanted, abs=1e-4)


def test_a_cubic_by_hand(tmp_path: Path) -> None:
    # u = 30 p, v = 9 p^2 turned by 90 degrees: it ends at (-9, 30), heading atan2(18, 30) beyond north.
    shape = (
        '<paramPoly3 pRange="normalized" aU="0" bU="30" cU="0" dU="0" aV="0" bV="0" cV="9" dV="0"/>'
    )
    # Length of v = u^2 / 100 from 0 to 30: with t = 0.6, 25 (t sqrt(1 + t^2) + asinh t).
    length = 25 * (0.6 * np.sqrt(1.36) + np.arcsinh(0.6))
    lane_map = _read(
        tmp_path, _road("1", length, _geometry(length, shape, yaw=np.pi / 2), [_lane(-1)])
    )
    edge = _named(lane_map, "1.0.-1").left_boundary_m.astype(float)
    assert edge[-1] == pytest.approx((-9, 30), abs=1e-3)
    steps = np.linalg.norm(np.diff(edge, axis=0), axis=1)
    assert np.ptp(steps) < 1e-3  # distances are lengths along it, not parameters
    right = _named(lane_map, "1.0.-1").right_boundary_m[
        -1
    ]  # 3.5 m to the right of the last heading
    yaw = np.pi / 2 + np.arctan2(18, 30)
    assert right == pytest.approx((-9 + 3.5 * np.sin(yaw), 30 - 3.5 * np.cos(yaw)), abs=1e-3)


def test_widths_offsets_directions_and_neighbours(tmp_path: Path) -> None:
    lanes = [
        _lane(1, a=3.0),
        _lane(-1, a=3.0, b=0.01),  # 3 m wide, 4 m at 100 m
        _lane(-2, a=3.5),
        _lane(-3, a=2.0, kind="sidewalk"),
    ]
    offset = '<laneOffset s="0" a="1" b="0" c="0" d="0"/>'
    lane_map = _read(tmp_path, _road("7", 100, _geometry(100), lanes, offset=offset))
    assert [lane.lane_id for lane in lane_map.lanes] == ["7.0.1", "7.0.-1", "7.0.-2"]
    oncoming, inner, outer = lane_map.lanes
    assert inner.left_boundary_m[-1] == pytest.approx((100, 1))
    assert inner.right_boundary_m[-1] == pytest.approx((100, -3))
    assert outer.centerline_m[0] == pytest.approx((0, -2 - 1.75))
    assert oncoming.centerline_m[0] == pytest.approx((100, 2.5))  # it comes back
    assert oncoming.left_boundary_m[0] == pytest.approx((100, 1))
    assert (inner.left_neighbor, inner.right_neighbor) == (-1, 2)
    assert (outer.left_neighbor, outer.right_neighbor) == (1, -1)
    assert (oncoming.left_neighbor, oncoming.right_neighbor) == (-1, -1)
    kinds = [area.kind for area in lane_map.areas]
    assert kinds == [AreaKind.DRIVABLE, AreaKind.WALKWAY]


def test_driving_on_the_left(tmp_path: Path) -> None:
    lanes = [_lane(1), _lane(2), _lane(-1)]
    lane_map = _read(tmp_path, _road("1", 50, _geometry(50), lanes, rule="LHT"))
    inner, outer, back = (_named(lane_map, f"1.0.{k}") for k in (1, 2, -1))
    assert inner.centerline_m[-1] == pytest.approx((50, 1.75))
    assert back.centerline_m[-1] == pytest.approx((0, -1.75))
    assert (inner.left_neighbor, outer.right_neighbor) == (1, 0)


@pytest.mark.parametrize(
    ("speed", "limit_mps"),
    [
        ('<speed max="50" unit="km/h"/>', 13.889),
        ('<speed max="30" unit="mph"/>', 13.411),
        ('<speed max="20"/>', 20.0),
        ('<speed max="no limit"/>', 13.4),
    ],
)
def test_limits_and_their_units(tmp_path: Path, speed: str, limit_mps: float) -> None:
    road = _road(
        "1", 50, _geometry(50), [_lane(-1)], extra=f'<type s="0" type="town">{speed}</type>'
    )
    assert _read(tmp_path, road).lanes[0].speed_limit_mps == pytest.approx(limit_mps, abs=1e-3)


def _crossing() -> tuple[str, ...]:
    """West (0 to 50) leads straight on east (70 to 120) and right to the south, through junction 9.

    Road 3 runs from the junction's east side; its reference line points towards the junction.
    """
    into = '<link><successor elementType="junction" elementId="9"/></link>'
    out = '<link><successor elementType="road" elementId="{}" contactPoint="{}"/></link>'
    west = _road("1", 50, _geometry(50), [_lane(-1), _lane(1)], extra=into)
    east = _road("3", 50, _geometry(50, x=120, yaw=np.pi), [_lane(1), _lane(-1)], extra=into)
    south = _road("4", 50, _geometry(50, x=60, y=-15, yaw=-np.pi / 2), [_lane(-1)])
    straight = _road(
        "5", 20, _geometry(20, x=50), [_lane(-1, '<predecessor id="-1"/><successor id="1"/>')],
        extra=out.format("3", "end"), junction="9",
    )  # fmt: skip
    back = _road(
        "6", 20, _geometry(20, x=70, yaw=np.pi), [_lane(-1, '<predecessor id="-1"/><successor id="1"/>')],
        extra=out.format("1", "end"), junction="9",
    )  # fmt: skip
    shape = '<paramPoly3 pRange="normalized" aU="0" bU="20" cU="-10" dU="0" aV="0" bV="0" cV="-15" dV="0"/>'
    right = _road(
        "8", 19, _geometry(19, shape, x=50), [_lane(-1, '<predecessor id="-1"/><successor id="-1"/>')],
        extra=out.format("4", "start"), junction="9",
    )  # fmt: skip
    connection = (
        '<connection id="{0}" incomingRoad="{1}" connectingRoad="{0}" contactPoint="start">'
        '<laneLink from="-1" to="-1"/></connection>'
    )
    ways = "".join(connection.format(*pair) for pair in (("5", "1"), ("6", "3"), ("8", "1")))
    return west, east, south, straight, back, right, f'<junction id="9">{ways}</junction>'


def test_successors_through_a_junction(tmp_path: Path) -> None:
    lane_map = _read(tmp_path, *_crossing())
    after = {
        lane.lane_id: {lane_map.lanes[k].lane_id for k in lane.successors}
        for lane in lane_map.lanes
    }
    assert after["1.0.-1"] == {"5.0.-1", "8.0.-1"}
    assert after["5.0.-1"] == {"3.0.1"}  # the east road's reference line runs against its traffic
    assert after["8.0.-1"] == {"4.0.-1"}
    assert after["3.0.-1"] == {"6.0.-1"}
    assert after["6.0.-1"] == {"1.0.1"}
    assert after["3.0.1"] == after["1.0.1"] == after["4.0.-1"] == set()
    before = {
        lane.lane_id: {lane_map.lanes[k].lane_id for k in lane.predecessors}
        for lane in lane_map.lanes
    }
    assert before["3.0.1"] == {"5.0.-1"}
    within = {lane.lane_id for lane in lane_map.lanes if lane.kind == LaneKind.CONNECTOR}
    assert within == {"5.0.-1", "6.0.-1", "8.0.-1"}
    assert _named(lane_map, "5.0.-1").priority > _named(lane_map, "8.0.-1").priority
    for lane in lane_map.lanes:
        for k in lane.successors:
            gap_m = np.linalg.norm(lane_map.lanes[k].centerline_m[0] - lane.centerline_m[-1])
            assert gap_m < 0.05


def test_a_scenario_through_the_junction(tmp_path: Path) -> None:
    lane_map = _read(tmp_path, *_crossing())
    build = ScenarioBuilder.on_map(lane_map, "right turn", duration_s=9.0)
    build.ego(build.find_lane("1.0.-1"), 20.0, 8.0, route=[build.find_lane("4.0.-1")])
    scenario = build.scenario()
    route = scenario.routes[0]
    assert route is not None
    assert [lane_map.lanes[k].lane_id for k in route.lanes] == ["1.0.-1", "8.0.-1", "4.0.-1"]
    x, y = scenario.tracks.position_m[0, -1, :2] + scenario.world_offset_m[:2]
    assert x == pytest.approx(58.25, abs=0.1)  # 1.75 m to the right of the road that leads south
    assert y < -20.0


def test_lanes_that_meet_head_on_do_not_lead_to_each_other(tmp_path: Path) -> None:
    after = '<link><successor elementType="road" elementId="2" contactPoint="end"/></link>'
    lanes = [_lane(-1, '<successor id="-1"/>')]
    coming = _road("2", 50, _geometry(50, x=100, yaw=np.pi), [_lane(-1)])
    lane_map = _read(tmp_path, _road("1", 50, _geometry(50), lanes, extra=after), coming)
    assert [lane.successors for lane in lane_map.lanes] == [(), ()]


def test_sections_of_a_road_are_joined(tmp_path: Path) -> None:
    road = (
        '<road id="1" length="60" junction="-1"><planView>' + _geometry(60) + "</planView><lanes>"
        '<laneSection s="0"><right>' + _lane(-1, '<successor id="-2"/>') + "</right></laneSection>"
        '<laneSection s="25"><right>'
        + _lane(-1)
        + _lane(-2, '<predecessor id="-1"/>')
        + "</right></laneSection></lanes></road>"
    )
    before = '<link><predecessor elementType="road" elementId="1" contactPoint="end"/></link>'
    lanes = [_lane(-1, '<predecessor id="-2"/>')]
    lane_map = _read(tmp_path, road, _road("2", 40, _geometry(40, x=60), lanes, extra=before))
    names = ["1.0.-1", "1.1.-1", "1.1.-2", "2.0.-1"]
    assert [lane.lane_id for lane in lane_map.lanes] == names
    assert [lane.successors for lane in lane_map.lanes] == [(2,), (), (3,), ()]
    assert lane_map.lanes[2].predecessors == (0,)
    assert lane_map.lanes[0].centerline_m[-1][0] == pytest.approx(25.0)


@pytest.mark.parametrize(
    ("part", "told"),
    [
        (_road("1", 50, "", [_lane(-1)]), "road 1: no planView"),
        (_road("1", 50, _geometry(50, "<poly3/>"), [_lane(-1)]), "poly3"),
        (_road("1", 50, _geometry(50), [_lane(-1, a=np.nan)]), "road 1, lane -1: width: a"),
        (_road("1", 50, _geometry(50), [_lane(-2)]), "no lane -1 beside it"),
        (_road("1", 50, _geometry(50), [_lane(-1, kind="sidewalk")]), "no lane for cars"),
        (_road("1", 1e9, _geometry(50), [_lane(-1)]), "road 1: length"),
        (_road("1", 50, _geometry(50, x=19990), [_lane(-1)]), "is beyond 20000"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, part: str, told: str) -> None:
    with pytest.raises(InputError, match=r"map\.xodr") as error:
        _read(tmp_path, part)
    assert told in str(error.value)


def test_entities_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "map.xodr"
    path.write_text('<!DOCTYPE x [<!ENTITY a "b">]><OpenDRIVE/>')
    with pytest.raises(InputError, match="document type"):
        read_opendrive(path)
