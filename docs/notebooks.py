"""The notebooks of the docs, run anew with what they print and draw: python docs/notebooks.py

Progress bars are left out of what is kept.
"""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


def execute(notebook: Any) -> None:
    """Run all cells in an empty folder, and keep what they show; raises where one does."""
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    with TemporaryDirectory() as scratch:
        kernel = AsyncKernelManager(transport="ipc", ip=f"{scratch}/kernel")  # no ports
        place = {"metadata": {"path": scratch}}
        client = NotebookClient(notebook, kernel, timeout=600, resources=place)
        client.execute(env=os.environ | {"PYTHONPATH": str(ROOT)})
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # when it ran
        if cell.cell_type == "code":
            cell.outputs = [shown for shown in cell.outputs if shown.get("name") != "stderr"]


def write() -> None:
    """Run and keep all of them."""
    import nbformat

    for path in NOTEBOOKS:
        notebook = nbformat.read(path, as_version=4)
        execute(notebook)
        nbformat.write(notebook, path)


if __name__ == "__main__":
    write()
