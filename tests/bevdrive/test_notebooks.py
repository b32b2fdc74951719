"""The notebooks of the docs run as they stand, in small, and keep what they print and draw."""

import runpy
from pathlib import Path
from typing import Any

import nbformat
import pytest

SCRIPT = Path(__file__).parents[2] / "docs" / "notebooks.py"
SMALL = {
    "first_drive": "count, duration_s = 1, 1.0",
    "own_planner": "count, duration_s = 1, 1.0",
    "cost_volume": "count, duration_s, steps = 3, 7.0, 2",
}
MOST_BYTES = 300_000


def _kinds(notebook: Any) -> list[list[str]]:
    """Of what each cell of code shows, in which forms."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [
        [
            form
            for output in cell.outputs
            for form in sorted(output.get("data", [output.output_type]))
        ]
        for cell in cells
    ]


@pytest.mark.parametrize("name", SMALL)
def test_a_notebook_shows_what_it_is_kept_with(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for scheme in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(scheme, "http://127.0.0.1:9")  # who downloads fails
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    script = runpy.run_path(str(SCRIPT))
    path = SCRIPT.parent / "notebooks" / f"{name}.ipynb"
    kept = nbformat.read(path, as_version=4)
    assert _kinds(script["executed"](path, SMALL[name])) == _kinds(kept)
    assert any(_kinds(kept)) and path.stat().st_size < MOST_BYTES


def test_every_notebook_is_run() -> None:
    assert {path.stem for path in runpy.run_path(str(SCRIPT))["NOTEBOOKS"]} == set(SMALL)
