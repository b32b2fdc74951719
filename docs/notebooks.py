"""The notebooks of the docs, run anew with what they print and draw: python docs/notebooks.py

Progress bars are left out of what is kept.
"""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


def executed(path: Path, parameters: str = "") -> Any:
    """The notebook after all of its cells ran in an empty folder; raises where one does.

    `parameters`: what stands in place of the cell that is tagged so.
    """
    import nbformat
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if parameters and "parameters" in cell.metadata.get("tags", []):
            cell.source = parameters
    with TemporaryDirectory() as scratch:
        kernel = AsyncKernelManager(transport="ipc", ip=f"{scratch}/kernel")  # no ports
        place = {"metadata": {"path": scratch}}
        client = NotebookClient(notebook, kernel, timeout=600, resources=place)
        client.execute(env=os.environ | {"PYTHONPATH": str(ROOT)})
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # when it ran
        if cell.cell_type == "code":
            kept = [output for output in cell.outputs if output.get("name") != "stderr"]
            cell.outputs = kept
    return notebook


def write() -> None:
    """Run and keep all of them."""
    import nbformat

    for path in NOTEBOOKS:
        nbformat.write(executed(path), path)


if __name__ == "__main__":
    write()
