"""Planners, traffic, sources and metrics by name: built in, installed, or anybody's own.

A name stands for a class. It is one of the built-in ones; or an entry point that an installed package
declares in the registry's group; or says itself where the class lies: `my_module:MyClass`, or
`path/to/file.py:MyClass`. What follows an @ are the weights to make it with: `p3@runs/latest`. Asking for
names imports nothing, and names travel to worker processes. A program can lend classes, and objects that it
made itself, for a while.
"""

import hashlib
import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from sim.errors import InputError, one_of


@dataclass(frozen=True)
class Registry:
    """Classes of one kind.

    `option`: of the command line, where a name is given. `group`: of the entry points. `methods`:
    what such a class must have, as a message shows them: "plan(observation)". `builtin`: name to
    "module:Class". `maker`: the class method that makes one, if the class has it; else it is called.
    """

    option: str
    group: str
    methods: tuple[str, ...]
    builtin: Mapping[str, str]
    maker: str = ""
    _lent: ContextVar[Mapping[str, Any]] = field(
        default_factory=lambda: ContextVar("lent"), init=False, repr=False
    )

    @contextmanager
    def lent(self, named: Mapping[str, Any]) -> Iterator[None]:
        """In this block, and in this process alone, classes and objects that are there already have names.

        An object is not made anew: whoever asks gets it.
        """
        token = self._lent.set(named)
        try:
            yield
        finally:
            self._lent.reset(token)

    def make(self, name: str, *given: Any, **named: Any) -> Any:
        """An object of the class of that name; `given` is what its maker gets, or else `named` the class.

        Raises as `load`, and where an object that was lent should be given something, or somebody's own
        class raises.
        """
        cls, weights = self.load(name), class_and_weights(name)[1]
        lent = self._lent.get({}).get(name, cls)
        if not inspect.isclass(lent):
            if named:
                raise InputError(f"{self.option} {name}: is made already: no {', '.join(named)}")
            return lent
        maker = getattr(cls, self.maker, None) if self.maker else None
        if maker is not None:
            return maker(*given)
        if weights:
            named |= {"weights": weights}
        try:
            return cls(**named)
        except InputError as error:
            if not weights:
                raise
            told = str(error).removeprefix("--weights ")  # they are part of the name here
            raise InputError(f"{self.option} {name}: {told}") from None
        except Exception as error:
            if name in self.builtin:
                raise
            raise InputError(f"{self.option} {name}: cannot be made: {_told(error)}") from error

    def load(self, name: str) -> Any:
        """The class of that name.

        Raises InputError for an unknown name, a module that does not import, and for a class that is
        missing, lacks a method, cannot be made without arguments, or takes no weights where some are named.
        """
        cls_name, weights = class_and_weights(name)
        cls = self._load(cls_name)
        by_maker = bool(self.maker) and hasattr(cls, self.maker)
        if weights and (by_maker or not takes(cls, "weights")):
            raise InputError(f"{self.option} {name}: {cls.__name__} takes no weights")
        return cls

    def _load(self, name: str) -> Any:
        where = f"{self.option} {name}"
        lent = self._lent.get({})
        if name in lent:
            return self._class_of(lent[name], where)
        if name in self.builtin:
            module, _, attribute = self.builtin[name].partition(":")
            return getattr(importlib.import_module(module), attribute)
        module, colon, attribute = name.rpartition(":")
        if not colon:
            cls = self._load_installed(name)
        elif not module or not attribute:
            raise InputError(f"{where}: expected module:Class or path/to/file.py:Class")
        else:
            cls = self._attribute(_import(module, where), attribute, where)
        self._check(cls, where)
        return cls

    def labels(self, names: Sequence[str]) -> dict[str, str]:
        """What each name is called in tables and folders: itself, or its class and the name of the folder
        of its weights, told apart by number."""
        labels = {name: name for name in names if ":" not in name and "@" not in name}
        for name in names:
            if name in labels:
                continue
            cls, weights = class_and_weights(name)
            plain = cls.rpartition(":")[2]
            if weights:
                plain = f"{plain}@{Path(weights).resolve().name}"
            taken, number = set(labels.values()), 1
            while (label := plain if number == 1 else f"{plain}-{number}") in taken:
                number += 1
            labels[name] = label
        return {name: labels[name] for name in names}

    def _load_installed(self, name: str) -> Any:
        from importlib.metadata import entry_points

        installed = {entry.name: entry for entry in entry_points(group=self.group)}
        one_of(self.option, name, (*self.builtin, *installed))
        entry = installed[name]
        try:
            return entry.load()
        except (Exception, SystemExit) as error:
            where = f"{self.option} {name} ({entry.value})"
            raise InputError(f"{where}: cannot be imported: {_told(error)}") from error

    def _attribute(self, module: ModuleType, name: str, where: str) -> Any:
        if not hasattr(module, name):
            fit = [key for key, value in vars(module).items() if self._fits(value, module)]
            if not fit:
                raise InputError(f"{where}: no such class there (nor another with {self._needed})")
            one_of(f"{where}: class", name, fit)
        return getattr(module, name)

    def _class_of(self, lent: Any, where: str) -> Any:
        """Itself, or that of an object; InputError where it is not what it should be."""
        if inspect.isclass(lent):
            self._check(lent, where)
            return lent
        self._check_methods(type(lent), where)
        return type(lent)

    def _check_methods(self, cls: Any, where: str) -> None:
        for method in self.methods:
            if not callable(getattr(cls, _plain(method), None)):
                raise InputError(f"{where}: class {cls.__name__} has no method {method}")

    def _check(self, cls: Any, where: str) -> None:
        if not inspect.isclass(cls):
            raise InputError(f"{where}: not a class but a {type(cls).__name__}")
        self._check_methods(cls, where)
        if self.maker and hasattr(cls, self.maker):
            return
        try:
            signature = inspect.signature(cls)
        except ValueError:  # written in C: it tells when it is made
            return
        try:
            signature.bind()
        except TypeError as error:
            raise InputError(f"{where}: cannot be made without arguments: {error}") from None

    def _fits(self, value: Any, module: ModuleType) -> bool:
        own = inspect.isclass(value) and value.__module__ == module.__name__
        return own and all(hasattr(value, _plain(method)) for method in self.methods)

    @property
    def _needed(self) -> str:
        return " and ".join(self.methods)


