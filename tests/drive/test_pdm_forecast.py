"""PDM that reckons with a forecast: between its instants by hand, fake forecasters, wrong input."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from drive.cli.main import main
from drive.features.example import ExampleSpec
from drive.networks.weights import FILE, WeightsCard, save_weights
from drive.planning import make_planner, takes_option
from drive.planning.forecaster import make_forecaster
from drive.planning.futures import Outlook, coasting, foretold
from drive.planning.idm_rollout import DT_S
from drive.planning.pdm.planner import full_stop
from drive.planning.pdm.proposals import HORIZON, propose
from drive.planning.pdm.rules import PUBLISHED
from drive.planning.pdm.scorer import FURTHEST_AHEAD, score
from drive.planning.route_frame import agents_along_route
from drive.prediction.joint import JointConfig, JointPredictor
from eval.runs.folder import RunFolder
from sim import trees
from sim.interface import JointForecast, Observation, Plan
from sim.scenario import AgentKind
from sim.simulator import Simulator
from tests.toy import Car, make_scenario, straight

ROAD = [straight(-60, 0, 200, 0), straight(-60, 3.5, 200, 3.5)]
NEEDS = ExampleSpec().needs()
POINTS, KNOT_S = 12, 0.5


class Told:
    """F futures: everyone at constant velocity, but agent 1 as each of `courses` says, if it says so."""

    needs = NEEDS

    def __init__(self, probability: list[float], courses: list[Tensor | None]) -> None:
        self.probability, self.courses = torch.tensor([probability]), courses

    def predict_joint(self, observation: Observation) -> JointForecast:
        assert observation.history is not None
        assert observation.lanes is not None
        times = KNOT_S * torch.arange(1, POINTS + 1)
        others = coasting(observation.agents, times).pose
        every = torch.cat((torch.full_like(others[:, :1], torch.nan), others), dim=1)
        pose = torch.stack([every] * len(self.courses), dim=1)
        for mode, course in enumerate(self.courses):
            if course is not None:
                pose[:, mode, 1] = course
        return JointForecast(pose, self.probability, KNOT_S)


def _observe(*cars: Car) -> Observation:
    scenario = make_scenario(ROAD, list(cars), 3.0)
    simulator = Simulator.from_scenarios([scenario], "log", replace(NEEDS, map=True))
    return simulator.observe(simulator.reset())


def _plan(observation: Observation, name: str, forecaster: Told | None = None) -> Plan:
    plan = make_planner(name, forecaster).plan(observation)
    assert isinstance(plan, Plan)
    return plan


def _cut_in() -> Tensor:
    """From (12, 3.5) at 4 m/s, within 1 s on the ego's lane."""
    times = KNOT_S * torch.arange(1, POINTS + 1)
    return torch.stack((12 + 4 * times, (3.5 - 3.5 * times).clamp(min=0.0), 0 * times), dim=-1)


def test_between_the_instants_of_a_forecast_by_hand() -> None:
    # Agent 1 at (10, 0) heads north: to (10, 2) in 0.5 s, then to (11, 2), turning east; one more stands.
    cars = (Car(1, 10, 0, math.pi / 2, 3), Car(1, 30, 3.5, 0.2, 0))
    agents = _observe(Car(0, 0, 0), *cars).agents
    pose = torch.zeros(1, 1, 3, 2, 3)
    pose[0, 0, 1] = torch.tensor(((10.0, 2.0, math.pi / 2), (11.0, 2.0, 0.0)))
    pose[0, 0, 2] = torch.tensor((30.0, 3.5, 0.2))
    forecast = JointForecast(pose, torch.ones(1, 1), KNOT_S)
    (futures,) = foretold(agents, forecast, torch.tensor((0.0, 0.1, 0.5, 0.6, 1.0, 1.5)))
    expected = torch.tensor((
        (10.0, 0.0, math.pi / 2), (10.0, 0.4, math.pi / 2), (10.0, 2.0, math.pi / 2),
        (10.2, 2.0, 0.4 * math.pi), (11.0, 2.0, 0.0), (12.0, 2.0, 0.0),
    ))  # fmt: skip
    assert torch.allclose(futures.pose[0, 0], expected, atol=1e-5)
    velocity = torch.tensor(
        ((0.0, 4.0), (0.0, 4.0), (2.0, 0.0), (2.0, 0.0), (2.0, 0.0), (2.0, 0.0))
    )
    assert torch.allclose(futures.velocity_mps[0, 0], velocity, atol=1e-5)
    assert torch.allclose(futures.pose[0, 1], torch.tensor((30.0, 3.5, 0.2)), atol=1e-5)


