"""Benchmarks: names, versions, hashes, and that what they name is what is made."""

from dataclasses import replace

import numpy as np
import pytest

from sim import benchmarks
from sim.benchmarks import TRAINING, Benchmark, Entry, read_benchmark, write_benchmark
from sim.errors import InputError
from sim.scenario_file import digest
from sim.sources.finding import find
from sim.sources.loading import load
from sim.sources.procedural.source import draft_of
from sim.sources.query import ScenarioRef, SourceQuery

IDS = ("zipper-val-0-000000", "blocked_lane-val-0-000003", "zipper-val-0-000001")


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Version 1 and 2 of a benchmark of three short scenarios."""
    monkeypatch.setattr(benchmarks, "FOLDER", tmp_path)
    entries = tuple(
        Entry(
            name, digest(draft_of(ScenarioRef("procedural", name, None, 2.0)).scenario), 0.5, None
        )
        for name in IDS
    )
    benchmark = Benchmark("small", 1, 2.0, entries)
    write_benchmark(benchmark, {IDS[1]: np.linspace(0, 3, 21 * 5).reshape(21, 5)})
    write_benchmark(replace(benchmark, version=2, entries=entries[:2]), {})
    read_benchmark.cache_clear()
    benchmarks._witnesses.cache_clear()
    yield benchmark
    read_benchmark.cache_clear()
    benchmarks._witnesses.cache_clear()


def test_a_name_means_its_newest_version(made: Benchmark) -> None:
    assert read_benchmark("small@1") == made
    assert read_benchmark("small").version == 2
    assert read_benchmark("small").hash != made.hash
    assert len(made.hash) == 16


def test_unknown_names_and_versions_list_the_choices(made: Benchmark) -> None:
    with pytest.raises(InputError, match="unknown 'smal'; did you mean small"):
        read_benchmark("smal")
    with pytest.raises(InputError, match=r"small@7: no such version \(choices: small@1, small@2\)"):
        read_benchmark("small@7")
    with pytest.raises(InputError, match="no fixed scenarios"):
        read_benchmark(f"{TRAINING}@1")


def test_queries_get_its_scenarios(made: Benchmark) -> None:
    refs = find(SourceQuery(benchmark="small@1"))
    assert tuple(ref.name for ref in refs) == IDS
    only = find(SourceQuery(benchmark="small@1", families=("zipper",)))
    assert tuple(ref.name for ref in only) == (IDS[0], IDS[2])
    with pytest.raises(InputError, match="choices: zipper, blocked_lane"):
        find(SourceQuery(benchmark="small@1", families=("merge",)))
    with pytest.raises(InputError, match="--seed: a benchmark's scenarios are fixed"):
        find(SourceQuery(benchmark="small@1", seed=3))
    loaded, skipped = load(refs[:1])
    assert not skipped
    assert loaded[0][1].num_instants == 21


def test_another_scenario_under_its_name_is_refused(made: Benchmark) -> None:
    refs = find(SourceQuery(benchmark="small@1"))
    with pytest.raises(InputError, match="not the scenario that the benchmark was made of"):
        load([replace(refs[0], digest="0" * 16)])


def test_training_has_no_end(made: Benchmark) -> None:
    refs = find(SourceQuery(benchmark=TRAINING, seed=4, count=20, families=("zipper", "u_turn")))
    assert refs[1].name == "u_turn-train-4-000001"
    assert len(refs) == 20


def test_witnesses_come_back_to_a_tenth_of_a_millimetre(made: Benchmark) -> None:
    witness = benchmarks.read_witness(IDS[1])
    assert witness is not None
    assert np.abs(witness - np.linspace(0, 3, 21 * 5).reshape(21, 5)).max() < 1e-4
    assert benchmarks.read_witness(IDS[0]) is None
