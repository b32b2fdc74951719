"""The pipeline behind `bevdrive collect`: scenarios to examples in worker processes, a shard each."""

from typing import TYPE_CHECKING, cast

from drive.pipelines.collect_config import CollectConfig
from drive.pipelines.expert_drives import driven
from drive.pipelines.presets import to_plain
from drive.pipelines.scenarios import find_scenarios
from drive.pipelines.workers import WORK_FIELDS, work
from sim.scenario import Scenario
from sim.sources.loading import load
from sim.sources.query import ScenarioRef

if TYPE_CHECKING:
    from drive.features.example import Example
    from drive.features.store import Store
    from sim.interface import Perception

PER_SHARD = 32  # scenarios
_DT_S = 0.1  # of all examples
_FREE = ("out", *WORK_FIELDS)  # change no example


def collect(config: CollectConfig) -> "Store":
    """Make what shards are not there yet; returns the finished store.

    Raises InputError for a wrong query, for a folder that holds something else, and where no scenario
    can be used; `BrokenRun` where a worker process died.
    """
    from drive.features.store import begin_collection, finish_collection, has_shard

    refs = find_scenarios(config)
    asked = {name: value for name, value in to_plain(config).items() if name not in _FREE}
    begin_collection(config.out, asked)
    shards = [refs[k : k + PER_SHARD] for k in range(0, len(refs), PER_SHARD)]
    jobs = [
        (config, number, part)
        for number, part in enumerate(shards)
        if not has_shard(config.out, number)
    ]
    counts = [float(len(part)) for _, _, part in jobs]
    work(collect_shard, jobs, config, "collecting", counts, "scenarios")
    return finish_collection(config.out, len(shards))


def collect_shard(config: CollectConfig, number: int, refs: list[ScenarioRef]) -> None:
    """What a worker does: load scenarios, drive them if asked to, and store their examples."""
    import torch

    from drive.features.example import ExampleSpec, concatenated, make_examples
    from drive.features.store import write_shard

    torch.set_num_threads(1)  # the same bytes for any number of workers
    usable, skipped = load_usable(refs)
    examples: list[Example] = []
    with torch.no_grad():
        if usable:
            perception = cast("Perception", config.perception or "tracks")
            if config.planner is not None:
                usable, failed = driven(config, usable)
                skipped += failed
            if usable:
                spec = ExampleSpec(sweeps=config.sensors == "lidar")
                examples = list(make_examples(usable, spec, config.every, perception))
    write_shard(
        config.out,
        number,
        concatenated(examples) if examples else None,
        [scenario.scenario_id for scenario in usable],
        skipped,
    )


def load_usable(refs: list[ScenarioRef]) -> tuple[list[Scenario], list[dict[str, str]]]:
    """The scenarios that examples can be made of, and of the others the name and the reason."""
    loaded, skipped = load(refs)
    usable = []
    for ref, scenario in loaded:
        if abs(scenario.dt_s - _DT_S) < 1e-6:
            usable.append(scenario)
        else:
            reason = f"steps of {scenario.dt_s} s, not {_DT_S}"
            skipped.append({"scenario": ref.name, "reason": reason})
    return usable, skipped
