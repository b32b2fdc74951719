"""A scenario in the form that ScenarioNet's Waymo converter writes, built from that form's description."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from sim.scenario import LaneKind, LightState, Scenario, StopKind
from sim.sources.scenarionet import read_scenario

INSTANTS = 91


def lane(start: tuple[float, float], end: tuple[float, float], **more: object) -> dict:
    line = np.linspace((*start, 0.0), (*end, 0.0), 41).astype(np.float32)
    record = {
        "type": "LANE_SURFACE_STREET", "polyline": line, "speed_limit_mph": 45.0,
        "speed_limit_kmh": 72.42, "interpolating": False, "entry_lanes": [], "exit_lanes": [],
        "left_boundaries": [], "right_boundaries": [], "left_neighbor": [], "right_neighbor": [],
        "width": np.zeros((41, 2), np.float32),
    }  # fmt: skip
    return record | more


def beside(name: int) -> list[dict]:
    indices = {k: "0" for k in ("self_start_index", "neighbor_start_index")}
    ends = {k: "40" for k in ("self_end_index", "neighbor_end_index")}
    return [{"feature_id": str(name), **indices, **ends, "boundaries": []}]


def womd(**changes: object) -> dict:
    """East through a junction at x = 40 to 60; a second lane to the left, a bicycle lane to the right."""
    time = np.arange(INSTANTS, dtype=np.float32) / np.float32(10)
    x = 10.0 + 8.0 * time
    state = {
        "position": np.stack((x, 0 * x, 0 * x), -1).astype(np.float32),
        "heading": np.zeros(INSTANTS, np.float32), "velocity": np.zeros((INSTANTS, 2), np.float32),
        "valid": np.ones(INSTANTS, bool), "length": np.full(INSTANTS, 4.5, np.float32),
        "width": np.full(INSTANTS, 1.9, np.float32), "height": np.full(INSTANTS, 1.6, np.float32),
    }  # fmt: skip
    edge = np.array([[0, -6, 0], [120, -6, 0]], np.float32)
    features = {
        "101": lane((0, 0), (40, 0), exit_lanes=[102], left_neighbor=beside(104)),
        "102": lane((40, 0), (60, 0), interpolating=True, entry_lanes=[101], exit_lanes=[103]),
        "103": lane((60, 0), (120, 0), entry_lanes=[102]),
        "104": lane((0, 3.5), (40, 3.5), right_neighbor=beside(101)),
        "105": lane((0, -3), (40, -3), type="LANE_BIKE_LANE"),
        "200": {"type": "ROAD_EDGE_BOUNDARY", "polyline": edge},
        "300": {"type": "STOP_SIGN", "lane": [104], "position": np.array([38, 6, 0], np.float32)},
    }
    states = [None, *["LANE_STATE_STOP"] * 40, *["LANE_STATE_ARROW_GO"] * 50]
    light = {
        "type": "TRAFFIC_LIGHT", "lane": 102, "stop_point": np.array([39.0, 0, 0], np.float32),
        "state": {"object_state": states}, "metadata": {},
    }  # fmt: skip
    track = {"type": "VEHICLE", "state": state, "metadata": {"type": "VEHICLE"}}
    return {
        "id": "womd", "version": "v1.2", "length": INSTANTS, "tracks": {"7": track},
        "map_features": features, "dynamic_map_states": {"102": light},
        "metadata": {"ts": time, "sdc_id": "7", "dataset": "waymo"} | changes,
    }  # fmt: skip


def read(data: dict, folder: Path) -> Scenario:
    path = folder / "sd_womd.pkl"
    path.write_bytes(pickle.dumps(data))
    return read_scenario(path)


def test_links_kinds_neighbors_and_limits(tmp_path: Path) -> None:
    scenario = read(womd(), tmp_path)
    lanes = {lane.lane_id: lane for lane in scenario.map.lanes}
    names = [lane.lane_id for lane in scenario.map.lanes]
    assert names == ["101", "102", "103", "104"]  # the bicycle lane is nobody's route
    assert [names[k] for k in lanes["101"].successors] == ["102"]
    assert [names[k] for k in lanes["103"].predecessors] == ["102"]
    assert lanes["102"].kind == LaneKind.CONNECTOR and lanes["101"].kind == LaneKind.LANE
    assert names[lanes["101"].left_neighbor] == "104"
    assert names[lanes["104"].right_neighbor] == "101"
    assert lanes["101"].speed_limit_mps == pytest.approx(20.1168)  # 45 mph
    assert any("bicycle" in note for note in scenario.notes)
    assert scenario.dt_s == 0.1


def test_light_and_stop_sign(tmp_path: Path) -> None:
    scenario = read(womd(), tmp_path)
    signal, sign = scenario.map.stop_lines
    # The ego starts at x = 10: the stop point lies at 29, the sign at 28.
    assert signal.kind == StopKind.SIGNAL and signal.line_m[:, 0] == pytest.approx([29, 29])
    assert sign.kind == StopKind.STOP_SIGN and sign.line_m[:, 0] == pytest.approx([28, 28])
    state = scenario.lights.state[signal.light]
    assert state[[0, 1, 40, 41]].tolist() == [
        LightState.UNKNOWN, LightState.RED, LightState.RED, LightState.GREEN,
    ]  # fmt: skip


def test_filler_limit_of_argoverse_is_not_believed(tmp_path: Path) -> None:
    data = womd(dataset="av2")
    for feature in data["map_features"].values():
        if "speed_limit_mph" in feature:
            feature["speed_limit_mph"] = 85.0
    scenario = read(data, tmp_path)
    assert {lane.speed_limit_mps for lane in scenario.map.lanes} == {13.4}
    assert any("filler" in note for note in scenario.notes)


def test_drivable_reaches_the_edge_of_the_road_and_no_farther(tmp_path: Path) -> None:
    """The lane reaches to y = -1.75, widened by 4 m to -5.75; the edge at -4.5 cuts that."""
    import shapely

    data = womd()
    data["map_features"]["200"]["polyline"][:, 1] = -4.5
    road = shapely.union_all(
        [shapely.Polygon(a.exterior_m) for a in read(data, tmp_path).map.areas]
    )
    assert road.contains(shapely.Point(80, -4.3)) and not road.contains(shapely.Point(80, -4.8))


def test_clock(tmp_path: Path) -> None:
    data = womd()
    time = data["metadata"]["ts"].astype(np.float64)
    data["metadata"]["ts"] = 2 * time  # 5 Hz: the same places at half the speed
    slow = read(data, tmp_path)
    assert slow.dt_s == pytest.approx(0.2)
    assert slow.tracks.velocity_mps[0, :, 0] == pytest.approx(np.full(INSTANTS, 4.0), abs=1e-3)
    assert np.flatnonzero(slow.keyframe)[1] == 2  # 0.4 s: half a second, rounded down to even
    data["metadata"]["ts"] = np.delete(np.arange(INSTANTS + 1) * 0.1, 20)  # one missing
    holed = read(data, tmp_path)
    assert holed.num_instants == INSTANTS + 1 and any("uneven" in note for note in holed.notes)
    # Recorded at 19 and 21, 0.8 m apart: 0.4 m beyond the first.
    assert holed.tracks.position_m[0, 20, 0] == pytest.approx(0.8 * 19 + 0.4, abs=1e-3)
    assert not holed.keyframe[20]
    for wrong, message in ((time[::-1].copy(), "not after"), (time * 1e6, "seconds")):
        data["metadata"]["ts"] = wrong
        with pytest.raises(ValueError, match=message):
            read(data, tmp_path)


def test_who_backs_up_keeps_its_heading(tmp_path: Path) -> None:
    data = womd()
    data["tracks"]["7"]["state"]["position"][:, 0] *= -1  # heading east, driving west
    data["tracks"]["7"]["state"]["position"][:, 0] += 60
    route = read(data, tmp_path).routes[0]
    assert route is not None
    steps = np.diff(route.path_m, axis=0)
    assert (steps[:, 0] > 0).all()
