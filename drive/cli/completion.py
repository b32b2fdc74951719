"""`bevdrive completion`: what a shell needs to complete verbs, tasks and options."""

from dataclasses import dataclass, make_dataclass
from functools import reduce
from importlib import import_module
from operator import or_
from typing import Annotated, Any

import tyro

from drive.cli.main import VERBS
from drive.cli.options import Form
from sim.errors import one_of

_SHELLS = ("bash", "zsh", "fish")


@dataclass(frozen=True)
class CompletionOptions:
    """Print what lets a shell complete verbs, tasks and options.

    Examples:
      bevdrive completion bash > ~/.local/share/bash-completion/completions/bevdrive
      bevdrive completion zsh > ~/.zfunc/_bevdrive     # with fpath+=~/.zfunc before compinit
      bevdrive completion fish > ~/.config/fish/completions/bevdrive.fish
    """

    shell: str
    """bash, zsh or fish"""


def forms() -> dict[str, Form]:
    """The one that there is."""
    return {"": Form(CompletionOptions, "bevdrive completion", {}, positional=("shell",))}


def parse(arguments: list[str]) -> CompletionOptions:
    """For which shell."""
    return forms()[""].parse(arguments)


def run(arguments: list[str]) -> int:
    """Print the script; returns the exit code. Raises InputError for an unknown shell."""
    shell = parse(arguments).shell
    one_of("SHELL", shell, _SHELLS)
    try:
        tyro.cli(
            _one_of({verb: _of_verb(verb) for verb in VERBS}),
            prog="bevdrive",
            args=["--tyro-print-completion", shell],
            config=(tyro.conf.OmitArgPrefixes, tyro.conf.OmitSubcommandPrefixes),
        )
    except SystemExit:  # so it ends when it has printed
        return 0
    raise AssertionError("tyro printed no completion")


def _of_verb(verb: str) -> Any:
    """Its options; where it has several tasks, a choice of those."""
    made = import_module(f"drive.cli.{verb}").forms()
    if list(made) == [""]:
        return made[""].boxes()
    tasks = {task: form.boxes() for task, form in made.items() if " " not in task}
    return make_dataclass(f"{verb}Task", [("task", _one_of(tasks))], frozen=True)


def _one_of(named: dict[str, Any]) -> Any:
    """A subcommand for each name."""
    return reduce(or_, [Annotated[cls, tyro.conf.subcommand(n)] for n, cls in named.items()])
