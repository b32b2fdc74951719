"""The lists that are shipped: complete, the same scenarios as when they were made, each with a witness."""

import pytest
import torch

from drive.planning import make_planner
from eval.metrics.suite import FAMILIES, evaluate
from eval.rollout import rollout
from sim.benchmarks import read_benchmark, read_witness
from sim.scenario_file import digest
from sim.simulator import Simulator
from sim.sources.procedural import INTERACTIVE_FAMILIES, INTERACTIVE_S, numbered_draft
from sim.sources.procedural.ids import GeneratedId
from sim.sources.procedural.record import record

LISTS = {"interactive@2": ("test", 512), "interactive-val@2": ("val", 256)}


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
