"""What a planner thinks, as rows and shapes: numbers worked out by hand."""

import numpy as np
import pytest

from eval.view import palette
from eval.view.ground_heights import GroundHeights
from eval.view.palette import colors_of
from eval.view.planner_shapes import candidate_shapes, cost_shapes
from eval.view.shapes import Lines, Mesh
from eval.view.thought import CellCosts, RecordedThoughts, Thought, other_way
from sim.geometry.grid import BevGrid
from tests.eval.view.scenes import drive_record, two_cars

DARK = colors_of("dark")
# Two instants of three by two cells of 1 m; x from -1 to 2, y from 0 to 2.
GRID = BevGrid(-1.0, 0.0, 1.0, 3, 2)
CELLS = CellCosts(
    np.array([[[0.0, 0.0], [0.0, 0.0], [0.0, 9.0]], [[2.0, 4.0], [6.0, 8.0], [3.0, 5.0]]]),
    GRID,
    0.5,
)


def _thought(**parts: object) -> Thought:
    """An ego at (100, 50) that looks north, on its way to stand 1 m on at both instants."""
    pose = np.array(((100.0, 50.0, np.pi / 2),))
    plan = np.array(((100.0, 51.0, np.pi / 2),) * 2)
    return Thought(pose, plan, **parts)  # type: ignore[arg-type]


def test_the_volume_lies_under_the_ego_in_the_colours_of_its_costs() -> None:
    heights, size_m = GroundHeights(two_cars()), np.array((4.0, 2.0, 1.6))
    mesh, outline = cost_shapes(_thought(cell_costs=CELLS), heights, 1.0, size_m, DARK)
    assert isinstance(mesh, Mesh) and isinstance(outline, Lines)
    quads_m, colors = mesh.vertex_m.reshape(-1, 4, 3), mesh.rgb.reshape(-1, 4, 3)
    found = {}
    for quad, color in zip(quads_m, colors, strict=True):
        assert (color == color[0]).all()
        found[tuple(np.round(quad[:, :2].mean(axis=0), 3).tolist())] = color[0]
    # Ahead is north, left is west: x of 1.5, y of 0.5 is 1.5 m north and 0.5 m west of the ego.
    # At 1 s costs go from 2 to 8, so 3 is a sixth of the way.
    (sixth,) = palette.by_value(np.array((1.0 / 6.0,)), 0.0, 1.0)
    assert found[99.5, 51.5] == pytest.approx(sixth)
    assert found[99.5, 49.5] == pytest.approx((68, 1, 84))  # viridis begins: the cost of 2
    assert found[98.5, 50.5] == pytest.approx((253, 231, 37))  # and ends: the cost of 8
    assert len(found) == 6
    # The plan's ego: 4 m long from 49 to 53, 2 m wide.
    corners = np.concatenate((outline.start_m, outline.end_m))
    assert corners.min(axis=0)[:2] == pytest.approx((99.0, 49.0), abs=1e-4)
    assert corners.max(axis=0)[:2] == pytest.approx((101.0, 53.0), abs=1e-4)
    first, _ = cost_shapes(_thought(cell_costs=CELLS), heights, 0.6, size_m, DARK)
    assert isinstance(first, Mesh) and len(np.unique(first.rgb, axis=0)) == 2  # 0 and 9


def test_the_instant_is_the_nearest_one() -> None:
    assert [CELLS.level(s) for s in (0.1, 0.5, 0.7, 0.8, 1.0, 9.0)] == [0, 0, 0, 1, 1, 1]
    assert CELLS.times_s == (0.5, 1.0)


def test_rows_name_each_term_of_the_chosen_one_and_of_the_other() -> None:
    costs, paths = np.array((3.0, -1.5, 7.0)), np.zeros((3, 2, 2))
    terms = {"red_light": np.array((1.0, 0.5, 6.0)), "jerk": np.array((2.0, -2.0, 1.0))}
    told = _thought(candidates=paths, costs=costs, terms=terms, other=2, cell_costs=CELLS)
    assert told.chosen == 1
    assert told.table(1.0) == (
        ("cost", "chosen", "other way"),
        ("sum", "-1.50", "7.00"),
        ("red light", "0.50", "6.00"),
        ("jerk", "-2.00", "1.00"),
        ("cells in 1.0 s", "2.00 to", "8.00"),
    )
    alone = _thought(candidates=paths, costs=costs)
    assert alone.table(1.0) == ()
    nothing = _thought(candidates=paths[:0], costs=costs[:0], terms={})
    assert nothing.table(1.0)[0][0] == "nothing can be driven: a stop"
    assert candidate_shapes(nothing, GroundHeights(two_cars()), DARK) == []


def test_the_chosen_one_is_thick_and_blue_and_all_begin_at_the_ego() -> None:
    paths = np.array([[(2.0, 0.0), (4.0, 0.0)], [(2.0, 1.0), (4.0, 2.0)], [(1.0, 0.0), (2.0, 0.0)]])
    told = _thought(candidates=paths, costs=np.array((5.0, 1.0, 3.0)))
    thin, thick = candidate_shapes(told, GroundHeights(two_cars()), DARK)
    assert isinstance(thin, Lines) and isinstance(thick, Lines) and thick.width_px > thin.width_px
    blue, _, brown = DARK.by_cost(np.array((0.0, 0.5, 1.0)))
    assert (thick.rgb == blue).all() and len(thick.rgb) == 2
    # Second of the list: 2 m ahead is north, 1 m left is west.
    assert thick.start_m[0, :2] == pytest.approx((100.0, 50.0))
    assert thick.end_m[:, :2] == pytest.approx(np.array(((99.0, 52.0), (98.0, 54.0))))
    assert (thin.rgb == brown).all(axis=1).sum() == 2


def test_another_way_is_elsewhere_or_goes_on_where_the_first_stops() -> None:
    ahead = np.stack((np.arange(1.0, 6.0), np.zeros(5)), axis=-1)
    beside = ahead + np.stack((np.zeros(5), np.linspace(0.5, 3.5, 5)), axis=-1)
    stopping = np.minimum(ahead, 2.0)
    paths = np.stack((ahead, 2.0 * ahead, 0.6 * ahead, beside, stopping))
    # Faster and slower are the same way; the lane beside and the stop are not.
    assert other_way(paths, np.array((0, 1, 2))) is None
    assert other_way(paths, np.array((0, 1, 2, 3, 4))) == 3
    assert other_way(paths, np.array((0, 2, 4, 3))) == 4
    assert other_way(paths, np.array((4, 0))) == 0


def test_a_drive_tells_what_its_planner_showed() -> None:
    scenario = two_cars()
    record = drive_record(scenario, 0.5)
    told = RecordedThoughts(record).at(10)
    assert told.layers() == {"plan", "candidates", "forecast", "occupancy", "perceived"}
    assert np.array_equal(told.pose, record.pose[10])
    assert told.occupancy is not None and told.occupancy.max() == 1.0 and told.table(1.0) == ()
