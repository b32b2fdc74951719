"""The options of a verb: fields of a dataclass, read by tyro; what is wrong is a line that names the option.

A list is one word with commas. Nothing heavy is imported, so that `--help` answers at once.
"""

import ast
import difflib
import inspect
import math
import shutil
import textwrap
from collections.abc import Collection, Mapping
from dataclasses import MISSING, dataclass, field, fields, make_dataclass
from functools import cache
from itertools import groupby, pairwise
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar, get_args, get_origin, get_type_hints

import tyro
from tyro.constructors import PrimitiveConstructorSpec

from sim.errors import InputError

Config = TypeVar("Config")
Groups = Mapping[str, Collection[str]]  # title of a box of the help: names of fields

_OTHERS = "other"
_WIDEST = 100
_METAVARS = {int: "N", float: "X", str: "NAME", Path: "PATH"}
_KINDS = {int: "a whole number", float: "a number", str: "a word", Path: "a path"}


class _WrongWord(Exception):
    """What is wrong with a word; no ValueError, for tyro would tell of those in its own way."""


@dataclass(frozen=True)
class _Option:
    """One field. `kind`: its type, of a list that of a part; `default` MISSING: it has to be given."""

    name: str
    hint: Any
    kind: type
    default: Any
    help: str
    is_list: bool
    is_positional: bool

    @property
    def flag(self) -> str:
        """As it is written."""
        plain = self.name.replace("_", "-")
        return plain.upper() if self.is_positional else f"--{plain}"

    def flags(self) -> list[str]:
        """Every way to give it by name."""
        if self.is_positional:
            return []
        return [self.flag, f"--no-{self.flag[2:]}"] if self.kind is bool else [self.flag]

    def read(self, words: list[str]) -> Any:
        """The value of the words that follow it."""
        if not self.is_list:
            return self._read_one(words[0])
        parts = words if self.is_positional else [part for part in words[0].split(",") if part]
        if not parts and not self.is_positional:
            raise _WrongWord(f"{self.flag}: expected one or more, with commas, got {words[0]!r}")
        return tuple(self._read_one(part) for part in parts)

    def _read_one(self, word: str) -> Any:
        try:
            value = self.kind(word)
        except ValueError:
            value = None
        if not word or value is None or (self.kind is float and not math.isfinite(value)):
            raise _WrongWord(f"{self.flag}: expected {_KINDS[self.kind]}, got {word!r}")
        return value


@dataclass(frozen=True)
class Form(Generic[Config]):
    """The command line of a verb, or of one of its tasks: what its words are read into.

    `groups`: the boxes of the help. `positional`: fields that are given without their names; `hidden`:
    those that cannot be given. `helps`: where it is not the line below the field. `about`: the first
    lines of the help, else the docstring of the class.
    """

    cls: type[Config]
    prog: str
    groups: Groups
    positional: Collection[str] = ()
    hidden: Collection[str] = ()
    helps: Mapping[str, str] = field(default_factory=dict)
    about: str | None = None

    def parse(self, words: list[str], default: Config | None = None) -> Config:
        """The words as an instance of the class; what they do not say is as in `default`, or in the class.

        Prints the help and exits where it is asked for. Raises InputError for anything wrong.
        """
        options = shown = self._options(default)
        if {"-h", "--help"} & set(words):
            print(f"{wrapped(self.description())}\n")
        else:
            shown = _given(words, options, self.prog)  # each that tyro looks at takes a millisecond
        try:
            filled, stray = tyro.cli(
                self._boxes(shown),
                args=words,
                prog=self.prog,
                description="",  # tyro would not wrap it
                config=(tyro.conf.OmitArgPrefixes,),
                return_unknown_args=True,
            )
        except _WrongWord as wrong:
            raise InputError(str(wrong)) from None
        if stray:
            raise InputError(_told_of_stray(stray[0], words, options))
        values = {option.name: option.default for option in options}
        values |= {k: v for box in vars(filled).values() for k, v in vars(box).items()}
        for option in options:
            if option.default is MISSING and values[option.name] in (MISSING, None, ()):
                raise InputError(f"{option.flag}: is missing ({option.help})")
        return self.cls(**values)

    def description(self) -> str:
        """What the help begins with."""
        return inspect.cleandoc(self.about or self.cls.__doc__ or "")

    def boxes(self) -> type:
        """What tyro makes the options from: a dataclass with a dataclass for each box."""
        return self._boxes(self._options(None))

    def _options(self, default: Any) -> list[_Option]:
        hints, told, made = get_type_hints(self.cls), _docs(self.cls) | dict(self.helps), []
        for one in fields(self.cls):  # type: ignore[arg-type]
            if one.name in self.hidden:
                continue
            hint = hints[one.name]
            value = one.default if default is None else getattr(default, one.name)
            kinds = [kind for kind in get_args(hint) or (hint,) if kind not in (type(None), ...)]
            is_list, positional = get_origin(hint) is tuple, one.name in self.positional
            option = _Option(one.name, hint, kinds[0], value, told[one.name], is_list, positional)
            made.append(option)
        return made

    def _boxes(self, options: list[_Option]) -> type:
        title_of = {name: title for title, names in self.groups.items() for name in names}
        held: dict[str, list] = {title: [] for title in (*self.groups, _OTHERS)}
        for option in options:
            held[title_of.get(option.name, _OTHERS)].append(_field(option))
        boxes = {
            title: make_dataclass(title, made, frozen=True, namespace={"__doc__": ""})
            for title, made in held.items()
            if made
        }
        return make_dataclass(
            "Options",
            [
                (title, Annotated[box, tyro.conf.arg(help="")], field(default=box()))
                for title, box in boxes.items()
            ],
            frozen=True,
        )


