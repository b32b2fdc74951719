"""The lists that are shipped: complete, the same scenarios as when they were made, each with a witness."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from drive.planning import make_planner
from eval.metrics.suite import FAMILIES, evaluate
from eval.rollout import rollout
from sim.benchmarks import read_benchmark, read_witness
from sim.scenario_file import digest
from sim.simulator import Simulator
from sim.sources.procedural import FAMILIES as PLAIN_FAMILIES
from sim.sources.procedural import INTERACTIVE_FAMILIES, INTERACTIVE_S, numbered_draft
from sim.sources.procedural.ids import GeneratedId
from sim.sources.procedural.record import record

LISTS = {"interactive@4": ("test", 512), "interactive-val@4": ("val", 256)}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_is_whole(name: str) -> None:
    benchmark, (split, count) = read_benchmark(name), LISTS[name]
    counts = benchmark.counts()
    assert sum(counts.values()) == len({entry.scenario_id for entry in benchmark.entries}) == count
    assert set(counts) == set(INTERACTIVE_FAMILIES)
    assert max(counts.values()) - min(counts.values()) <= 1
    for entry in benchmark.entries:
        assert GeneratedId.parse(entry.scenario_id).split == split
        assert entry.interaction >= 0.25
        assert entry.witness_s is not None and read_witness(entry.scenario_id) is not None


def test_scenarios_are_what_they_were_and_can_be_done() -> None:
    entries = [entry for name in LISTS for entry in read_benchmark(name).entries[::97][:3]]
    ids = [GeneratedId.parse(entry.scenario_id) for entry in entries]
    drafts = [numbered_draft(which, INTERACTIVE_S) for which in ids]
    assert [digest(draft.scenario) for draft in drafts] == [entry.digest for entry in entries]
    with torch.no_grad():
        simulator = Simulator.from_scenarios(record(drafts), "idm")
        driven = rollout(simulator, make_planner("privileged_search"))
        success = evaluate(driven, FAMILIES)["bevdrive/success"]
    assert success.value.tolist() == [1.0] * len(entries)


_INEXACT = ("sin", "cos", "tan", "arctan2", "exp", "log", "hypot", "power", "tanh")


@pytest.mark.parametrize("family", [*INTERACTIVE_FAMILIES, *PLAIN_FAMILIES])
def test_drafts_do_not_hang_on_the_last_bit(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Machines differ by that much: numpy's sines on AVX-512 are not those on AVX2. Outlines of 75 instead
    # of 77 points were the consequence.
    which = [GeneratedId(family, "val", 0, number) for number in range(2)]
    exact = [digest(numbered_draft(one, INTERACTIVE_S).scenario) for one in which]
    rng = np.random.default_rng(0)
    for name in _INEXACT:
        monkeypatch.setattr(np, name, _last_bit_off(getattr(np, name), rng))
    assert [digest(numbered_draft(one, INTERACTIVE_S).scenario) for one in which] == exact


def _last_bit_off(function: Callable, rng: np.random.Generator) -> Callable:
    def result(*arguments: Any, **named: Any) -> Any:
        value = np.asarray(function(*arguments, **named))
        if value.dtype != np.float64:
            return value
        toward = rng.choice((-np.inf, np.inf), size=value.shape)
        return np.where(rng.random(value.shape) < 0.3, value, np.nextafter(value, toward))[()]

    return result
