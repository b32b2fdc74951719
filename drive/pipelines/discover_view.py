"""What a discovery found, as scenes for the viewer."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from drive.perception.labels import NO_TRACK, Labels, categories_of, moved, read_labels
from drive.perception.logs.sweep_log import SweepLog
from drive.pipelines.discover_config import DiscoverConfig
from eval.view.lidar_points import LabeledPoints, label_by_boxes
from eval.view.viewed_scene import ViewedScene
from sim.errors import InputError, one_of
from sim.scenario import AgentKind, LaneMap, Lights, Scenario, Tracks

if TYPE_CHECKING:
    from drive.perception.detections import Detections
    from sim.sensors.pointcloud import PointCloud


_EGO_M = (4.5, 1.8, 1.5)
_KINDS = {
    "car": ("vehicle.car", AgentKind.VEHICLE),
    "bicycle": ("vehicle.bicycle", AgentKind.CYCLIST),
    "pedestrian": ("human.pedestrian.adult", AgentKind.PEDESTRIAN),
}


def is_discovery(folder: Path) -> bool:
    """Whether `bevdrive discover` made it."""
    return (folder / "discovery.json").is_file()


def discovered_scene(folder: Path, drive: str | None, stage: str | None) -> ViewedScene:
    """The labels of a stage (the last one) in a drive (the first one); InputError names the choices."""
    logs = {path.name: SweepLog(path) for path in sorted((folder / "logs").iterdir())}
    made = sorted((folder / "labels").glob("*/"), key=lambda path: path.stat().st_mtime)
    if not made:
        raise InputError(f"{folder}: no labels in it yet")
    stage = stage or made[-1].name
    one_of("--stage", stage, [path.name for path in made])
    drive = drive or next(iter(logs))
    one_of("--scenario", drive, list(logs))
    log = logs[drive]
    labels = read_labels(folder / "labels" / stage / f"{drive}.parquet")
    scenario = scenario_of(drive, labels, log.world_SE3_ego, log.dt_s)
    return ViewedScene.of(scenario, points=_LogPoints(log, scenario), title=f"{drive}: {stage}")


def detected_scene(path: Path, weights: str) -> ViewedScene:
    """What a detector finds in one sweep."""
    from eval.view.lidar_points import SingleSweep

    sweep, detections = detected_in(path, weights)
    held = detections.score[0] > 0
    box = detections.box[0][held].numpy().astype(np.float64)
    labels = Labels.of_frames([box], [detections.score[0][held].numpy().astype(np.float64)])
    scenario = scenario_of(path.name, labels, np.eye(4)[None], 0.1)
    return ViewedScene.of(scenario, points=SingleSweep(scenario, sweep))


def detected_in(
    path: Path, weights: str, least_score: float = DiscoverConfig.least_score
) -> "tuple[PointCloud, Detections]":
    """The points of one sweep, z over the ground, and what is found in it so surely."""
    import torch

    from drive.networks.weights import load_network
    from drive.perception.detections import Detections
    from drive.perception.detector.network import FAR_M, Detector, square_grid
    from sim.sources.sweep_file import read_sweep_file

    detector, _ = load_network(Detector, weights)
    _, cloud = read_sweep_file(path)
    point = torch.from_numpy(cloud.xyz_m).unsqueeze(0)
    found = detector.detect(
        point, torch.ones(point.shape[:2], dtype=torch.bool), square_grid(FAR_M)
    )
    score = torch.where(found.score >= least_score, found.score, 0.0)
    return cloud, Detections(found.box, score)


def scenario_of(
    name: str, labels: Labels, world_SE3_ego: Float[np.ndarray, "f 4 4"], dt_s: float
) -> Scenario:
    """Boxes as road users, who are there only while they are found; without a map."""
    world = moved(labels.box, world_SE3_ego[labels.frame])
    single = np.arange(len(labels.frame)) + labels.track.max(initial=NO_TRACK) + 1
    whose = np.where(labels.track == NO_TRACK, single, labels.track)
    ids, first, row = np.unique(whose, return_index=True, return_inverse=True)
    agents, instants = len(ids) + 1, len(world_SE3_ego)
    position = np.zeros((agents, instants, 3), dtype=np.float32)
    yaw = np.zeros((agents, instants), dtype=np.float32)
    size = np.tile(np.array(_EGO_M, dtype=np.float32), (agents, 1))
    valid = np.zeros((agents, instants), dtype=bool)
    position[0] = world_SE3_ego[:, :3, 3] + (0.0, 0.0, 0.5 * _EGO_M[2])
    yaw[0] = np.arctan2(world_SE3_ego[:, 1, 0], world_SE3_ego[:, 0, 0])
    valid[0] = True
    position[row + 1, labels.frame], yaw[row + 1, labels.frame] = world[:, :3], world[:, 6]
    size[row + 1], valid[row + 1, labels.frame] = world[:, 3:6], True
    kinds = [_KINDS[name] for name in categories_of(labels.box[first])]
    tracks = Tracks(
        track_id=["ego", *(str(number) for number in ids)],
        category=["vehicle.car", *(category for category, _ in kinds)],
        kind=np.array([AgentKind.VEHICLE, *(kind for _, kind in kinds)], dtype=np.int64),
        size_m=size,
        position_m=position,
        yaw_rad=yaw,
        velocity_mps=np.zeros((agents, instants, 2), dtype=np.float32),
        valid=valid,
    )
    return Scenario(
        scenario_id=name,
        source="discovery",
        family="discovery",
        location="",
        dt_s=dt_s,
        world_offset_m=np.zeros(3),
        tracks=tracks,
        map=LaneMap(),
        lights=Lights(np.zeros((0, instants), dtype=np.int64), np.zeros((0, 2), dtype=np.float32)),
        routes=[None] * agents,
        keyframe=np.ones(instants, dtype=bool),
    )


class _LogPoints:
    """The sweeps of a stored drive, in its world."""

    def __init__(self, log: SweepLog, scenario: Scenario) -> None:
        self._log, self._scenario = log, scenario

    def at(self, instant: int) -> LabeledPoints:
        """A sweep a time step."""
        frame = self._log.frame(instant)
        pose = frame.world_SE3_ego
        xyz = (frame.point_m @ pose[:3, :3].T + pose[:3, 3]).astype(np.float32)
        dark = np.full(len(xyz), 0.3, dtype=np.float32)
        return label_by_boxes(self._scenario, instant, xyz, dark)
