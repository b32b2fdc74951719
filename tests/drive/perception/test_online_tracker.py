"""Tracks of planted road users, plan by plan: who they are, where they go, who is none."""

import math

import numpy as np
import pytest
import torch

from drive.perception import online_tracker
from drive.perception.detections import Detections
from drive.perception.online_tracker import NUM_TRACKS, Tracks, track
from drive.perception.track_memory import TrackMemory
from sim import trees
from sim.geometry import se2

CPU = torch.device("cpu")
HERE = torch.zeros(1, 3)
Car = tuple[float, float, float]  # x, y, yaw


def found(*cars: Car, score: float = 0.4, size_m: tuple[float, float] = (4.5, 1.9)) -> Detections:
    """Boxes of one world."""
    rows = [(x, y, 0.8, *size_m, 1.5, yaw) for x, y, yaw in cars]
    box = torch.tensor(rows, dtype=torch.float32).reshape(1, -1, 7)
    return Detections(box, torch.full(box.shape[:2], score))


def sure(tracks: Tracks) -> dict[int, list[float]]:
    """x, y, vx, vy of those that are handed on, by number."""
    state = tracks.mean[0].flatten(1)
    there = (tracks.valid & tracks.is_sure)[0]
    return dict(zip(tracks.id[0, there].tolist(), state[there].tolist(), strict=True))


def after(*instants: Detections, dt_s: float = 0.1) -> Tracks:
    tracks = Tracks.none(1, CPU)
    for one in instants:
        tracks = track(tracks, one, HERE, dt_s)
    return tracks


def test_two_boxes_half_a_second_apart_by_hand() -> None:
    """5 m in 0.5 s along x. First covariance 0.09, 64. Expected: 0.09 + 64 / 4 + 4 / 24 = 16.2567;
    32 + 4 / 8 = 32.5; 64 + 4 / 2 = 66. Gains 16.2567 / 16.3467 = 0.99449 and 32.5 / 16.3467 = 1.98817."""
    tracks = after(found((0.0, 2.0, 0.0)), found((5.0, 2.0, 0.0)), dt_s=0.5)
    ((x, y, vx, vy),) = sure(tracks).values()
    assert (x, vx) == pytest.approx((4.97247, 9.94086), abs=1e-4)
    assert (y, vy) == pytest.approx((2.0, 0.0), abs=1e-6)
    spread = tracks.spread[0, 0]
    assert float(spread[0, 0]) == pytest.approx(0.09 * 0.99449, abs=1e-4)
    assert float(spread[1, 1]) == pytest.approx(66.0 - 1.98817 * 32.5, abs=1e-3)
    assert bool(tracks.velocity_known[0, 0])


def test_as_a_textbook_filter_of_four_states() -> None:
    rng = np.random.default_rng(0)
    mean, spread = np.array((3.0, -2.0, 0.0, 0.0)), np.diag((0.09, 0.09, 64.0, 64.0))
    tracks = after(found((3.0, -2.0, 0.0)))
    observe = np.eye(2, 4)
    for k, dt in enumerate((0.1, 0.5, 0.2, 0.3, 0.5)):
        goes = np.eye(4)
        goes[0, 2] = goes[1, 3] = dt
        noise = np.kron([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]], 4.0 * np.eye(2))
        mean, spread = goes @ mean, goes @ spread @ goes.T + noise
        place = np.array((3.0, -2.0)) + (k + 1) * np.array((0.4, 0.2)) + rng.normal(0, 0.1, 2)
        gain = spread @ observe.T @ np.linalg.inv(observe @ spread @ observe.T + 0.09 * np.eye(2))
        mean = mean + gain @ (place - observe @ mean)
        spread = (np.eye(4) - gain @ observe) @ spread
        tracks = track(tracks, found((float(place[0]), float(place[1]), 0.0)), HERE, dt)
        ((x, y, vx, vy),) = sure(tracks).values()
        assert (x, y, vx, vy) == pytest.approx(mean.tolist(), abs=1e-3)
        assert tracks.spread[0, 0].numpy() == pytest.approx(spread[::2, ::2], abs=1e-3)


def test_a_long_time_is_as_many_short_ones() -> None:
    tracks = after(found((0.0, 0.0, 0.0)), found((1.0, 0.0, 0.0)))
    once, often = online_tracker._expected(tracks, 0.5), tracks
    for _ in range(5):
        often = online_tracker._expected(often, 0.1)
    torch.testing.assert_close(once.mean, often.mean)
    torch.testing.assert_close(once.spread, often.spread)


