"""Drives: stored as they were, and the moments of failure."""

import dataclasses
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from eval.follow import HeldPlan
from eval.metrics.suite import declared
from eval.runs.drive_record import DriveRecord
from eval.runs.tracer import Tracer
from sim.geometry.grid import BevGrid
from sim.interface import Agents, Forecast, Occupancy, Plan, WhatIf


def _record() -> DriveRecord:
    rng = np.random.default_rng(0)
    curves = {m.key: np.ones(5, dtype=np.float32) for m in declared() if m.curve}
    curves["nuplan/no_at_fault_collision"] = np.array((1, 1, 1, 0, 0), dtype=np.float32)
    curves["nuplan/driving_direction_compliance"] = np.array(
        (1, 0.5, 0.5, 0.5, 0), dtype=np.float32
    )
    return DriveRecord(
        dt_s=0.1,
        pose=rng.normal(size=(5, 3, 3)).astype(np.float32),
        valid=np.ones((5, 3), dtype=bool),
        plan=rng.normal(size=(5, 8, 3)).astype(np.float32),
        curves=curves,
        occupancy=rng.integers(0, 255, (5, 2, 4, 6), dtype=np.uint8),
        occupancy_grid=np.array((-1.0, -2.0, 0.5, 4, 6), dtype=np.float32),
    )


def test_comes_back_as_it_was(tmp_path: Path) -> None:
    one = _record()
    one.save(tmp_path / "a" / "x.npz")
    two = DriveRecord.load(tmp_path / "a" / "x.npz")
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["x.npz"]
    assert two.grid == BevGrid(-1.0, -2.0, 0.5, 4, 6) and two.dt_s == 0.1
    assert two.candidates is None and two.curves.keys() == one.curves.keys()
    for field in dataclasses.fields(one):
        mine, theirs = getattr(one, field.name), getattr(two, field.name)
        if isinstance(mine, np.ndarray):
            assert np.array_equal(mine, theirs), field.name
    assert all(np.array_equal(one.curves[name], two.curves[name]) for name in one.curves)


def test_failures_begin_where_a_curve_first_falls() -> None:
    assert _record().failures(declared()) == {
        "nuplan/no_at_fault_collision": 3,
        "nuplan/driving_direction_compliance": 1,
    }


