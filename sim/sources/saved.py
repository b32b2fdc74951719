"""Source `saved`: files that `bevdrive save` wrote."""

from sim.scenario import Scenario
from sim.scenario_file import SUFFIX, load_scenario
from sim.sources.files import files_below, refs_of, require_path
from sim.sources.query import ScenarioRef, SourceQuery


class SavedSource:
    """A file, or a folder of them."""

    options = ("path",)

    def find(self, query: SourceQuery) -> list[ScenarioRef]:
        """Raises InputError where there are none."""
        return refs_of(query, files_below(require_path(query), SUFFIX))

    def load(self, ref: ScenarioRef) -> Scenario:
        """Raises InputError naming the file and what is wrong with it."""
        assert ref.path is not None
        return load_scenario(ref.path)
