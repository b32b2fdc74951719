"""Joins the scenes of an export: writes tables, maps, splits and CAN bus of the whole dataset.

Each scene (a "part", see `part.py`) is moved from its own frame to its place in one of the cities.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from sim.export.nuscenes.folder import ExportFolder
from sim.export.nuscenes.map_layers import DICTIONARIES, LAYERS
from sim.export.nuscenes.placing import Place, place
from sim.export.nuscenes.schema import CITIES_M, TABLES, fixed_tables, make_token
from sim.export.nuscenes.settings import ExportSettings
from sim.files import write_whole

_PIXEL_M = 0.1  # of the map rasters: the devkit assumes it
_MAP_VERSION = "1.3"


def assemble(folder: ExportFolder, settings: ExportSettings, names: list[str]) -> None:
    """Write everything but the lidar files; `names` are all scenes in order, whose parts are written."""
    tables = {name: list[dict[str, Any]]() for name in TABLES} | fixed_tables(settings.mount_m)
    maps = {city: _empty_map(city) for city in CITIES_M}
    splits: dict[str, list[str]] = {split: [] for split in settings.splits}
    scenarios: dict[str, Any] = {}
    places = place([folder.read_part(name)["bounds_m"] for name in names])
    for name, where in zip(names, places, strict=True):
        part = folder.read_part(name)
        _move(part, where)
        for table, rows in part["tables"].items():
            tables[table] += rows
        for layer, rows in part["map"].items():
            own = maps[where.city][layer]
            own.update(rows) if layer in DICTIONARIES else own.extend(rows)
        splits[part["split"]].append(name)
        scenarios[name] = part["scenario"] | {
            "city": where.city,
            "map_offset_m": [*where.offset_m, 0.0],
        }
        _write_json(folder.path / "can_bus" / f"{name}_pose.json", part["can_pose"])
    tables["map"] = _write_maps(folder.path, maps, tables["log"])
    version = folder.unfinished / "tables"
    for table in TABLES:
        _write_json(version / f"{table}.json", tables[table])
    _write_json(version / "splits.json", splits)
    _write_json(version / "scenarios.json", scenarios)
    folder.keep_settings(version)
    final = folder.path / settings.version
    if final.exists():  # cut off just before the end
        shutil.rmtree(final)
    version.replace(final)
    folder.close()


def _empty_map(city: str) -> dict[str, Any]:
    """The map expansion of a city without anything in it."""
    return (
        {"version": _MAP_VERSION, "canvas_edge": list(CITIES_M[city])}
        | {layer: [] for layer in LAYERS}
        | {name: {} for name in DICTIONARIES}
    )


def _move(part: dict[str, Any], where: Place) -> None:
    """Move all coordinates of a part from the scenario's frame to the city's; changes `part`."""
    points = [row["translation"] for table in ("ego_pose", "sample_annotation")
              for row in part["tables"][table]]  # fmt: skip
    points += [message["pos"] for message in part["can_pose"]]
    for pieces in part["map"]["arcline_path_3"].values():
        points += [piece[end] for piece in pieces for end in ("start_pose", "end_pose")]
    for point in points:
        point[0] += where.offset_m[0]
        point[1] += where.offset_m[1]
    keyed = [(node, "x", "y") for node in part["map"]["node"]]
    keyed += [(light["pose"], "tx", "ty") for light in part["map"]["traffic_light"]]
    for record, x, y in keyed:
        record[x] += where.offset_m[0]
        record[y] += where.offset_m[1]
    for log in part["tables"]["log"]:
        log["location"] = where.city


def _write_maps(
    path: Path, maps: dict[str, dict[str, Any]], logs: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Write map expansion and raster of each city; returns the rows of table `map` (cities with logs)."""
    rows = []
    for city, layers in maps.items():
        _write_json(path / "maps" / "expansion" / f"{city}.json", layers)
        tokens = [log["token"] for log in logs if log["location"] == city]
        if not tokens:
            continue
        token = make_token("map", city)
        filename = f"maps/{token}.png"
        write_whole(path / filename, _picture(layers))
        rows.append(
            {
                "category": "semantic_prior",
                "token": token,
                "filename": filename,
                "log_tokens": tokens,
            }
        )
    return rows


def _picture(layers: dict[str, Any]) -> bytes:
    """A PNG with drivable area and walkways in white, 0.1 m a pixel.

    x, y in metres of the city are column 10 x, row height - 10 y. It reaches as far as the scenes in it,
    not to the edge of the city.
    """
    from io import BytesIO

    from PIL import Image, ImageDraw

    node = {row["token"]: (row["x"], row["y"]) for row in layers["node"]}
    polygon = {row["token"]: row for row in layers["polygon"]}
    tokens = [t for area in layers["drivable_area"] for t in area["polygon_tokens"]]
    tokens += [row["polygon_token"] for row in layers["walkway"]]
    extent = np.array(list(node.values()) or [(1.0, 1.0)]).max(axis=0)
    width, height = (int(n) + 1 for n in np.ceil(extent / _PIXEL_M))

    def pixels(nodes: list[str]) -> list[tuple[float, float]]:
        return [(node[t][0] / _PIXEL_M, height - node[t][1] / _PIXEL_M) for t in nodes]

    image = Image.new("L", (width, height))
    draw = ImageDraw.Draw(image)
    for record in (polygon[t] for t in tokens):
        draw.polygon(pixels(record["exterior_node_tokens"]), fill=255)
        for hole in record["holes"]:
            draw.polygon(pixels(hole["node_tokens"]), fill=0)
    out = BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()


def _write_json(path: Path, content: Any) -> None:
    write_whole(path, json.dumps(content))
