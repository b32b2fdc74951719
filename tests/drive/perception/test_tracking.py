"""Tracks of planted road users: who they are, ghosts, holes, and what no road user does."""

import numpy as np
import pytest

from drive.perception.track_filter import TrackBounds, plausible
from drive.perception.tracking import track_both_ways
from drive.perception.tracks import Track

DT_S = 0.1


def moving(
    start: tuple[float, float],
    velocity: tuple[float, float],
    frames: int = 40,
    noise_m: float = 0.1,
    seed: int = 0,
) -> np.ndarray:
    """Boxes `[frames, 7]` of one that keeps its velocity."""
    rng = np.random.default_rng(seed)
    t = DT_S * np.arange(frames)[:, None]
    place = np.array(start) + t * np.array(velocity) + noise_m * rng.standard_normal((frames, 2))
    rest = np.tile([0.8, 4.5, 1.9, 1.5, np.arctan2(velocity[1], velocity[0])], (frames, 1))
    return np.concatenate((place, rest), axis=1)


def framed(*movers: np.ndarray) -> list[np.ndarray]:
    """One list of boxes a frame, in an order that says nothing."""
    rng = np.random.default_rng(1)
    return [np.stack(column)[rng.permutation(len(movers))] for column in zip(*movers, strict=True)]


def test_two_who_cross_keep_their_identities() -> None:
    # They meet at the origin after two seconds, at right angles.
    east = moving((-16.0, 0.0), (8.0, 0.0))
    north = moving((0.0, -16.5), (0.0, 8.0), seed=1)
    tracks = track_both_ways(framed(east, north), DT_S)
    assert len(tracks) == 2
    ends = sorted(tuple(np.round(track.box[-1, :2])) for track in tracks)
    for track in tracks:
        assert track.span == 40 and track.seen.all()
        true = east if abs(track.box[0, 0] + 16.0) < 2.0 else north
        np.testing.assert_allclose(track.box[:, :2], true[:, :2])
    assert ends[0][1] > 10 or ends[1][0] > 10


def test_who_is_hidden_for_half_a_second_is_the_same_and_the_hole_is_filled() -> None:
    frames = framed(moving((-16.0, 0.0), (8.0, 0.0), noise_m=0.0))
    for hidden in range(18, 22):
        frames[hidden] = np.zeros((0, 7))
    (track,) = track_both_ways(frames, DT_S)
    assert track.span == 40 and track.seen.sum() == 36
    assert not track.seen[18:22].any()
    np.testing.assert_allclose(track.box[:, 0], -16.0 + 0.8 * np.arange(40), atol=1e-6)


def test_who_is_hidden_for_long_is_another() -> None:
    frames = framed(moving((0.0, 0.0), (0.0, 0.0), noise_m=0.0))
    for hidden in range(10, 30):
        frames[hidden] = np.zeros((0, 7))
    assert [track.span for track in track_both_ways(frames, DT_S)] == [10, 10]


def test_ghosts_of_one_frame_are_no_road_users() -> None:
    frames = framed(moving((-16.0, 0.0), (8.0, 0.0)), moving((5.0, 6.0), (0.0, 0.0), seed=2))
    rng = np.random.default_rng(3)
    for k in range(0, 40, 3):
        ghost = np.array([[*rng.uniform(-40.0, 40.0, 2), 0.8, 4.0, 1.8, 1.5, 0.0]])
        frames[k] = np.concatenate((frames[k], ghost))
    tracks = track_both_ways(frames, DT_S)
    assert len(tracks) > 10
    kept = [track for track in tracks if plausible(track, track, DT_S, TrackBounds())]
    assert sorted(round(float(track.box[0, 0])) for track in kept) == [-16, 5]


def test_who_appears_fast_is_found_backward() -> None:
    # 20 m/s, 2 m a frame: a filter that begins at rest loses it where boxes are missing at first; on its
    # way back it is followed from where it is seen in each frame.
    mover = moving((-40.0, 0.0), (20.0, 0.0), noise_m=0.0)
    frames = [mover[k : k + 1] if k > 12 or k % 3 == 0 else np.zeros((0, 7)) for k in range(40)]
    (track,) = [t for t in track_both_ways(frames, DT_S) if t.span > 20]
    assert track.frame[0] == 0 and track.frame[-1] == 39


def test_nobody_and_frames_without_anybody() -> None:
    assert track_both_ways([np.zeros((0, 7))] * 5, DT_S) == []
    assert track_both_ways([], DT_S) == []


@pytest.mark.parametrize(
    ("name", "plausible_"),
    [("drives", True), ("stands", True), ("hides", True), ("short", False), ("varies", False),
     ("jumps", False), ("spins", False), ("rarely", False)],
)  # fmt: skip
def test_what_road_users_do(name: str, plausible_: bool) -> None:
    stands = name in ("stands", "hides", "varies", "jumps")
    box = moving((0.0, 0.0), (0.0, 0.0) if stands else (8.0, 0.0), noise_m=0.02)
    frame = np.arange(len(box))
    if name == "short":
        box, frame = box[:9], frame[:9]
    if name == "varies":  # the logarithms of the longer half of 1 to 8 m are 0.31 around their mean
        box[:, 3] = np.geomspace(1.0, 8.0, len(box))
    if name == "hides":  # in every second frame all but its rear
        box[::2, 3] = 0.3
    if name == "jumps":
        box[20:, 0] += 3.0  # within a frame
    if name == "spins":  # 1.6 rad/s on a circle of 3 m: 4.8 m/s, 7.7 m/s2
        angle = 1.6 * DT_S * np.arange(len(box))
        box[:, 0], box[:, 1] = 3.0 * np.cos(angle), 3.0 * np.sin(angle)
    if name == "rarely":
        frame, box = frame[::10], box[::10]
    track = Track.of(frame, np.zeros(len(frame), dtype=int), box)
    assert plausible(track, track, DT_S, TrackBounds()) is plausible_
    loose = TrackBounds(0, 0, 1e3, 1e3, 1e3)
    assert plausible(track, track, DT_S, loose)
