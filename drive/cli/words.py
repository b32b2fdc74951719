"""The words that are looked at before the options: the task, a preset, a run to go on with."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from drive.cli.options import Form
from sim.errors import InputError, one_of


def task_form(words: list[str], forms: Mapping[str, Form], what: str, prog: str) -> Form:
    """The form of the task that the first word names.

    Prints which there are, and exits, where the help is asked for instead. InputError for any other word.
    """
    if words[:1] in (["-h"], ["--help"]):
        print(f"usage: {prog} {what.upper()} [OPTIONS]\n")
        for name, form in forms.items():
            print(f"  {name:<22}{re.split('[,:.]', form.description())[0]}")
        print(f"\n`{prog} {what.upper()} --help` lists the options, with examples.")
        raise SystemExit(0)
    if not words or words[0].startswith("-"):
        raise InputError(f"{what}: is missing, it comes first (choices: {', '.join(forms)})")
    one_of(what, words[0], forms)
    return forms[words[0]]


def value_of(words: list[str], option: str) -> str | None:
    """What follows an option, as `--option VALUE` or `--option=VALUE`; None: it is not there."""
    for word, following in zip(words, [*words[1:], ""], strict=False):
        if word == option and following:
            return following
        if word.startswith(f"{option}="):
            return word.partition("=")[2]
    return None


@contextmanager
def told_of(option: str) -> Iterator[None]:
    """What is wrong within is wrong with this option."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{option}: {error}") from None