@pytest.mark.parametrize("dt_s", [0.1, 0.5])
def test_two_who_cross_keep_their_numbers(dt_s: float) -> None:
    # At right angles, 8 m/s; the one from the south passes 0.25 s (2 m) after the other.
    rng = np.random.default_rng(0)
    tracks, numbers = Tracks.none(1, CPU), set()
    for k in range(round(4.0 / dt_s) + 1):
        way = 8.0 * dt_s * k - 16.0
        jitter = rng.normal(0.0, 0.1, 4)
        east = (way + jitter[0], jitter[1], 0.0)
        north = (jitter[2], way - 2.0 + jitter[3], math.pi / 2)
        tracks = track(tracks, found(*((east, north) if k % 2 else (north, east))), HERE, dt_s)
        if k:
            numbers.add(tuple(sorted(sure(tracks))))
    assert len(numbers) == 1
    ends = sorted(sure(tracks).values(), key=lambda one: one[0])
    assert ends[0] == pytest.approx([0.0, 14.0, 0.0, 8.0], abs=0.8)
    assert ends[1] == pytest.approx([16.0, 0.0, 8.0, 0.0], abs=0.8)


def test_who_is_handed_on_has_boxes_that_were_sure_enough_of_late() -> None:
    """In half a second a score keeps exp(-0.5) = 0.6065 of what it was, and gets 0.3935 of the new one."""
    nothing = found()

    def scored(score: float) -> Detections:
        return found((9.0, 0.0, 0.0), score=score)

    # Seen once and well; seen once, so it is looked at again; seen twice.
    assert len(sure(after(scored(0.6)))) == 1
    new = after(scored(0.4))
    assert sure(new) == {} and bool(new.is_new[0, 0])
    grows = after(scored(0.16), scored(0.6), dt_s=0.5)
    assert len(sure(grows)) == 1 and float(grows.score[0, 0]) == pytest.approx(0.3331, abs=1e-4)
    # 0.6065 * 0.4 + 0.3935 * 0.06 = 0.266, 0.185, 0.136.
    weak = scored(0.06)
    assert len(sure(after(scored(0.4), weak, weak, dt_s=0.5))) == 1
    doubtful = after(scored(0.4), weak, weak, weak, dt_s=0.5)
    assert sure(doubtful) == {} and doubtful.valid.sum() == 1
    # Out of sight: 0.6065 * 0.8 = 0.485, but never for longer than it was followed before.
    assert len(sure(after(scored(0.8), scored(0.8), nothing, dt_s=0.5))) == 1
    assert not after(scored(0.8), scored(0.8), nothing, nothing, dt_s=0.5).valid.any()
    assert not after(scored(0.8), nothing).valid.any()


def test_a_weak_box_continues_a_track_but_begins_none() -> None:
    weak = found((9.0, 0.0, 0.0), score=0.1)
    assert not after(weak, weak).valid.any()
    twice = found((9.0, 0.0, 0.0)), found((9.0, 0.0, 0.0))
    assert float(after(*twice, weak).unseen_s[0, 0]) == 0.0
    assert not after(found((9.0, 0.0, 0.0), score=0.04)).valid.any()


def test_who_is_hidden_for_half_a_second_is_the_same() -> None:
    tracks, number = Tracks.none(1, CPU), set()
    for k in range(30):
        seen = found() if 14 <= k < 19 else found((0.6 * k, 0.0, 0.0))
        tracks = track(tracks, seen, HERE, 0.1)
        if k:
            number |= set(sure(tracks))
        if k == 18:  # where it ought to be, though nobody sees it
            ((x, _, vx, _),) = sure(tracks).values()
            assert (x, vx) == pytest.approx((0.6 * 18, 6.0), abs=0.4)
    assert len(number) == 1
    for _ in range(16):
        tracks = track(tracks, found(), HERE, 0.1)
    assert sure(tracks) == {}


def test_what_stands_stands_while_the_ego_turns() -> None:
    """10 m/s on a circle of 12.5 m: 0.8 rad/s. The boxes are where the ego sees them."""
    cars = torch.tensor([[15.0, 4.0, 0.3], [2.0, -9.0, 1.2], [-4.0, 18.0, -2.0]])
    tracks = Tracks.none(1, CPU)
    for k in range(12):
        yaw = 0.8 * 0.25 * k
        ego = torch.tensor([[12.5 * math.sin(yaw), 12.5 * (1 - math.cos(yaw)), yaw]])
        seen = se2.compose(se2.inverse(ego), cars)
        rows: list[Car] = [(x, y, a) for x, y, a in seen.tolist()]
        tracks = track(tracks, found(*rows), ego, 0.25)
    assert sorted(sure(tracks)) == [1, 2, 3]
    torch.testing.assert_close(tracks.pose[0, :3], cars, atol=2e-3, rtol=0.0)
    assert float(tracks.velocity_mps[0, :3].norm(dim=-1).max()) < 0.01


