"""What a user of the environments does wrong is one clear InputError.

Values of a wrong type are refused too; here, where shapes and types are checked, beartype is first.
"""

from typing import Any

import gymnasium
import numpy as np
import pytest

import sim.env  # noqa: F401
from sim.errors import InputError

_SMALL = {"families": ("straight",), "count": 1, "duration_s": 2.0}


@pytest.fixture(scope="module")
def envs():
    return gymnasium.make_vec("bevdrive/Drive-v0", num_envs=2, **_SMALL)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"num_envs": 0}, "num_envs: must be a whole number, at least 1, not 0"),
        ({"split": "trian"}, "--split: unknown 'trian'; did you mean train"),
        ({"colour": 1}, "setting: unknown 'colour'"),
        ({"device": "tpu"}, "device"),
    ],
)
def test_settings(settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        gymnasium.make_vec("bevdrive/Drive-v0", **{"num_envs": 1} | _SMALL | settings)


@pytest.mark.parametrize(
    ("actions", "reason"),
    [
        (np.array(((0.0, 0.0), (np.nan, 0.0))), "action: not finite in world 1"),
        (np.full((2, 2), np.inf), "action: not finite in world 0"),
        (np.zeros((1, 2)), r"action: shape \(1, 2\), expected \(2, 2\)"),
    ],
)
def test_actions(envs, actions: Any, reason: str) -> None:
    envs.reset(seed=0)
    with pytest.raises(InputError, match=reason):
        envs.step(actions)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"seed": [1]}, "seed: 1 seeds for 2 environments"),
        ({"options": {"scenaro": "x"}}, "options: unknown 'scenaro'; did you mean scenario"),
    ],
)
def test_resets(envs, given: dict[str, Any], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        envs.reset(**given)