def class_and_weights(name: str) -> tuple[str, str]:
    """The class and its weights; an @ in the path of the class's file is part of that."""
    at = name.find("@", max(0, name.find(".py:")))
    return (name, "") if at < 0 else (name[:at], name[at + 1 :])


def takes(cls: Any, parameter: str) -> bool:
    """Whether a class is made with a parameter of that name."""
    try:
        return parameter in inspect.signature(cls).parameters
    except (TypeError, ValueError):  # written in C
        return False


def _plain(method: str) -> str:
    return method.partition("(")[0]


def _import(module: str, where: str) -> ModuleType:
    """A module by its name (the working folder is searched as well), or a file."""
    is_file = module.endswith(".py")
    if is_file and not Path(module).is_file():
        raise InputError(f"{where}: {module}: no such file")
    try:
        return _import_file(Path(module)) if is_file else _import_name(module)
    except (Exception, SystemExit) as error:
        raise InputError(f"{where}: cannot be imported: {_told(error)}") from error


def _import_name(name: str) -> ModuleType:
    _search(Path.cwd())
    return importlib.import_module(name)


def _import_file(path: Path) -> ModuleType:
    """A file as a module of its own; the modules beside it can be imported from it."""
    path = path.resolve()
    name = f"_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}_{path.stem}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    _search(path.parent)
    sys.modules[name] = module  # as `import` does: dataclasses look their module up
    try:
        assert spec.loader is not None
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _search(folder: Path) -> None:
    """Last of all places: nothing installed is hidden."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def _told(error: BaseException) -> str:
    """An error of somebody's module in one line, with the place in it."""
    text = f"{type(error).__name__}: {error}".strip().splitlines()[0]
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "importlib" not in f.filename and f.filename != __file__]
    return f"{text} ({own[-1].filename}, line {own[-1].lineno})" if own else text
