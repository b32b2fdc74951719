"""How good forecast occupancy is on examples, beside persistence and constant velocity: sums that add up."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from drive.features.occupancy import CLASSES, OccupancyTruth, boxes_occupy
from drive.features.vectors import VectorScene
from drive.prediction.baselines import constant_velocity
from drive.prediction.figures import Sums
from drive.prediction.occupancy import OccupancyFutures
from eval.forecasts.calibration import expected_calibration_error, reliability
from eval.forecasts.occupancy import flow_error_terms, iou_terms, soft_iou_terms

HORIZONS_S = (1.0, 2.0, 3.0, 4.0, 5.0)
_DOUBTFUL = 0.05  # calibration is of cells more probable than this: nearly all others are free


def occupancy_figures(futures: OccupancyFutures, scene: VectorScene, truth: OccupancyTruth) -> Sums:
    """Over the recorded instants from `dt_s` on, pooled over scenes: of the logits without a suffix, of the
    motion field (`_warp`), of who stays where he is (`_still`), of who goes on as now (`_cv`).

    `IoU_1s`, ...: of all classes at that horizon; `IoU_vehicle`, ...: of a class, and `soft_IoU` of all, at
    all of them. `flow_mps`: error of the velocity in truly occupied cells. `calibration`: expected
    calibration error within a batch, which is no less than that of all batches together, over cells of
    probability `_DOUBTFUL` or more; NaN where there are none.
    """
    points = futures.moved_m.shape[1]
    occupied, recorded = truth.occupied[:, :, 1:], truth.recorded[:, 1:]
    still, going = _baselines(futures, scene, points)
    probability = futures.probability[:, :, 1:]
    forecasts = {
        "": probability,
        "_warp": futures.warped()[:, :, 1:].clamp(max=1.0),
        "_still": still,
        "_cv": going,
    }
    sums: Sums = {}
    for suffix, forecast in forecasts.items():
        iou = _counted(iou_terms(forecast, occupied), recorded)
        for horizon_s in HORIZONS_S:
            t = round(horizon_s / futures.dt_s) - 1
            if t < points:
                sums[f"IoU_{horizon_s:g}s{suffix}"] = _total(iou, (slice(None), slice(None), t))
        for c, kind in enumerate(CLASSES):
            sums[f"IoU_{kind.name.lower()}{suffix}"] = _total(iou, (slice(None), c))
        soft = _counted(soft_iou_terms(forecast, occupied), recorded)
        sums[f"soft_IoU{suffix}"] = _total(soft, ())
    true_mps = truth.moved_m / futures.dt_s
    error, number = flow_error_terms(futures.flow_mps, true_mps, truth.moves)
    sums["flow_mps"] = (error.sum(), number.sum())
    sums["calibration"] = _calibration(probability, occupied, recorded)
    return sums


def _baselines(
    futures: OccupancyFutures, scene: VectorScene, points: int
) -> tuple[Float[Tensor, "b c t x y"], Float[Tensor, "b c t x y"]]:
    """Boxes that stay, and boxes that go on as now without turning: 1 where one is, 0 elsewhere."""
    stays = scene.agent_pose.unsqueeze(2).expand(-1, -1, points, -1)
    moved_m = constant_velocity(scene, points, futures.dt_s)
    goes = torch.cat((moved_m, stays[..., 2:]), dim=-1)
    still, going = (boxes_occupy(scene, pose, futures.grid) for pose in (stays, goes))
    return still.to(futures.logit.dtype), going.to(futures.logit.dtype)


def _counted(
    terms: tuple[Tensor, Tensor], recorded: Bool[Tensor, "b t"]
) -> tuple[Float[Tensor, "b c t"], Float[Tensor, "b c t"]]:
    counts = recorded.unsqueeze(1)
    return torch.where(counts, terms[0], 0).double(), torch.where(counts, terms[1], 0).double()


def _total(terms: tuple[Tensor, Tensor], which: tuple) -> tuple[Tensor, Tensor]:
    return terms[0][which].sum(), terms[1][which].sum()


def _calibration(
    probability: Float[Tensor, "b c t x y"],
    occupied: Bool[Tensor, "b c t x y"],
    recorded: Bool[Tensor, "b t"],
) -> tuple[Tensor, Tensor]:
    counts = (probability > _DOUBTFUL) & recorded[:, None, :, None, None]
    table = reliability(probability.flatten(), occupied.flatten(), counts.flatten())
    number = table.number.sum()
    error = expected_calibration_error(table)
    return torch.where(number > 0, error * number, 0.0), number
