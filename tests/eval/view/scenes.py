"""Scenes to look at: two agents on a road, and a drive with something in every layer."""

import numpy as np

from eval.runs.drive_record import DriveRecord
from eval.view.scene_layers import SceneLayers
from eval.view.viewed_scene import ViewedScene
from sim.scenario import AgentKind, Scenario
from tests.toy import Car, make_scenario, straight


def two_cars() -> Scenario:
    """Five seconds of the ego at 5 m/s, and a cyclist who stands beside its lane."""
    cars = [Car(0, 0.0, 0.0, speed_mps=5.0), Car(-1, 12.0, 4.0, 0.5, kind=AgentKind.CYCLIST)]
    return make_scenario([straight(-20, 0, 80, 0)], cars, duration_s=5.0)


def drive_record(scenario: Scenario, shift_m: float = 0.0) -> DriveRecord:
    """The recorded drive, `shift_m` to the left; with one candidate, one forecast, one cell."""
    tracks = scenario.tracks
    pose = np.concatenate((tracks.position_m[..., :2], tracks.yaw_rad[..., None]), -1).transpose(
        1, 0, 2
    )
    pose = pose.copy()
    pose[:, 0, 1] += shift_m
    pose[:, 0, 2] += 2.0 * shift_m  # and turned
    count = len(pose)
    path = np.stack((np.arange(1, 9) * 2.0, np.zeros(8)), axis=-1).astype(np.float16)
    occupancy = np.zeros((count, 2, 40, 40), dtype=np.uint8)
    occupancy[:, 1, 30, 25] = 255
    return DriveRecord(
        dt_s=scenario.dt_s,
        pose=pose,
        valid=tracks.valid.T,
        plan=np.repeat(pose[:, :1] + np.array((1.0, 0.0, 0.0)), 8, axis=1),
        curves={},
        candidates=np.broadcast_to(path, (count, 1, 8, 2)),
        costs=np.zeros((count, 1), dtype=np.float16),
        forecast=np.broadcast_to(path, (count, 1, 1, 8, 2)),
        forecast_probability=np.ones((count, 1, 1), dtype=np.float16),
        occupancy=occupancy,
        occupancy_grid=np.array((-20.0, -20.0, 1.0, 40, 40), dtype=np.float32),
        perceived=np.broadcast_to(np.array((7.5, 4.0, 0.5, 4.0, 2.0)), (count, 1, 5)),
        perceived_id=np.zeros((count, 1), dtype=np.int16),
    )


def two_moving_cars() -> SceneLayers:
    """Two seconds of the ego at 5 m/s, and a car as fast 14 m ahead of it."""
    cars = [Car(0, 0.0, 0.0, speed_mps=5.0), Car(0, 14.0, 0.0, speed_mps=5.0)]
    scenario = make_scenario([straight(-20, 0, 80, 0)], cars, duration_s=2.0)
    return SceneLayers(ViewedScene.of(scenario))
