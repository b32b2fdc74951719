"""A drive, or a recording, where it is asked for: a film in a notebook, a figure anywhere else."""

import sys
from base64 import b64encode
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from eval.report.video import SIZE_PX, Canvas, write_video
from eval.runs.drive_record import DriveRecord
from sim.extras import require_installed
from sim.scenario import Scenario

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PICTURES = 3  # of a figure: the beginning, the middle and the end
_INCHES = 4.0  # of each


def show(
    scenario: Scenario,
    record: DriveRecord | None = None,
    whose: str = "recorded",
    planner: int = 0,
) -> "Figure | None":
    """Display the film where a notebook can, else return the figure; without a `record` the recording.

    `planner`: whose colour the ego has, by its number in the run.
    """
    shown = record or DriveRecord.recorded(scenario)
    title = f"{whose}: {scenario.scenario_id}"
    if not _in_notebook():
        return figure(scenario, shown, title, planner)
    from IPython.display import HTML, display

    display(HTML(film(scenario, shown, title, planner)))
    return None


def figure(scenario: Scenario, record: DriveRecord, title: str, planner: int) -> "Figure":
    """Some instants side by side, north up."""
    require_installed("show", "matplotlib")
    from matplotlib.figure import Figure

    canvas = Canvas(scenario, record, planner)
    made = Figure(figsize=(_PICTURES * _INCHES, _INCHES), layout="constrained")
    made.suptitle(title)
    instants = np.linspace(0, record.num_instants - 1, _PICTURES).round().astype(int).tolist()
    for axes, instant in zip(made.subplots(1, _PICTURES), instants, strict=True):
        axes.imshow(canvas.frame(instant, ""))
        axes.set_title(f"{instant * record.dt_s:.1f} s")
        axes.set_axis_off()
    return made


def film(scenario: Scenario, record: DriveRecord, title: str, planner: int) -> str:
    """The whole episode at real speed, as HTML that needs no file beside it."""
    with TemporaryDirectory() as scratch:
        path = Path(scratch) / "film.mp4"
        write_video(path, scenario, record, title, planner, every=2)
        data = b64encode(path.read_bytes()).decode()
    source = f"data:video/mp4;base64,{data}"
    return f'<video controls autoplay muted loop width="{SIZE_PX}" src="{source}"></video>'


def _in_notebook() -> bool:
    """Whether what is displayed is seen as HTML: IPython on a terminal has no kernel."""
    python = sys.modules.get("IPython")
    return python is not None and hasattr(python.get_ipython(), "kernel")
