"""The lanes of a ScenarioNet map: kinds, links, neighbours and limits as each converter writes them.

What the converters write (scenarionet/converter): nuScenes: text ids, polygons of lanes but not of
connectors, links, a filler of 100 km/h. WOMD: links as integers with text keys, no polygons,
`interpolating` connectors, neighbours with stretches, `speed_limit_mph`. nuPlan: text ids and polygons.
Argoverse 2: no polygons, every lane `interpolating`, a filler of 85 mph.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from sim.errors import InputError
from sim.geometry import polyline
from sim.scenario import Lane, LaneKind
from sim.scenario_check.lane_map import require_lengths
from sim.sources.lanes import (
    LANE_WIDTH_M,
    MPS_PER_MPH,
    SPEED_LIMIT_MPS,
    crossing_lanes,
    linked,
    links_by_geometry,
    open_ring,
    strip,
    with_neighbors,
)
from sim.sources.scenarionet.points import points_of

_SHORTEST_M = 0.5
_FILLERS_MPS = (85 * MPS_PER_MPH, 100 / 3.6)  # Argoverse 2's, nuScenes'
_FASTEST_MPS = 60.0
_COVERED = 0.9  # of its centreline, by the polygon of a lane


def read_lanes(
    features: dict[str, dict], dataset: str, offset_m: Float[np.ndarray, "2"]
) -> tuple[list[Lane], list[str]]:
    """All lanes of `features`, linked, moved by `-offset_m`; notes say what was made up or left out.

    Raises InputError where there is none, or a coordinate is not a number.
    """
    require_lengths(
        polyline.length_m(points_of(one, "polyline", name)) for name, one in features.items()
    )
    lanes: list[Lane] = []
    kept: list[dict] = []
    dropped = broken = no_polygon = fillers = 0
    for name, feature in features.items():
        line = _centerline(feature, name, offset_m)
        if line is None:
            dropped += 1
            continue
        outline = _outline(feature, name, line, offset_m)
        broken += outline is None and _has_polygon(feature)
        no_polygon += not _has_polygon(feature)
        left, right, made = strip(line)
        limit, is_filler = _limit_mps(feature, dataset)
        fillers += is_filler
        kept.append(feature)
        lanes.append(
            Lane(
                lane_id=name,
                kind=LaneKind.LANE,
                centerline_m=line.astype(np.float32),
                left_boundary_m=left.astype(np.float32),
                right_boundary_m=right.astype(np.float32),
                polygon_m=(made if outline is None else outline).astype(np.float32),
                speed_limit_mps=limit,
            )
        )
    if not lanes:
        raise InputError("map_features: no lane near the ego")
    connectors = _connectors(lanes, kept)
    lanes = [
        replace(lane, kind=LaneKind.CONNECTOR) if k in connectors else lane
        for k, lane in enumerate(lanes)
    ]
    lanes, inferred = _linked(lanes, kept)
    notes = [
        note
        for count, note in (
            (dropped, f"dropped {dropped} lanes: shorter than {_SHORTEST_M} m"),
            (
                broken,
                f"{broken} lane polygons do not hold their centreline: {LANE_WIDTH_M} m wide strips",
            ),
            (no_polygon, f"{no_polygon} lanes without a polygon: strips {LANE_WIDTH_M} m wide"),
            (fillers, f"{fillers} speed limits are a filler or missing: {SPEED_LIMIT_MPS} m/s"),
            (inferred, "connectivity inferred from geometry"),
        )
        if count
    ]
    return _neighbors(lanes, kept), notes


def _centerline(feature: dict, name: str, offset_m: np.ndarray) -> np.ndarray | None:
    """None where it is shorter than a lane can be."""
    points = points_of(feature, "polyline", name)
    line = polyline.drop_repeats(points - offset_m, 0.02)
    if len(line) < 2 or polyline.arc_length_m(line)[-1] < _SHORTEST_M:
        return None
    return polyline.resample(line, 1.0)


def _has_polygon(feature: dict) -> bool:
    return len(feature.get("polygon", ())) >= 3


def _outline(
    feature: dict, name: str, line_m: np.ndarray, offset_m: np.ndarray
) -> np.ndarray | None:
    """The file's polygon; None where there is none, or it crosses itself and loses the centreline."""
    import shapely

    if not _has_polygon(feature):
        return None
    ring = open_ring(points_of(feature, "polygon", name) - offset_m)
    shape = shapely.Polygon(ring) if len(ring) >= 3 else shapely.Polygon()
    if shape.is_valid and shape.area > 0:
        return ring
    line = shapely.LineString(line_m)
    return ring if line.intersection(shape.buffer(0)).length > _COVERED * line.length else None


