"""`bevdrive discover`."""

import time

from drive.cli.groups import COMPUTING, SCENARIO
from drive.cli.interruption import stopped
from drive.cli.options import Form
from drive.cli.run_log import keep_log
from drive.pipelines.discover_config import DiscoverConfig, check


def forms() -> dict[str, Form]:
    """The one that there is."""
    groups = {
        "output": ("out", "view"),
        "drive": (*SCENARIO, "seconds", "lidar"),
        "stage": ("stage", "weights", "least_score"),
        "training": ("start", "rounds", "steps", "learning_rate", "drop_rays"),
        "computing": COMPUTING,
    }
    return {"": Form(DiscoverConfig, "bevdrive discover", groups, positional=("sweep",))}


def parse(arguments: list[str]) -> DiscoverConfig:
    """The config, not checked yet."""
    return forms()[""].parse(arguments)


def run(arguments: list[str]) -> int:
    """Find road users, stage after stage; returns the exit code. Raises InputError for wrong input."""
    options = parse(arguments)
    check(options)
    if options.sweep is not None:
        return _one_sweep(options)
    from drive.pipelines.discover import begin, discover
    from drive.pipelines.jobs import BrokenRun

    began = time.perf_counter()
    assert options.out is not None
    try:
        refs = begin(options)
        keep_log(options.out)
        figures = discover(options, refs)
    except (KeyboardInterrupt, BrokenRun, OSError) as stop:
        return stopped(stop, "to go on: give the same command again")
    for line in _table(figures):
        print(line)
    print(f"in {time.perf_counter() - began:.1f} s: {options.out}")
    return _look([str(options.out)]) if options.view else 0


def _table(figures: dict[str, dict[str, dict[str, float]]]) -> list[str]:
    """Precision, recall and average precision at one overlap of each stage, near and far."""
    spans = ("0-40 m", "40-80 m")
    lines = []
    for stage, told in figures.items():
        cells = []
        for span in spans:
            at = told.get(f"iou0.5 {span}")
            if at is not None:
                cells.append(
                    f"{span}: AP {at['ap']:.3f}, precision {at['precision']:.3f}, "
                    f"recall {at['recall']:.3f}"
                )
        lines.append(f"{stage:10s} " + ("; ".join(cells) or "nothing is annotated"))
    return lines


def _one_sweep(options: DiscoverConfig) -> int:
    """Print what is found in it, the surest first."""
    from drive.perception.labels import categories_of
    from drive.pipelines.discover_view import detected_in

    assert options.sweep is not None
    assert options.weights is not None
    began = time.perf_counter()
    _, found = detected_in(options.sweep, options.weights, options.least_score)
    took_s, count = time.perf_counter() - began, int((found.score > 0).sum())
    boxes = found.box[0, :count]
    rows = zip(
        found.score[0, :count].tolist(), boxes.tolist(), categories_of(boxes.numpy()), strict=True
    )
    for score, box, name in rows:
        x, y, _, length, width, height, _ = box
        print(
            f"{score:.2f}  {name:10s} at {x:7.2f} {y:7.2f} m, "
            f"{length:.1f} x {width:.1f} x {height:.1f} m"
        )
    print(f"{count} found in {took_s:.2f} s")
    return _look([str(options.sweep), "--weights", options.weights]) if options.view else 0


def _look(words: list[str]) -> int:
    """In the viewer's window."""
    from drive.cli.view import run as view

    return view(words)
