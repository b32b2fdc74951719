"""No module imports itself by way of others: not for types, not in a function, not in `__init__`.

import-linter holds the layers (`pyproject.toml`); circles between a package and its own modules are
seen here alone.
"""

from graphlib import CycleError, TopologicalSorter

import grimp
import pytest


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = grimp.build_graph("sim", "eval", "drive", "bevdrive", cache_dir=None)
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    assert len(imports) > 100
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        pytest.fail("circle of imports: " + " <- ".join(error.args[1]))