def test_things_and_who_has_no_finite_forecast_coast() -> None:
    things = Car(1, 10, 3.5, 0.0, 0.0, kind=AgentKind.OBJECT)
    agents = _observe(Car(0, 0, 0), things, Car(1, 20, 3.5, 0, 2)).agents
    pose = torch.full((1, 1, 3, 2, 3), 7.0)
    pose[0, 0, 2, 1] = torch.nan
    (futures,) = foretold(
        agents, JointForecast(pose, torch.ones(1, 1), KNOT_S), torch.tensor([1.0])
    )
    expected = torch.tensor(((10.0, 3.5, 0.0), (22.0, 3.5, 0.0)))  # 2 m/s for 1 s
    assert torch.allclose(futures.pose[0, :, 0], expected, atol=1e-5)
    assert torch.allclose(futures.velocity_mps[0, :, 0, 0], torch.tensor((0.0, 2.0)))


@pytest.mark.parametrize("name", ["pdm", "pdm+"])
def test_constant_velocity_with_probability_1_is_pdm(name: str) -> None:
    cars = (Car(1, 12, 3.5, 0, 4), Car(0, 25, 0, 0, 5), Car(1, 40, 9, -math.pi / 2, 3))
    observation = _observe(Car(0, 0, 0, 0, 8), *cars)
    told = _plan(observation, name, Told([1.0, 0.0], [None, _cut_in()]))
    plain = _plan(observation, name)
    assert torch.allclose(told.trajectory, plain.trajectory, atol=1e-5)
    assert told.costs is not None
    assert plain.costs is not None
    assert torch.allclose(told.costs, plain.costs, atol=1e-5)


@pytest.mark.parametrize("name", ["pdm", "pdm+"])
def test_slows_down_for_who_will_cut_in(name: str) -> None:
    observation = _observe(Car(0, 0, 0, 0, 8), Car(1, 12, 3.5, 0, 4))
    told = _plan(observation, name, Told([0.1, 0.9], [None, _cut_in()]))
    at_2_s = 20 - 1
    plain = _plan(observation, name).trajectory[0, at_2_s, 3]
    assert told.trajectory[0, at_2_s, 3] < plain - 0.5
    assert told.forecast is not None
    assert told.forecast.probability[0, 0].tolist() == pytest.approx([0.1, 0.9])
    assert told.forecast.position_m[0, 0, :, 1, 1].tolist() == pytest.approx(
        [3.5, 0.0]
    )  # after 1 s


def test_score_is_the_mean_over_the_futures() -> None:
    observation = _observe(Car(0, 0, 0, 0, 8), Car(1, 12, 3.5, 0, 4))
    agents = agents_along_route(observation.agents, observation.route, 8.0)
    proposals = propose(observation, agents, PUBLISHED)
    forecast = Told([0.25, 0.75], [None, _cut_in()]).predict_joint(observation)
    futures = Outlook.of(forecast, observation.agents).at(
        torch.arange(HORIZON + FURTHEST_AHEAD + 1) * DT_S
    )
    both = score(observation, futures, forecast.probability, proposals, PUBLISHED)
    free, cut = (
        score(observation, [future], torch.ones(1, 1), proposals, PUBLISHED) for future in futures
    )
    assert (free.total - cut.total).abs().max() > 0.1
    assert torch.allclose(both.total, 0.25 * free.total + 0.75 * cut.total, atol=1e-6)
    steps = torch.cat((free.collision_step, cut.collision_step), dim=2)
    assert torch.equal(both.collision_step, steps)


def test_each_proposal_is_scored_in_what_the_others_do_because_of_it() -> None:
    """They cut in on the last 10 of 15 proposals, and do not on the first 5."""
    observation = _observe(Car(0, 0, 0, 0, 8), Car(1, 12, 3.5, 0, 4))
    agents = agents_along_route(observation.agents, observation.route, 8.0)
    proposals = propose(observation, agents, PUBLISHED)
    forecast = Told([0.5, 0.5], [None, _cut_in()]).predict_joint(observation)
    instants = torch.arange(HORIZON + FURTHEST_AHEAD + 1) * DT_S
    free, cut = Outlook.of(forecast, observation.agents).at(instants)
    mixed = trees.map_tensors(lambda tensor: tensor.repeat_interleave(15, dim=0), free)
    mixed = replace(
        mixed, pose=torch.cat((free.pose.expand(5, -1, -1, -1), cut.pose.expand(10, -1, -1, -1)))
    )
    one = torch.ones(1, 1)
    given = score(observation, [mixed], one.expand(15, 1), proposals, PUBLISHED)
    in_free, in_cut = (score(observation, [f], one, proposals, PUBLISHED) for f in (free, cut))
    assert torch.equal(given.collision_step[:, :5], in_free.collision_step[:, :5])
    assert torch.equal(given.collision_step[:, 5:], in_cut.collision_step[:, 5:])
    everywhere = score(
        observation,
        [trees.take(cut, torch.zeros(15).long())],
        one.expand(15, 1),
        proposals,
        PUBLISHED,
    )
    assert torch.equal(everywhere.total, in_cut.total)
    assert (in_free.total - in_cut.total).abs().max() > 0.1