def wrapped(text: str) -> str:
    """Paragraphs as wide as the terminal, 100 columns at most; what is indented stays as it is."""
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    parts: list[str] = []
    for flows, group in groupby(text.splitlines(), key=lambda line: line[:1] not in ("", " ")):
        lines = list(group)
        parts += textwrap.wrap(" ".join(lines), width) if flows else lines
    return "\n".join(parts)


@cache
def _docs(cls: type) -> dict[str, str]:
    """What the text below each field says, without its line breaks; where there is none, that of a base."""
    told = {one.name: "" for one in fields(cls)}
    for base in reversed(cls.__mro__[:-1]):
        if not vars(base).get("__annotations__"):
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]
        assert isinstance(body, ast.ClassDef)
        for line, following in pairwise(body.body):
            if not (isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)):
                continue
            if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
                told[line.target.id] = " ".join(str(following.value.value).split())
    return told


def _field(option: _Option) -> tuple[str, Any, Any]:
    """A field of a box. What is missing is None there: tyro would say so in its own way."""
    value = None if option.default is MISSING else option.default
    marks: list[Any] = [tyro.conf.arg(help=option.help, help_behavior_hint=_hint(option, value))]
    if option.is_positional:
        marks.append(tyro.conf.Positional)
    if option.kind is not bool:
        marks.append(
            PrimitiveConstructorSpec(
                nargs="*" if option.is_positional and option.is_list else 1,
                metavar=_metavar(option),
                instance_from_str=option.read,
                is_instance=lambda _: True,
                str_from_instance=lambda value: [str(value)],
            )
        )
    hint = option.hint | None if option.default is MISSING else option.hint
    return option.name, Annotated[(hint, *marks)], field(default=value)


def _metavar(option: _Option) -> str:
    if option.is_positional:
        return f"{option.flag} ..." if option.is_list else option.flag
    return f"{_METAVARS[option.kind]},..." if option.is_list else _METAVARS[option.kind]


def _hint(option: _Option, value: Any) -> str:
    """What holds where it is not given."""
    if option.default is MISSING:
        return "(required)"
    if value is None or value == ():
        return ""
    if option.kind is bool:
        value = "yes" if value else "no"
    return f"(default: {','.join(map(str, value)) if option.is_list else value})"


def _given(words: list[str], options: list[_Option], prog: str) -> list[_Option]:
    """Those that the words name, and those that have no name.

    Raises InputError for an unknown option, one without its value, or a list given twice.
    """
    by_flag = {flag: option for option in options for flag in option.flags()}
    given: set[str] = set()
    for word, following in pairwise([*words, "--"]):
        if not word.startswith("--"):
            continue
        flag, equals, _ = word.partition("=")
        flag = flag.replace("_", "-")
        option = by_flag.get(flag)
        if option is None:
            near = difflib.get_close_matches(flag, by_flag, 1, 0.6)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise InputError(f"{flag}: unknown option{hint} ({prog} --help lists them)")
        if option.kind is not bool and not equals and following.startswith("--"):
            raise InputError(f"{flag}: expected {_KINDS[option.kind]} after it")
        if option.is_list and option.name in given:
            raise InputError(f"{flag}: is given twice; a list is one word with commas")
        given.add(option.name)
    return [option for option in options if option.is_positional or option.name in given]


def _told_of_stray(stray: str, words: list[str], options: list[_Option]) -> str:
    """A word that belongs to nothing, and how the option before it is written."""
    before = [word for word in words[: words.index(stray)] if word.startswith("--")]
    option = next((o for o in options if before and before[-1] in o.flags()), None)
    if option is not None and option.is_list:
        return f"{stray}: unexpected; a list is written with commas: {option.flag} A,{stray}"
    hint = f"; {before[-1]} takes no value" if option is not None and option.kind is bool else ""
    return f"{stray}: unexpected{hint}"
