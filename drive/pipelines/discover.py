"""The pipeline behind `bevdrive discover`: stage after stage, each on all drives, each kept in the folder.

OUT/logs/DRIVE/            sweeps
OUT/labels/STAGE/DRIVE.parquet, OUT/labels/STAGE.json (nuScenes' submission format)
OUT/round0/ ...            trainings
OUT/weights.safetensors    the last detector
OUT/metrics.json           precision, recall, average precision of each stage, where somebody annotated
OUT/pictures/              of each stage
"""

import json
from pathlib import Path

from drive.perception.clusters import ClusterBounds
from drive.perception.labels import read_labels, submission
from drive.perception.logs.sweep_log import SweepLog
from drive.pipelines.discover_config import STAGES, DiscoverConfig
from drive.pipelines.discover_logs import find_logs, is_stored, log_folder, store_log
from drive.pipelines.discover_stages import doubted, labels_path, make_labels, stage_labels
from drive.pipelines.presets import to_plain
from drive.pipelines.workers import WORK_FIELDS, work
from sim.errors import InputError
from sim.files import write_whole
from sim.remote import fetch, push
from sim.sources.query import ScenarioRef
from sim.text_files import read_json_object

_FREE = ("out", *WORK_FIELDS, "view", "stage")  # change no result
_PICTURES = 3  # of each stage
_STEPS_PER_EPOCH = 50
_AREAS = 4  # the full range is so much larger than that of the first training
Figures = dict[str, dict[str, dict[str, float]]]  # by stage, likeness and range, name


def begin(config: DiscoverConfig) -> list[ScenarioRef]:
    """Find the drives and make the folder, or go on in it.

    Raises InputError for wrong input and for a folder that holds something else.
    """
    refs = find_logs(config)
    _claim_folder(config)
    return refs


def discover(config: DiscoverConfig, refs: list[ScenarioRef]) -> Figures:
    """Do what is not done yet, up to the stage that is asked for; returns the figures by stage.

    Raises InputError for a drive that cannot be read; `BrokenRun` where a worker process died.
    """
    assert config.out is not None
    missing = [ref for ref in refs if not is_stored(log_folder(config.out, ref))]
    jobs = [(config, ref, log_folder(config.out, ref)) for ref in missing]
    work(store_log, jobs, config, "sweeps", [1.0] * len(jobs), "drives")
    logs = [SweepLog(log_folder(config.out, ref)) for ref in refs]
    figures = _figures_so_far(config.out)
    for name in _label_stages(config):
        if name.startswith("train"):
            _train(config, logs, int(name.removeprefix("train")))
            continue
        made = _make(config, logs, name)
        if not made and name in figures:
            continue
        figures[name] = _summed_up(config.out, logs, name)
        write_whole(config.out / "metrics.json", json.dumps(figures, indent=1))
    return figures


def _figures_so_far(out: Path) -> Figures:
    """Of the stages that were done when the discovery was cut off."""
    path = out / "metrics.json"
    return read_json_object(path) if path.is_file() else {}


def _label_stages(config: DiscoverConfig) -> list[str]:
    """What is made one after the other; `train0` is a training, the others are labels."""
    if config.stage == "sweeps":
        return []
    if config.weights is not None:
        return ["detect"]
    if config.stage != "train":
        return list(STAGES[1 : STAGES.index(config.stage) + 1])
    stages = ["cluster", "track", "filter", "label"]
    for number in range(config.rounds):
        stages += [f"train{number}", f"detect{number}"]
        if number + 1 < config.rounds:
            stages += [f"label{number}"]
    return stages


def _claim_folder(config: DiscoverConfig) -> None:
    """The folder is this discovery's, or a new one; InputError where it holds something else."""
    assert config.out is not None
    asked = {name: value for name, value in to_plain(config).items() if name not in _FREE}
    said = fetch(config.out) / "discovery.json"
    if said.is_file():
        held = read_json_object(said)
        other = [name for name in asked if held.get(name) != asked[name]]
        if other:
            options = ", ".join(f"--{name.replace('_', '-')}" for name in other)
            raise InputError(f"--out: {config.out}: holds a discovery with other {options}")
        return
    if config.out.is_dir() and any(config.out.iterdir()):
        raise InputError(f"--out: {config.out}: holds something else than a discovery")
    config.out.mkdir(parents=True, exist_ok=True)
    write_whole(said, json.dumps(asked, indent=1))


def _make(config: DiscoverConfig, logs: list[SweepLog], stage: str) -> bool:
    """The labels of a stage, for all drives that lack them; whether any did."""
    assert config.out is not None
    (config.out / "labels" / stage).mkdir(parents=True, exist_ok=True)
    missing = [log for log in logs if not labels_path(config.out, stage, log).is_file()]
    jobs = [(config, log, stage) for log in missing]
    work(make_labels, jobs, config, stage, [float(len(log)) for log in missing], "sweeps")
    return bool(missing)


def _train(config: DiscoverConfig, logs: list[SweepLog], number: int) -> None:
    """A round: near the sensor on the first labels, then as far as it sees on those of the round before."""
    from drive.networks.weights import FILE
    from drive.perception.detector.network import FAR_M
    from drive.perception.training_frames import LabelledFrames
    from drive.training.detector import DetectorTraining, fit_detector

    assert config.out is not None
    folder = config.out / f"round{number}"
    stage = f"label{number - 1}" if number else "label"
    if not (folder / FILE).is_file():
        labels = [stage_labels(config, log, stage) for log in logs]
        doubts = [doubted(config, log, number) for log in logs]
        frames = LabelledFrames(logs, labels, doubts)
        if not frames.num_boxes:
            raise InputError(f"{config.out}: stage {stage} found nobody: nothing to train on")
        training = DetectorTraining(
            steps=config.steps // _AREAS if number else config.steps,
            steps_per_epoch=_STEPS_PER_EPOCH,
            learning_rate=config.learning_rate,
            seed=config.seed,
            range_m=FAR_M if number else ClusterBounds().range_m,
            drops=config.drop_rays,
        )
        folder.mkdir(exist_ok=True)
        start = str(config.out / f"round{number - 1}") if number else config.start
        fit_detector(frames, training, folder, start)
    write_whole(config.out / FILE, (folder / FILE).read_bytes())
    push(folder)


def _summed_up(out: Path, logs: list[SweepLog], stage: str) -> dict[str, dict[str, float]]:
    """Figures of a stage; its labels in nuScenes' form and some pictures beside them."""
    from drive.perception.pictures import draw_frame
    from drive.perception.scoring import scored
    from eval.image_files import write_png

    held = [(log, read_labels(labels_path(out, stage, log))) for log in logs]
    results: dict[str, list] = {}
    for log, labels in held:
        tokens = [f"{log.name}-{number:06d}" for number in range(len(log))]
        results |= submission(labels, tokens, log.world_SE3_ego)
    told = {
        "meta": {f"use_{sensor}": sensor == "lidar" for sensor in _SENSORS},
        "results": results,
    }
    write_whole(out / "labels" / f"{stage}.json", json.dumps(told))
    (out / "pictures").mkdir(exist_ok=True)
    for log, labels in held[:_PICTURES]:
        middle = len(log) // 2
        path = out / "pictures" / f"{stage}-{log.name}.png"
        write_png(path, draw_frame(log.frame(middle), labels.chosen(labels.of_frame(middle))))
    return scored(held)


_SENSORS = ("camera", "lidar", "radar", "map", "external")
