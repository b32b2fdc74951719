"""Scenarios driven in closed loop, the best of several tries each: what learned planners are shown."""

from typing import TYPE_CHECKING, cast

from drive.pipelines.collect_config import CollectConfig
from sim.scenario import Scenario

if TYPE_CHECKING:
    from torch import Tensor

    from eval.rollout import Rollout
    from sim.interface import Perception

SUCCESS, SCORE = "bevdrive/success", "nuplan/score"


def driven(
    config: CollectConfig, scenarios: list[Scenario]
) -> tuple[list[Scenario], list[dict[str, str]]]:
    """The scenarios as `config.planner` drove them, and those left out, with the reason.

    The planner drives the ego, the traffic the others.
    """
    from drive.planning import make_planner
    from eval.rollout import rollout
    from sim.interface import needs_of
    from sim.simulator import Simulator
    from sim.sources.driven import driven_scenario
    from sim.world import World

    assert config.planner is not None
    planner = make_planner(config.planner)
    judged = config.tries > 1 or config.successful
    asks = needs_of(planner)
    world = World.from_scenarios(scenarios, maps=judged or asks.map or asks.privileged)
    simulator = Simulator.of(world, config.traffic)
    perception = cast("Perception", config.perception)
    tries = [
        rollout(simulator, planner, seed=k, replan_s=config.replan, perception=perception)
        for k in range(config.tries)
    ]
    best, succeeds = _best(tries) if judged else ([0] * len(scenarios), [True] * len(scenarios))
    made, left_out = [], []
    for w, scenario in enumerate(scenarios):
        if config.successful and not succeeds[w]:
            reason = f"no success in {config.tries} drives"
            left_out.append({"scenario": scenario.scenario_id, "reason": reason})
            continue
        drive = tries[best[w]]
        made.append(
            driven_scenario(
                scenario,
                drive.pose[w, : scenario.num_instants, : scenario.num_agents].numpy(),
                drive.valid[w, : scenario.num_instants, : scenario.num_agents].numpy(),
                drive.dt_s,
            )
        )
    return made, left_out


def _best(tries: "list[Rollout]") -> tuple[list[int], list[bool]]:
    """The number of each world's best drive, and whether that is a success."""
    import torch

    from eval.metrics.interaction import InteractionMetrics
    from eval.metrics.nuplan import NuplanMetrics
    from eval.metrics.suite import evaluate

    results = [evaluate(drive, (NuplanMetrics(), InteractionMetrics())) for drive in tries]

    def values(key: str) -> "Tensor":
        return torch.stack([result[key].value for result in results])

    best = (2.0 * values(SUCCESS) + values(SCORE)).argmax(dim=0)  # a score is at most 1
    success = values(SUCCESS).gather(0, best.unsqueeze(0)).squeeze(0) > 0.5
    return best.tolist(), success.tolist()
