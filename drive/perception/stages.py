"""The stages of discovery on one drive: each a function from what the stage before found to `Labels`.

sweeps -> clustered -> followed -> plausible ones -> amodal boxes        (the first labels)
sweeps -> detected (by a network trained on labels) -> the same again    (those of the next round)
"""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float

from drive.perception import amodal
from drive.perception.box_fit import fit_boxes, settled
from drive.perception.clusters import ClusterBounds, cluster, may_be_road_users, without_walls
from drive.perception.detections import Detects
from drive.perception.ground import is_ground
from drive.perception.labels import Labels, labels_of, moved
from drive.perception.logs.sweep_log import SweepLog
from drive.perception.shapes import body_of
from drive.perception.track_filter import TrackBounds, plausible
from drive.perception.tracking import track_both_ways
from drive.perception.tracks import Track
from sim.geometry.grid import BevGrid

Tell = Callable[[int], None]
_SURE = 1.0  # clusters and their tracks: nobody says how sure


def clustered(log: SweepLog, bounds: ClusterBounds, tell: Tell) -> Labels:
    """Clusters of what is not ground that can be road users, as boxes; `tell` hears each frame's number."""
    boxes = []
    for number in range(len(log)):
        boxes.append(cluster_boxes(log.frame(number).point_m, log.info.sensor_m, bounds))
        tell(number)
    return Labels.of_frames(boxes, [np.full(len(held), _SURE) for held in boxes])


def cluster_boxes(
    point_m: Float[np.ndarray, "n 3"], sensor_m: tuple[float, float, float], bounds: ClusterBounds
) -> Float[np.ndarray, "k 7"]:
    """Those of one sweep."""
    above = point_m - np.asarray(sensor_m, dtype=np.float32)
    solid = point_m[~is_ground(above.astype(np.float64), sensor_m[2])]
    label, count = cluster(solid.astype(np.float64), bounds)
    label = without_walls(solid, label, count, bounds)
    boxes = fit_boxes(torch.from_numpy(solid), torch.from_numpy(label), count)
    boxes = boxes[torch.from_numpy(_possible(boxes.numpy(), bounds))]
    return settled(boxes, torch.from_numpy(point_m)).numpy().astype(np.float64)


def _possible(box: Float[np.ndarray, "k 7"], bounds: ClusterBounds) -> np.ndarray:
    return may_be_road_users(box, np.zeros(len(box)), bounds)


def detected(log: SweepLog, detector: Detects, grid: BevGrid, least: float, tell: Tell) -> Labels:
    """What a network finds in each sweep, at least so sure."""
    boxes, scores = [], []
    for number in range(len(log)):
        point = torch.from_numpy(log.frame(number).point_m).unsqueeze(0)
        found = detector.detect(point, torch.ones(point.shape[:2], dtype=torch.bool), grid)
        sure = found.score[0] >= least
        boxes.append(found.box[0][sure].numpy().astype(np.float64))
        scores.append(found.score[0][sure].numpy().astype(np.float64))
        tell(number)
    return Labels.of_frames(boxes, scores)


def followed(log: SweepLog, found: Labels) -> list[Track]:
    """Their tracks, in the world."""
    world = moved(found.box, log.world_SE3_ego[found.frame])
    return track_both_ways(
        Labels(found.frame, world, found.score, found.track).by_frame(len(log)), log.dt_s
    )


def kept(log: SweepLog, tracks: list[Track], bounds: TrackBounds) -> list[tuple[Track, Track]]:
    """Those that can be road users: as they were seen, and as the bodies that this makes."""
    bodies = [(track, _body(log, track, bounds)) for track in tracks]
    return [(track, body) for track, body in bodies if body is not None]


def _body(log: SweepLog, track: Track, bounds: TrackBounds) -> Track | None:
    """The whole of what was seen, if that can be a road user."""
    seen = amodal.aligned(track, log.dt_s)
    size = body_of(amodal.size_of(seen), amodal.speed_mps(seen, log.dt_s))
    if size is None:
        return None
    pose = log.world_SE3_ego[track.frame]
    sensor_m = (pose[:, :3, :3] @ np.array(log.info.sensor_m) + pose[:, :3, 3])[:, :2]
    body = amodal.whole(seen, size, sensor_m)
    return body if plausible(seen, body, log.dt_s, bounds) else None


def tracks_as_labels(log: SweepLog, found: Labels, tracks: list[Track]) -> Labels:
    """Tracks as boxes frame by frame; each as sure as its boxes on average."""
    return labels_of(tracks, [_score(found, track) for track in tracks], log.world_SE3_ego)


def _score(found: Labels, track: Track) -> float:
    """Of the boxes it was made of: numbers of boxes count within their frame."""
    seen = track.seen
    first = np.searchsorted(found.frame, track.frame[seen])
    return float(found.score[first + track.index[seen]].mean())
