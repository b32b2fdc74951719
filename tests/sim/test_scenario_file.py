"""Saved scenarios come back to the bit; damaged or wrong ones are refused with the field's name."""

import dataclasses
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.cues import no_cues
from sim.scenario import GroundHeight, Scenario
from sim.scenario_check import require_valid
from sim.scenario_file import load_scenario, save_scenario, scenario_bytes
from sim.sources.procedural import draft
from sim.styles import draw_styles, uniform_styles, with_style
from tests.conftest import needs_shared_data
from tests.real_scenes import FILES, real_scene
from tests.toy import Car, make_scenario, straight


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.tobytes() == b.tobytes() and a.shape == b.shape
    if dataclasses.is_dataclass(a):
        return type(a) is type(b) and all(
            _same(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a)
        )
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(_same, a, b))
    return type(a) is type(b) and a == b


def test_a_generated_scenario_comes_back_to_the_bit(tmp_path: Path) -> None:
    scenario = draft("signalized_junction", seed=5)
    save_scenario(scenario, tmp_path / "a.scenario")
    back = load_scenario(tmp_path / "a.scenario")
    assert _same(scenario, back)
    shared = len({id(r) for r in scenario.routes if r is not None})
    assert len({id(r) for r in back.routes if r is not None}) == shared
    assert [p.name for p in tmp_path.iterdir()] == ["a.scenario"]


def test_ground_is_saved(tmp_path: Path) -> None:
    scenario = _ground()
    save_scenario(scenario, tmp_path / "a.scenario")
    assert _same(scenario, load_scenario(tmp_path / "a.scenario"))


def test_goal_and_parts_are_saved(tmp_path: Path) -> None:
    cues = replace(no_cues(2), action=np.array((0, 1)), latest_s=np.array((0, 1e6), np.float32))
    scenario = replace(_with_goal(), cues=cues)
    require_valid(scenario)
    save_scenario(scenario, tmp_path / "a.scenario")
    assert _same(scenario, load_scenario(tmp_path / "a.scenario"))


def test_styles_are_saved(tmp_path: Path) -> None:
    toy = _toy()
    styles = draw_styles(np.random.default_rng(3), toy.tracks.kind, "strong")
    save_scenario(replace(toy, styles=styles), tmp_path / "a.scenario")
    back = load_scenario(tmp_path / "a.scenario")
    assert back.styles is not None
    assert _same(styles, back.styles)


@needs_shared_data
def test_a_recorded_scenario_keeps_its_place_in_the_dataset(tmp_path: Path) -> None:
    scenario = real_scene(FILES[0])
    save_scenario(scenario, tmp_path / "a.scenario")
    back = load_scenario(tmp_path / "a.scenario")
    assert _same(scenario, back)
    # A point on the map moved to the dataset's frame in float64 loses no more than float32 did.
    assert back.world_offset_m.dtype == np.float64


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.scenario"
    save_scenario(_toy(), path)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ValueError, match=r"a\.scenario: not a whole scenario file"):
        load_scenario(path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"a\.scenario: not a whole"):
        load_scenario(path)


def test_other_safetensors_are_refused(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"weight": np.zeros(3)}, tmp_path / "a.scenario")
    with pytest.raises(ValueError, match=r"a\.scenario: format None"):
        load_scenario(tmp_path / "a.scenario")


def _toy() -> Scenario:
    return make_scenario([straight(0, 0, 50, 0)], [Car(0, 5, 0), Car(-1, 30, 0)], 1.0)


def _poisoned(name: str, index: tuple, value: float) -> Scenario:
    scenario = _toy()
    array = getattr(scenario.tracks, name).copy()
    array[index] = value
    return replace(scenario, tracks=replace(scenario.tracks, **{name: array}))


def _lane(**changes: Any) -> Scenario:
    scenario = _toy()
    lane = replace(scenario.map.lanes[0], **changes)
    return replace(scenario, map=replace(scenario.map, lanes=[lane]))


def _styled(**changes: Any) -> Scenario:
    return replace(_toy(), styles=with_style(uniform_styles(2), 1, **changes))


