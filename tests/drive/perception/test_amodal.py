import numpy as np
import pytest

from drive.perception.amodal import aligned, size_of, speed_mps, whole
from drive.perception.shapes import body_of
from drive.perception.track_filter import TrackBounds, plausible
from drive.perception.tracks import Track

DT_S = 0.1
TRUE = np.array(
    [20.0, 0.0, 0.8, 4.0, 2.0, 1.6, 0.0]
)  # ahead, seen from behind; it points at us or away


def track_of(box: np.ndarray) -> Track:
    return Track.of(np.arange(len(box)), np.zeros(len(box), dtype=int), box)


def seen_less_and_less(count: int = 30) -> np.ndarray:
    """A car that stands: first all of it is seen, then the 0.4 m at its rear, a box that lies across."""
    box = np.tile(TRUE, (count, 1))
    # 2 m across, 0.4 m deep from x = 18 on: its long side is across, so the fit turns it by a quarter.
    box[count // 2 :] = [18.2, 0.0, 0.8, 2.0, 0.4, 1.6, 0.5 * np.pi]
    return box


def test_boxes_across_are_turned_and_grow_from_the_corner_that_was_seen() -> None:
    seen = aligned(track_of(seen_less_and_less()), DT_S)
    np.testing.assert_allclose(seen.box[-1, 3:5], [0.4, 2.0])
    np.testing.assert_allclose(np.cos(2.0 * seen.box[:, 6]), 1.0, atol=1e-9)
    sensor = np.tile([0.0, -3.0], (30, 1))
    body = whole(seen, size_of(seen), sensor)
    np.testing.assert_allclose(body.box[:, :6], np.tile(TRUE[:6], (30, 1)), atol=1e-6)


def test_the_body_stands_although_what_was_seen_of_it_does_not() -> None:
    track = track_of(seen_less_and_less())
    seen = aligned(track, DT_S)
    body = whole(seen, size_of(seen), np.tile([0.0, -3.0], (30, 1)))
    loose = TrackBounds(size_spread=10.0)
    assert not plausible(seen, seen, DT_S, loose)  # what is seen jumps by 1.8 m
    assert plausible(seen, body, DT_S, loose)


@pytest.mark.parametrize("way", [0.3, 2.0, -2.5])
def test_who_drives_heads_where_it_goes(way: float) -> None:
    box = np.tile(TRUE, (30, 1))
    box[:, :2] += 8.0 * DT_S * np.arange(30)[:, None] * [np.cos(way), np.sin(way)]
    box[:, 6] = way
    box[::3, 6] += 0.5 * np.pi  # every third fit lies across
    box[::3, 3:5] = [2.0, 1.5]
    seen = aligned(track_of(box), DT_S)
    np.testing.assert_allclose(np.cos(seen.box[:, 6] - way), 1.0, atol=1e-6)
    np.testing.assert_allclose(seen.box[::3, 3:5], np.tile([1.5, 2.0], (10, 1)))
    np.testing.assert_allclose(seen.box[1, 3:5], [4.0, 2.0])


def test_the_size_is_nearly_the_largest_that_was_seen() -> None:
    box = np.tile(TRUE, (40, 1))
    box[:, 3] = np.linspace(2.0, 4.0, 40)
    track = Track.of(np.arange(40), np.zeros(40, dtype=int), box)
    size = size_of(track)
    assert (size.length_m, size.width_m, size.height_m) == pytest.approx((3.9, 2.0, 1.6))


def test_a_car_of_which_only_the_rear_was_seen_reaches_away_from_the_sensor() -> None:
    # 2 m across and 0.4 m deep, its near side 18 m ahead: 4.5 m long, so its middle is 20.25 m ahead.
    rear = np.tile([18.2, 0.0, 0.8, 2.0, 0.4, 1.6, 0.5 * np.pi], (12, 1))
    seen = aligned(track_of(rear), DT_S)
    size = body_of(size_of(seen), speed_mps(seen, DT_S))
    assert size is not None
    body = whole(seen, size, np.tile([0.0, -3.0], (12, 1)))
    wanted = np.tile([20.25, 0.0, 0.8, 4.5, 2.0, 1.6], (12, 1))
    np.testing.assert_allclose(body.box[:, :6], wanted, atol=1e-6)
    np.testing.assert_allclose(np.cos(2.0 * body.box[:, 6]), 1.0, atol=1e-6)
