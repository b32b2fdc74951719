"""The installed packages in a folder that has an `eval` and a `sim` of its own; what an import costs."""

import os
import subprocess
import sys
import tomllib
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import bevdrive

ROOT = Path(__file__).parents[2]
PACKAGES = ("sim", "eval", "drive", "bevdrive")
COMMAND = "from drive.cli.main import command\ncommand()\n"  # as an installer writes it
CORE_ALONE = """
from importlib.machinery import PathFinder
find = PathFinder.find_spec
PathFinder.find_spec = lambda name, path=None, target=None: (
    None if name.partition(".")[0] in {!r} else find(name, path, target)
)
"""
PLANNER = """
from drive.planning.constant_velocity import ConstantVelocity

class Mine(ConstantVelocity): ...
"""
PROGRAM = """
import bevdrive
import drive, eval, sim
from drive.pipelines.workers import WorkOptions, work

scenarios = bevdrive.generate("curve", count=1, duration_s=1)
results = bevdrive.simulate(scenarios, "my_planner.py:Mine")
assert results.means().loc["Mine", "scenes"] == 1 and not results.errors
print(sim.__file__, eval.__file__, drive.__file__)
told = "import sim, eval, drive; open({!r}, 'w').write(sim.__file__ + eval.__file__ + drive.__file__)"
work(exec, [(told.format(f"{k}.txt"),) for k in range(2)], WorkOptions(workers=2), "looking")
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a wheel holds, laid out as an installer does."""
    scratch = tmp_path_factory.mktemp("wheel")
    build = ["build", "--build-base", str(scratch / "build"), "--build-lib", str(scratch / "site")]
    setup = "from setuptools import setup\nsetup()"
    words = [sys.executable, "-c", setup, "-q", "egg_info", "--egg-base", str(scratch), *build]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    return scratch / "site"


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A working folder with packages that fail as soon as anything is asked of them."""
    folder = tmp_path / "mine"
    for name in ("sim", "eval", "drive"):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(f"FOREIGN = {name!r}\n")
    (folder / "my_planner.py").write_text(PLANNER)
    return folder


def _python(folder: Path, site: Path, *words: str) -> str:
    """What it prints, of output and errors; with `-c` a program finds what lies in the folder first, and its
    processes do not begin with it, both as in a notebook."""
    env = os.environ | {"PYTHONPATH": str(site)}
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, env=env, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return f"{done.stdout}exit code {done.returncode}"


def test_types_and_data_are_part_of_it(site: Path) -> None:
    for name in PACKAGES:
        assert (site / name / "py.typed").is_file()
    assert (site / "drive" / "weights" / "p3.safetensors").is_file()


def _outside_the_core() -> list[str]:
    """Every installed top-level module that `pip install bevdrive` would not have brought."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    core, todo = {"bevdrive"}, list(project["dependencies"])
    while todo:
        requirement = Requirement(todo.pop())
        name = canonicalize_name(requirement.name)
        if name not in core and (
            not requirement.marker or requirement.marker.evaluate({"extra": ""})
        ):
            core.add(name)
            todo += distribution(name).requires or []
    return [
        module
        for module, brought_by in packages_distributions().items()
        if not core & {canonicalize_name(name) for name in brought_by}
    ]


def test_the_command_scores_planners_with_the_core_alone(site: Path, foreign: Path) -> None:
    """A planner of the folder, a learned one, a simulated lidar, the report."""
    outside = _outside_the_core()
    assert {"open3d", "nuscenes", "lightning", "sklearn", "matplotlib", "gymnasium"} < set(outside)
    command = foreign.parent / "bin" / "bevdrive"
    command.parent.mkdir()
    command.write_text(CORE_ALONE.format(outside) + COMMAND)
    words = "simulate --families curve --count 1 --duration-s 1 --replan 1 --workers 0 --name run"
    drivers = ["--planner", "my_planner.py:Mine,p3", "--perception", "discovered"]
    told = _python(foreign, site, str(command), *words.split(), *drivers)
    assert told.endswith("exit code 0")
    assert "bevdrive: no videos: a video needs imageio-ffmpeg: pip install 'bevdrive[view]'" in told
    assert (foreign / "runs" / "run" / "report.html").is_file()


def test_a_program_and_its_processes_find_the_installed_ones(site: Path, foreign: Path) -> None:
    (foreign / "drive" / "__init__.py").unlink()  # processes of a notebook import that by its name
    told = _python(foreign, site, "-c", PROGRAM).splitlines()
    assert told[-1] == "exit code 0", told
    places = [str(site / name / "__init__.py") for name in ("sim", "eval", "drive")]
    assert " ".join(places) in told
    for k in range(2):
        assert (foreign / f"{k}.txt").read_text() == "".join(places)


@pytest.mark.parametrize("name", ["sim", "eval", "drive"])
@pytest.mark.parametrize("is_module", [False, True])
def test_what_was_imported_before_is_named(
    site: Path, foreign: Path, name: str, is_module: bool
) -> None:
    place = foreign / name / "__init__.py"
    if is_module:
        place = place.rename(foreign / f"{name}.py")
        place.with_suffix("").rmdir()
    told = _python(foreign, site, "-c", f"import {name}\nimport bevdrive\n")
    assert told.splitlines()[-2:] == [
        f"ImportError: bevdrive has a package '{name}' of its own, and {place} was imported before it: "
        "import bevdrive first",
        "exit code 1",
    ]


def test_an_import_is_cheap(foreign: Path) -> None:
    heavy = "{'torch', 'numpy', 'jaxtyping', 'tyro'} & sys.modules.keys()"
    code = f"import sys, bevdrive\nprint({heavy})\nimport sim\nprint(sim.__file__)"
    told = _python(foreign, ROOT, "-c", code).splitlines()
    assert told == ["set()", str(ROOT / "sim" / "__init__.py"), "exit code 0"]


def test_all_names_are_there() -> None:
    assert all(callable(getattr(bevdrive, name)) for name in dir(bevdrive))
    with pytest.raises(AttributeError, match="module 'bevdrive' has no attribute 'simulat'"):
        bevdrive.simulat  # noqa: B018 # pyright: ignore