@pytest.mark.parametrize("planner", ["pdm", "p3"])
def test_a_network_that_knows_of_no_reaction_gives_the_plans_of_a_joint_forecast(
    planner: str, tmp_path: Path
) -> None:
    weights = str(_weights(tmp_path / "trained"))
    observation = _observe(Car(0, 0, 0, 0, 8), Car(1, 12, 3.5, 0, 4), Car(0, 25, 0, 0, 5))
    plans = []
    for name in ("joint", "reactive"):
        forecaster = make_forecaster(name, weights)
        refine = "pdm" if planner == "p3" else None
        plans.append(make_planner(planner, forecaster, refine).plan(observation))
    assert torch.allclose(plans[0].trajectory, plans[1].trajectory, atol=1e-4)
    assert torch.allclose(plans[0].costs, plans[1].costs, atol=1e-4)


@pytest.mark.parametrize(("chance", "stops"), [(0.4, False), (0.6, True)])
def test_emergency_stop_where_a_collision_is_likelier_than_not(chance: float, stops: bool) -> None:
    # Within 0.5 s a car stands 1.5 m before the ego, which needs 4.2 m to stop at 3 m/s2.
    times = torch.arange(1, POINTS + 1)
    sudden = torch.stack((5.5 + 0 * times, 0.0 * times, 0 * times), dim=-1)
    observation = _observe(Car(0, 0, 0, 0, 4.99), Car(1, 5.5, 3.5, 0, 0))
    told = _plan(observation, "pdm", Told([1 - chance, chance], [None, sudden]))
    stop = full_stop(observation, PUBLISHED)
    assert torch.allclose(told.trajectory, stop) == stops


def test_who_takes_a_forecaster() -> None:
    taking = [
        n
        for n in ("pdm", "pdm+", "pdm_foresight", "idm", "log_replay")
        if takes_option(n, "forecaster")
    ]
    assert taking == ["pdm", "pdm+"]


def _weights(folder: Path) -> Path:
    """An untrained network of task joint, as a training writes it."""
    torch.manual_seed(0)
    config = JointConfig(width=16, encoder_layers=1, heads=2, pair_width=8, futures=2)
    card = WeightsCard("joint", JointPredictor.version, vars(config), {}, "", {})
    folder.mkdir(parents=True)
    save_weights(folder / FILE, JointPredictor(config), card)
    return folder


def test_simulate_with_a_learned_forecast(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    _weights(runs / "trained")
    (runs / "latest").symlink_to("trained")  # the run itself will be the latest
    few = "--families merge --count 1 --duration-s 1 --videos 0 --workers 0 --planner pdm,idm"
    words = ["simulate", *few.split(), "--out", str(runs)]
    told = ["--forecast", "joint", "--weights", str(runs / "latest"), "--name", "told"]
    assert main([*words, *told]) == 0
    assert main([*words, "--name", "plain"]) == 0
    assert RunFolder(runs / "told").config()["weights"] == str((runs / "trained").resolve())
    foreseeing, plain = (
        {drive.planner: drive.metrics for drive in RunFolder(runs / name).read_tables().drives}
        for name in ("told", "plain")
    )
    assert foreseeing["idm"] == plain["idm"]  # takes no forecast
    assert foreseeing["pdm"] != plain["pdm"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--forecast", "joint"], "bevdrive train joint"),
        (["--forecast", "jiont"], "--forecast: unknown 'jiont'"),
        (["--forecast", "joint", "--planner", "idm"], "--forecast: not taken by idm"),
        (["--forecast", "joint", "--weights", "nowhere"], "--weights nowhere: neither"),
        (["--weights", "nowhere"], "--weights nowhere: of what? add --forecast joint"),
    ],
)
def test_wrong_input_is_one_clear_line(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("drive.networks.weights._PACKAGED", tmp_path)  # as if none were shipped
    assert main(["simulate", *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())
