"""The ground height raster of an Argoverse 2 log."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from sim.array_files import read_npy
from sim.errors import InputError
from sim.scenario import GroundHeight
from sim.sources.argoverse2.map import find_one
from sim.text_files import read_json_object

NEAR_M = 150.0  # ground further than this from the ego's drive is left out
# Sigma of the smoothing. The raster is float16: steps of 1.6 cm (heights over 16 m) to 6 cm (over 64 m).
_SMOOTH_M = 0.6
_CELLS_PER_M = (0.1, 20.0)
_HIGHEST_M = 9000.0


def read_ground(
    folder: Path, ego_m: Float[np.ndarray, "t 2"], offset_m: Float[np.ndarray, "3"]
) -> GroundHeight:
    """Smoothed heights around the ego's drive, in the frame of a scenario with this `offset_m`.

    `folder` is the log's `map`, `ego_m` the ego's places in the city frame. Cells without a height take
    that of the nearest cell. InputError names the file.
    """
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    path = find_one(folder, "*_ground_height_surface____*.npy")
    low_m, cells_per_m = _placement(find_one(folder, "*___img_Sim2_city.json"))
    raster = read_npy(path)
    if raster.ndim != 2 or raster.dtype.kind != "f":
        raise InputError(
            f"{path}: {raster.dtype} of shape {raster.shape}; rows and columns of numbers are expected"
        )
    height = raster.T  # rows run along y
    near = (ego_m.min(axis=0) - NEAR_M - low_m, ego_m.max(axis=0) + NEAR_M - low_m)
    first, last = (np.clip(np.rint(m * cells_per_m).astype(int), 0, height.shape) for m in near)
    height = height[first[0] : last[0], first[1] : last[1]].astype(np.float64)
    known = np.isfinite(height) & (np.abs(height) < _HIGHEST_M)
    if not known.any():
        raise InputError(f"{path}: no height near the drive")
    nearest = np.asarray(
        distance_transform_edt(~known, return_distances=False, return_indices=True)
    )
    height = gaussian_filter(height[tuple(nearest)], _SMOOTH_M * cells_per_m, mode="nearest")
    return GroundHeight(
        origin_m=low_m + (first + 0.5) / cells_per_m - offset_m[:2],
        resolution_m=1.0 / cells_per_m,
        height_m=(height - offset_m[2]).astype(np.float32),
    )


def _placement(path: Path) -> tuple[Float[np.ndarray, "2"], float]:
    """City x, y of the raster's corner of lowest x, y, and cells per metre: cell = s (R city + t)."""
    data = read_json_object(path)
    try:
        rotation = np.array(data["R"], dtype=np.float64).reshape(2, 2)
        shift, scale = np.array(data["t"], dtype=np.float64), float(data["s"])
    except KeyError as error:
        raise InputError(f"{path}: field {error} is missing") from None
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(f"{path}: {error}") from None
    if not (np.isfinite(shift).all() and _CELLS_PER_M[0] <= scale <= _CELLS_PER_M[1]):
        raise InputError(f"{path}: s {scale}, t {shift.tolist()} are no place of a raster")
    if not (np.allclose(rotation, np.eye(2)) and shift.shape == (2,) and scale > 0):
        raise InputError(f"{path}: only rasters along the city's axes are read")
    return -shift, scale
