"""Packages that not everybody installs: one line says how to get them, before anything is written."""

import re
import tomllib
from pathlib import Path

import pytest

from drive.cli.main import main
from sim.errors import InputError
from sim.extras import PACKAGES, lack, require_installed
from sim.sources.nuscenes.conversion import open_devkit
from sim.sources.nuscenes.dataset import Dataset

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]


def _names(requirements: list[str]) -> set[str]:
    return {re.split(r"[^\w-]", requirement)[0] for requirement in requirements}


def test_the_extra_that_is_named_brings_the_package() -> None:
    extras = {name: _names(told) for name, told in PROJECT["optional-dependencies"].items()}
    assert [p for p, extra in PACKAGES.values() if p not in extras[extra]] == []
    assert {extra for _, extra in PACKAGES.values()} == extras.keys() - {"dev", "docs"}
    assert {package for package, _ in PACKAGES.values()} & _names(PROJECT["dependencies"]) == set()
    everything = next(
        r for r in PROJECT["optional-dependencies"]["dev"] if r.startswith("bevdrive")
    )
    assert set(everything[9:-1].split(",")) == extras.keys() - {"dev", "docs"}


def test_what_is_installed_is_not_lacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PACKAGES, "json", ("jason", "view"))
    monkeypatch.setitem(PACKAGES, "no_such_module", ("no-such-package", "rl"))
    require_installed("x", "json")
    line = "x needs no-such-package: pip install 'bevdrive[rl]'"
    assert (lack("x", "json"), lack("x", "json", "no_such_module")) == ("", line)
    with pytest.raises(InputError, match=re.escape(line)):
        require_installed("x", "no_such_module")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("view --out scene.png", "view needs open3d: pip install 'bevdrive[view]'"),
        ("view --web", "view --web needs viser: pip install 'bevdrive[view]'"),
        ("simulate --videos 1", "--videos needs imageio-ffmpeg: pip install 'bevdrive[view]'"),
        ("simulate --cluster ray", "--cluster ray needs ray: pip install 'bevdrive[cluster]'"),
        ("evaluate tracking --results oracle --dataroot . --version v1.0-mini --split mini_val",
         "evaluate tracking needs nuscenes-devkit: pip install 'bevdrive[nuscenes]'"),
        ("train bc --data examples", "train needs lightning: pip install 'bevdrive[train]'"),
        ("discover --out found", "discover needs scikit-learn: pip install 'bevdrive[perception]'"),
    ],
)  # fmt: skip
def test_a_verb_that_lacks_a_package_says_so(
    words: str,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sim.extras.find_spec", lambda _: None)
    assert main(words.split()) == 2
    assert capfd.readouterr().err == f"bevdrive: {told}\n"
    assert list(tmp_path.iterdir()) == []


def test_scenes_that_are_not_converted_yet_need_the_devkit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sim.extras.find_spec", lambda _: None)
    dataset = Dataset(tmp_path, "v1.0-mini")
    told = re.escape("--source nuscenes needs nuscenes-devkit: pip install 'bevdrive[nuscenes]'")
    for needs_it in (dataset.read_splits, lambda: open_devkit(dataset)):
        with pytest.raises(InputError, match=told):
            needs_it()
