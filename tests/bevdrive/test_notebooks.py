"""The notebooks of the docs run as they stand, in small, and are kept with what they print and draw."""

import copy
import runpy
from pathlib import Path
from typing import Any

import nbformat
import pytest

SCRIPT = runpy.run_path(str(Path(__file__).parents[2] / "docs" / "notebooks.py"))
SMALL = {
    "first_drive": "count, duration_s = 1, 1.0",
    "own_planner": "count, duration_s = 1, 1.0",
    "cost_volume": "count, duration_s, steps = 3, 7.0, 2",
}
MOST_BYTES = 300_000


def _kinds(notebook: Any) -> list[tuple[str, list[str]]]:
    """Each cell of code with the forms of what it shows."""
    return [
        (
            cell.source,
            [form for shown in cell.outputs for form in sorted(shown.get("data", ["text"]))],
        )
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def _in_one() -> Any:
    """All notebooks in small, one after the other: what each imports is loaded once, but has to be named."""
    one = nbformat.v4.new_notebook()
    for path in SCRIPT["NOTEBOOKS"]:
        for cell in nbformat.read(path, as_version=4).cells:
            if "parameters" in cell.metadata.get("tags", []):
                cell.source = SMALL[path.stem]
            one.cells.append(cell)
        one.cells.append(nbformat.v4.new_code_cell("%reset -f"))
    return one


def test_notebooks_show_what_they_are_kept_with(monkeypatch: pytest.MonkeyPatch) -> None:
    for scheme in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(scheme, "http://127.0.0.1:9")  # who downloads fails
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    kept = _in_one()
    run = copy.deepcopy(kept)
    SCRIPT["execute"](run)
    assert _kinds(run) == _kinds(kept)


@pytest.mark.parametrize("path", SCRIPT["NOTEBOOKS"], ids=lambda path: path.stem)
def test_a_notebook_is_small_and_shows_something(path: Path) -> None:
    assert path.stem in SMALL and path.stat().st_size < MOST_BYTES
    assert any(forms for _, forms in _kinds(nbformat.read(path, as_version=4)))
