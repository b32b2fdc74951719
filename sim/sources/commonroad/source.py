"""Source `commonroad`: XML files of CommonRoad scenarios."""

from sim.scenario import Scenario
from sim.sources.commonroad import read_scenario
from sim.sources.files import files_below, refs_of, require_path
from sim.sources.query import ScenarioRef, SourceQuery


class CommonRoadSource:
    """An XML file, or a folder of them."""

    options = ("path",)

    def find(self, query: SourceQuery) -> list[ScenarioRef]:
        """Raises InputError where there are none."""
        return refs_of(query, files_below(require_path(query), ".xml"))

    def load(self, ref: ScenarioRef) -> Scenario:
        """Raises InputError naming the file and the element that is wrong."""
        assert ref.path is not None
        return read_scenario(ref.path)
