"""How good forecast occupancy is on examples, beside persistence and constant velocity: sums that add up."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from drive.features.occupancy import CLASSES, OccupancyTruth
from drive.features.vectors import VectorScene
from drive.prediction.figures import SceneSums, Sums
from drive.prediction.occupancy import OccupancyFutures, coasting_boxes
from eval.forecasts.calibration import (
    PRECISION_RECALL_BINS,
    Reliability,
    expected_calibration_error,
    reliability,
)
from eval.forecasts.occupancy import flow_error_terms, iou_terms, soft_iou_terms

HORIZONS_S = (1.0, 2.0, 3.0, 4.0, 5.0)
DOUBTFUL = 0.05  # calibration is of cells more probable than this: nearly all others are free


def occupancy_figures(futures: OccupancyFutures, scene: VectorScene, truth: OccupancyTruth) -> Sums:
    """What a training tells, pooled over scenes: `scene_occupancy_figures` of every forecast by its suffix,
    soft IoU over all instants alone.

    `flow_mps`: error of the velocity in truly occupied cells. `calibration`: expected calibration error
    within a batch, which is no less than that of all batches together, over cells of probability
    `DOUBTFUL` or more; NaN where there are none.
    """
    sums: Sums = {}
    forecasts = forecasts_of(futures, scene)
    for suffix, forecast in forecasts.items():
        for name, (top, bottom) in scene_occupancy_figures(forecast, truth, futures.dt_s).items():
            if not name.startswith("soft_IoU_"):
                sums[f"{name}{suffix}"] = (top.sum(), bottom.sum())
    error, number = flow_figure(futures, truth)
    sums["flow_mps"] = (error.sum(), number.sum())
    sums["calibration"] = _calibration(forecasts[""], truth)
    return sums


def forecasts_of(
    futures: OccupancyFutures, scene: VectorScene
) -> dict[str, Float[Tensor, "b c t x y"]]:
    """Probabilities from `dt_s` on, by suffix: of the logits none, of the motion field `_warp`, of who stays
    where he is `_still`, of who goes on as now `_cv`."""
    points = futures.moved_m.shape[1]
    still, going = _baselines(futures, scene, points)
    return {
        "": futures.probability[:, :, 1:],
        "_warp": futures.warped()[:, :, 1:].clamp(max=1.0),
        "_still": still,
        "_cv": going,
    }


def scene_occupancy_figures(
    forecast: Float[Tensor, "b c t x y"], truth: OccupancyTruth, dt_s: float
) -> SceneSums:
    """Over the recorded instants from `dt_s` on, pooled over classes: numerators and denominators.

    `IoU_1s`, `soft_IoU_1s`, ...: at that horizon; `IoU_vehicle`, ...: of a class, and `soft_IoU` of all, at
    all of them.
    """
    occupied, recorded = truth.occupied[:, :, 1:], truth.recorded[:, 1:]
    iou = _counted(iou_terms(forecast, occupied), recorded)
    soft = _counted(soft_iou_terms(forecast, occupied), recorded)
    sums: SceneSums = {}
    for name, t in horizons(forecast.shape[2], dt_s).items():
        sums[f"IoU_{name}"] = _total(iou, (slice(None), slice(None), t))
        sums[f"soft_IoU_{name}"] = _total(soft, (slice(None), slice(None), t))
    for c, kind in enumerate(CLASSES):
        sums[f"IoU_{kind.name.lower()}"] = _total(iou, (slice(None), c))
    sums["soft_IoU"] = _total(soft, ())
    return sums


def horizons(points: int, dt_s: float) -> dict[str, int]:
    """Which of the instants from `dt_s` on are at `HORIZONS_S`, by name ("1s")."""
    numbers = {f"{horizon_s:g}s": round(horizon_s / dt_s) - 1 for horizon_s in HORIZONS_S}
    return {name: t for name, t in numbers.items() if t < points}


def flow_figure(
    futures: OccupancyFutures, truth: OccupancyTruth
) -> tuple[Float[Tensor, " b"], Float[Tensor, " b"]]:
    """The error of the velocity in truly occupied cells, summed, and their number."""
    true_mps = truth.moved_m / futures.dt_s
    return _total(flow_error_terms(futures.flow_mps, true_mps, truth.moves), ())


def scene_reliability(
    forecast: Float[Tensor, "b c t x y"], truth: OccupancyTruth, dt_s: float
) -> dict[str, Reliability]:
    """Tables `[b h bins]` of cells at `horizons`: `AUC` of all, `ECE` of those of `DOUBTFUL` or more."""
    at = list(horizons(forecast.shape[2], dt_s).values())

    def cells(values: Tensor) -> Tensor:
        return values[:, :, at].transpose(1, 2).flatten(2)

    probability, occupied = cells(forecast), cells(truth.occupied[:, :, 1:])
    recorded = truth.recorded[:, 1:][:, at].unsqueeze(2).expand_as(occupied)
    doubtful = (probability > DOUBTFUL) & recorded
    return {
        "AUC": reliability(probability, occupied, recorded, PRECISION_RECALL_BINS),
        "ECE": reliability(probability, occupied, doubtful),
    }


def _baselines(
    futures: OccupancyFutures, scene: VectorScene, points: int
) -> tuple[Float[Tensor, "b c t x y"], Float[Tensor, "b c t x y"]]:
    """Boxes that stay, and boxes that go on as now without turning: 1 where one is, 0 elsewhere."""
    boxes = coasting_boxes(scene, points, futures.dt_s, futures.grid).to(futures.logit.dtype)
    return boxes[:, :, :1].expand_as(boxes[:, :, 1:]), boxes[:, :, 1:]


def _counted(
    terms: tuple[Tensor, Tensor], recorded: Bool[Tensor, "b t"]
) -> tuple[Float[Tensor, "b c t"], Float[Tensor, "b c t"]]:
    counts = recorded.unsqueeze(1)
    return torch.where(counts, terms[0], 0).double(), torch.where(counts, terms[1], 0).double()


def _total(
    terms: tuple[Tensor, Tensor], which: tuple
) -> tuple[Float[Tensor, " b"], Float[Tensor, " b"]]:
    """Of each scene, over all other axes."""
    top, bottom = (term[which].double() for term in terms)
    return top.flatten(1).sum(dim=1), bottom.flatten(1).sum(dim=1)


def _calibration(
    probability: Float[Tensor, "b c t x y"], truth: OccupancyTruth
) -> tuple[Tensor, Tensor]:
    counts = (probability > DOUBTFUL) & truth.recorded[:, None, 1:, None, None]
    occupied = truth.occupied[:, :, 1:]
    table = reliability(probability.flatten(), occupied.flatten(), counts.flatten())
    number = table.number.sum()
    error = expected_calibration_error(table)
    return torch.where(number > 0, error * number, 0.0), number
