"""Submission files of the official detection and tracking formats: checked before long work."""

import json
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from eval.nuscenes.dataset import Split
from sim.errors import InputError
from sim.files import write_whole
from sim.text_files import read_json

MAX_BOXES = 500  # per sample, in both tasks
_LENGTHS = {"translation": 3, "size": 3, "rotation": 4, "velocity": 2}
_MOST = {"translation": 1e7, "size": 1000.0, "rotation": 1000.0, "velocity": 1e4}
_MOST_SCORE = 1e9
_MODALITIES = ("use_camera", "use_lidar", "use_radar", "use_map", "use_external")


@dataclass(frozen=True)
class BoxFormat:
    """What a box of a task carries beside its geometry: names of its fields, classes, attributes."""

    task: str
    name_field: str
    score_field: str
    classes: tuple[str, ...]
    attributes: tuple[str, ...] | None = None  # None: no such field


def detection_format() -> BoxFormat:
    """The format of the detection task."""
    from nuscenes.eval.detection.constants import ATTRIBUTE_NAMES, DETECTION_NAMES

    return BoxFormat(
        "detection", "detection_name", "detection_score", tuple(DETECTION_NAMES),
        (*ATTRIBUTE_NAMES, ""),
    )  # fmt: skip


def tracking_format() -> BoxFormat:
    """The format of the tracking task."""
    from nuscenes.eval.common.config import config_factory

    classes = config_factory("tracking_nips_2019").class_names
    return BoxFormat("tracking", "tracking_name", "tracking_score", tuple(classes))


def check_submission(path: Path, split: Split, form: BoxFormat) -> None:
    """Raise InputError, naming file, sample and field, where the evaluator would stumble."""
    data = read_json(path)
    if not isinstance(data, dict) or not isinstance(data.get("results"), dict):
        raise InputError(f"{path}: no object `results` (sample token: list of boxes)")
    if not isinstance(data.get("meta"), dict):
        raise InputError(f"{path}: no object `meta`")
    for name in _MODALITIES:
        if not isinstance(data["meta"].get(name), bool):
            raise InputError(f"{path}: meta: {name}: expected true or false")
    check_tokens(path, data["results"], split)
    for token, boxes in data["results"].items():
        where = f"{path}: sample {token}"
        if not isinstance(boxes, list):
            raise InputError(f"{where}: expected a list of boxes")
        if len(boxes) > MAX_BOXES:
            raise InputError(f"{where}: {len(boxes)} boxes, at most {MAX_BOXES} are allowed")
        for number, box in enumerate(boxes):
            _check_box(f"{where}, box {number}", box, token, form)
        if form.task == "tracking":
            for name, count in Counter(str(box["tracking_id"]) for box in boxes).items():
                if count > 1:
                    raise InputError(f"{where}: tracking_id {name} {count} times")
    if not any(data["results"].values()):
        raise InputError(f"{path}: holds no box at all")


def write_text_ids(path: Path, out: Path) -> Path:
    """A checked tracking submission whose ids are texts: `path` itself, or a copy of it at `out`.

    The official code takes integers as well, and then tells 7 from "7".
    """
    data = read_json(path)
    boxes = [box for boxes in data["results"].values() for box in boxes]
    if all(isinstance(box["tracking_id"], str) for box in boxes):
        return path
    for box in boxes:
        box["tracking_id"] = str(box["tracking_id"])
    write_whole(out, json.dumps(data))
    return out


def check_tokens(path: Path, given: dict[str, Any], split: Split) -> None:
    """Raise InputError where the keys of a file are not exactly the samples of the split."""
    wanted = set(split.sample_tokens)
    unknown = [token for token in given if token not in wanted]
    if unknown:
        raise InputError(
            f"{path}: {len(unknown)} sample tokens are not in split {split.name} of "
            f"{split.version}, the first is {unknown[0]}"
        )
    missing = [token for token in split.sample_tokens if token not in given]
    if missing:
        raise InputError(
            f"{path}: {len(missing)} of {len(wanted)} samples of split {split.name} are missing, "
            f"the first is {missing[0]}"
        )


def _check_box(where: str, box: Any, token: str, form: BoxFormat) -> None:
    if not isinstance(box, dict):
        raise InputError(f"{where}: expected an object")
    if box.get("sample_token") != token:
        raise InputError(f"{where}: sample_token is {box.get('sample_token')!r}")
    for field, length in _LENGTHS.items():
        value = box.get(field)
        usable: Callable[[Any], bool] = _is_number if field == "velocity" else _is_finite
        fits = isinstance(value, list) and len(value) == length and all(map(usable, value))
        if not fits:
            raise InputError(f"{where}: {field}: expected {length} numbers, got {value!r:.200}")
        for number in cast(list, value):
            if abs(number) > _MOST[field]:
                told = f"{number!r:.40} is beyond {_MOST[field]:g}"
                raise InputError(f"{where}: {field}: {told}")
    if sum(abs(part) for part in box["rotation"]) < 1e-6:
        raise InputError(f"{where}: rotation: the quaternion is zero")
    if min(box["size"]) <= 0:
        raise InputError(f"{where}: size: must be above 0, got {box['size']}")
    name, score = box.get(form.name_field), box.get(form.score_field)
    if name not in form.classes:
        choices = ", ".join(form.classes)
        raise InputError(f"{where}: {form.name_field}: unknown {name!r} (choices: {choices})")
    if not _is_finite(score) or not 0 <= cast(float, score) <= _MOST_SCORE:
        told = f"expected a number from 0 to {_MOST_SCORE:g}, got {score!r:.40}"
        raise InputError(f"{where}: {form.score_field}: {told}")
    if form.attributes is not None and box.get("attribute_name") not in form.attributes:
        value, choices = box.get("attribute_name"), ", ".join(filter(None, form.attributes))
        raise InputError(f"{where}: attribute_name: unknown {value!r} (choices: {choices}, or '')")
    if form.task == "tracking":
        name = box.get("tracking_id")
        if not isinstance(name, str | int) or isinstance(name, bool):
            raise InputError(f"{where}: tracking_id: expected a text or an integer, got {name!r}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_finite(value: Any) -> bool:
    try:
        return _is_number(value) and math.isfinite(value)
    except OverflowError:  # a whole number that no float holds
        return False
