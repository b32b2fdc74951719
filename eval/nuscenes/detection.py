"""The official detection evaluation, and its figures over the classes that are there."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from eval.nuscenes.dataset import Split
from eval.nuscenes.quiet import quiet
from sim.errors import InputError

if TYPE_CHECKING:
    from nuscenes import NuScenes

ERRORS = {
    "trans_err": "mATE", "scale_err": "mASE", "orient_err": "mAOE", "vel_err": "mAVE",
    "attr_err": "mAAE",
}  # fmt: skip


def evaluate_detection(nusc: "NuScenes", split: Split, results: Path, out: Path) -> dict[str, Any]:
    """Run `DetectionEval` (detection_cvpr_2019); its own files go to the folder `out`.

    Returns `official` and `restricted` (mAP, NDS, mATE ...), and `per_class` of the classes that
    have ground truth in range. Officially a class without any counts as AP 0 and errors 1.
    """
    with quiet(str(results)):
        from nuscenes.eval.common.config import config_factory
        from nuscenes.eval.detection.data_classes import DetectionConfig
        from nuscenes.eval.detection.evaluate import DetectionEval

        config = cast(DetectionConfig, config_factory("detection_cvpr_2019"))
        judge = DetectionEval(nusc, config, str(results), split.name, str(out), verbose=False)
        if not judge.gt_boxes.all:
            raise InputError(f"{split.table_root}: split {split.name} has nothing to detect")
        summary = judge.main(plot_examples=0, render_curves=False)
    shutil.rmtree(out / "plots", ignore_errors=True)
    present = sorted({box.detection_name for box in judge.gt_boxes.all})
    official = {"mAP": summary["mean_ap"], "NDS": summary["nd_score"]}
    official |= {short: summary["tp_errors"][name] for name, short in ERRORS.items()}
    per_class = {
        name: {"AP": float(summary["mean_dist_aps"][name])}
        | {short[1:]: float(summary["label_tp_errors"][name][e]) for e, short in ERRORS.items()}
        for name in present
    }
    return {
        "official": official,
        "restricted": restrict(per_class, float(config.mean_ap_weight)),
        "per_class": per_class,
        "absent_classes": sorted(set(config.class_names) - set(present)),
    }


def restrict(per_class: dict[str, dict[str, float]], mean_ap_weight: float) -> dict[str, float]:
    """mAP, mean errors and NDS over the given classes only.

    NDS = (w mAP + sum of max(0, 1 - error)) / (w + number of errors); an error that none of the
    classes has (the velocity of cones) is left out.
    """
    mean = {
        "mAP" if key == "AP" else f"m{key}": float(np.nanmean(values))
        for key in next(iter(per_class.values()))
        if not np.isnan(values := [entry[key] for entry in per_class.values()]).all()
    }
    scores = [max(0.0, 1.0 - error) for name, error in mean.items() if name != "mAP"]
    nds = (mean_ap_weight * mean["mAP"] + sum(scores)) / (mean_ap_weight + len(scores))
    return {"mAP": mean.pop("mAP"), "NDS": nds} | mean
