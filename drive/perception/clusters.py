"""Points near one another as one thing, and which of these things can be road users."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

NOTHING = -1  # the thing that a point of no thing is of


@dataclass(frozen=True)
class ClusterBounds:
    """How points are put together, and how large what they make may be."""

    near_m: float = 0.5  # points so near are of one thing
    points: int = 5
    range_m: float = 40.0  # farther points are left alone: they are too sparse
    highest_m: float = 4.0  # of the top over the ground
    lowest_m: float = 0.3  # of the height of the thing itself
    volume_m3: tuple[float, float] = (0.1, 200.0)
    longest_m: float = 14.0  # longer ones are taken for walls


def cluster(
    point_m: Float[np.ndarray, "n 3"], bounds: ClusterBounds
) -> tuple[Int[np.ndarray, " n"], int]:
    """The thing that each point is of (or NOTHING), and how many there are; DBSCAN (Ester et al. 1996).

    Points around the sensor, without the ground; those that are not finite are of none.
    """
    from sklearn.cluster import DBSCAN

    label = np.full(len(point_m), NOTHING)
    with np.errstate(invalid="ignore"):
        used = np.linalg.norm(point_m[:, :2], axis=1) <= bounds.range_m
    used &= np.isfinite(point_m).all(axis=1)
    if used.sum() >= bounds.points:
        search = DBSCAN(eps=bounds.near_m, min_samples=bounds.points)
        label[used] = search.fit_predict(point_m[used])
    return label, int(label.max(initial=-1)) + 1


def without_walls(
    point_m: Float[np.ndarray, "n 3"], label: Int[np.ndarray, " n"], num: int, bounds: ClusterBounds
) -> Int[np.ndarray, " n"]:
    """The same, but those too long for any box within the bounds are none: most points are of such."""
    held = label >= 0
    low, high = np.full((num, 2), np.inf), np.full((num, 2), -np.inf)
    np.minimum.at(low, label[held], point_m[held, :2])
    np.maximum.at(high, label[held], point_m[held, :2])
    # A square is the widest box, and seen over its corner.
    long = np.append((high - low).max(axis=1) > np.sqrt(2.0) * bounds.longest_m, True)
    return np.where(long[label], NOTHING, label)


def may_be_road_users(
    boxes: Float[np.ndarray, "k 7"], ground_m: Float[np.ndarray, " k"], bounds: ClusterBounds
) -> np.ndarray:
    """Which boxes `[k]` are as large as one is; `ground_m`: the height of the ground under each."""
    top = boxes[:, 2] + 0.5 * boxes[:, 5] - ground_m
    volume = boxes[:, 3:6].prod(axis=1)
    return (
        (top <= bounds.highest_m)
        & (boxes[:, 5] >= bounds.lowest_m)
        & (boxes[:, 3] <= bounds.longest_m)
        & (volume >= bounds.volume_m3[0])
        & (volume <= bounds.volume_m3[1])
    )