def _with_goal(**changes: Any) -> Scenario:
    goal = np.array(((9.0, 2.0), (9.0, -2.0)), dtype=np.float32)
    return replace(_toy(), **({"goal_line_m": goal, "time_limit_s": 0.5} | changes))


def _ground(**changes: Any) -> Scenario:
    scenario = _toy()
    ground = replace(GroundHeight(np.zeros(2), 0.5, np.zeros((3, 4), np.float32)), **changes)
    return replace(scenario, map=replace(scenario.map, ground=ground))


@pytest.mark.parametrize(
    ("scenario", "message"),
    [
        (
            _poisoned("position_m", (1, 3, 0), np.nan),
            r"position_m: .*agent agent1, step 3 \(0\.3 s\)",
        ),
        (_poisoned("yaw_rad", (0, 7), np.inf), r"yaw_rad: .*agent0, step 7"),
        (_poisoned("size_m", (1, 1), 0.0), r"size_m: agent agent1: .*not positive"),
        (_poisoned("valid", (0, 0), False), r"valid: the ego, agent agent0, .*t = 0"),
        (_lane(successors=(4,)), r"lanes\[0\] \(lane0\)\.successors: 4 is out of range"),
        (_lane(centerline_m=np.zeros((2, 2))), r"centerline_m: has no length"),
        (_lane(centerline_m=np.zeros((1, 2))), r"centerline_m: 1 points"),
        (_lane(polygon_m=np.zeros((2, 2))), r"polygon_m: 2 points"),
        (_lane(speed_limit_mps=0.0), r"speed_limit_mps"),
        (replace(_toy(), routes=[None, None]), r"routes\[0\]: the ego needs"),
        (_ground(resolution_m=0.0), r"map\.ground\.resolution_m: 0\.0 is not positive"),
        (_ground(origin_m=np.array((0.0, np.inf))), r"map\.ground\.origin_m: not a number"),
        (_ground(height_m=np.zeros((1, 4))), r"map\.ground\.height_m: shape \(1, 4\)"),
        (_ground(height_m=np.full((3, 4), np.nan)), r"map\.ground\.height_m: not a number"),
        (
            _styled(headway_s=-1.0),
            r"styles\.headway_s: agent agent1: -1\.0 is not between 0\.1 and 10",
        ),
        (_styled(politeness=np.nan), r"styles\.politeness: agent agent1: nan is not between"),
        (_styled(yields=4), r"styles\.yields: agent agent1: 4 is not between 0 and 3"),
        (
            replace(_toy(), styles=uniform_styles(3)),
            r"styles\.runs_red: shape \(3,\), expected \(2,\)",
        ),
        (replace(_toy(), time_limit_s=1.0), r"goal_line_m, time_limit_s: one without the other"),
        (_with_goal(time_limit_s=99.0), r"time_limit_s: 99 is not above 0 and at most"),
        (_with_goal(goal_line_m=np.zeros((2, 2))), r"goal_line_m: "),
        (replace(_toy(), cues=no_cues(3)), r"cues\.action: shape \(3,\), expected \(2,\)"),
        (
            replace(_toy(), cues=replace(no_cues(2), action=np.array((0, 7)))),
            r"cues\.action: 7 is none of",
        ),
        (replace(_toy(), keyframe=np.ones(3, dtype=bool)), r"keyframe: shape \(3,\)"),
    ],
)
def test_what_is_wrong_is_named(scenario: Scenario, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        require_valid(scenario)


def test_a_position_that_is_not_valid_may_be_anything() -> None:
    scenario = _poisoned("position_m", (1, 3, 0), np.nan)
    valid = scenario.tracks.valid.copy()
    valid[1, 3] = False
    require_valid(replace(scenario, tracks=replace(scenario.tracks, valid=valid)))


def test_the_same_scenario_is_the_same_bytes() -> None:
    scenario = make_scenario([straight(0, 0, 50, 0)], [Car(0, 5.0, 0.0)], 0.5)
    assert len({scenario_bytes(scenario) for _ in range(12)}) == 1
