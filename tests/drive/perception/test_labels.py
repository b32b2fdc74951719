from pathlib import Path

import numpy as np
import pytest

from drive.perception.labels import (
    NO_TRACK,
    Labels,
    beside,
    categories_of,
    labels_of,
    moved,
    read_labels,
    submission,
    write_labels,
)
from drive.perception.tracks import Track
from sim.errors import InputError

# 90 degrees to the left, then 10 m east and 1 m up.
POSE = np.array([[0.0, -1.0, 0.0, 10.0], [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0], [0, 0, 0, 1]])
BOX = np.array([[3.0, 1.0, 0.8, 4.0, 2.0, 1.6, 0.25]])


def test_boxes_move_with_the_frame() -> None:
    # (3, 1) turned to the left is (-1, 3); the heading grows by 90 degrees.
    there = moved(BOX, POSE[None])
    assert np.allclose(there, [[9.0, 3.0, 1.8, 4.0, 2.0, 1.6, 0.25 + np.pi / 2]])
    assert np.allclose(moved(there, np.linalg.inv(POSE)[None]), BOX)


def test_tracks_become_boxes_frame_by_frame() -> None:
    frame = np.array([1, 2])
    first = Track(frame, np.repeat(BOX, 2, axis=0), np.ones(2, dtype=bool), np.zeros(2, dtype=int))
    second = Track(frame - 1, first.box + 1.0, first.seen, first.index)
    poses = np.stack([np.eye(4), np.eye(4), POSE])
    labels = labels_of([first, second], [0.5, 0.9], poses)
    assert labels.frame.tolist() == [0, 1, 1, 2]
    assert labels.track.tolist() == [1, 0, 1, 0]
    assert labels.score.tolist() == [0.9, 0.5, 0.9, 0.5]
    assert np.allclose(labels.box[3], moved(BOX, np.linalg.inv(POSE)[None])[0])
    assert [len(held) for held in labels.by_frame(3)] == [1, 2, 1]
    assert len(labels_of([], [], poses).frame) == 0


def test_beside_the_first_labels_are_those_that_overlap_none_of_them() -> None:
    near = BOX
    far, touches = (BOX + np.eye(7)[:2].T @ shift for shift in ((20.0, 0.0), (3.5, 1.0)))
    first = Labels(np.array([0, 1]), np.concatenate((near, far)), np.ones(2), np.array([4, 2]))
    found = Labels(
        np.array([0, 0, 1, 2]), np.concatenate((touches, far, near, near)), np.full(4, 0.5),
        np.array([0, 1, 1, NO_TRACK]),
    )  # fmt: skip
    both = beside(first, found)
    # Boxes of 4 x 2 m turned by 14 degrees, 3.5 m ahead and 1 m aside: 3.64 along them, 0.10 across.
    assert both.frame.tolist() == [0, 0, 1, 1, 2]
    assert both.track.tolist() == [4, 6, 2, 6, NO_TRACK]
    assert both.score.tolist() == [1.0, 0.5, 1.0, 0.5, 0.5]
    assert np.array_equal(both.box[1], far[0])
    nobody = Labels.of_frames([], [])
    assert beside(nobody, found).track.tolist() == [0, 1, 1, NO_TRACK]
    assert beside(first, nobody).track.tolist() == [4, 2]


def test_files_hold_what_was_written_and_damage_is_named(tmp_path: Path) -> None:
    labels = Labels.of_frames([BOX, np.zeros((0, 7)), np.repeat(BOX, 2, axis=0)], [
        np.array([0.3]), np.zeros(0), np.array([0.4, 0.5])])  # fmt: skip
    path = tmp_path / "labels.parquet"
    write_labels(path, labels)
    held = read_labels(path)
    assert held.frame.tolist() == [0, 2, 2] and held.track.tolist() == [-1, -1, -1]
    assert np.allclose(held.box, labels.box) and np.allclose(held.score, labels.score)
    empty = Labels.of_frames([], [])
    write_labels(path, empty)
    assert len(read_labels(path).frame) == 0
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"labels\.parquet"):
        read_labels(path)


def test_a_submission_is_in_the_world_and_as_nuscenes_wants_it() -> None:
    labels = Labels.of_frames([BOX, BOX], [np.array([0.3]), np.array([0.8])])
    results = submission(labels, ["a", "b"], np.stack([np.eye(4), POSE]))
    (box,) = results["b"]
    assert box["translation"] == pytest.approx([9.0, 3.0, 1.8])
    assert box["size"] == [2.0, 4.0, 1.6]  # width, length, height
    half = 0.5 * (0.25 + np.pi / 2)
    assert box["rotation"] == pytest.approx([np.cos(half), 0.0, 0.0, np.sin(half)])
    assert box["detection_name"] == "car" and box["detection_score"] == pytest.approx(0.8)
    size = np.array([[0.6, 0.5], [1.8, 0.6], [4.5, 1.9]])
    box = np.pad(size, ((0, 0), (3, 2)))
    assert categories_of(box) == ["pedestrian", "bicycle", "car"]
