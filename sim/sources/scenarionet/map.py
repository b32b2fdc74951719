"""The map of a ScenarioNet scenario: what lies near the ego, lanes and areas."""

import numpy as np
from jaxtyping import Float

from sim.scenario import AreaKind, LaneMap, MapArea
from sim.sources.lanes import open_ring
from sim.sources.scenarionet.drivable import read_drivable
from sim.sources.scenarionet.lanes import read_lanes

_AREAS = {"CROSSWALK": AreaKind.CROSSWALK, "ROAD_EDGE_SIDEWALK": AreaKind.WALKWAY}
_BIKE_LANE = "LANE_BIKE_LANE"


def read_map(
    features: dict,
    dataset: str,
    ego_m: Float[np.ndarray, "t 2"],
    offset_m: Float[np.ndarray, "3"],
    near_m: float,
) -> tuple[LaneMap, list[str]]:
    """Lanes and areas within `near_m` of the ego's recording, moved by `-offset_m`."""
    near = _near(features, ego_m, near_m)
    bike_lanes = [name for name, one in near.items() if one["type"] == _BIKE_LANE]
    lanes, notes = read_lanes(
        {
            k: f
            for k, f in near.items()
            if str(f["type"]).startswith("LANE") and k not in bike_lanes
        },
        dataset,
        offset_m[:2],
    )
    if bike_lanes:
        notes.append(f"left out {len(bike_lanes)} bicycle lanes: drivable, but nobody's route")
    drivable, drivable_note = read_drivable(near, lanes, offset_m[:2])
    areas, flat = [], 0
    for feature in near.values():
        kind = _AREAS.get(str(feature["type"]))
        ring = None if kind is None else _ring(feature, offset_m[:2])
        if kind is not None and ring is None:
            flat += 1
        elif kind is not None and ring is not None:
            areas.append(MapArea(kind, ring))
    if flat:
        notes.append(f"dropped {flat} crosswalks or walkways: no area")
    return LaneMap(lanes=lanes, areas=areas + drivable), [*notes, drivable_note]


def _near(features: dict, ego_m: np.ndarray, near_m: float) -> dict[str, dict]:
    """The features with a point near the ego's recording, by their names as text."""
    low, high = ego_m.min(0) - near_m, ego_m.max(0) + near_m
    found = {}
    for key, feature in features.items():
        given = feature.get("polyline", feature.get("polygon", ()))
        points = np.asarray(given, dtype=np.float64)
        if points.ndim == 2 and ((points[:, :2] > low) & (points[:, :2] < high)).all(1).any():
            found[str(key)] = feature
    return found


def _ring(feature: dict, offset_m: np.ndarray) -> np.ndarray | None:
    """None where the outline is no polygon with an area."""
    import shapely

    raw = np.asarray(feature.get("polygon", ()), dtype=np.float64)
    if raw.ndim != 2 or len(raw) < 3 or not np.isfinite(raw[:, :2]).all():
        return None
    ring = open_ring(raw[:, :2] - offset_m)
    return ring if len(ring) >= 3 and shapely.Polygon(ring).area > 0.1 else None