def test_other_files_are_refused(tmp_path: Path) -> None:
    for name, content in (("text.npz", b"hello"), ("none.npz", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=f"{name}: not whole"):
            DriveRecord.load(tmp_path / name)
    np.savez(tmp_path / "other.npz", pose=np.zeros(3))
    with pytest.raises(ValueError, match="dt_s is missing"):
        DriveRecord.load(tmp_path / "other.npz")


@pytest.mark.parametrize(
    ("name", "other"),
    [("occupancy", "occupancy_grid"), ("forecast", "forecast_probability")],
)
def test_what_belongs_together_is_there_together(name: str, other: str, tmp_path: Path) -> None:
    shown = {
        "forecast": np.zeros((5, 2, 1, 8, 2), dtype=np.float32),
        "forecast_probability": np.ones((5, 2, 1), dtype=np.float32),
    }
    for lost in (name, other):
        dataclasses.replace(_record(), **shown).save(tmp_path / "x.npz")
        with np.load(tmp_path / "x.npz") as file:
            parts = {k: v for k, v in file.items() if k != lost}
        np.savez(tmp_path / "y.npz", **parts)
        with pytest.raises(ValueError, match=f"{name} and {other}: one is there without the other"):
            DriveRecord.load(tmp_path / "y.npz")


def _watch(tracer: Tracer, plan: Plan, pose: torch.Tensor | None = None) -> HeldPlan:
    """A plan that is made where both egos are, and followed from there."""
    held = HeldPlan(plan, torch.zeros(2, 3) if pose is None else pose, torch.zeros(2))
    tracer(held, held.made_pose)
    return held


def _what_if() -> WhatIf:
    """Of two worlds and two others, of whom the second is nobody; 4 s."""
    way = torch.arange(1.0, 9.0).reshape(8, 1).expand(2, 3, 8, 2)
    part = torch.tensor((0.25, 0.0)).expand(2, 3, 2)
    path = way.unsqueeze(2).expand(2, 3, 2, 8, 2)
    slower = torch.tensor((0.501, 0.0)).expand(2, 4, 2)
    return WhatIf(way, torch.tensor([[1, -1]] * 2), path, slower, part, 2.0 * part, 0.5)


def test_what_if_is_kept_and_read_again(tmp_path: Path) -> None:
    tracer = Tracer()
    _watch(tracer, Plan(torch.zeros(2, 40, 5), 0.1, what_if=_what_if()))
    shown = tracer.shown(world=1, length=5, num_agents=3)
    one = dataclasses.replace(_record(), **shown)
    one.save(tmp_path / "x.npz")
    two = DriveRecord.load(tmp_path / "x.npz")
    assert two.what_if_agent is not None and two.what_if_slower is not None
    assert two.what_if_collision is not None and two.what_if_change is not None
    assert two.what_if_agent.tolist() == [[1, -1]] * 5
    assert (two.what_if_slower[..., 0] == 50).all()
    assert (two.what_if_collision[..., 0] == 25).all() and (two.what_if_change[..., 0] == 50).all()
    assert sum(value[0].nbytes for value in shown.values()) < 1000  # two others, an instant
    shown["what_if_agent"] = shown["what_if_agent"] + 1
    dataclasses.replace(one, **shown).save(tmp_path / "x.npz")
    with pytest.raises(ValueError, match="what_if_agent: a number of nobody"):
        DriveRecord.load(tmp_path / "x.npz")


def test_whom_the_planner_took_to_be_there_is_kept_and_nothing_foretold_of_them(
    tmp_path: Path,
) -> None:
    """Of three places the second holds somebody in the first plan, the third one in the second plan."""
    tracer = Tracer()
    for k in range(2):
        valid = torch.tensor([False, k == 0, k == 1]).expand(2, 3)
        number = torch.tensor((1, 66, 3)).expand(2, 3)
        pose, size_m = torch.full((2, 3, 3), 1.5 + k), torch.full((2, 3, 2), 4.5)
        agents = Agents(number, pose, size_m, size_m, torch.zeros_like(number), valid)
        forecast = Forecast(torch.ones(2, 3, 1, 8, 2), torch.ones(2, 3, 1), 0.5)
        plan = Plan(torch.zeros(2, 8, 5), 0.5, forecast=forecast, what_if=_what_if())
        _watch(tracer, replace(plan, perceived=agents))
    shown = tracer.shown(world=1, length=5, num_agents=3)
    assert set(shown) == {"perceived", "perceived_id"}
    one = dataclasses.replace(_record(), **shown)
    one.save(tmp_path / "x.npz")
    two = DriveRecord.load(tmp_path / "x.npz")
    assert two.perceived is not None and two.perceived_id is not None
    assert two.perceived_id.tolist() == [[66, -1]] + [[-1, 3]] * 4
    assert two.perceived[0, 0].tolist() == [1.5, 1.5, 1.5, 4.5, 4.5]
    assert two.perceived[1, 1].tolist() == [2.5, 2.5, 2.5, 4.5, 4.5]
    dataclasses.replace(one, perceived_id=None).save(tmp_path / "x.npz")
    with pytest.raises(ValueError, match="perceived and perceived_id: one is there without the"):
        DriveRecord.load(tmp_path / "x.npz")


def test_the_tracer_keeps_half_seconds_of_what_is_shown() -> None:
    tracer = Tracer()
    time = torch.arange(1, 41) * 0.1
    path = torch.stack((time, 2 * time, torch.zeros(40)), dim=-1)
    grid = BevGrid(0.0, 0.0, 1.0, 2, 3)
    for k in range(3):
        plan = Plan(
            torch.zeros(2, 40, 5),
            0.1,
            candidates=path.expand(2, 4, 40, 3) + k,
            costs=torch.arange(4.0).expand(2, 4),
            terms={"a": torch.arange(4.0).expand(2, 4), "b": torch.ones(2, 4) * k},
            forecast=Forecast(torch.ones(2, 5, 1, 6, 2) * k, torch.ones(2, 5, 1), 0.5),
            occupancy=Occupancy(torch.full((2, 2, 2, 3), 0.2), grid, 0.5),
        )
        _watch(tracer, plan)
    shown = tracer.shown(world=1, length=4, num_agents=4)
    assert shown["candidates"].shape == (4, 4, 8, 2) and shown["forecast"].shape == (4, 3, 1, 8, 2)
    # The first point is half a second on: (0.5, 1.0), plus k; the last instant repeats the third.
    assert shown["candidates"][:, 0, 0] == pytest.approx(
        np.array(((0.5, 1), (1.5, 2), (2.5, 3), (2.5, 3)))
    )
    assert shown["costs"][0].tolist() == [0, 1, 2, 3]
    assert shown["term_names"].tolist() == ["a", "b"]
    assert shown["terms"][1].tolist() == [[0, 1], [1, 1], [2, 1], [3, 1]]
    assert (shown["occupancy"] == 51).all() and shown["occupancy"].shape == (4, 2, 2, 3)
    assert shown["occupancy_grid"].tolist() == [0, 0, 1, 2, 3]
    assert Tracer().shown(0, 4, 4) == {}


def test_a_plan_that_is_followed_stays_where_it_was_in_the_world() -> None:
    """Made at (10, 0) heading left; 2 m on, what was 5 m ahead of the ego is 3 m ahead."""
    tracer, ahead = Tracer(), torch.tensor((5.0, 1.0))
    made = torch.tensor((10.0, 0.0, math.pi / 2)).expand(2, 3)
    path = torch.cat((ahead, torch.zeros(1))).expand(2, 1, 8, 3)
    grid = BevGrid(0.0, 0.0, 1.0, 8, 1)
    cells = torch.zeros(2, 1, 8, 1)
    cells[:, :, 5] = 1.0
    agents = Agents(
        torch.ones(2, 1).long(), path[:, :, 0], torch.zeros(2, 1, 2), torch.full((2, 1, 2), 4.5),
        torch.zeros(2, 1).long(), torch.ones(2, 1) > 0,
    )  # fmt: skip
    what_if = replace(_what_if(), way_m=ahead.expand(2, 3, 8, 2))
    plan = Plan(
        torch.zeros(2, 8, 5), 0.5, candidates=path, costs=torch.zeros(2, 1),
        forecast=Forecast(ahead.expand(2, 2, 1, 8, 2), torch.ones(2, 2, 1), 0.5),
        occupancy=Occupancy(cells, grid, 0.5), what_if=what_if,
    )  # fmt: skip
    seen = replace(plan, perceived=agents)
    for one, names in (
        (plan, ("candidates", "forecast", "what_if_way")),
        (seen, ("candidates", "perceived")),
    ):
        tracer = Tracer()
        held = _watch(tracer, one, made)
        tracer(held, made + torch.tensor((0.0, 2.0, 0.0)))
        assert one.costs is not None
        one.costs.fill_(7.0)  # what a planner does with its own tensors afterwards is no matter
        shown = tracer.shown(world=1, length=2, num_agents=3)
        one.costs.fill_(0.0)
        assert (shown["costs"] == 0.0).all()
        for name in names:
            x_m = shown[name][..., 0].reshape(2, -1)
            assert x_m[0] == pytest.approx(5.0) and x_m[1] == pytest.approx(3.0, abs=1e-2), name
        assert shown["occupancy"][:, 0, :, 0].argmax(axis=1).tolist() == [5, 3]
