"""Whom the ego hits: against shapely, and marked in the film from then on."""

import numpy as np
import shapely
from shapely import affinity

from eval.report.video import Canvas
from eval.runs.hits import first_hits
from sim.palette import LIGHT
from sim.scenario import EGO
from tests.eval.report import made_up

TRUCK = 1


def outline(pose: np.ndarray, size_m: np.ndarray) -> shapely.Polygon:
    length, width = 0.5 * size_m[:2]
    turned = affinity.rotate(shapely.box(-length, -width, length, width), pose[2], (0, 0), True)
    return affinity.translate(turned, *pose[:2])


def test_first_hits_are_shapelys() -> None:
    of, record = made_up.scenario(), made_up.drive_record()
    size_m = of.tracks.size_m
    apart = [
        outline(pose[EGO], size_m[EGO]).disjoint(outline(pose[TRUCK], size_m[TRUCK]))
        for pose in record.pose.astype(np.float64)
    ]
    first = apart.index(False)
    assert 15 < first < 25  # the truck stands across the way, 23 m on
    assert first_hits(record.pose, record.valid, size_m) == {TRUCK: first}
    gone = record.valid.copy()
    gone[:, TRUCK] = False  # who is not there is not hit
    assert first_hits(record.pose, gone, size_m) == {}


def test_a_film_frames_who_is_hit_from_then_on() -> None:
    of, record = made_up.scenario(), made_up.drive_record()
    ((_, first),) = first_hits(record.pose, record.valid, of.tracks.size_m).items()
    canvas = Canvas(of, record)
    before, after = ((canvas.frame(k, "") == LIGHT.hit).all(-1) for k in (first - 1, first))
    assert not before.any()
    # A frame of 9 m by 3.4 m around the truck, 3 pixels wide at 5 a metre, and the word.
    assert 350 < after.sum() < 900


def test_the_ego_of_a_film_has_its_planners_colour() -> None:
    of, record = made_up.scenario(), made_up.drive_record()
    ego, others = LIGHT.planners[2], (LIGHT.planners[0], LIGHT.planners[1])
    frame = Canvas(of, record, planner=2).frame(0, "")
    assert (frame == ego).all(-1).sum() > 100
    assert not any((frame == other).all(-1).any() for other in others)
    again = Canvas(of, record, planner=2 + len(LIGHT.planners)).frame(0, "")
    assert (again == frame).all()
