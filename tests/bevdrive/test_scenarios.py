"""Scenarios as a list that loads what is asked for; what they, and large objects, say of themselves."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

import bevdrive
from drive.planning.constant_velocity import ConstantVelocity
from eval.rollout import rollout
from sim.interface import Needs
from sim.scenario_file import digest, save_scenario
from sim.short_repr import short_repr
from sim.simulator import Simulator
from sim.sources.procedural import generate
from tests.drive.scenes import toy_scenario


def test_nothing_is_loaded_before_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    scenarios = bevdrive.generate(["curve", "merge"], count=6, seed=5, split="train", duration_s=1)
    with monkeypatch.context() as patch:
        patch.setattr("sim.sources.loading.load", None)
        assert len(scenarios) == 6
        assert scenarios[1:3].ids == ["merge-train-5-000001", "curve-train-5-000002"]
        assert repr(scenarios[-2:]) == "2 scenarios: curve-train-5-000004, merge-train-5-000005"
        assert repr(scenarios).endswith("curve-train-5-000002 and 3 more")
    (wanted,) = generate(["curve"], 1, seed=5, first=2, duration_s=1.0)
    assert wanted.scenario_id == "curve-train-5-000002"
    assert isinstance(scenarios[2], bevdrive.Scenario)
    assert digest(scenarios[2]) == digest(wanted) != digest(scenarios[0])


def test_a_benchmark_is_a_long_list() -> None:
    assert len(bevdrive.load(benchmark="interactive")) == 512


def test_saved_ones_are_read_again_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    for k in range(2):
        save_scenario(toy_scenario(5.0, 1.0, f"toy{k}"), tmp_path / f"{k}.scenario")
    scenarios = bevdrive.load(source="saved", path=tmp_path)
    assert [scenario.scenario_id for scenario in scenarios] == ["toy0", "toy1"]
    again = bevdrive.load(source="saved", path=str(tmp_path), exclude=("0",))
    assert again.ids == ["1.scenario"]
    save_scenario(again[0], tmp_path / "2.scenario")  # one that can be shown is saved as any other
    assert (tmp_path / "2.scenario").read_bytes() == (tmp_path / "1.scenario").read_bytes()
    (tmp_path / "0.scenario").write_bytes(b"nothing")
    with pytest.raises(bevdrive.InputError, match=r"0\.scenario: not a whole scenario file"):
        scenarios[0]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"familes": ["curve"]}, "load: option: unknown 'familes'; did you mean families?"),
        ({"families": ["curv"]}, "did you mean curve?"),
        ({"source": "saved"}, "--path: source saved needs"),
        ({"count": 0}, "--count: must be at least 1"),
    ],
)
def test_wrong_words_are_one_clear_line(query: dict, message: str) -> None:
    with pytest.raises(bevdrive.InputError) as raised:
        bevdrive.load(**query)
    assert message in str(raised.value) and "\n" not in str(raised.value)


@short_repr
@dataclass(frozen=True)
class _Inner:
    values: np.ndarray


@short_repr
@dataclass(frozen=True)
class _Outer:
    name: str
    dt_s: float
    places: torch.Tensor
    inner: _Inner
    parts: list[_Inner]
    terms: dict[str, torch.Tensor]
    index: tuple[int, ...] = ()
    nothing: _Inner | None = None


def test_shapes_are_told_and_not_values() -> None:
    inner = _Inner(np.zeros((7, 2)))
    outer = _Outer(
        "a long one", 0.1, torch.zeros(2, 3), inner, [inner] * 5, {"comfort": torch.ones(1)}
    )
    assert repr(inner) == "_Inner(values [7, 2])"
    assert repr(outer) == (
        "_Outer(name='a long one', dt_s=0.1, places [2, 3], inner _Inner, parts 5 _Inner, terms {comfort},\n"
        "  index 0)"
    )


def test_what_a_notebook_meets_is_short() -> None:
    scenario = toy_scenario(5.0, 1.0)
    assert repr(scenario) == "Scenario('toy': toy, 4 agents, 2 lanes, 1.0 s)"
    simulator = Simulator.from_scenarios([scenario] * 3, "idm", Needs(history_s=0.5, map=True))
    state = simulator.reset()
    seen = simulator.observe(state)
    assert "pose [3, 4, 3]" in repr(state) and "pose [3, 3, 3]" in repr(seen.agents)
    assert "scenarios 3 Scenario" in repr(simulator.world)
    plan = ConstantVelocity().plan(seen)
    assert repr(plan) == "Plan(trajectory [3, 40, 5], dt_s=0.1, tracking='lqr')"
    driven = rollout(simulator, ConstantVelocity(), 2)
    for thing in (simulator, simulator.world, simulator.traffic, state, seen, seen.map, driven,
                  scenario.map, scenario.tracks, scenario.map.lanes[0], simulator.world.paths):  # fmt: skip
        assert len(repr(thing)) < 600 and len(repr(thing).splitlines()) <= 6
