"""What a worker process does: drive one batch of scenarios with every planner; film one drive."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from drive.pipelines.jobs import tell
from drive.pipelines.perception import is_discovered, load_detector, told_by_simulator
from drive.pipelines.run_errors import RunErrors
from drive.pipelines.simulate_config import SimulateConfig
from eval.runs.folder import RunFolder
from eval.runs.results import DriveScores, Results, values_of
from sim.sources.loading import Loaded, load
from sim.sources.query import ScenarioRef

if TYPE_CHECKING:
    from torch import Tensor

    from drive.planning.forecaster import Forecaster
    from eval.follow import HeldControls, HeldPlan
    from eval.metrics.facts import Facts
    from eval.metrics.family import MetricResult
    from eval.rollout import Rollout
    from eval.runs.tracer import Tracer
    from eval.undisturbed import Undisturbed
    from sim.interface import Planner
    from sim.simulator import Simulator


def drive_batch(config: SimulateConfig, folder: Path, number: int, refs: list[ScenarioRef]) -> None:
    """Load, drive with every planner, score, store; what is raised is noted, and the rest goes on."""
    import torch

    torch.set_num_threads(1)  # the same bytes for any number of workers
    run = RunFolder(folder)
    errors = RunErrors(run, number)
    loaded, skipped = _load(refs, errors)
    for ref, scenario in loaded:
        run.write_scenario(ref.index, scenario)
    with torch.no_grad():
        batch = _BatchDrive(config, run, loaded, errors)
        drives = batch.drives()
    run.write_batch(number, Results(drives, skipped, errors.notes, sorted(batch.privileged)))


def film(folder: Path, drive: DriveScores, planner: int) -> None:
    """Film one drive; `planner`: the number of its planner in the run, whose colour it has."""
    from eval.report.video import video_name, write_video
    from eval.runs.drive_record import DriveRecord

    run = RunFolder(folder)
    scenario = run.read_scenario(drive.index)
    record = DriveRecord.load(run.drive_path(drive.planner, drive.index))
    title = f"{drive.planner}: {drive.scenario_id}"
    path = folder / "videos" / video_name(drive)
    write_video(path, scenario, record, title, planner, every=2)


def _load(refs: list[ScenarioRef], errors: RunErrors) -> tuple[Loaded, list[dict[str, str]]]:
    """As `load`; where something is raised, one by one."""
    try:
        return load(refs)
    except Exception:
        loaded: Loaded = []
        skipped: list[dict[str, str]] = []
        for ref in refs:
            with errors.noted([ref.name]):
                had, not_had = load([ref])
                loaded += had
                skipped += not_had
        return loaded, skipped


class _BatchDrive:
    """The scenarios of a batch under every planner of a run."""

    def __init__(
        self, config: SimulateConfig, run: RunFolder, loaded: Loaded, errors: RunErrors
    ) -> None:
        from drive.planning import PLANNERS
        from eval.metrics.suite import own_families

        self._config, self._run = config, run
        self._loaded, self._errors = loaded, errors
        self._planners = PLANNERS.labels(config.planner)
        self._own_metrics = own_families(config.metric)
        self._total_s = len(self._planners) * _length_s(loaded)
        self._finished_s = 0.0
        self._tags: dict[int, list[str]] = {}
        self.privileged: set[str] = set()

    def drives(self) -> list[DriveScores]:
        """The scores of every drive that came to its end."""
        from eval.undisturbed import Undisturbed
        from sim.tags import tags_of

        drives: list[DriveScores] = []
        for members in _by_step(self._loaded):
            with self._errors.noted(_ids(members)):
                simulator = self._make_simulator(members)
                alone = Undisturbed.of(simulator)
                for (ref, _), tags in zip(members, tags_of(simulator.world), strict=True):
                    self._tags[ref.index] = list(tags)
                for name, label in self._planners.items():
                    with self._errors.noted(_ids(members), label):
                        drives += self._drive(name, label, members, simulator, alone)
                    self._finished_s += _length_s(members)
        return drives

    def _make_simulator(self, members: Loaded) -> "Simulator":
        from sim.simulator import Simulator

        scenarios = [scenario for _, scenario in members]
        return Simulator.from_scenarios(scenarios, self._config.traffic).to(self._config.device)

    def _drive(
        self,
        name: str,
        label: str,
        members: Loaded,
        simulator: "Simulator",
        alone: "Undisturbed | None",
    ) -> list[DriveScores]:
        """One planner through all of them: drives are recorded, scores returned."""
        from drive.planning import make_planner
        from eval.metrics.facts import Facts
        from eval.metrics.suite import FAMILIES, evaluate
        from eval.rollout import rollout
        from eval.runs.tracer import Tracer
        from sim.interface import needs_of

        tracer = Tracer()
        steps = 0

        def watch(held: "HeldPlan | HeldControls", pose: "Tensor") -> None:
            nonlocal steps
            tracer(held, pose)
            steps += 1
            tell(self._finished_s + _length_s(members, steps), self._total_s)

        config = self._config
        planner = make_planner(name, self._make_forecaster(), config.refine, config.mode)
        if needs_of(planner).privileged:
            self.privileged.add(label)
        driven = rollout(
            simulator,
            self._with_perception(planner),
            watch=watch,
            replan_s=config.replan,
            perception=told_by_simulator(config.perception),
        )
        driven = replace(driven, undisturbed=alone)
        facts = Facts.of(driven)
        results = evaluate(driven, FAMILIES, facts)
        results |= self._evaluate_own(driven, facts, label, members)
        return self._store(label, members, driven, results, tracer)

    def _make_forecaster(self) -> "Forecaster | None":
        from drive.planning.forecaster import make_forecaster

        config = self._config
        if config.forecast is None:
            return None
        return make_forecaster(config.forecast, config.weights, config.device)

    def _with_perception(self, planner: "Planner") -> "Planner":
        """The planner, who is shown what a detector finds, if that is asked for."""
        from drive.perception.perceiving import Perceiving

        config = self._config
        if config.perception is None or not is_discovered(config.perception):
            return planner
        return Perceiving(planner, load_detector(config.perception, config.device))

    def _evaluate_own(
        self, driven: "Rollout", facts: "Facts", planner: str, members: Loaded
    ) -> "dict[str, MetricResult]":
        """The user's own metrics; one that raises leaves the others as they are."""
        from eval.metrics.suite import evaluate

        results: dict[str, MetricResult] = {}
        for name, family in zip(self._config.metric, self._own_metrics, strict=True):
            with self._errors.noted(_ids(members), planner, f"--metric {name}: "):
                results |= evaluate(driven, (family,), facts)
        return results

    def _store(
        self,
        planner: str,
        members: Loaded,
        driven: "Rollout",
        results: "dict[str, MetricResult]",
        tracer: "Tracer",
    ) -> list[DriveScores]:
        from eval.metrics.suite import FAMILIES, declared
        from eval.runs.drive_record import DriveRecord

        metrics = [m for m in declared((*FAMILIES, *self._own_metrics)) if m.key in results]
        scores = []
        for w, (ref, scenario) in enumerate(members):
            values = values_of(results, w)
            scores.append(
                DriveScores(
                    scenario.scenario_id,
                    scenario.family,
                    planner,
                    ref.index,
                    values,
                    self._tags[ref.index],
                )
            )
            record = DriveRecord.of(driven, results, metrics, tracer, w)
            record.save(self._run.drive_path(planner, ref.index))
        return scores


def _by_step(loaded: Loaded) -> Iterator[Loaded]:
    """Batches with the same time step."""
    for dt_s in sorted({scenario.dt_s for _, scenario in loaded}):
        yield [member for member in loaded if member[1].dt_s == dt_s]


def _ids(members: Loaded) -> list[str]:
    return [scenario.scenario_id for _, scenario in members]


def _length_s(members: Loaded, steps: int | None = None) -> float:
    """Seconds of these scenarios together, or of their first `steps`."""
    return sum(
        scenario.dt_s * min(scenario.num_instants - 1, steps or scenario.num_instants)
        for _, scenario in members
    )
