"""`Labels`: the boxes that a stage of discovery found in the sweeps of a drive, and their files."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from drive.perception.tracks import Track
from sim.feather import read_columns
from sim.files import whole_file
from sim.scenario import AgentKind

NO_TRACK = -1
_BOX = ("x_m", "y_m", "z_m", "length_m", "width_m", "height_m", "yaw_rad")
_CATEGORIES = {
    AgentKind.VEHICLE: "car",
    AgentKind.CYCLIST: "bicycle",
    AgentKind.PEDESTRIAN: "pedestrian",
}


@dataclass(frozen=True)
class Labels:
    """M boxes of a drive, ordered by frame, in the ego frame of their sweep; `track`: whose, or none's."""

    frame: Int[np.ndarray, " m"]
    box: Float[np.ndarray, "m 7"]
    score: Float[np.ndarray, " m"]
    track: Int[np.ndarray, " m"]

    def of_frame(self, number: int) -> Bool[np.ndarray, " m"]:
        """Which are of this sweep."""
        return self.frame == number

    def chosen(self, which: Bool[np.ndarray, " m"]) -> "Labels":
        """Some of them."""
        return Labels(self.frame[which], self.box[which], self.score[which], self.track[which])

    @staticmethod
    def of_frames(
        boxes: list[Float[np.ndarray, "_ 7"]], scores: list[Float[np.ndarray, " _"]]
    ) -> "Labels":
        """From the boxes of each frame; nobody has followed them yet."""
        frame = np.repeat(np.arange(len(boxes)), [len(held) for held in boxes])
        box = np.concatenate([*boxes, np.zeros((0, 7))])
        score = np.concatenate([*scores, np.zeros(0)])
        return Labels(frame, box, score, np.full(len(frame), NO_TRACK))

    def by_frame(self, frames: int) -> list[Float[np.ndarray, "_ 7"]]:
        """The boxes of each of so many sweeps."""
        ends = np.searchsorted(self.frame, np.arange(frames + 1))
        return [self.box[low:high] for low, high in pairwise(ends)]


def apart(first: Labels, second: Labels) -> Labels:
    """Those of `second` that overlap none of `first` in their sweep."""
    import torch

    from eval.metrics.detection import overlaps

    free = np.ones(len(second.frame), dtype=bool)
    for number in np.unique(second.frame).tolist():
        theirs = second.of_frame(number)
        boxes = (
            torch.from_numpy(each)
            for each in (second.box[theirs], first.box[first.of_frame(number)])
        )
        free[theirs] = ~(overlaps(*boxes) > 0.0).any(dim=1).numpy()
    return second.chosen(free)


def beside(first: Labels, second: Labels) -> Labels:
    """`first`, and those of `second` that overlap none of them in their sweep; tracks are numbered anew."""
    added = apart(first, second)
    track = np.where(
        added.track == NO_TRACK, NO_TRACK, added.track + first.track.max(initial=-1) + 1
    )
    frame = np.concatenate((first.frame, added.frame))
    order = np.argsort(frame, kind="stable")
    return Labels(
        frame[order],
        np.concatenate((first.box, added.box))[order],
        np.concatenate((first.score, added.score))[order],
        np.concatenate((first.track, track))[order],
    )


def moved(
    box: Float[np.ndarray, "m 7"], a_SE3_b: Float[np.ndarray, "m 4 4"]
) -> Float[np.ndarray, "m 7"]:
    """Boxes of frames b in frames a, one pose each; they stay upright."""
    turn, shift = a_SE3_b[:, :3, :3], a_SE3_b[:, :3, 3]
    center = np.einsum("mij,mj->mi", turn, box[:, :3]) + shift
    yaw = box[:, 6] + np.arctan2(turn[:, 1, 0], turn[:, 0, 0])
    return np.concatenate((center, box[:, 3:6], yaw[:, None]), axis=1)


def labels_of(
    tracks: list[Track], score: list[float], world_SE3_ego: Float[np.ndarray, "f 4 4"]
) -> Labels:
    """Tracks in the world as boxes in the ego frames of their sweeps."""
    frame = np.concatenate([track.frame for track in tracks] or [np.zeros(0, dtype=np.int64)])
    box = np.concatenate([track.box for track in tracks] or [np.zeros((0, 7))])
    spans = [track.span for track in tracks]
    order = np.argsort(frame, kind="stable")
    local = moved(box, np.linalg.inv(world_SE3_ego[frame]))
    return Labels(
        frame[order],
        local[order],
        np.repeat(np.array(score), spans)[order],
        np.repeat(np.arange(len(tracks)), spans)[order],
    )


def write_labels(path: Path, labels: Labels) -> None:
    """A parquet file: frame, x_m ... yaw_rad (ego frame), score, track."""
    import pyarrow
    import pyarrow.parquet

    columns = {"frame": labels.frame}
    columns |= dict(zip(_BOX, labels.box.T, strict=True))
    columns |= {"score": labels.score, "track": labels.track}
    with whole_file(path) as scratch:
        pyarrow.parquet.write_table(pyarrow.table(columns), scratch)


def read_labels(path: Path) -> Labels:
    """What `write_labels` wrote; InputError names the file and what is wrong."""
    kinds = {"frame": "i", "track": "i", "score": "f"} | dict.fromkeys(_BOX, "f")
    table = read_columns(path, kinds)
    box = np.stack([table[name] for name in _BOX], axis=1).reshape(-1, 7)
    return Labels(table["frame"], box, table["score"], table["track"])


def categories_of(box: Float[np.ndarray, "m 7"]) -> list[str]:
    """What each may be, as nuScenes names it, by its size alone: nobody told."""
    import torch

    from drive.perception.shapes import kind_of

    kinds = kind_of(torch.from_numpy(box[:, 3:5]))
    return [_CATEGORIES[AgentKind(kind)] for kind in kinds.tolist()]


def submission(
    labels: Labels, tokens: list[str], world_SE3_ego: Float[np.ndarray, "f 4 4"]
) -> dict[str, list[dict[str, Any]]]:
    """The results of nuScenes' detection task by sample token, world frame."""
    from scipy.spatial.transform import Rotation

    world = moved(labels.box, world_SE3_ego[labels.frame])
    found: dict[str, list[dict[str, Any]]] = {token: [] for token in tokens}
    names = categories_of(labels.box)
    for frame, box, score, name in zip(labels.frame, world, labels.score, names, strict=True):
        x, y, z, w = Rotation.from_euler("z", box[6]).as_quat()
        found[tokens[frame]].append(
            {
                "sample_token": tokens[frame],
                "translation": box[:3].tolist(),
                "size": box[[4, 3, 5]].tolist(),
                "rotation": [w, x, y, z],
                "velocity": [0.0, 0.0],
                "detection_name": name,
                "detection_score": float(score),
                "attribute_name": "",
            }
        )
    return found