def test_headings_know_no_half_turns() -> None:
    # A box that is turned by half at every other instant: of who drives west, and of who stands.
    west, stands = [], []
    for k in range(12):
        yaw = math.pi * (k % 2)
        west.append(found((-0.9 * k, 0.0, yaw)))
        stands.append(found((0.0, 0.0, 0.4 + yaw)))
    assert abs(float(after(*west).yaw_rad[0, 0])) == pytest.approx(math.pi, abs=0.02)
    assert float(after(*stands).yaw_rad[0, 0]) == pytest.approx(0.4, abs=0.02)


def test_sizes_and_headings_are_smoothed() -> None:
    same = [found((0.0, 0.0, 0.1))] * 10
    one = after(*same, found((0.0, 0.0, 0.5), size_m=(5.5, 1.9)))
    # tau 0.3 s: 1 - exp(-1 / 3) = 0.283 of 0.4 rad; tau 2 s: the mean of 11 weighs more, 1 / 11 of 1 m.
    assert float(one.yaw_rad[0, 0]) == pytest.approx(0.1 + 0.283 * 0.4, abs=1e-3)
    assert float(one.size_m[0, 0, 0]) == pytest.approx(4.5 + 1.0 / 11.0, abs=1e-3)


def test_of_too_many_the_surest_are_followed() -> None:
    rows: list[Car] = [(6.0 * (k % 10), 6.0 * (k // 10), 0.0) for k in range(80)]
    seen = found(*rows)
    score = torch.linspace(0.9, 0.4, 80).unsqueeze(0)
    tracks = after(Detections(seen.box, score))
    assert tracks.valid.all() and tracks.valid.shape == (1, NUM_TRACKS)
    torch.testing.assert_close(tracks.mean[0, :, 0], seen.box[0, :NUM_TRACKS, :2])


def test_worlds_know_nothing_of_one_another() -> None:
    rng = np.random.default_rng(3)
    together, apart = Tracks.none(3, CPU), [Tracks.none(1, CPU) for _ in range(3)]
    for k in range(6):
        place = 8.0 * np.arange(5)[:, None] + rng.normal(0, 0.3, (3, 5, 7)) + 0.3 * k
        box = torch.from_numpy(place.astype(np.float32)).abs() + 0.5
        score = torch.from_numpy(rng.uniform(0.0, 1.0, (3, 5)).astype(np.float32))
        together = track(together, Detections(box, score), torch.zeros(3, 3), 0.1)
        for w in range(3):
            one = Detections(box[w : w + 1], score[w : w + 1])
            apart[w] = track(apart[w], one, HERE, 0.1)
    assert together.valid.any()
    for w in range(3):
        for (name, all_), (_, own) in zip(
            trees.tensors(together), trees.tensors(apart[w]), strict=True
        ):
            there = apart[w].valid[0]
            torch.testing.assert_close(all_[w][there], own[0][there], msg=name)


def test_what_was_between_two_looks_is_in_proportion() -> None:
    """4 m in 0.4 s, and somebody new: after 0.1 s the first was a quarter of the way on."""
    tracks = after(found((0.0, 0.0, 3.0)), found((0.0, 0.0, 3.0)))
    memory = TrackMemory.begin(tracks, 7).then(Tracks.none(1, CPU), tracks, 1)
    moved = track(tracks, found((-4.0, 0.0, -3.0), (9.0, 9.0, 0.0)), HERE, 0.4)
    memory = memory.then(tracks, moved, 4)
    assert memory.valid[0, 0].tolist() == [False] * 2 + [True] * 5
    assert memory.valid[0, 1].tolist() == [False] * 6 + [True]
    x = float(moved.mean[0, 0, 0, 0])
    first = float(tracks.mean[0, 0, 0, 0])
    wanted = [first + share * (x - first) for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert memory.pose[0, 0, 2:, 0].tolist() == pytest.approx(wanted, abs=1e-5)
    turned = se2.wrap_angle(memory.pose[0, 0, 2:, 2] - 3.0)
    assert (turned.diff() >= 0).all() and float(turned.max()) < 0.3  # the short way round


def test_who_takes_the_place_of_another_has_no_past() -> None:
    one, nobody, other = found((0.0, 0.0, 0.0)), found(), found((20.0, 5.0, 0.0))
    tracks = Tracks.none(1, CPU)
    memory = TrackMemory.begin(tracks, 8)
    for seen in (one, one, nobody, nobody, other):
        before, tracks = tracks, track(tracks, seen, HERE, 0.1)
        memory = memory.then(before, tracks, 1)
    assert int(tracks.id[0, 0]) == 1 + NUM_TRACKS and bool(tracks.valid[0, 0])
    assert memory.valid[0, 0].tolist() == [False] * 7 + [True]
