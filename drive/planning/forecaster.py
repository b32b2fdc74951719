"""`Forecaster`: who foretells scenes, for planners that reckon with it; by name, with weights."""

from typing import Protocol, runtime_checkable

from sim.errors import one_of
from sim.interface import JointForecast, Needs, Observation

FORECASTS = ("joint",)  # --forecast


@runtime_checkable
class Forecaster(Protocol):
    """Foretells scenes as a whole from observations that show what it `needs`."""

    @property
    def needs(self) -> Needs:
        """What it has to be shown."""
        ...

    def predict_joint(self, observation: Observation) -> JointForecast:
        """F futures of everyone together."""
        ...


def make_forecaster(name: str, weights: str, device: str = "cpu") -> Forecaster:
    """One of `FORECASTS`; `weights`: `default`, a run folder of `bevdrive train`, or a file.

    Raises InputError for another name, and for weights that are missing or another network's.
    """
    from drive.networks.weights import load_network
    from drive.prediction.joint import JointPredictor

    one_of("--forecast", name, FORECASTS)
    network, _ = load_network(JointPredictor, weights)
    return network.to(device)
