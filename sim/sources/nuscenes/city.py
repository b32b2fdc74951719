"""A city of the map expansion: for each layer its polygons as shapely shapes, with a search tree."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.errors import InputError

if TYPE_CHECKING:
    import shapely
    from nuscenes.map_expansion.map_api import NuScenesMap

POLYGON_LAYERS = (
    "drivable_area", "road_segment", "road_block", "ped_crossing", "walkway", "stop_line",
    "carpark_area", "lane", "lane_connector",
)  # fmt: skip

_OFF_CITY_M = 1000.0  # beyond the edge of a city's canvas there is nothing


def expansion_file(dataroot: Path, location: str) -> Path:
    """Path of a city's map; InputError where it is missing or the devkit does not know the city."""
    from nuscenes.map_expansion.map_api import locations

    if location not in locations:
        raise InputError(f"log.json: location {location!r} (choices: {', '.join(locations)})")
    file = dataroot / "maps" / "expansion" / f"{location}.json"
    if not file.is_file():
        raise InputError(f"{file}: no such file (map expansion 1.3 or later)")
    return file


@dataclass(frozen=True)
class City:
    """The map of one city (of a log's `location`), loaded once for all scenes in it.

    `lost`: polygons that are left out because a corner lies far off the city.
    """

    nusc_map: "NuScenesMap"
    lost: set[str] = field(default_factory=set)

    @classmethod
    def open(cls, dataroot: Path, location: str) -> "City":
        """Raises InputError where the map is missing, damaged or of an old version."""
        from nuscenes.map_expansion.map_api import NuScenesMap

        file = expansion_file(dataroot, location)
        try:
            return cls(NuScenesMap(dataroot=str(dataroot), map_name=location))
        except KeyError as error:
            raise InputError(f"{file}: no row or field {error}") from None
        except Exception as error:  # the devkit raises nothing narrower for an old version
            raise InputError(f"{file}: {error}") from None

    @property
    def location(self) -> str:
        """The devkit's name of the city."""
        return self.nusc_map.map_name

    @cached_property
    def layers(self) -> "dict[str, tuple[list[tuple[dict[str, Any], shapely.Polygon]], Any]]":
        """By layer: pairs of record and polygon (metres, city frame), and a search tree of the polygons."""
        import shapely

        found = {}
        for name in POLYGON_LAYERS:
            pairs = [
                (record, polygon)
                for record in getattr(self.nusc_map, name)
                for token in record.get("polygon_tokens", [record.get("polygon_token")])
                if (polygon := self._polygon(token)) is not None
            ]
            found[name] = pairs, shapely.STRtree([polygon for _, polygon in pairs])
        return found

    def near(
        self, layer: str, region: "shapely.Geometry"
    ) -> "list[tuple[dict[str, Any], shapely.Polygon]]":
        """Records and polygons of a layer that touch a region (city frame), in the order of the file."""
        pairs, tree = self.layers[layer]
        return [pairs[k] for k in sorted(tree.query(region, predicate="intersects").tolist())]

    def _polygon(self, token: str | None) -> "shapely.Polygon | None":
        """None where the map has no such polygon, or one without extent."""
        if token is None or token not in self.nusc_map._token2ind["polygon"]:
            return None
        if len(self.nusc_map.get("polygon", token)["exterior_node_tokens"]) < 3:
            return None
        polygon = self.nusc_map.extract_polygon(token)
        if not self.holds(polygon.bounds):
            self.lost.add(token)
            return None
        return polygon if polygon.area > 0 else None

    def holds(self, bounds_m: Sequence[float]) -> bool:
        """Whether a box (lowest x, y, highest x, y) lies in the city; false where it is not finite."""
        low_x, low_y, high_x, high_y = bounds_m
        width, height = self.nusc_map.canvas_edge
        across = -_OFF_CITY_M <= low_x <= high_x <= width + _OFF_CITY_M
        return across and -_OFF_CITY_M <= low_y <= high_y <= height + _OFF_CITY_M
