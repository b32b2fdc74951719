"""Weights say what they are of; others are refused by name."""

from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from drive.networks.weights import WeightsCard, find_weights, load_network, save_weights
from drive.prediction.joint import JointConfig, JointPredictor
from sim.errors import InputError

_TINY = JointConfig(width=8, heads=2, pair_width=4, encoder_layers=0, futures=2)


def _saved(path: Path, **other) -> JointPredictor:
    network = JointPredictor(_TINY)
    told = {
        "task": "joint", "version": JointPredictor.version, "config": asdict(_TINY), "training": {},
        "data_hash": "ab", "figures": {},
    }  # fmt: skip
    save_weights(path, network, WeightsCard(**(told | other)))
    return network


def test_comes_back_as_it_was(tmp_path: Path) -> None:
    network = _saved(tmp_path / "weights.safetensors")
    for name in (tmp_path, tmp_path / "weights.safetensors"):  # a run folder, a file
        loaded, card = load_network(JointPredictor, str(name))
        assert loaded.config == _TINY
        assert card.data_hash == "ab"
        torch.testing.assert_close(dict(loaded.state_dict()), dict(network.state_dict()))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"task": "occupancy"}, "weights of task 'occupancy', not of joint"),
        ({"version": 7}, "version 7 of task joint, not 3"),
        ({"config": asdict(JointConfig(width=16))}, "do not fit the network"),
        ({"config": {"breadth": 8}}, "do not fit the network"),
    ],
)
def test_other_weights_are_refused_by_name(other: dict, message: str, tmp_path: Path) -> None:
    _saved(tmp_path / "w.safetensors", **other)
    with pytest.raises(InputError, match=message) as caught:
        load_network(JointPredictor, str(tmp_path / "w.safetensors"))
    assert "\n" not in str(caught.value)


def test_what_is_no_weights_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(b"\x80\x04 a pickle")
    with pytest.raises(InputError, match="no weights of bevdrive"):
        load_network(JointPredictor, str(tmp_path / "w.safetensors"))
    with pytest.raises(InputError, match=r"neither `default`, nor a run folder"):
        find_weights(str(tmp_path / "nowhere"), "joint")
    with pytest.raises(InputError, match=r"no weights.safetensors in it"):
        find_weights(str(tmp_path), "joint")


def test_without_default_weights_it_says_how_to_train() -> None:
    with pytest.raises(InputError, match="bevdrive train flying --data"):
        find_weights("default", "flying")


def test_the_shipped_weights_are_small_and_fit_the_network() -> None:
    network, card = load_network(JointPredictor, "default")
    assert card.task == "joint" and network.config.futures == 6
    assert find_weights("default", "joint").stat().st_size <= 5_000_000
    assert not any(store.startswith("/") for store in card.training["data"])
