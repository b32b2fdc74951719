"""What every verb's options share: values, refusals that name the option, help in boxes, completion."""

import contextlib
import io
import re
import subprocess
import sys
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from drive.cli.main import VERBS, main
from drive.cli.options import Form
from sim.errors import InputError


@dataclass(frozen=True)
class Base:
    to: Path = field(kw_only=True)
    """where it goes"""
    count: int | None = None
    """how many"""


@dataclass(frozen=True)
class Options(Base):
    """Do something.

    Examples:
      bevdrive thing --to x
    """

    least_m: float = 1.5
    """a distance,
    in metres"""
    names: tuple[str, ...] = ("a",)
    """who"""
    sizes: tuple[int, ...] = ()
    """how large"""
    fast: bool = False
    """without looking"""
    paths: tuple[Path, ...] = ()
    """what is read"""


FORM = Form(Options, "bevdrive thing", {"output": ("to",)}, positional=("paths",))


def test_values_are_of_their_types() -> None:
    words = "p q --to out --count=3 --least_m -2 --names x,y --sizes 4,5 --fast"
    read = FORM.parse(words.split())
    paths = (Path("p"), Path("q"))
    assert vars(read) == {
        "to": Path("out"), "count": 3, "least_m": -2.0, "names": ("x", "y"), "sizes": (4, 5),
        "fast": True, "paths": paths,
    }  # fmt: skip
    assert FORM.parse(["--to", "x"]) == Options(to=Path("x"))
    assert FORM.parse(["--no-fast"], read).fast is False
    assert FORM.parse(["--count", "4"], read).names == ("x", "y")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "--to: is missing (where it goes)"),
        ("--to x --cuont 3", "--cuont: unknown option; did you mean --count? (bevdrive thing --help"),
        ("--to x --count 1.5", "--count: expected a whole number, got '1.5'"),
        ("--to x --least-m far", "--least-m: expected a number, got 'far'"),
        ("--to x --least-m nan", "--least-m: expected a number, got 'nan'"),
        ("--to x --count", "--count: expected a whole number after it"),
        ("--to --count 3", "--to: expected a path after it"),
        ("--to x --names a b --count 3 --least-m 4", None),  # b is a path here
        ("--to x --sizes 4,b", "--sizes: expected a whole number, got 'b'"),
        ("--to x --names ,", "--names: expected one or more, with commas, got ','"),
        ("--to x --names a --names b", "--names: is given twice; a list is one word with commas"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(words: str, message: str | None) -> None:
    if message is None:
        assert FORM.parse(words.split()).paths == (Path("b"),)
        return
    with pytest.raises(InputError, match=re.escape(message)):
        FORM.parse(words.split())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--to x --names a b", "b: unexpected; a list is written with commas: --names A,b"),
        ("--to x --fast yes", "yes: unexpected; --fast takes no value"),
        ("stray --to x", "stray: unexpected"),
    ],
)
def test_words_that_belong_to_nothing(words: str, message: str) -> None:
    form = Form(Options, "bevdrive thing", {}, hidden=("paths",))
    with pytest.raises(InputError, match=re.escape(message)):
        form.parse(words.split())


def _help(words: list[str]) -> str:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        assert main([*words, "--help"]) == 0
    return said.getvalue()


@pytest.mark.parametrize("verb", VERBS)
def test_help_names_each_option_in_a_box(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    forms: dict[str, Form] = import_module(f"drive.cli.{verb}").forms()
    # Tasks of a training differ in one box: two of them show it.
    for task in [*forms][:: 7 if verb == "train" else 1]:
        said = _help([verb, *task.split()])
        assert max(map(len, said.splitlines())) <= 100
        assert "other options" not in said
        for option in forms[task]._options(None):
            assert option.help and (option.flag in said), option.flag


def test_help_has_defaults_and_what_must_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    said = io.StringIO()
    with contextlib.redirect_stdout(said), pytest.raises(SystemExit):
        FORM.parse(["--help"])
    boxes = re.split(r"\n\W+(?=\w+ options)", said.getvalue())  # frames are of ASCII in a pipe
    assert boxes[0].startswith("Do something.\n\nExamples:\n  bevdrive thing --to x\n")
    output = next(box for box in boxes if box.startswith("output options"))
    assert "--to PATH" in output and "where it goes (required)" in output
    assert "a distance, in metres (default: 1.5)" in said.getvalue()
    assert "--names NAME,..." in said.getvalue() and "how many " in said.getvalue()
    assert "None" not in said.getvalue()


def test_no_help_needs_torch() -> None:
    code = """
import contextlib, io, sys
from importlib import import_module
from drive.cli.main import VERBS, main
with contextlib.redirect_stdout(io.StringIO()):
    main(["--help"])
    for verb in VERBS:
        task = next(iter(import_module(f"drive.cli.{verb}").forms()))
        main([verb, *task.split(), "--help"])
sys.exit("torch" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_bash_completes_verbs_tasks_and_options(tmp_path: Path, capsys: Any) -> None:
    assert main(["completion", "bash"]) == 0
    (tmp_path / "bevdrive").write_text(capsys.readouterr().out)
    script = f"""
source {tmp_path}/bevdrive
python3() {{ {sys.executable} "$@"; }}
python() {{ {sys.executable} "$@"; }}
complete_words() {{
  COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
  _tyro_bevdrive; echo "${{COMPREPLY[*]}}"
}}
complete_words bevdrive sim
complete_words bevdrive train cos
complete_words bevdrive simulate --count 3 --fam
"""
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert done.stdout.split("\n")[:3] == ["simulate", "costvolume", "--families"], done.stderr
    assert main(["completion", "tcsh"]) == 2
    assert "SHELL: unknown 'tcsh'" in capsys.readouterr().err
