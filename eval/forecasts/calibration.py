"""Probabilities against what happened: calibration, and precision against recall.

Both follow from one table, `Reliability`, which adds up over scenes and batches. Leading axes `*c` are
what is kept apart (classes, horizons); the last axis `n` is pooled (cells, agents).
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

CALIBRATION_BINS = 15  # Guo et al. 2017, section 5
PRECISION_RECALL_BINS = 99  # between the 100 thresholds of Waymo's occupancy challenge


@dataclass(frozen=True)
class Reliability:
    """How often things happened that were given a probability p, in equal bins of p.

    Bin k of K holds k / K < p <= (k + 1) / K, the first one p = 0 as well.
    """

    number: Int[Tensor, "*c bins"]
    happened: Int[Tensor, "*c bins"]
    probability: Float[Tensor, "*c bins"]  # summed over `number`

    def __add__(self, other: "Reliability") -> "Reliability":
        return Reliability(
            self.number + other.number,
            self.happened + other.happened,
            self.probability + other.probability,
        )

    def pooled(self, dim: int) -> "Reliability":
        """Added up over one of the leading axes: of scenes, usually."""
        parts = (self.number, self.happened, self.probability)
        return Reliability(*(part.sum(dim=dim) for part in parts))


def reliability(
    probability: Float[Tensor, "*c n"],
    happened: Bool[Tensor, "*c n"],
    counts: Bool[Tensor, "*c n"],
    num_bins: int = CALIBRATION_BINS,
) -> Reliability:
    """The table of those that count."""
    edges = torch.arange(1, num_bins, device=probability.device, dtype=probability.dtype) / num_bins
    index = torch.bucketize(probability, edges)  # a value on an edge goes to the bin below it
    none = torch.zeros(*probability.shape[:-1], num_bins, dtype=torch.int64, device=edges.device)
    # Double precision: sums over a whole data set.
    said = torch.where(counts, probability, 0.0).double()
    return Reliability(
        none.scatter_add(-1, index, counts.long()),
        none.scatter_add(-1, index, (happened & counts).long()),
        none.double().scatter_add(-1, index, said),
    )


def expected_calibration_error(table: Reliability) -> Float[Tensor, "*c"]:
    """ECE: mean distance between what was said and what happened, bins weighted by their numbers.

    Guo et al. 2017, equation 3. In [0, 1]; NaN: nothing counts. Many safe zeros make it small: of
    occupancy, where nearly all cells are free, let those count which matter.
    """
    gap = (table.probability - table.happened).abs()
    return gap.sum(dim=-1) / table.number.sum(dim=-1)


def precision_recall_area(table: Reliability) -> Float[Tensor, "*c"]:
    """AUC: the area under precision against recall, thresholds between the bins; NaN: nothing happened.

    The one of Waymo's Occupancy Flow challenge, given `PRECISION_RECALL_BINS` bins (Keras' `AUC`, curve
    "PR", summation "interpolation"): between two thresholds true and false positives grow in
    proportion (Davis and Goadrich 2006, section 4), so precision is (slope P + rest) / P there, with P
    the number of positives, and its integral has a logarithm.
    """
    true_in, in_bin = table.happened.double(), table.number.double()
    true_above, above = _above(true_in), _above(in_bin)
    slope = torch.where(in_bin > 0, true_in / in_bin, 0.0)
    rest = true_above - slope * above
    # Above the last positive precision is that of the bin.
    ratio = torch.where(above > 0, (above + in_bin) / above, 1.0)
    area = slope * (true_in + rest * torch.log(ratio))
    return area.sum(dim=-1) / true_in.sum(dim=-1)


def _above(values: Float[Tensor, "*c bins"]) -> Float[Tensor, "*c bins"]:
    """What all bins above each bin hold together."""
    return values.flip(-1).cumsum(dim=-1).flip(-1) - values
