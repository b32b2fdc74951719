"""What `show` gives: a figure, or in a notebook a film that needs no file."""

import re
import sys
from base64 import b64decode
from types import SimpleNamespace

import numpy as np
import pytest

from eval.report import inline
from eval.runs.drive_record import DriveRecord
from tests.drive.scenes import toy_scenario


def test_a_recording_is_a_drive_whose_plan_is_what_followed() -> None:
    """10 m/s along x for 1 s: every half second 5 m, and nothing after the end."""
    record = DriveRecord.recorded(toy_scenario(10.0, 1.0))
    assert record.pose.shape == (11, 4, 3) and record.valid.all()
    x_m = record.plan[..., 0]
    np.testing.assert_allclose(x_m[0], [5.0, *[10.0] * 7], atol=1e-4)
    np.testing.assert_allclose(x_m[3], [8.0, *[10.0] * 7], atol=1e-4)
    np.testing.assert_allclose(x_m[10], [10.0] * 8, atol=1e-4)


def test_elsewhere_than_in_a_notebook_it_is_a_figure() -> None:
    figure = inline.show(toy_scenario(10.0, 1.0))
    assert figure is not None and figure.get_suptitle() == "recorded: toy"
    assert [axes.get_title() for axes in figure.axes] == ["0.0 s", "0.5 s", "1.0 s"]
    pictures = [np.asarray(axes.images[0].get_array()) for axes in figure.axes]
    assert pictures[0].std() > 1.0 and not np.array_equal(pictures[0], pictures[1])


def test_in_a_notebook_it_is_a_film(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    notebook = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel="a kernel"))
    display = SimpleNamespace(HTML=str, display=shown.append)
    monkeypatch.setitem(sys.modules, "IPython", notebook)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    assert inline.show(toy_scenario(10.0, 1.0)) is None
    found = re.fullmatch(r'<video .* src="data:video/mp4;base64,(.*)"></video>', shown[0])
    assert found and b64decode(found[1])[4:8] == b"ftyp"  # as an mp4 begins

    monkeypatch.setattr(notebook, "get_ipython", object)  # on a terminal there is no kernel
    assert inline.show(toy_scenario(10.0, 1.0)) is not None
