"""A row of figures as a line of text."""

from typing import Any

_COLUMNS = (
    "{what:14s} {mode:9s} {worlds:>6} {agents:>7} {rate:>24s} {ms:>10s} {spread:>8s} {moved:>9s} "
    "{peak:>8s}"
)
HEAD = _COLUMNS.format(
    what="what", mode="mode", worlds="worlds", agents="agents", rate="a second", ms="ms a call",
    spread="spread", moved="MB moved", peak="MB peak",
)  # fmt: skip


def line(row: dict[str, Any]) -> str:
    """What, how, how much a second; agents are those that were there, on average.

    Peak memory is of the GPU for this row, on the CPU of the process so far.
    """
    spread = (row["most_s"] - row["least_s"]) / row["median_s"]
    return _COLUMNS.format(
        what=row["what"],
        mode=row["mode"],
        worlds=row["worlds"],
        agents=f"{row['valid_agents']:.1f}",
        rate=f"{row['per_second']:,.0f} {row['unit']}",
        ms=f"{1e3 * row['median_s']:.1f}",
        spread=f"{100 * spread:.0f} %",
        moved=f"{row['moved_bytes'] / 1e6:.1f}",
        peak=f"{row['peak_bytes'] / 1e6:,.0f}",
    )
