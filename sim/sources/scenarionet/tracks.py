"""Tracks of a ScenarioNet scenario, in the dataset's frame (float64 positions)."""

from collections import Counter

import numpy as np

from sim.errors import InputError
from sim.scenario import AgentKind, Tracks
from sim.sources.motion import velocities_mps

FARTHEST_M = 1e9  # in the data set's frame, such as UTM
_MOST_TURNED_RAD = 1000.0
_LONGEST_M = 200.0
_COARSEST_M = 0.05
_MOST_INSTANTS = 36_000
_HEIGHT_M = 1.5  # where a file tells none
_KINDS = {
    "VEHICLE": AgentKind.VEHICLE,
    "CYCLIST": AgentKind.CYCLIST,
    "PEDESTRIAN": AgentKind.PEDESTRIAN,
}


def read_tracks(raw: dict, ego_id: str, length: int) -> tuple[Tracks, list[str]]:
    """All usable tracks, the ego first; notes count those that were dropped, by reason.

    The episode ends at the ego's last recorded instant. Raises InputError where the ego is missing,
    or absent in between, or where a recorded value is not a number.
    """
    if not 2 <= length <= _MOST_INSTANTS:
        raise InputError(f"length: {length} instants, not 2 to {_MOST_INSTANTS}")
    if ego_id not in raw:
        raise InputError(f"tracks: the ego {ego_id!r} is missing")
    present = _column(raw[ego_id], ego_id, "valid", length) > 0
    if not present[0]:
        raise InputError(f"tracks.{ego_id}.valid: the ego is not there at t = 0")
    last = int(np.flatnonzero(present)[-1])
    if not present[: last + 1].all():
        raise InputError(
            f"tracks.{ego_id}.valid: the ego vanishes at step {int(np.argmin(present))}"
        )
    dropped: Counter[str] = Counter()
    kept, rows, heights, swapped = [], [], [], False
    for name in [ego_id, *(k for k in raw if k != ego_id)]:
        valid = _column(raw[name], name, "valid", length)[: last + 1] > 0
        position = _column(raw[name], name, "position", length)[: last + 1]
        yaw = _column(raw[name], name, "heading", length)[: last + 1]
        size = [
            _column(raw[name], name, k, length)[: last + 1] for k in ("length", "width", "height")
        ]
        if not valid.any():
            dropped["never valid"] += 1
            continue
        for field, values, most in (
            ("position", position, FARTHEST_M),
            ("heading", yaw, _MOST_TURNED_RAD),
            ("length", size[0], _LONGEST_M),
            ("width", size[1], _LONGEST_M),
        ):
            _bounded(values, valid, name, field, most)
        height = size[2][valid & np.isfinite(size[2])]
        if len(height) < valid.sum():
            heights.append(name)
        height = height if len(height) else np.array([_HEIGHT_M])
        extent = np.array([np.median(s) for s in (size[0][valid], size[1][valid], height)])
        if (extent <= 0).any():
            if name == ego_id:
                raise InputError(f"tracks.{name}: size {extent.tolist()} is not positive")
            dropped["size not positive"] += 1
            continue
        if name == ego_id and extent[0] < extent[1]:
            extent = extent[[1, 0, 2]]
            swapped = True
        kept.append(name)
        rows.append((valid, position, yaw, extent))
    notes = [f"dropped {count} tracks: {reason}" for reason, count in sorted(dropped.items())]
    if heights:
        notes.append(
            f"heights that are no numbers, of {len(heights)} tracks, the first {heights[0]}"
        )
    if swapped:
        notes.append("the ego's length and width were swapped in the file")
    if last + 1 < length:
        notes.append(f"ends at step {last}, where the ego's recording ends")
    time_s = 0.1 * np.arange(last + 1)
    valid = np.stack([row[0] for row in rows])
    position = np.stack([row[1] for row in rows])
    if position.shape[-1] == 2:
        position = np.concatenate((position, np.zeros_like(position[..., :1])), axis=-1)
    return (
        Tracks(
            track_id=kept,
            category=[str(raw[k].get("metadata", {}).get("type", raw[k]["type"])) for k in kept],
            kind=np.array([_KINDS.get(raw[k]["type"], AgentKind.OBJECT) for k in kept], np.int64),
            size_m=np.stack([row[3] for row in rows]).astype(np.float32),
            position_m=position,
            yaw_rad=np.where(valid, np.stack([row[2] for row in rows]), 0.0).astype(np.float32),
            # The files' own velocities are unreliable.
            velocity_mps=np.stack(
                [velocities_mps(v, p[:, :2], time_s) for v, p, _, _ in rows]
            ).astype(np.float32),
            valid=valid,
        ),
        notes,
    )


def _column(track: dict, name: str, field: str, length: int) -> np.ndarray:
    raw = np.asarray(track["state"][field])
    if raw.dtype.kind not in "biuf" or raw.ndim > 2:
        raise InputError(f"tracks.{name}.{field}: {raw.dtype} of shape {raw.shape}, no numbers")
    if field == "position":
        _require_precise(raw, f"tracks.{name}.{field}")
    values = raw.astype(np.float64)
    if values.ndim == 0 or len(values) < length:
        raise InputError(f"tracks.{name}.{field}: {len(values)} of {length} instants")
    return (
        values[:length, 0]
        if field in ("length", "width", "height") and values.ndim == 2
        else values[:length]
    )


def _bounded(values: np.ndarray, valid: np.ndarray, name: str, field: str, most: float) -> None:
    """Raise InputError where a valid value is no number, or farther than `most` from zero."""
    flat = values.reshape(len(values), -1)
    finite = np.isfinite(flat).all(axis=1)
    bad = valid & ~(finite & (np.abs(flat) <= most).all(axis=1))
    if bad.any():
        step = int(bad.argmax())
        what = f"{flat[step].tolist()} is beyond {most:g}" if finite[step] else "not a number"
        raise InputError(f"tracks.{name}.{field}: {what} at step {step}")


def _require_precise(raw: np.ndarray, where: str) -> None:
    """Raise InputError for positions in single precision, so far out that it is steps of centimetres."""
    if raw.dtype.kind != "f" or raw.dtype.itemsize > 4 or not raw.size:
        return
    finite = raw[np.isfinite(raw)]
    step_m = float(np.spacing(np.abs(finite).max())) if len(finite) else 0.0
    if step_m > _COARSEST_M:
        raise InputError(
            f"{where}: {raw.dtype} so far from its origin is in steps of {step_m:.2g} m"
        )
