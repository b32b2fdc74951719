"""`--perception` by name: who tells planners of the others, the simulator or a detector."""

from typing import TYPE_CHECKING, cast

from sim.errors import InputError
from sim.registry import class_and_weights

if TYPE_CHECKING:
    from drive.perception.detections import Detects
    from sim.interface import Perception

DISCOVERED = "discovered"


def is_discovered(perception: str | None) -> bool:
    """Whether a detector tells."""
    return perception is not None and class_and_weights(perception)[0] == DISCOVERED


def told_by_simulator(perception: str | None) -> "Perception | None":
    """Whom the simulator shows; None: what the planner needs."""
    return None if is_discovered(perception) else cast("Perception | None", perception)


def load_detector(perception: str, device: str = "cpu") -> "Detects":
    """Of `discovered` the one that is shipped, of `discovered@RUN` that of a training.

    Raises InputError where there are no weights.
    """
    from drive.networks.weights import DEFAULT, load_network
    from drive.perception.detector.network import Detector

    weights = class_and_weights(perception)[1] or DEFAULT
    try:
        network, _ = load_network(Detector, weights)
    except InputError as error:
        raise InputError(f"--perception {perception}: {error}") from None
    return network.to(device)
