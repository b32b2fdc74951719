"""What a worker process does: drive one chunk of scenarios with every planner; film one drive."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from drive.pipelines.failures import Failures
from drive.pipelines.simulate_config import SimulateConfig
from drive.pipelines.workers import tell
from eval.report.run_folder import Chunk, Row, RunFolder
from sim.sources.loading import Loaded, load
from sim.sources.query import ScenarioRef

if TYPE_CHECKING:
    from eval.metrics.result import MetricResult
    from eval.report.tracer import Tracer
    from eval.rollout import Rollout
    from sim.interface import Plan
    from sim.world import World


def drive_chunk(config: SimulateConfig, folder: Path, number: int, refs: list[ScenarioRef]) -> None:
    """Load, drive with every planner, score, store; what fails is noted, and the rest goes on."""
    import torch

    torch.set_num_threads(1)  # the same bytes for any number of workers
    run = RunFolder(folder)
    failures = Failures(run, number)
    loaded, skipped = _load(refs, failures)
    for ref, scenario in loaded:
        run.write_scenario(ref.index, scenario)
    with torch.no_grad():
        rows = _ChunkDrive(config, run, loaded, failures).rows()
    run.write_chunk(number, Chunk(rows, skipped, failures.found))


def film(folder: Path, row: Row) -> None:
    """Film one recorded drive."""
    from eval.report.recording import Recording
    from eval.report.video import video_name, write_video

    run = RunFolder(folder)
    scenario = run.read_scenario(row.index)
    recording = Recording.load(run.recording_path(row.planner, row.index))
    title = f"{row.planner}: {row.scenario_id}"
    write_video(folder / "videos" / video_name(row), scenario, recording, title, every=2)


def _load(refs: list[ScenarioRef], failures: Failures) -> tuple[Loaded, list[dict[str, str]]]:
    """As `load`; where more goes wrong than wrong input, one by one."""
    try:
        return load(refs)
    except Exception:
        loaded: Loaded = []
        skipped: list[dict[str, str]] = []
        for ref in refs:
            with failures.noted([ref.name]):
                had, not_had = load([ref])
                loaded += had
                skipped += not_had
        return loaded, skipped


class _ChunkDrive:
    """The scenarios of a chunk under every planner of a run."""

    def __init__(
        self, config: SimulateConfig, run: RunFolder, loaded: Loaded, failures: Failures
    ) -> None:
        from drive.planning import PLANNERS
        from eval.metrics.custom import METRICS

        self._config, self._run = config, run
        self._loaded, self._failures = loaded, failures
        self._planners = PLANNERS.labels(config.planner)
        self._metrics = METRICS.labels(config.metric)
        self._total_s = len(self._planners) * _length_s(loaded)
        self._finished_s = 0.0

    def rows(self) -> list[Row]:
        """The scores; of what fails there are none."""
        rows: list[Row] = []
        for members in _by_step(self._loaded):
            ids = [scenario.scenario_id for _, scenario in members]
            with self._failures.noted(ids):
                world = self._make_world(members)
                for name, label in self._planners.items():
                    with self._failures.noted(ids, label):
                        rows += self._drive(name, label, members, world)
                    self._finished_s += _length_s(members)
        return rows

    def _make_world(self, members: Loaded) -> "World":
        from sim.traffic import make_traffic
        from sim.world import World

        traffic = make_traffic(self._config.traffic)
        return World.from_scenarios([s for _, s in members], traffic).to(self._config.device)

    def _drive(self, name: str, label: str, members: Loaded, world: "World") -> list[Row]:
        """One planner: recordings are written, scores returned."""
        from drive.planning import EXACT_TRACKING, make_planner
        from eval.metrics.suite import evaluate
        from eval.report.tracer import Tracer
        from eval.rollout import rollout

        tracer = Tracer()
        steps = 0

        def watch(plan: "Plan") -> None:
            nonlocal steps
            tracer(plan)
            steps += 1
            tell(self._finished_s + _length_s(members, steps), self._total_s)

        world.exact_tracking = name in EXACT_TRACKING
        planner = make_planner(name, world)
        driven = rollout(world, planner, watch=watch, replan_s=self._config.replan)
        results = evaluate(driven) | self._evaluate_custom(driven, label, members)
        return self._store(label, members, driven, results, tracer)

    def _evaluate_custom(
        self, driven: "Rollout", planner: str, members: Loaded
    ) -> "dict[str, MetricResult]":
        from eval.metrics.custom import evaluate_custom

        results = {}
        ids = [scenario.scenario_id for _, scenario in members]
        for name, label in self._metrics.items():
            with self._failures.noted(ids, planner, f"metric {label}: "):
                results[label] = evaluate_custom(driven, name, label)
        return results

    def _store(
        self,
        planner: str,
        members: Loaded,
        driven: "Rollout",
        results: "dict[str, MetricResult]",
        tracer: "Tracer",
    ) -> list[Row]:
        from eval.report.recording import Recording

        rows = []
        for w, (ref, scenario) in enumerate(members):
            values = {k: float(r.value[w]) for k, r in results.items() if r.valid[w]}
            rows.append(Row(scenario.scenario_id, scenario.family, planner, ref.index, values))
            recording = Recording.of(driven, results, tracer, w)
            recording.save(self._run.recording_path(planner, ref.index))
        return rows


def _by_step(loaded: Loaded) -> Iterator[Loaded]:
    """Batches with the same time step."""
    for dt_s in sorted({scenario.dt_s for _, scenario in loaded}):
        yield [member for member in loaded if member[1].dt_s == dt_s]


def _length_s(members: Loaded, steps: int | None = None) -> float:
    """Seconds of these scenarios together, or of their first `steps`."""
    return sum(
        scenario.dt_s * min(scenario.num_steps - 1, steps or scenario.num_steps)
        for _, scenario in members
    )
