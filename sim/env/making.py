"""What `gymnasium.make` and `make_vec` call: the environments, and wrappers around them."""

from collections.abc import Callable, Sequence
from typing import Any

import gymnasium
from gymnasium.vector import VectorEnv

from sim.env.single import DriveEnv
from sim.env.vector import DriveVectorEnv
from sim.errors import InputError


def drive_env(wrappers: Sequence[Callable] = (), **settings: Any) -> gymnasium.Env:
    """A `DriveEnv` in wrappers, the first the innermost: classes or functions of an environment."""
    return _wrapped(DriveEnv(**settings), "wrappers", wrappers, gymnasium.Env)


# Of its entry point gymnasium asks how an environment can be rendered.
drive_env.metadata = DriveEnv.metadata  # pyright: ignore[reportFunctionMemberAccess]


def drive_vector_env(vector_wrappers: Sequence[Callable] = (), **settings: Any) -> VectorEnv:
    """A `DriveVectorEnv` in wrappers of vector environments, the first the innermost.

    Not `wrappers`: `make_vec` keeps that word for wrappers of single environments, and refuses it here.
    """
    return _wrapped(DriveVectorEnv(**settings), "vector_wrappers", vector_wrappers, VectorEnv)


def _wrapped(env: Any, option: str, wrappers: Sequence[Callable], kind: type) -> Any:
    if not isinstance(wrappers, (list, tuple)):
        raise InputError(f"{option}: expected a list of wrappers, got {wrappers!r:.60}")
    for wrapper in wrappers:
        name = getattr(wrapper, "__name__", repr(wrapper))
        fits = issubclass(wrapper, kind) if isinstance(wrapper, type) else callable(wrapper)
        wrapped = wrapper(env) if fits else None
        if not isinstance(wrapped, kind):
            raise InputError(f"{option}: {name:.60} makes no {kind.__module__}.{kind.__name__}")
        env = wrapped
    return env
