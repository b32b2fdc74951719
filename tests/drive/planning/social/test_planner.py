"""Reasoning about a crossing, and plans with nobody, somebody and everybody around."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from drive.features.example import ExampleSpec
from drive.networks.weights import WeightsCard, load_network, save_weights
from drive.planning.candidates import DT_S, POINTS, Candidates
from drive.planning.costs.terms import OF_OTHERS
from drive.planning.least_cost import stop
from drive.planning.social.network import SocialConfig, SocialEnergy
from drive.planning.social.planner import SocialPlanner
from drive.planning.social.reasoning import MODES, Reasoning
from drive.planning.social.samples import ACTORS, Samples
from drive.planning.social.scene import Around, SocialScene
from drive.planning.social.what_if import what_if
from drive.prediction.joint import JointPredictor
from sim.errors import InputError
from sim.interface import Needs, Observation
from sim.plan_check import check_plan
from sim.simulator import Simulator
from tests.drive.planning.social.test_samples import observed, straight_on
from tests.toy import Car, make_scenario, straight


@pytest.fixture
def weights(tmp_path: Path) -> str:
    """Untrained."""
    torch.manual_seed(0)
    path, config = tmp_path / "social.safetensors", SocialConfig()
    card = WeightsCard("social", SocialEnergy.version, asdict(config), {}, "", {})
    save_weights(path, SocialEnergy(config), card)
    return str(path)


def _crossing(speed_mps: float = 8.0) -> Observation:
    """Somebody comes from the right and would be where the ego is then."""
    lines = [straight(-60.0, 0.0, 200.0, 0.0), straight(30.0, -60.0, 30.0, 100.0)]
    cars = [Car(0, 0.0, 0.0, 0.0, 8.0), Car(1, 30.0, -30.0, torch.pi / 2, speed_mps)]
    scenario = make_scenario(lines, cars, 3.0)
    simulator = Simulator.from_scenarios([scenario], "log", ExampleSpec(map=True).needs())
    return simulator.observe(simulator.reset())


GOES, WAITS = 0, 1


def _reasoned(observation: Observation, cost: float = 0.0) -> tuple[Reasoning, Samples]:
    """Of an ego that goes on at 8 m/s, or brakes at 4 m/s2; untrained energies, constant velocities."""
    torch.manual_seed(0)
    network = SocialEnergy(SocialConfig()).eval()
    predictor, _ = load_network(JointPredictor, "default")
    with torch.no_grad():
        around = Around.of(predictor, observation)
        samples = Samples.of(observation, straight_on(observation))
        path = torch.zeros(1, samples.valid.shape[2], POINTS, 5)
        time_s = DT_S * torch.arange(1, POINTS + 1)
        path[0, GOES, :, 0], path[0, GOES, :, 3] = 8.0 * time_s, 8.0
        path[0, WAITS, :, 0] = (8.0 - 2.0 * time_s.clamp(max=2.0)) * time_s.clamp(max=2.0)
        candidates = Candidates(path, torch.arange(path.shape[1])[None] <= WAITS)
        scene = SocialScene.of(observation, candidates, samples)
        ego_cost = torch.zeros(candidates.valid.shape)
        ego_cost[:, GOES] = cost
        return Reasoning.of(network, around, scene, ego_cost), samples


def test_who_is_in_the_way_is_expected_to_brake_if_the_ego_goes() -> None:
    reasoning, samples = _reasoned(_crossing())
    assert reasoning.scene.overlap[0, GOES, 0] == 1.0  # into the one who keeps its speed
    brakes = samples.change_mps2[0, 0] < -1.0
    given = reasoning.log_beside_ego("reactive")[0].exp()
    assert given[GOES][brakes].sum() > given[WAITS][brakes].sum() + 0.08
    torch.testing.assert_close(given.sum(dim=1), torch.ones(len(given)))
    for mode in ("nonsocial", "social"):  # nothing hangs on the plan
        each = reasoning.log_beside_ego(mode)[0]
        torch.testing.assert_close(each[GOES], each[WAITS])
    # So going looks less dangerous to who counts on it.
    hit = OF_OTHERS.index("collision")
    harm = {mode: reasoning.expected_harm(mode)[0, GOES, hit] for mode in MODES}
    assert harm["reactive"] < harm["social"] < harm["nonsocial"]


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_a_share_of_the_others_does_not_look(share: float) -> None:
    reasoning, _ = _reasoned(_crossing())
    heedless = replace(reasoning, heedless=torch.full((1,), share))
    which = reasoning.scene.with_ego
    looks = reasoning.beliefs.log_second_given_first(which).exp()
    alone = reasoning.beliefs.log_second_alone(which).exp().unsqueeze(1)
    torch.testing.assert_close(
        heedless.log_beside_ego("reactive").exp(), (1.0 - share) * looks + share * alone
    )
    assert (looks - alone).abs().max() > 0.05


def test_an_ego_that_would_rather_wait_is_expected_to() -> None:
    keeps = [
        _reasoned(_crossing(), cost)[0].log_others("social")[0, 0, 0].exp() for cost in (-3.0, 3.0)
    ]
    assert keeps[1] > 1.2 * keeps[0]


def test_expected_harm_is_the_sum_over_what_the_others_do() -> None:
    reasoning, _ = _reasoned(_crossing())
    scene = reasoning.scene
    for mode in MODES:
        log_p = reasoning.log_beside_ego(mode)
        wanted = torch.zeros(scene.valid.shape[2])
        for k in range(len(wanted)):
            wanted[k] = sum(
                log_p[0, k, s].exp() * scene.harm[0, k, s, 0] for s in range(len(wanted))
            )
        torch.testing.assert_close(reasoning.expected_harm(mode)[0, :, 0], wanted)


def test_what_if_it_goes_or_waits() -> None:
    reasoning, samples = _reasoned(_crossing())
    allowed = reasoning.scene.candidates.valid
    told = what_if(reasoning, "reactive", allowed, torch.tensor([WAITS]))
    path = reasoning.scene.candidates.trajectory[0, ..., :2]
    torch.testing.assert_close(told.way_m[0], path[[GOES, WAITS, WAITS]])
    assert told.agent[0].tolist() == [0]
    # By their definitions, over all that it might do.
    alone = torch.softmax(-reasoning.beliefs.unary[0, 1], dim=0)
    goes, waits = reasoning.log_beside_ego("reactive")[0, [GOES, WAITS]].exp()
    slower = samples.change_mps2[0, 0] < 0.0
    hit = (goes * reasoning.scene.overlap[0, GOES]).sum()
    wanted = [p[slower].sum() for p in (alone, goes, waits, waits)]
    torch.testing.assert_close(told.slower[0, :, 0], torch.stack(wanted))
    torch.testing.assert_close(told.change[0, 0, 0], (goes - alone).abs().sum() / 2)
    torch.testing.assert_close(told.collision[0, 0, 0], hit)
    # So if the ego goes it brakes more likely than else.
    assert told.slower[0, 1, 0] > told.slower[0, 2, 0] + 0.1
    likeliest = samples.pose[0, 0, goes.argmax(), :, :2]
    torch.testing.assert_close(told.path_m[0, 0, 0], likeliest)
    nothing = what_if(reasoning, "nonsocial", allowed, torch.tensor([WAITS]))
    assert float(nothing.change.abs().max()) < 1e-6


def test_what_is_not_allowed_is_not_told() -> None:
    reasoning, _ = _reasoned(_crossing())
    allowed = reasoning.scene.candidates.valid.clone()
    allowed[0, GOES] = False
    told = what_if(reasoning, "reactive", allowed, torch.tensor([WAITS]))
    torch.testing.assert_close(told.way_m[0, 0], told.way_m[0, 1])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("others", [0, 1, ACTORS + 4])
def test_plans_whoever_is_around(weights: str, mode: str, others: int) -> None:
    cars = [Car(1, 12.0 * k - 40.0, 3.5, 0.0, 8.0) for k in range(others)]
    observation = observed(*cars)
    plan = SocialPlanner(weights, mode=mode).plan(observation)
    check_plan(plan, 1, observation.step.device, "social")
    assert plan.forecast is not None
    told = plan.forecast.probability[0].sum(dim=1) > 0.0
    assert int(told.sum()) == min(others, ACTORS)
    assert plan.what_if is not None
    assert sorted(plan.what_if.agent[0].tolist()) == list(range(min(others, ACTORS)))


def test_where_all_collide_it_brakes(weights: str) -> None:
    # They stand on the ego's own place: nothing it can do is free.
    observation = observed(*(Car(0, 0.3 * k, 0.1 * k, 0.0, 0.0) for k in range(-2, 3)))
    plan = SocialPlanner(weights, mode="social").plan(observation)
    nothing = Candidates(torch.zeros(1, 1, POINTS, 5), torch.zeros(1, 1) > 0)
    torch.testing.assert_close(plan.trajectory, stop(observation, nothing))
    assert plan.dt_s == DT_S


def test_modes_and_forecasts_that_it_cannot_use(weights: str) -> None:
    class Guess:
        needs = Needs()

        def predict_joint(self, observation: Observation) -> None: ...

    with pytest.raises(InputError, match=r"--mode.*nonsocial, social, reactive"):
        SocialPlanner(weights, mode="friendly")
    with pytest.raises(InputError, match="task joint"):
        SocialPlanner(weights, Guess())  # type: ignore[arg-type]
