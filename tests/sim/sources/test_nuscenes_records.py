"""Records of the nuScenes tables: what is missing, of another type, or names nothing is said."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drive.cli.main import main
from sim.errors import InputError
from sim.sources.nuscenes import Dataset
from sim.sources.nuscenes.conversion import open_devkit
from tests.eval.nuscenes import tiny

# nuscenes-devkit, docs/schema_nuscenes.md: the fields without which no scene can be read.
_REQUIRED = {
    "category": "token name", "attribute": "token name", "visibility": "token",
    "instance": "token category_token", "sensor": "token channel modality",
    "calibrated_sensor": "token sensor_token translation rotation",
    "ego_pose": "token translation rotation timestamp", "log": "token location",
    "scene": "token name log_token first_sample_token last_sample_token",
    "sample": "token timestamp scene_token next", "map": "token log_tokens filename",
    "sample_data": "token sample_token ego_pose_token calibrated_sensor_token filename timestamp "
    "is_key_frame next",
    "sample_annotation": "token sample_token instance_token attribute_tokens translation size rotation "
    "prev next",
}  # fmt: skip
_FIELDS = [(table, field) for table, fields in _REQUIRED.items() for field in fields.split()]


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    tiny.write(tmp_path / "data")
    return Dataset(tmp_path / "data", tiny.VERSION)


def _edit(dataset: Dataset, table: str, edit: Callable[[list[dict[str, Any]]], object]) -> str:
    """Change the rows of a table; the token of the last one before."""
    file = dataset.tables / f"{table}.json"
    rows = json.loads(file.read_text())
    token = rows[-1]["token"]
    edit(rows)
    file.write_text(json.dumps(rows))
    return token


def test_a_whole_dataset_is_read(dataset: Dataset) -> None:
    assert len(open_devkit(dataset).sample) == 2 * tiny.FRAMES


@pytest.mark.parametrize(("table", "field"), _FIELDS)
def test_a_missing_field_is_said_with_file_and_record(
    table: str, field: str, dataset: Dataset
) -> None:
    token = _edit(dataset, table, lambda rows: rows[-1].pop(field))
    with pytest.raises(InputError) as error:
        open_devkit(dataset)
    told = str(error.value)
    assert f"{table}.json: record" in told and f": {field}: is missing" in told
    assert token in told or field == "token"


@pytest.mark.parametrize(
    ("table", "field", "value", "message"),
    [
        ("attribute", "name", 3, "name: 3 is not a text"),
        ("instance", "token", ["x"], "token: ['x'] is not a token"),
        ("sample", "timestamp", "now", "timestamp: 'now' is not a time in microseconds"),
        ("sample", "timestamp", True, "timestamp: True is not a time"),
        ("sample_data", "is_key_frame", 1, "is_key_frame: 1 is not true or false"),
        ("ego_pose", "rotation", [0.0] * 4, "is not a quaternion (w, x, y, z) other than zero"),
        ("ego_pose", "translation", [math.nan, 0.0, 0.0], "is not three numbers in metres"),
        ("ego_pose", "translation", [10**400, 0, 0], "is not three numbers in metres"),
        ("sample_annotation", "size", [1.0, 4.0], "size: [1.0, 4.0] is not three positive"),
        ("sample_annotation", "attribute_tokens", "x", "'x' is not a list of tokens"),
        # Links: each to a record that is not there.
        ("scene", "log_token", "x", "log_token: 'x' is not in log.json"),
        ("scene", "last_sample_token", "x", "last_sample_token: 'x' is not in sample.json"),
        ("instance", "category_token", "x", "category_token: 'x' is not in category.json"),
        ("sample_data", "next", "x", "next: 'x' is not in sample_data.json"),
        ("sample_annotation", "attribute_tokens", ["x"], "'x' is not in attribute.json"),
        ("map", "log_tokens", [], "log.json: record log (number 0): token: is in log_tokens of no"),
    ],
)
def test_a_wrong_value_is_said(
    table: str, field: str, value: Any, message: str, dataset: Dataset
) -> None:
    _edit(dataset, table, lambda rows: rows[-1].update({field: value}))
    with pytest.raises(InputError) as error:
        open_devkit(dataset)
    assert message in str(error.value) and f"{dataset.tables}/" in str(error.value)


@pytest.mark.parametrize("lists", [{"sim_val": [["scene-9001"]]}, {"sim_val": "scene-9001"}, []])
def test_splits_are_lists_of_names(
    lists: Any, dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (dataset.tables / "splits.json").write_text(json.dumps(lists))
    words = [
        "save",
        "--source",
        "nuscenes",
        "--dataroot",
        str(dataset.dataroot),
        "--split",
        "sim_val",
    ]
    words += ["--version", tiny.VERSION, "--to", str(tmp_path / "to")]
    assert main([*words, "--cache", str(tmp_path / "cache")]) == 2
    assert "splits.json: not lists of scene names by split" in capsys.readouterr().err
