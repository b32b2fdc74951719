"""What was driven, and who is not there to the end."""

import math
from dataclasses import replace

import torch

from drive.planning.candidates import POINTS
from drive.planning.experts import demonstration, recorded_futures
from sim.scenario import EGO
from tests.drive.scenes import toy_examples


def test_who_is_not_recorded_to_the_end_is_not_there() -> None:
    example = toy_examples()
    pose, valid = example.future.pose.clone(), example.future.valid.clone()
    pose[1, EGO] = math.nan
    valid[1, EGO, POINTS - 1] = False
    valid[2, EGO, POINTS:] = False  # a plan does not reach so far
    valid[:, EGO + 1 :, 2] = False
    pose[:, EGO + 1 :, 2] = math.nan
    example = replace(example, future=replace(example.future, pose=pose, valid=valid))
    driven, there = demonstration(example)
    assert there.tolist()[:3] == [True, False, True]
    assert torch.isfinite(driven).all()
    futures = recorded_futures(example.future)
    assert torch.isfinite(futures.pose).all()
    assert not futures.valid[:, :, 2].any() and futures.valid[:, :, 3].any()
    torch.testing.assert_close(futures.pose[:, :, 3], pose[:, EGO + 1 :, 3])
