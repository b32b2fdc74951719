"""The names that `bevdrive view` accepts for cameras, point colours and layers.

Nothing is imported here, so that `--help` answers at once.
"""

CAMERAS = ("chase", "top", "side", "overview")
THEMES = ("dark", "light")
COLORS = ("height", "intensity", "class", "instance")  # what the colour of a lidar point tells
STATIC_LAYERS = ("map", "route")  # the same at every instant
LAYERS = (
    "points", "ground", "boxes", "labels", "trails", "map", "lights", "route", "plan", "candidates",
    "forecast", "occupancy", "costs", "what_if", "perceived", "future",
)  # fmt: skip
HIDDEN_LAYERS = ("ground", "future")  # unless they are asked for
SHOWN_LAYERS = tuple(layer for layer in LAYERS if layer not in HIDDEN_LAYERS)
AHEAD_S = 2.0  # how far ahead a cost volume is shown, unless asked
