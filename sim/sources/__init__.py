"""Where scenarios come from.

    query = SourceQuery(source="scenarionet", path=Path("data/mini"))  # query.py
    refs = find(query)  # finding.py: what there is, in a fixed order
    loaded, skipped = load(refs)  # loading.py: the scenarios, and why some cannot be had

A source is a class with `find` and `load`; the built-in ones, and those of others, have names
(`query.SOURCES`).
"""
