"""What can be chosen, by name. Nothing is imported here, so that `--help` answers at once."""

CAMERAS = ("chase", "top", "side", "overview")
COLORS = ("height", "intensity", "class", "instance")
STATIC_LAYERS = ("map", "route")
LAYERS = (
    "points", "boxes", "labels", "trails", "map", "lights", "route", "plan", "candidates",
    "forecast", "occupancy", "future",
)  # fmt: skip
SHOWN_LAYERS = tuple(layer for layer in LAYERS if layer != "future")
