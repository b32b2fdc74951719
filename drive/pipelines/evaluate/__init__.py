"""The pipeline behind `bevdrive evaluate`: check everything, score, write one run folder.

One file per task: its `prepare` checks what can be checked, and returns what does the work.
"""

from importlib import import_module
from pathlib import Path

from drive.pipelines.evaluate.config import EvaluateConfig, Scores
from sim.extras import require_installed


def evaluate(config: EvaluateConfig, name: str) -> tuple[Path, Scores]:
    """Score one task; returns the run folder and its tables.

    Raises InputError for wrong input, before long work; nothing is written then.
    """
    require_installed(f"evaluate {config.task}", "nuscenes")
    from eval.nuscenes.dataset import find_split
    from eval.report.table import write_tables
    from eval.runs.folder import free_path, whole_folder

    path, query = free_path(config.out, name), config.query
    assert query.dataroot is not None
    split = find_split(query.dataroot, query.version, query.split or "")
    task = import_module(f"{__name__}.{config.task.replace('-', '_')}")
    work = task.prepare(config, split)
    with whole_folder(config.out, name, config.plain()) as folder:
        scores = work(folder)
        write_tables(folder, scores.tables)
    return path, scores
