"""The folder of an export, so that an export that was cut off can go on."""

import json
import shutil
from pathlib import Path
from typing import Any

from sim.errors import InputError
from sim.files import write_whole
from sim.text_files import read_json, read_json_object

_UNFINISHED = ".unfinished"
_SETTINGS, _KEPT = "settings.json", "export.json"


class ExportFolder:
    """The folder `path`; its `.unfinished` holds the export's settings, and JSON ("part") of each scene done.

    That is removed when the dataset is complete.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.unfinished = path / _UNFINISHED

    @staticmethod
    def open(path: Path, settings: dict[str, Any]) -> "ExportFolder":
        """A new folder, or the one in which an export with the same settings was cut off.

        Raises InputError where the folder holds anything else.
        """
        folder = ExportFolder(path)
        plain = json.loads(json.dumps(settings))
        kept = folder.unfinished / _SETTINGS
        if kept.is_file():
            before = read_json_object(kept)
            other = sorted(k for k in plain.keys() | before.keys() if plain.get(k) != before.get(k))
            if other:
                raise InputError(
                    f"{path}: holds an unfinished export with other settings ({', '.join(other)}); "
                    "ask for the same ones, or choose another folder"
                )
            return folder
        if path.exists() and (
            not path.is_dir() or any(f.name != _UNFINISHED for f in path.iterdir())
        ):
            raise InputError(
                f"--out: {path}: not empty, and no unfinished export: choose another folder"
            )
        folder.unfinished.mkdir(parents=True, exist_ok=True)
        write_whole(kept, json.dumps(plain))
        return folder

    def has_part(self, name: str) -> bool:
        """Whether the scene is done."""
        return self._part(name).is_file()

    def write_part(self, name: str, part: dict[str, Any]) -> None:
        """Keep the part of a scene, after its lidar files; then the scene counts as done."""
        write_whole(self._part(name), json.dumps(part))

    def read_part(self, name: str) -> dict[str, Any]:
        """A scene that is done."""
        return read_json_object(self._part(name))

    def keep_settings(self, tables: Path) -> None:
        """Beside the tables: with them, a finished export can be told from another."""
        shutil.copyfile(self.unfinished / _SETTINGS, tables / _KEPT)

    def is_finished(self, version: str, settings: dict[str, Any]) -> bool:
        """Whether the dataset of an export with these settings is here, complete.

        The tables come last, in one move; what was cut off after that is removed.
        """
        kept = self.path / version / _KEPT
        if not kept.is_file() or read_json(kept) != json.loads(json.dumps(settings)):
            return False
        if self.unfinished.exists():
            self.close()
        return True

    def close(self) -> None:
        """Remove what only an unfinished export needs."""
        shutil.rmtree(self.unfinished)

    def _part(self, name: str) -> Path:
        return self.unfinished / f"{name}.json"
