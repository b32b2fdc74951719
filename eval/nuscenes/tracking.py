"""The official tracking evaluation."""

import shutil
from pathlib import Path
from typing import Any, cast

from eval.nuscenes.dataset import Split
from eval.nuscenes.quiet import quiet
from sim.errors import InputError
from sim.extras import require_installed

MEANS = ("amota", "amotp", "recall", "motar", "mota", "motp")
COUNTS = ("gt", "mt", "ml", "tp", "fp", "fn", "ids", "frag")


def require_tracking() -> None:
    """Raise InputError where the devkit would silently skip."""
    require_installed("evaluate tracking", "motmetrics")


def evaluate_tracking(split: Split, results: Path, out: Path) -> dict[str, Any]:
    """Run `TrackingEval` (tracking_nips_2019); its own files go to the folder `out`.

    Returns `official` (AMOTA ..., counts) and `per_class` of the classes with ground truth. The
    official means leave out classes without ground truth already.
    """
    require_tracking()
    with quiet(str(results)):
        from nuscenes.eval.common.config import config_factory
        from nuscenes.eval.tracking.data_classes import TrackingConfig
        from nuscenes.eval.tracking.evaluate import TrackingEval

        config = cast(TrackingConfig, config_factory("tracking_nips_2019"))
        judge = TrackingEval(
            config, str(results), split.name, str(out), split.version, str(split.dataroot),
            verbose=False,
        )  # fmt: skip
        boxes = [b for scene in judge.tracks_gt.values() for frame in scene.values() for b in frame]
        if not boxes:
            raise InputError(f"{split.table_root}: split {split.name} has nothing to track")
        summary = judge.main(render_curves=False)
    shutil.rmtree(out / "plots", ignore_errors=True)
    names = (*MEANS, *COUNTS)
    present = sorted({box.tracking_name for box in boxes})
    return {
        "official": {name: float(summary[name]) for name in names},
        "per_class": {
            c: {n: float(summary["label_metrics"][n][c]) for n in names} for c in present
        },
        "absent_classes": sorted(set(config.class_names) - set(present)),
    }
