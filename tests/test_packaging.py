"""What an installed package needs beside its modules is named as package data."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_file_that_is_no_module_is_package_data() -> None:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packed = {
        path
        for package, patterns in told["tool"]["setuptools"]["package-data"].items()
        for pattern in patterns
        for path in ROOT.joinpath(*package.split(".")).glob(pattern)
    }
    files = {
        path
        for package in ("sim", "eval", "drive", "bevdrive")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    assert files - packed == set()
    assert ROOT / "drive" / "training" / "presets" / "joint" / "small.yaml" in packed
    assert {
        path.name for path in packed if path.parent == ROOT / "drive" / "configs" / "simulate"
    } == {path.name for path in (ROOT / "configs" / "simulate").iterdir()}
