"""Packages that not everybody installs: who needs one says how to get it."""

from importlib.util import find_spec

from sim.errors import InputError

# By the name it is imported by: what it is called, and which of pyproject.toml's extras brings it.
PACKAGES = {
    "open3d": ("open3d", "view"),
    "matplotlib": ("matplotlib", "view"),
    "mapbox_earcut": ("mapbox-earcut", "view"),
    "imageio_ffmpeg": ("imageio-ffmpeg", "view"),
    "viser": ("viser", "view"),
    "nuscenes": ("nuscenes-devkit", "nuscenes"),
    "motmetrics": ("motmetrics", "nuscenes"),
    "sklearn": ("scikit-learn", "perception"),
    "lightning": ("lightning", "train"),
    "gymnasium": ("gymnasium", "rl"),
    "stable_baselines3": ("stable-baselines3", "rl"),
    "ray": ("ray", "cluster"),
}


def lack(what: str, *modules: str) -> str:
    """The line that says what to install if `what`, a verb or an option, lacks one of `PACKAGES`; or ""."""
    for module in modules:
        if find_spec(module) is None:
            package, extra = PACKAGES[module]
            return f"{what} needs {package}: pip install 'bevdrive[{extra}]'"
    return ""


def require_installed(what: str, *modules: str) -> None:
    """Raise InputError, with that line, if there is one."""
    if line := lack(what, *modules):
        raise InputError(line)
