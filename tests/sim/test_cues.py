"""When cues fall and what they make agents do, by hand."""

import numpy as np
import pytest
import torch

from sim.cues import NOT_YET, CueTable, no_cues
from sim.scenario import CueAction, Cues

DT_S = 0.1
# Agents: nobody's part; starts when the ego is within 5 m of (10, 0), at 3 s at the latest, and did so at
# 2 s in the recording; brakes with 4 m/s2 for 0.5 s from when the ego is within 2 m of (20, 0).
CUES = Cues(
    action=np.array([0, CueAction.START, CueAction.BRAKE]),
    place_m=np.array([[0, 0], [10, 0], [20, 0]], dtype=np.float32),
    reach_m=np.array([0, 5, 2], dtype=np.float32),
    latest_s=np.array([0, 3, 1e6], dtype=np.float32),
    braking_mps2=np.array([0, 0, 4], dtype=np.float32),
    braking_s=np.array([0, 0, 0.5], dtype=np.float32),
    rehearsed_s=np.array([0, 2, 1], dtype=np.float32),
)


@pytest.fixture
def table() -> CueTable:
    fields = {name: torch.from_numpy(value).unsqueeze(0) for name, value in vars(CUES).items()}
    return CueTable(**fields)


def _fallen(table: CueTable, before: list[int], step: int, ego_x: float) -> list[int]:
    cue_step = torch.tensor([before])
    ego = torch.tensor([[ego_x, 0.0]])
    return table.fallen(cue_step, torch.tensor([step]), ego, DT_S)[0].tolist()


def test_a_cue_falls_when_the_ego_is_near_or_it_is_late(table: CueTable) -> None:
    none = [NOT_YET] * 3
    assert _fallen(table, none, 4, 4.0) == none  # 6 m away
    assert _fallen(table, none, 7, 6.0) == [NOT_YET, 7, NOT_YET]  # 4 m away
    assert _fallen(table, none, 30, 0.0) == [NOT_YET, 30, NOT_YET]  # far, but 3 s are over
    assert _fallen(table, [NOT_YET, 7, NOT_YET], 9, 19.0) == [NOT_YET, 7, 9]  # and it fell once


def test_who_waits_does_not_start_and_who_brakes_brakes(table: CueTable) -> None:
    free = torch.full((1, 3), 1.5)

    def played(cue_step: list[int], step: int) -> list[float]:
        return table.played(torch.tensor([cue_step]), torch.tensor([step]), free, DT_S)[0].tolist()

    assert played([-1, -1, -1], 3) == [1.5, 0.0, 1.5]
    assert played([-1, 3, 10], 12) == [1.5, 1.5, -4.0]
    assert played([-1, 3, 10], 15) == [1.5, 1.5, 1.5]  # its 0.5 s are over


def test_the_recording_of_who_waits_is_delayed(table: CueTable) -> None:
    def late(cue_step: int, step: int) -> int:
        steps = torch.tensor([[NOT_YET, cue_step, NOT_YET]])
        none = torch.zeros(1, 3, dtype=torch.long)
        return int(table.late_steps(steps, torch.tensor([step]), none, DT_S)[0, 1])

    assert late(NOT_YET, 15) == 0  # in the recording it stands until step 20 as well
    assert late(NOT_YET, 26) == 6  # still at instant 20
    assert late(26, 40) == 6
    assert late(8, 10) == -12  # 12 steps ahead of the recording


def test_the_recording_knows_when_cues_fell(table: CueTable) -> None:
    assert table.recorded_cue_step(torch.tensor([15]), DT_S)[0].tolist() == [NOT_YET, NOT_YET, 10]
    assert table.recorded_cue_step(torch.tensor([20]), DT_S)[0].tolist() == [NOT_YET, 20, 10]


def test_worlds_without_parts_have_no_table() -> None:
    assert (no_cues(4).action == 0).all()
    assert CueTable.of([]) is None
