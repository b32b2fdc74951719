"""Key frames on a regular grid, against motions known by hand."""

import numpy as np

from sim.scenario import AgentKind
from sim.sources.nuscenes.ego import center_velocity_mps, to_center, yaw_of
from sim.sources.nuscenes.interpolate import on_grid
from sim.sources.nuscenes.tracks import kind_of

GRID_S = 0.1 * np.arange(31)


def test_a_parabola_is_met_exactly_inside() -> None:
    """Central differences of x = t^2 are its derivative, and a cubic holds a parabola."""
    time = np.array([0.0, 0.45, 1.0, 1.55, 2.0, 2.5, 3.0])  # as unevenly as the real ones
    value, rate, known = on_grid(np.arange(7), time, time[:, None] ** 2, GRID_S)
    inside = (GRID_S >= 0.45) & (GRID_S <= 2.5)
    assert known.all()
    np.testing.assert_allclose(value[inside, 0], GRID_S[inside] ** 2, atol=1e-12)
    np.testing.assert_allclose(rate[inside, 0], 2 * GRID_S[inside], atol=1e-12)


def test_gaps_are_not_bridged() -> None:
    """Frames 0, 1 and 4, 5 of 0.5 s: seen until 0.5 s and from 2.0 to 2.5 s."""
    frame = np.array([0, 1, 4, 5])
    value, rate, known = on_grid(frame, 0.5 * frame, 10.0 * frame[:, None], GRID_S)
    assert np.flatnonzero(known).tolist() == [*range(6), *range(20, 26)]
    assert (value[~known] == 0).all() and (rate[~known] == 0).all()
    np.testing.assert_allclose(value[known, 0], 20.0 * GRID_S[known], atol=1e-12)


def test_a_lone_frame_is_one_step() -> None:
    value, rate, known = on_grid(np.array([3]), np.array([1.53]), np.array([[7.0]]), GRID_S)
    assert np.flatnonzero(known).tolist() == [15]
    assert value[15, 0] == 7.0 and rate[15, 0] == 0.0


def test_beyond_the_last_frame_it_goes_straight_on() -> None:
    """Frames at 0.06 and 0.56 s at 10 m/s: known from step 1 to step 6, 0.04 s past the last."""
    time = np.array([0.06, 0.56])
    value, _, known = on_grid(np.arange(2), time, 10.0 * time[:, None], GRID_S)
    assert np.flatnonzero(known).tolist() == [1, 2, 3, 4, 5, 6]
    np.testing.assert_allclose(value[known, 0], 10.0 * GRID_S[1:7], atol=1e-12)


def test_ego_box_is_ahead_of_the_axle() -> None:
    """Zoe: 4.084 / 2 - (4.084 - 2.588 - 0.839) = 1.385; half of 1.562 m above the ground."""
    pose = np.array([[10.0, 20.0, 0.5, np.pi / 2]])
    np.testing.assert_allclose(to_center(pose)[0], (10.0, 21.385, 1.281, np.pi / 2), atol=1e-9)
    # Turning on the spot to the left while facing north, the centre moves west.
    turning = center_velocity_mps(np.zeros((1, 2)), np.array([2.0]), np.array([np.pi / 2]))
    np.testing.assert_allclose(turning[0], (-2.77, 0.0), atol=1e-9)


def test_yaw_of_quaternions() -> None:
    """90 degrees about z; then the same on a slope of 10 degrees."""
    from pyquaternion import Quaternion

    turn = Quaternion(axis=(0, 0, 1), degrees=90)
    slope = Quaternion(axis=(1, 0, 0), degrees=10)
    for rotation in (turn, slope * turn, turn * slope):
        axis = rotation.rotate(np.array([1.0, 0.0, 0.0]))
        expected = np.arctan2(axis[1], axis[0])
        assert abs(float(yaw_of(np.array([rotation.elements]))[0]) - expected) < 1e-12


def test_kinds() -> None:
    assert kind_of("vehicle.motorcycle") == AgentKind.CYCLIST
    assert kind_of("vehicle.bus.rigid") == AgentKind.VEHICLE
    assert kind_of("human.pedestrian.stroller") == AgentKind.PEDESTRIAN
    assert kind_of("static_object.bicycle_rack") == AgentKind.OBJECT
