"""What made a run: the version of this project, the packages it stands on, the machine."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

FILE = "made_by.yaml"
_ROOT = Path(__file__).parents[2]
_PACKAGES = ("torch", "numpy", "lightning", "nuscenes-devkit")


def version_line() -> str:
    """Of the project, with the commit where it is run from a checkout."""
    commit = _commit()
    return f"bevdrive {_version('bevdrive')}" + (f" ({commit})" if commit else "")


def made_by() -> dict[str, Any]:
    """What a run folder keeps in `made_by.yaml`."""
    return {
        "bevdrive": _version("bevdrive"),
        "commit": _commit(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "gpus": _gpus(),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Of the checkout that this file is in, `-dirty` where files differ from it; None: in none."""
    if not (_ROOT / ".git").exists():
        return None
    command = ["git", "-C", str(_ROOT), "describe", "--always", "--dirty", "--abbrev=12"]
    command += ["--exclude", "*"]  # no tag's name
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=5.0)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return told.stdout.strip() or None


def _processor() -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or None
    return next((line.split(": ", 1)[1] for line in lines if line.startswith("model name")), None)


def _gpus() -> list[str]:
    """Their names, as far as the driver's files tell: torch is not loaded for this."""
    found = []
    for path in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        lines = path.read_text().splitlines()
        found += [line.split(":", 1)[1].strip() for line in lines if line.startswith("Model")]
    return found
