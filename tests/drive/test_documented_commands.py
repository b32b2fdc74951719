"""Every command of README.md and docs/ is taken by the command line, and small enough to be run."""

import runpy
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

from docs import documented
from docs.documented import PAGES, ROOT, Command, commands, small, why_not_run
from drive.cli.main import VERBS
from eval.runs.folder import RunFolder

NOT_RUN = 34
# What needs no option to be so.
QUICK = {"benchmark", "completion", "report", "evaluate", "--web", "--help", "--resume"}
QUICK |= {"examples/my_scenario.py", "examples/my_learned_planner.py"}
EVERY = [command for page in PAGES for command in commands(page.read_text())]


def _read(words: list[str]) -> None:
    """As `bevdrive` reads them; raises what is wrong with them."""
    if words in (["--help"], ["--version"]):
        return
    verb, *rest = words
    assert verb in VERBS, f"no verb {verb}"
    import_module(f"drive.cli.{verb}").parse(rest)


def _taken(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its words are read; AssertionError names the command where they are wrong."""
    words = list(command.words[1:])
    # Run folders to go on with are not there: each is one of the task that is named.
    stored = {"task": words[1]} if words[0] == "train" else {}
    run = SimpleNamespace(path=Path("runs/x"), config=stored.copy)
    monkeypatch.setattr(RunFolder, "open", staticmethod(lambda path: run))
    try:
        _read(words)
    except SystemExit as end:
        if end.code:
            raise
    except Exception as error:
        raise AssertionError(f"{command}: {error}") from error


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_are_taken_as_they_stand_and_small(
    page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    for command in commands(page.read_text()):
        if command.words[0] == "bevdrive":
            if "TASK" not in command.words:
                _taken(command, monkeypatch)
            _taken(small(command), monkeypatch)


@pytest.mark.parametrize("command", [c for c in EVERY if not why_not_run(c)], ids=str)
def test_what_is_run_is_made_small_and_waits_for_nobody(command: Command) -> None:
    words = small(command).words
    left = [word for word in words if word.isupper() and word not in ("ID", "-s")]
    assert not left, f"nothing is known of {left}"
    assert "--view" not in words
    assert words[:2] != ("bevdrive", "view") or "--out" in words
    assert words != command.words or QUICK & set(words) or documented.is_long(command)


def test_few_are_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who adds a reason has to raise this; one that fits too much is noticed."""
    monkeypatch.setattr(documented, "REAL", ROOT)
    monkeypatch.setattr(documented.shutil, "which", lambda name: name)
    assert sum(bool(why_not_run(command)) for command in EVERY) == NOT_RUN
    monkeypatch.setattr(documented, "REAL", ROOT / "nowhere")
    [real] = commands("    bevdrive discover --weights default SWEEP.bin --view")
    assert why_not_run(real) == f"no real data at {ROOT / 'nowhere'}"


def test_options_make_a_command_small() -> None:
    def of(line: str) -> str:
        return str(small(next(commands(f"    {line}"))))

    assert of("bevdrive train joint --data data/x --steps 3500 --seed 2") == (
        "bevdrive train joint --data data/x --steps 2 --seed 2 --steps-per-epoch 1 --batch-size 2 "
        "--val-every 2 --val-examples 2"
    )
    assert of("python benchmarks/growth.py RUN STORE --counts 1 2 3 --plot a.png") == (
        "python benchmarks/growth.py runs/before data/old --counts 10 20 --plot a.png"
    )
    assert of("bevdrive view runs/latest --scenario ID --web") == (
        "bevdrive view runs/latest --scenario ID --web --out look.html"
    )


def test_who_fails_is_told_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    run_page = runpy.run_path(str(ROOT / "docs" / "commands.py"))["run_page"]
    prepared = tmp_path / "prepared"
    (prepared / "data" / "store").mkdir(parents=True)
    (prepared / "runs" / "mine" / "drives").mkdir(parents=True)
    (prepared / "runs" / "mine" / "config.yaml").touch()
    (prepared / "runs" / "mine" / "scenarios.txt").write_text("a-val-0-000007\n")
    (prepared / "look.py").write_text(
        "import sys; sys.exit(sys.argv[1:] != ['runs/mine', 'a-val-0-000007'])"
    )
    (prepared / "fail.py").write_text("import sys\nprint('it rains')\nsys.exit(3)\n")
    page = tmp_path / "page.md"
    lines = ("python fail.py", "make it", "python look.py RUN ID", "bevdrive benchmark list")
    page.write_text("".join(f"    {line}\n" for line in lines))
    hows = [outcome.how for outcome in run_page(page, prepared)]
    assert hows == ["FAILED", "not run", "ok", "ok"]
    assert "\nit rains\nexit code 3\n" in capsys.readouterr().out


def test_what_counts_as_a_command() -> None:
    page = """`bevdrive no` and `bevdrive report
--out a.html`, bevdrive no

    SIX=a,b
    RAY_ADDRESS=x:1 bevdrive simulate --families $SIX \\
        --count 3   # bevdrive no
    bevdrive collect ... --cluster ray

```
bevdrive view 'a b' --color height|class | head
python -m a.b x=1 > log
bevdrive: no
```
"""
    assert [str(command) for command in commands(page)] == [
        "bevdrive report --out a.html",
        "RAY_ADDRESS=x:1 bevdrive simulate --families a,b --count 3",
        "bevdrive collect --out data/rest --cluster ray",
        "bevdrive view 'a b' --color height",
        "bevdrive view 'a b' --color class",
        "python -m a.b x=1",
    ]


def test_a_renamed_option_is_noticed() -> None:
    with pytest.raises(ValueError, match="--familys: unknown option; did you mean --families"):
        _read(["simulate", "--familys", "curve"])