def _connectors(lanes: list[Lane], features: list[dict]) -> set[int]:
    """Which lanes lead through junctions: as the file says, else those that cross others."""
    every = range(len(lanes))
    unstructured = {k for k in every if "UNSTRUCTURE" in str(features[k]["type"])}
    interpolating = {k for k in every if features[k].get("interpolating")}
    bare = {k for k in every if not _has_polygon(features[k])}
    for marked in (unstructured, interpolating, bare):
        if 0 < len(marked) < len(lanes):
            return marked | (bare if marked is unstructured and len(bare) < len(lanes) else set())
    return crossing_lanes(lanes)


def _linked(lanes: list[Lane], features: list[dict]) -> tuple[list[Lane], bool]:
    """Ids are compared as text: WOMD writes integers, with text as keys. True: made up by geometry."""
    place = {lane.lane_id: k for k, lane in enumerate(lanes)}
    links: list[tuple[int, int]] = []
    said = False
    for k, feature in enumerate(features):
        entries, exits = (_ids(feature.get(field)) for field in ("entry_lanes", "exit_lanes"))
        said = said or bool(entries or exits)
        links += [(place[name], k) for name in entries if name in place]
        links += [(k, place[name]) for name in exits if name in place]
    if said:
        return linked(lanes, links), False
    return linked(lanes, links_by_geometry(lanes)), True


def _ids(raw: object) -> list[str]:
    return [str(name) for name in np.asarray(raw if raw is not None else [], dtype=object).ravel()]


def _neighbors(lanes: list[Lane], features: list[dict]) -> list[Lane]:
    """The neighbour along the longest stretch, where the file names any; else by geometry."""
    place = {lane.lane_id: k for k, lane in enumerate(lanes)}
    named = [
        [_longest(feature.get(f"{side}_neighbor"), place) for side in ("left", "right")]
        for feature in features
    ]
    if all(other < 0 for pair in named for other in pair):
        return with_neighbors(lanes)

    def beside(k: int, other: int) -> int:
        plain = other >= 0 and lanes[k].kind == lanes[other].kind == LaneKind.LANE
        return other if plain else -1

    return [
        replace(lane, left_neighbor=beside(k, named[k][0]), right_neighbor=beside(k, named[k][1]))
        for k, lane in enumerate(lanes)
    ]


def _longest(raw: object, place: dict[str, int]) -> int:
    """WOMD's neighbours are records with stretches, others' are ids."""
    best, longest = -1, -1
    for one in raw if isinstance(raw, list | tuple | np.ndarray) else ():
        record = one if isinstance(one, dict) else {"feature_id": one}
        other = place.get(str(record["feature_id"]), -1)
        length = int(record.get("self_end_index", 0)) - int(record.get("self_start_index", 0))
        if other >= 0 and length > longest:
            best, longest = other, length
    return best


def _limit_mps(feature: dict, dataset: str) -> tuple[float, bool]:
    """The limit in m/s; True: the file has none that can be believed."""
    for field, factor in (
        ("speed_limit_mps", 1.0), ("speed_limit_mph", MPS_PER_MPH), ("speed_limit_kmh", 1 / 3.6),
    ):  # fmt: skip
        value = feature.get(field)
        if value is None:
            continue
        limit = float(value) * factor
        filler = dataset != "waymo" and any(abs(limit - one) < 0.01 for one in _FILLERS_MPS)
        if np.isfinite(limit) and 0 < limit < _FASTEST_MPS and not filler:
            return limit, False
        return SPEED_LIMIT_MPS, True
    return SPEED_LIMIT_MPS, True
