"""Tables of scores: for the terminal, for `metrics.json`, and as one page without network."""

import json
import math
from dataclasses import dataclass
from html import escape
from pathlib import Path

from eval.report.page import TABLE_SCRIPTS, write_page
from sim.errors import DAMAGED, InputError
from sim.files import write_whole
from sim.text_files import read_json_object, read_text, read_yaml

_TABLES = "tables.json"


@dataclass(frozen=True)
class Table:
    """Rows of named values; a value that is absent or NaN shows as a dash. `note` says what counts.

    `headline`: the figures (row, column) that the page shows large.
    """

    title: str
    note: str
    rows: dict[str, dict[str, float]]
    headline: tuple[tuple[str, str], ...] = ()

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
        head = "".join(f'<th scope="col">{escape(name)}</th>' for name in ("Name", *self.columns))
        body = ""
        for name, row in self.rows.items():
            cells = "".join(f"<td>{_cell(row, c)}</td>" for c in self.columns)
            body += f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>'
        label = escape(self.title)
        return (
            f'<section class="panel" aria-label="{label}"><h2>{label}</h2>'
            f'<p class="note">{escape(self.note)}</p>'
            f'<div class="wide" tabindex="0" role="region" aria-label="{label}, scrolls sideways">'
            f'<table class="sortable"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
            "</div></section>"
        )

    def cards(self) -> str:
        """The figures of `headline`, for the page."""
        return "".join(
            f'<article class="card"><h2>{escape(row)}</h2>'
            f'<p class="figure">{_cell(self.rows[row], column)}<small>{escape(column)}</small></p>'
            f"<p>{escape(self.title)}</p></article>"
            for row, column in self.headline
        )


def write_tables(folder: Path, tables: dict[str, Table]) -> None:
    """`metrics.json` (keys, rows, values; NaN as null) and `report.html` of a run folder."""
    plain = {
        key: {row: {n: _number(v) for n, v in values.items()} for row, values in table.rows.items()}
        for key, table in tables.items()
    }
    write_whole(folder / "metrics.json", json.dumps(plain, indent=1) + "\n")
    heads = {
        key: {"title": table.title, "note": table.note, "headline": table.headline}
        for key, table in tables.items()
    }
    write_whole(folder / _TABLES, json.dumps(heads, indent=1) + "\n")
    _write_report(folder, tables)


def has_tables(folder: Path) -> bool:
    """Whether this is a run of `evaluate`."""
    return (folder / _TABLES).is_file() and (folder / "metrics.json").is_file()


def rewrite_report(folder: Path) -> Path:
    """`report.html` of a run of `evaluate`, from what `write_tables` left; returns its path."""
    values = read_json_object(folder / "metrics.json")
    heads = read_json_object(folder / _TABLES)
    try:
        tables = {key: _table(head, values[key]) for key, head in heads.items()}
    except KeyError as error:
        raise InputError(
            f"{folder / _TABLES}: {error} is missing, or not in metrics.json"
        ) from None
    except DAMAGED as error:
        raise InputError(f"{folder / _TABLES}: not the tables of a run: {error}") from None
    return _write_report(folder, tables)


def _table(head: dict, values: dict) -> Table:
    rows = {
        row: {name: math.nan if v is None else float(v) for name, v in columns.items()}
        for row, columns in values.items()
    }
    headline = tuple((row, column) for row, column in head["headline"] if column in rows[row])
    return Table(str(head["title"]), str(head["note"]), rows, headline)


def _write_report(folder: Path, tables: dict[str, Table]) -> Path:
    config = read_text(folder / "config.yaml")
    title = f"{read_yaml(folder / 'config.yaml').get('task', 'run')}: {folder.name}"
    parts = [key for key in tables if (folder / key / "report.html").is_file()]
    links = "".join(
        f'<a href="{escape(key)}/report.html">{escape(tables[key].title)}: every scenario</a>'
        for key in parts
    )
    cards = "".join(table.cards() for table in tables.values())
    body = (
        '<main id="report">'
        + (f'<section class="figures" aria-label="Main figures">{cards}</section>' if cards else "")
        + (f'<nav class="links" aria-label="Reports of the parts">{links}</nav>' if links else "")
        + "".join(table.html() for table in tables.values())
        + "</main>\n<footer><details class='config' open><summary>Configuration</summary>"
        f"<pre>{escape(config)}</pre></details></footer>"
    )
    path = folder / "report.html"
    write_page(path, title, body, TABLE_SCRIPTS)
    return path


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(f"{value:.9g}")


def _cell(row: dict[str, float], column: str) -> str:
    value = row.get(column, math.nan)
    if math.isnan(value):
        return "-"
    return str(int(value)) if column in _WHOLE and value == int(value) else f"{value:.3f}"


_WHOLE = {"scenes", "scenarios", "samples", "agents", "mt", "ml", "tp", "fp", "fn", "ids", "frag"}
