"""Tables of scores: for the terminal, for `metrics.json`, and as one page without network."""

import json
import math
from dataclasses import dataclass
from html import escape
from pathlib import Path

import yaml

_STYLE = """body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 76rem;
padding: 1.2rem; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid #d5d7da; }
th:first-child { text-align: left; } :root { color-scheme: light dark; }"""


@dataclass(frozen=True)
class Table:
    """Rows of named values; a value that is absent or NaN shows as a dash. `note` says what counts."""

    title: str
    note: str
    rows: dict[str, dict[str, float]]

    @property
    def columns(self) -> list[str]:
        return list(dict.fromkeys(name for row in self.rows.values() for name in row))

    def text(self) -> str:
        """As the terminal shows it."""
        first = max(len(name) for name in ("", *self.rows)) + 2
        widths = [max(9, len(name) + 2) for name in self.columns]
        head = " " * first + "".join(c.rjust(w) for c, w in zip(self.columns, widths, strict=True))
        lines = [f"{self.title} ({self.note})", head]
        for name, row in self.rows.items():
            cells = (_cell(row, c).rjust(w) for c, w in zip(self.columns, widths, strict=True))
            lines.append(name.ljust(first) + "".join(cells))
        return "\n".join(lines)

    def html(self) -> str:
        """As the page shows it."""
        head = "".join(f"<th>{escape(name)}</th>" for name in self.columns)
        body = ""
        for name, row in self.rows.items():
            cells = "".join(f"<td>{_cell(row, c)}</td>" for c in self.columns)
            body += f"<tr><th>{escape(name)}</th>{cells}</tr>"
        return (
            f"<h2>{escape(self.title)}</h2><p>{escape(self.note)}</p>"
            f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody></table>"
        )


def write_tables(folder: Path, tables: dict[str, Table]) -> None:
    """`metrics.json` (keys, rows, values; NaN as null) and `report.html` of a run folder."""
    plain = {
        key: {row: {n: _number(v) for n, v in values.items()} for row, values in table.rows.items()}
        for key, table in tables.items()
    }
    (folder / "metrics.json").write_text(json.dumps(plain, indent=1) + "\n")
    config = (folder / "config.yaml").read_text()
    title = f"{yaml.safe_load(config).get('task', 'run')}: {folder.name}"
    (folder / "report.html").write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style><h1>{escape(title)}</h1>"
        + "".join(table.html() for table in tables.values())
        + f"<h2>Configuration</h2><pre>{escape(config)}</pre></html>\n"
    )


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(f"{value:.9g}")


def _cell(row: dict[str, float], column: str) -> str:
    value = row.get(column, math.nan)
    if math.isnan(value):
        return "-"
    return str(int(value)) if column in _WHOLE and value == int(value) else f"{value:.3f}"


_WHOLE = {"scenes", "samples", "agents", "mt", "ml", "tp", "fp", "fn", "ids", "frag"}
