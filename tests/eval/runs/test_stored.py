"""What is read back from a run folder: declarations and values of another type are refused by name."""

import json
import math
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from eval.runs.stored import read_declared, read_drives

_WHOLE = {
    "key": "own/speed", "label": "Speed", "source": "here", "column": "v", "higher_is_better": True,
    "unit": "m/s", "failure": {"name": "slow", "bound": 1.0},
    "curve": {"label": "speed", "kind": "value", "unit": "m/s"},
}  # fmt: skip


def _declared(path: Path, **changes: Any) -> Path:
    path.write_text(json.dumps([_WHOLE | changes]))
    return path


def test_a_whole_declaration_is_read(tmp_path: Path) -> None:
    assert read_declared(_declared(tmp_path / "m.json"))[0].to_plain() == _WHOLE


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"higher_is_better": math.inf}, "higher_is_better is not true or false"),
        ({"label": 3}, "a field that is no text"),
        ({"unit": None}, "a field that is no text"),
        ({"failure": {"name": 3, "bound": 1.0}}, "a field that is no text"),
        ({"failure": {"name": "x", "bound": math.inf}}, "failure.bound: inf is not a number"),
        ({"failure": [1]}, "no declarations of metrics"),
        ({"failure": {"bound": 1.0}}, "field 'name' is missing"),
        ({"curve": {"label": "x", "kind": "much", "unit": ""}}, r"curve.kind: unknown 'much'"),
        ({"curve": {"label": [], "kind": "pass", "unit": ""}}, "a field that is no text"),
    ],
)
def test_a_damaged_declaration_is_refused(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=f"m.json: .*{message}"):
        read_declared(_declared(tmp_path / "m.json", **changes))


@pytest.mark.parametrize("value", [math.inf, 1e300])  # two of 1e308 have no finite mean
def test_values_have_a_finite_mean(value: float, tmp_path: Path) -> None:
    row = {"scenario_id": ["a"], "family": ["f"], "planner": ["p"], "tags": [[]], "own/x": [value]}
    pyarrow.parquet.write_table(pyarrow.table(row), tmp_path / "t.parquet")
    with pytest.raises(ValueError, match=r"t\.parquet: row 0: own/x of a: .* is not a number"):
        read_drives(tmp_path / "t.parquet")
