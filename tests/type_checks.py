"""Types and shapes are checked at every call that differs in them from the calls before.

Annotations speak of types, and of shapes and dtypes of arrays; nothing else of a value matters to their
check, which takes longer than most calls. So a call whose arguments and result are like those of an
earlier call to the same function goes unchecked: a drive of 300 steps is checked in its first few. And where
more than a hundred calls in a row were like earlier ones, only some of those that follow are looked at.
"""

import functools
import inspect
import itertools
import sys
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from types import CodeType
from typing import Any

import numpy as np
import torch
from jaxtyping import _decorator, install_import_hook, jaxtyped

PACKAGES = ["sim", "eval", "drive", "bevdrive"]
_OFTEN = 128  # calls in a row that were like earlier ones; from then on
SPARE = 16  # ... one of so many is looked at: the look takes longer than most functions do
_DEPTH = 4  # no annotation looks deeper; data that is nested without end must not be followed
# By function (what is defined inside another is a new function at each call of that one): the kinds of
# results that were seen for each kind of arguments.
_seen: dict[CodeType, dict[Any, set]] = {}
_result: ContextVar[Any] = ContextVar("_result")


def install() -> None:
    """From now on whatever is imported of `PACKAGES` is checked."""
    assert not sys.modules.keys() & set(PACKAGES), "what was imported before goes unchecked"
    _decorator.jaxtyped = jaxtyped_once  # `jaxtyped` itself hands each function on to this name
    install_import_hook(PACKAGES, "beartype.beartype")


def jaxtyped_once(decorated: Any, *, typechecker: Any) -> Any:
    """As `jaxtyped`, for a function that checks each kind of call once."""
    if not inspect.isfunction(decorated):
        return jaxtyped(decorated, typechecker=typechecker)
    seen = _seen.setdefault(decorated.__code__, {})

    @functools.cache
    def checked() -> Any:
        return jaxtyped(decorated, typechecker=typechecker)

    @functools.cache
    def checked_result() -> Any:
        """Takes the same arguments and gives what it is told, for the function shall not run twice."""
        told = functools.wraps(decorated)(lambda *_, **__: _result.get())
        return jaxtyped(told, typechecker=typechecker)

    alike = 0

    @functools.wraps(decorated)
    def called(*args: Any, **kwargs: Any) -> Any:
        nonlocal alike
        __tracebackhide__ = True
        alike += 1
        if alike > _OFTEN and alike % SPARE:
            return decorated(*args, **kwargs)
        given = _kinds(args)
        if kwargs:
            given += tuple(kwargs), _kinds(kwargs.values())
        known = seen.get(given)
        if known is None:
            alike = 0
            result = checked()(*args, **kwargs)
            seen[given] = {_kinds((result,))}
            return result
        result = decorated(*args, **kwargs)
        if (kind := _kinds((result,))) not in known:
            alike = 0
            token = _result.set(result)
            try:
                checked_result()(*args, **kwargs)
            finally:
                _result.reset(token)
            known.add(kind)
        return result

    return called


def _kinds(values: Iterable[Any], depth: int = _DEPTH) -> tuple:
    """All that annotations can ask of values, one after the other.

    This runs at every call of everything: it has to be quick.
    """
    kinds: list[Any] = []
    for value in values:
        kind = type(value)
        kinds.append(kind)
        if (more := _more(kind)) is not None:
            kinds.append(more(value, depth))
    return tuple(kinds)


@functools.cache
def _more(kind: type) -> Callable[[Any, int], Any] | None:
    """What annotations may ask beside the type itself (`isinstance` of a tensor type is slow)."""
    if issubclass(kind, (torch.Tensor, np.ndarray)):
        return _shape_and_dtype
    return {str: _word, tuple: _parts, list: _some, dict: _some}.get(kind)


def _shape_and_dtype(value: Any, _: int) -> tuple:
    return value.shape, value.dtype


def _word(value: str, _: int) -> str:
    """A Literal asks for the very word."""
    return value


def _parts(value: tuple, depth: int) -> tuple:
    return _kinds(value, depth - 1) if depth else ()


def _some(value: list | dict, depth: int) -> tuple:
    """Beartype looks at one of them, too."""
    if not depth:
        return ()
    some = itertools.islice(value if isinstance(value, list) else value.items(), 4)
    return _kinds(some, depth - 1)
