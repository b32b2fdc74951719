"""The vector map of an Argoverse 2 log or scenario: lanes for motor vehicles, areas."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from sim.errors import InputError
from sim.geometry import polyline
from sim.scenario import AreaKind, GroundHeight, Lane, LaneKind, LaneMap, MapArea
from sim.scenario_check.lane_map import require_count
from sim.sources.lanes import SPEED_LIMIT_MPS, drivable_areas, linked
from sim.text_files import read_json_object

_SAME_WAY_RAD = 1.0  # lanes whose directions differ by less run the same way
_CLOSE_GAPS_M = 0.05  # half the width of the gaps between drivable polygons that are closed
_FARTHEST_M, _LONGEST_LANE_M = 10_000.0, 5_000.0
_SECTIONS = ("lane_segments", "pedestrian_crossings", "drivable_areas")


def read_map(
    folder: Path, offset_m: Float[np.ndarray, "3"], ground: GroundHeight | None
) -> tuple[LaneMap, list[str]]:
    """The map in `folder` (a log's `map`) and notes on what was left out.

    Moved by `-offset_m` from the city's frame to the scenario's; `ground` is made part of it.
    """
    path = find_one(folder, "log_map_archive_*.json")
    data = read_json_object(path)
    try:
        sections = [list(data[name].values()) for name in _SECTIONS]
        segments, crossings, drivable = sections
        motor = [one for one in segments if one["lane_type"] != "BIKE"]
        require_count("lanes", len(motor))
        notes = [f"left out {len(segments) - len(motor)} bicycle lanes"]
        notes = notes if len(motor) < len(segments) else []
        made, usable = _usable("lanes", motor, lambda one: _lane(one, offset_m[:2]), notes)
        lanes = _with_links(made, usable)
        rings, _ = _usable("drivable areas", drivable, lambda one: _area(one, offset_m[:2]), notes)
        areas = _drivable(rings)
        walks, _ = _usable(
            "crosswalks", crossings, lambda one: _crosswalk(one, offset_m[:2]), notes
        )
        areas += walks
    except KeyError as error:
        raise InputError(f"{path}: field {error} is missing") from None
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: {error}") from None
    said = f" ({'; '.join(notes)})" if notes else ""
    if not lanes:
        raise InputError(f"{path}: no lane for motor vehicles{said}")
    if not rings:
        raise InputError(f"{path}: no drivable area{said}")
    return LaneMap(lanes=lanes, areas=areas, ground=ground), notes


def find_one(folder: Path, pattern: str) -> Path:
    """The file of `folder` whose name fits; InputError where there is none."""
    found = sorted(path for path in folder.glob(pattern) if not path.name.startswith("."))
    if not found:
        raise InputError(f"{folder / pattern}: no such file")
    return found[0]


def _usable(
    what: str, items: list[Any], make: Callable[[Any], Any], notes: list[str]
) -> tuple[list[Any], list[Any]]:
    """What could be made of the items, and of which; a note says how many others there are."""
    made, of, reasons = [], [], []
    for item in items:
        try:
            made.append(make(item))
            of.append(item)
        except KeyError as error:
            reasons.append(f"field {error} is missing")
        except (ValueError, TypeError, IndexError, OverflowError) as error:
            reasons.append(str(error))
    if reasons:
        notes.append(f"dropped {len(reasons)} {what}, the first: {reasons[0]}")
    return made, of


def _points(raw: list[dict], offset_m: np.ndarray) -> Float[np.ndarray, "k 2"]:
    """Of the file, in the scenario's frame."""
    points = np.array([(p["x"], p["y"]) for p in raw], dtype=np.float64).reshape(-1, 2) - offset_m
    far = ~(np.abs(points) <= _FARTHEST_M).all(axis=1)
    if far.any():
        k = int(far.argmax())
        raise InputError(f"point {k} is not within {_FARTHEST_M / 1000:.0f} km of the drive")
    return points


def _area(area: dict, offset_m: np.ndarray) -> Float[np.ndarray, "k 2"]:
    ring = _points(area["area_boundary"], offset_m)
    if len(ring) < 3:
        raise InputError("fewer than three points")
    return ring


def _lane(segment: dict, offset_m: np.ndarray) -> Lane:
    """A lane; its centreline is the mean of both boundaries at equal shares of their lengths."""
    left, right = (_points(segment[f"{s}_lane_boundary"], offset_m) for s in ("left", "right"))
    if min(len(left), len(right)) < 2:
        raise InputError(f"lane_segments {segment['id']}: a boundary has fewer than two points")
    longest = max(polyline.length_m(line) for line in (left, right))
    if longest > _LONGEST_LANE_M:
        raise InputError(f"lane_segments {segment['id']}: {longest / 1000:.0f} km long")
    shares = np.linspace(0.0, 1.0, max(2, round(longest) + 1))
    left_at, right_at = (
        polyline.at(line, shares * polyline.arc_length_m(line)[-1]) for line in (left, right)
    )
    center = polyline.resample((left_at + right_at) / 2, 1.0)
    return Lane(
        lane_id=str(segment["id"]),
        kind=LaneKind.CONNECTOR if segment["is_intersection"] else LaneKind.LANE,
        centerline_m=center.astype(np.float32),
        left_boundary_m=left.astype(np.float32),
        right_boundary_m=right.astype(np.float32),
        polygon_m=np.concatenate((right, left[::-1])).astype(np.float32),
        speed_limit_mps=SPEED_LIMIT_MPS,
    )


def _with_links(lanes: list[Lane], segments: list[dict]) -> list[Lane]:
    """The lanes with successors, predecessors and neighbours, as far as these are in the map.

    The files name many links at one end only; they hold for both.
    """
    place = {lane.lane_id: k for k, lane in enumerate(lanes)}
    links: set[tuple[int, int]] = set()
    for k, segment in enumerate(segments):
        links |= {(k, place[str(n)]) for n in segment["successors"] if str(n) in place}
        links |= {(place[str(n)], k) for n in segment["predecessors"] if str(n) in place}

    def beside(k: int, side: str) -> int:
        """Index of the neighbour that cars may change to (the same way, outside junctions), or -1."""
        other = place.get(str(segments[k][f"{side}_neighbor_id"]), -1)
        plain = other >= 0 and lanes[k].kind == lanes[other].kind == LaneKind.LANE
        return other if plain and _same_way(lanes[k], lanes[other]) else -1

    return [
        replace(lane, left_neighbor=beside(k, "left"), right_neighbor=beside(k, "right"))
        for k, lane in enumerate(linked(lanes, links))
    ]


def _same_way(lane: Lane, other: Lane) -> bool:
    """Whether two neighbours run the same way: the map names oncoming lanes as neighbours too."""
    first, second = (one.centerline_m[-1] - one.centerline_m[0] for one in (lane, other))
    turn = np.arctan2(second[1], second[0]) - np.arctan2(first[1], first[0])
    return bool(np.cos(turn) > np.cos(_SAME_WAY_RAD))


def _crosswalk(crossing: dict, offset_m: np.ndarray) -> MapArea:
    """A crosswalk, from its two edges, which run the same way."""
    first, second = (_points(crossing[name], offset_m) for name in ("edge1", "edge2"))
    if min(len(first), len(second)) < 2:
        raise InputError("an edge of fewer than two points")
    return MapArea(AreaKind.CROSSWALK, np.concatenate((first, second[::-1])))


def _drivable(rings: list[np.ndarray]) -> list[MapArea]:
    """The union of the drivable polygons; cracks between neighbours closed."""
    import shapely

    shapes = [shapely.Polygon(ring).buffer(_CLOSE_GAPS_M, join_style="mitre") for ring in rings]
    union = shapely.union_all(shapes).buffer(-_CLOSE_GAPS_M, join_style="mitre")
    return drivable_areas(union)
