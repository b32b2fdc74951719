"""The store gives back what was put in, whole or not at all, and says what is wrong with it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from drive.features.flat import tensors_of
from drive.features.store import (
    Store,
    begin_collection,
    finish_collection,
    has_shard,
    write_shard,
)
from sim import trees
from sim.errors import InputError
from tests.drive.scenes import SPEC, toy_examples


def _stored(folder: Path) -> Store:
    """Two shards of the same five examples of two scenarios, and an empty one between them."""
    begin_collection(folder, {"seed": 3})
    write_shard(folder, 0, toy_examples(), ["a", "b"], [])
    write_shard(folder, 1, None, [], [{"scenario": "x", "reason": "broken"}])
    write_shard(folder, 2, toy_examples(), ["c", "d"], [])
    return finish_collection(folder, 3)


def test_reads_back_every_number_in_the_order_asked_for(tmp_path: Path) -> None:
    store, given = _stored(tmp_path / "s"), toy_examples()
    assert len(store) == 10
    assert store.scenario_ids() == ["a", "b", "c", "d"]
    read = store.read(np.array([7, 0, 4]))
    expected = trees.take(
        given, torch.tensor([2, 0, 4])
    )  # number 7 is the third of the other shard
    for name, tensor in tensors_of(expected).items():
        if name != "scenario":
            torch.testing.assert_close(tensors_of(read)[name], tensor, rtol=0, atol=0)
    assert read.scenario.tolist() == [given.scenario[2].item() + 2, 0, given.scenario[4].item()]
    assert read.future.dt_s == 0.5
    assert read.observation.dt_s == pytest.approx(0.1)
    assert store.scenario_numbers()[[7, 0]].tolist() == [read.scenario[0].item(), 0]
    assert store.agent_counts().tolist() == [3] * 10
    assert store.shard_numbers().tolist() == [0] * 5 + [2] * 5


def test_several_are_read_as_one(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    _stored(one)
    begin_collection(two, {})
    write_shard(two, 0, toy_examples(), ["e", "f"], [])
    other = finish_collection(two, 1)
    store = Store.open(one, two)
    assert len(store) == 15
    assert store.scenario_ids() == ["a", "b", "c", "d", "e", "f"]
    assert store.scenario_numbers()[10:].tolist() == (other.scenario_numbers() + 4).tolist()
    read, own = store.read(np.array([12])), other.read(np.array([2]))
    torch.testing.assert_close(tensors_of(read.future), tensors_of(own.future))
    assert len({store.hash, Store.open(two, one).hash, other.hash}) == 3


def test_collections_of_different_forms_are_not_read_as_one(tmp_path: Path) -> None:
    _stored(tmp_path / "one")
    begin_collection(tmp_path / "two", {})
    longer = toy_examples(replace(SPEC, history_s=0.5))
    write_shard(tmp_path / "two", 0, longer, ["e", "f"], [])
    finish_collection(tmp_path / "two", 1)
    with pytest.raises(
        InputError, match=r"two: its examples are not of the form of those in .*one"
    ):
        Store.open(tmp_path / "one", tmp_path / "two")


def test_what_the_index_tells_is_what_the_records_hold(tmp_path: Path) -> None:
    store = _stored(tmp_path)
    (tmp_path / "index.bin").unlink()  # as of a store that was collected before there was one
    without = Store.open(tmp_path)
    assert (without.index == store.index).all()
    (tmp_path / "index.bin").write_bytes(bytes(8 * 3))  # of other shards
    assert (Store.open(tmp_path).index == store.index).all()


def test_the_hash_is_of_the_content(tmp_path: Path) -> None:
    one, same = _stored(tmp_path / "a"), _stored(tmp_path / "b")
    assert one.hash == same.hash
    other = tmp_path / "c"
    begin_collection(other, {"seed": 3})
    write_shard(other, 0, toy_examples(), ["a", "B"], [])
    assert finish_collection(other, 1).hash != one.hash


def test_another_collection_does_not_go_into_the_folder(tmp_path: Path) -> None:
    begin_collection(tmp_path / "s", {"seed": 3})
    begin_collection(tmp_path / "s", {"seed": 3})  # the same goes on
    with pytest.raises(InputError, match="seed is 3 there, not 4"):
        begin_collection(tmp_path / "s", {"seed": 4})
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("")
    with pytest.raises(InputError, match="holds other things"):
        begin_collection(tmp_path / "other", {"seed": 3})


def test_a_shard_counts_when_it_is_whole(tmp_path: Path) -> None:
    begin_collection(tmp_path, {})
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards" / "00000.bin").write_bytes(b"half")  # of a process that was killed
    assert not has_shard(tmp_path, 0)
    write_shard(tmp_path, 0, toy_examples(), ["a", "b"], [])
    assert has_shard(tmp_path, 0)


def _damage(folder: Path, what: str) -> None:
    whole, shard = folder / "store.json", folder / "shards" / "00000.bin"
    told = json.loads(whole.read_text())
    if what == "cut off":
        shard.write_bytes(shard.read_bytes()[:-100])
    elif what == "missing":
        shard.unlink()
    elif what == "version":
        whole.write_text(json.dumps(told | {"version": 99}))
    elif what == "fields":
        del told["fields"]["future.pose"]
        whole.write_text(json.dumps(told))
    elif what == "dtype":
        told["fields"]["future.pose"][0] = "O"
        whole.write_text(json.dumps(told))
    elif what == "unfinished":
        whole.unlink()
    elif what == "text":
        whole.write_text("{")


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("cut off", "00000.bin: cut off"),
        ("missing", "00000.bin: missing"),
        ("version", "version 99, not 1"),
        ("fields", "cut off|not the form"),
        ("dtype", "dtype"),
        ("unfinished", "not collected to its end"),
        ("text", "not JSON"),
    ],
)
def test_what_is_damaged_is_one_clear_line(what: str, message: str, tmp_path: Path) -> None:
    _stored(tmp_path)
    _damage(tmp_path, what)
    with pytest.raises(InputError, match=message) as caught:
        Store.open(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_store_says_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no store of examples"):
        Store.open(tmp_path)
    begin_collection(tmp_path / "s", {})
    write_shard(tmp_path / "s", 0, None, [], [{"scenario": "x", "reason": "broken"}])
    with pytest.raises(InputError, match="no scenario could be used: broken"):
        finish_collection(tmp_path / "s", 1)
