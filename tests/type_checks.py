"""Types and shapes are checked at every call that differs in them from the calls before.

Annotations speak of types, and of shapes and dtypes of arrays; nothing else of a value matters to their
check, which takes longer than most calls. So a call whose arguments and result are like those of an
earlier call to the same function goes unchecked: a drive of 300 steps is checked in its first few.
"""

import functools
import inspect
import itertools
import sys
from contextvars import ContextVar
from types import CodeType
from typing import Any

import numpy as np
import torch
from jaxtyping import _decorator, install_import_hook, jaxtyped

PACKAGES = ["sim", "eval", "drive"]
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

    @functools.wraps(decorated)
    def called(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        given = _kinds((args, kwargs) if kwargs else args)
        known = seen.get(given)
        if known is None:
            result = checked()(*args, **kwargs)
            seen[given] = {_kind(result)}
            return result
        result = decorated(*args, **kwargs)
        if (kind := _kind(result)) not in known:
            token = _result.set(result)
            try:
                checked_result()(*args, **kwargs)
            finally:
                _result.reset(token)
            known.add(kind)
        return result

    return called


def _kinds(values: Any, depth: int = _DEPTH) -> tuple:
    return tuple([_kind(value, depth) for value in values])


def _kind(value: Any, depth: int = _DEPTH) -> Any:
    """All that an annotation can ask of a value."""
    kind = type(value)
    if isinstance(value, (torch.Tensor, np.ndarray)):
        return kind, value.shape, value.dtype
    if kind is tuple and depth:
        return kind, _kinds(value, depth - 1)
    if (kind is list or kind is dict) and depth:
        some = itertools.islice(value if kind is list else value.items(), 4)
        return kind, _kinds(some, depth - 1)  # beartype looks at one of them, too
    return value if kind is str else kind  # a Literal asks for the very word
