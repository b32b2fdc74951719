"""Source `scenarionet`: pickles in ScenarioNet's form."""

from sim.scenario import Scenario
from sim.sources.files import files_below, refs_of, require_path
from sim.sources.query import ScenarioRef, SourceQuery
from sim.sources.scenarionet import read_scenario


class ScenarioNetSource:
    """A pickle, or a folder of them."""

    options = ("path",)

    def find(self, query: SourceQuery) -> list[ScenarioRef]:
        """Raises InputError where there are none."""
        return refs_of(query, files_below(require_path(query), ".pkl"))

    def load(self, ref: ScenarioRef) -> Scenario:
        """Raises InputError naming the file and the field that is wrong."""
        assert ref.path is not None
        return read_scenario(ref.path)
