"""The networks whose forecasts can be scored, by task, and their weights."""

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from sim.errors import InputError

if TYPE_CHECKING:
    from drive.networks.weights import TaskNetwork, WeightsCard

NETWORKS = {
    "joint": "drive.prediction.joint:JointPredictor",
    "intention": "drive.prediction.intention:IntentionPredictor",
    "cover": "drive.prediction.cover:CoverPredictor",
    "occupancy": "drive.prediction.occupancy:OccupancyPredictor",
    "social": "drive.planning.social.network:SocialEnergy",
}
TRAJECTORIES = ("joint", "intention", "cover")  # tasks that foretell them


def load_forecasting(
    weights: str, task: str | None = None, tasks: Sequence[str] = tuple(NETWORKS)
) -> tuple["TaskNetwork", "WeightsCard"]:
    """The network that weights are of; `task` None: what their card says, of shipped ones the first of
    `tasks`.

    Raises InputError where they are missing, another task's than is asked for, or of none of `tasks`.
    """
    from drive.networks.weights import DEFAULT, load_network, task_of

    if task is None:
        task = tasks[0] if weights == DEFAULT else task_of(weights)
    if task not in tasks:
        told = f"not one that is scored here ({', '.join(tasks)})"
        raise InputError(f"--weights {weights}: of task {task!r:.60}, {told}")
    module, _, name = NETWORKS[task].partition(":")
    return load_network(getattr(import_module(module), name), weights)
