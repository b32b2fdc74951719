"""Every command of README.md and docs/ is taken by the command line: its words are read, nothing is done."""

import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from itertools import takewhile
from pathlib import Path
from types import SimpleNamespace

import pytest

from drive.cli.main import VERBS
from eval.runs.folder import RunFolder

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_SETTING = re.compile(r"([A-Z_0-9]+)=(\S*)")
# What "..." stands for, where the rest of a command does not say all that is needed.
_REST = {"collect": "--out data", "discover": "--out runs/x", "export": "--out data"}


def _code_lines(text: str) -> Iterator[str]:
    """The lines of fenced and of indented code."""
    fenced = False
    for line in text.replace("\\\n", " ").splitlines():
        if re.match(r" {0,3}```", line):
            fenced = not fenced
        elif fenced or re.match(r" {4}|\t", line):
            yield line.strip()


def commands(text: str) -> Iterator[list[str]]:
    """The words of each command, shell variables filled in, comments and what stands before it left out."""
    known: dict[str, str] = {}
    for line in _code_lines(text):
        words = shlex.split(line, comments=True) if "bevdrive" in line or "=" in line else []
        while words and (setting := _SETTING.fullmatch(words[0])):
            known[setting[1]] = setting[2]
            del words[0]
        if words[:1] == ["bevdrive"]:
            own = list(takewhile(lambda word: word not in (">", "|"), words[1:]))
            filled = [re.sub(r"\$(\w+)", lambda found: known[found[1]], w) for w in own]
            at = filled.index("...") if "..." in filled else len(filled)
            rest = _REST.get(filled[0], "").split() if at < len(filled) else []
            yield [*filled[:at], *rest, *filled[at + 1 :]]


def _read(words: list[str]) -> None:
    """As `bevdrive` reads them; raises what is wrong with them."""
    if words in (["--help"], ["--version"]):
        return
    verb, *rest = words
    assert verb in VERBS, f"no verb {verb}"
    import_module(f"drive.cli.{verb}").parse(rest)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_are_taken(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for words in commands(page.read_text()):
        # Run folders to go on with are not there: each is one of the task that is named.
        stored = {"task": words[1]} if words[0] == "train" else {}
        run = SimpleNamespace(path=Path("runs/x"), config=stored.copy)
        monkeypatch.setattr(RunFolder, "open", staticmethod(lambda path, run=run: run))
        try:
            _read(words)
        except SystemExit as end:
            if end.code:
                raise
        except Exception as error:
            raise AssertionError(f"bevdrive {shlex.join(words)}: {error}") from error


def test_what_counts_as_a_command() -> None:
    page = """`bevdrive no` and
bevdrive no

    SIX=a,b
    RAY_ADDRESS=x:1 bevdrive simulate --families $SIX \\
        --count 3   # bevdrive no
    bevdrive collect ... --cluster ray

```
bevdrive view 'a b' | head
```
"""
    assert list(commands(page)) == [
        ["simulate", "--families", "a,b", "--count", "3"],
        ["collect", "--out", "data", "--cluster", "ray"],
        ["view", "a b"],
    ]


def test_a_renamed_option_is_noticed() -> None:
    with pytest.raises(ValueError, match="--familys: unknown option; did you mean --families"):
        _read(["simulate", "--familys", "curve"])
