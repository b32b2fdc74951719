"""Source `argoverse2_motion`: motion forecasting scenarios, a folder each."""

from sim.scenario import Scenario
from sim.sources.argoverse2_motion import read_scenario
from sim.sources.files import files_below, refs_of, require_path
from sim.sources.query import ScenarioRef, SourceQuery


class Argoverse2MotionSource:
    """A scenario's folder or its parquet file, or a folder of those."""

    options = ("path",)

    def find(self, query: SourceQuery) -> list[ScenarioRef]:
        """Raises InputError where there are none."""
        return refs_of(query, files_below(require_path(query), ".parquet"))

    def load(self, ref: ScenarioRef) -> Scenario:
        """Raises InputError naming the file and what is wrong with it."""
        assert ref.path is not None
        return read_scenario(ref.path)
