"""The ego's box against the places of the recorded cars' radars, which sit behind its bumpers."""

import json

import numpy as np

from sim.sources.nuscenes.ego import EGO_SIZE_M, to_center
from tests.conftest import SHARED_DATA, needs_shared_data

TABLES = SHARED_DATA / "nuscenes_lidar_sample" / "tables"


@needs_shared_data
def test_bumpers_are_where_the_radars_are() -> None:
    sensors = {row["token"]: row for row in json.loads((TABLES / "sensor.json").read_text())}
    mounted = json.loads((TABLES / "calibrated_sensor.json").read_text())
    places: dict[str, list[float]] = {"front": [], "back": [], "side": []}
    for row in mounted:
        sensor, (x, y, _) = sensors[row["sensor_token"]], row["translation"]
        if sensor["modality"] == "radar":
            end = "back" if "BACK" in sensor["channel"] else "front"
            places[end].append(x)
            places["side"].append(abs(y))
    assert len(places["side"]) == 50  # five radars on ten cars
    middle, height = to_center(np.zeros((1, 4)))[0, [0, 2]]
    length, width, _ = EGO_SIZE_M
    assert 0.0 < middle + 0.5 * length - max(places["front"]) < 0.05
    assert 0.0 < min(places["back"]) - (middle - 0.5 * length) < 0.15  # at the rounded corners
    assert 0.0 < 0.5 * width - max(places["side"]) < 0.1
    assert height == 0.5 * EGO_SIZE_M[2]
