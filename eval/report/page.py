"""One page without network: the parts of `web/` inline, data as JSON, playbacks as text blocks."""

import json
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

from sim import palette
from sim.files import whole_file

_WEB = Path(__file__).parent / "web"
STYLES = ("base.css", "summary.css", "table.css", "player.css")
RUN_SCRIPTS = (
    "dom.js", "decode.js", "charts.js", "summary.js", "compare.js", "table.js", "drive.js",
    "camera.js", "scene.js", "pane.js", "timeline.js", "sidebar.js", "player.js", "run.js",
)  # fmt: skip
TABLE_SCRIPTS = ("dom.js", "sortable.js")


def write_page(
    path: Path,
    title: str,
    body: str,
    scripts: Iterable[str],
    data: Any = None,
    blocks: Iterable[tuple[str, str]] = (),
) -> None:
    """Write the page whole or not at all.

    `body` is HTML; `data` is what `readData()` gives the scripts; `blocks` are names and base64 texts.
    """  # fmt: skip
    parts = {
        "TITLE": escape(title),
        "STYLE": f"{_scene_colors()}\n{_joined(STYLES)}",
        "BODY": body,
        "DATA": safe_json(data),
        "SCRIPT": _joined(scripts),
    }
    before, after = (_WEB / "page.html").read_text().split("{{BLOCKS}}")
    with whole_file(path) as scratch, scratch.open("w", encoding="utf-8") as file:
        file.write(_filled(before, parts))
        for name, text in blocks:
            file.write(f'<script type="text/plain" id="{escape(name)}">{text}</script>\n')
        file.write(_filled(after, parts))


def safe_json(data: Any) -> str:
    """JSON that no HTML parser takes for a tag; NaN is refused, as JSON has none."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _scene_colors() -> str:
    return (
        f":root {{ {palette.css(palette.LIGHT)} }}\n"
        f':root[data-theme="dark"] {{ {palette.css(palette.DARK)} }}'
    )


def _joined(names: Iterable[str]) -> str:
    return "\n".join((_WEB / name).read_text(encoding="utf-8").strip() for name in names)


def _filled(template: str, parts: dict[str, str]) -> str:
    """Each `{{KEY}}` once; what is put in is not searched again."""
    pieces = template.split("{{")
    filled = [pieces[0]]
    for piece in pieces[1:]:
        key, _, rest = piece.partition("}}")
        filled += [parts[key], rest]
    return "".join(filled)
