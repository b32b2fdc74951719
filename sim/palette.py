"""The colours of every picture of a scene: one scheme on light ground, one on dark.

Pictures of environments, films, the report and the viewer take them from here. What moves, and planners,
are in colours that the colour-blind tell apart (after Okabe and Ito 2008).
"""

from dataclasses import dataclass, fields

Rgb = tuple[int, int, int]
Rgba = tuple[int, int, int, float]  # the last is the opacity, 0 to 1


@dataclass(frozen=True)
class Palette:
    """One scheme; what is translucent lies over what was drawn before."""

    ground: Rgb
    walkway: Rgb
    carpark: Rgb
    drivable: Rgb
    intersection: Rgba
    zebra: Rgba
    """the bars of a crosswalk"""
    edge: Rgb
    """the lines at either side of a lane"""
    connector: Rgba
    """the same, of lanes in a junction"""
    center: Rgba
    """the middle of a lane"""
    route: Rgba
    building: Rgb
    hedge: Rgb
    wall: Rgb
    vehicle: Rgb
    cyclist: Rgb
    pedestrian: Rgb
    object: Rgb
    planners: tuple[Rgb, ...]
    """of each planner of a run, in charts and as the ego that it drives; more than these begin anew"""
    hit: Rgb
    """around whom the ego has hit"""
    outline: Rgb
    plan: Rgb
    forecast: Rgb
    occupied: Rgb
    perceived: Rgb
    """outlines: where the planner took the others to be"""
    green: Rgb
    yellow: Rgb
    red: Rgb
    unknown: Rgb
    """a light whose state is not known"""
    ink: Rgb
    """text in the picture"""
    paper: Rgb
    """what the text stands on"""
    goes: Rgb
    """what is expected if the ego goes; `waits`: if it waits"""
    waits: Rgb
    cost_low: Rgb
    cost_middle: Rgb
    cost_high: Rgb

    @property
    def ego(self) -> Rgb:
        """Where nobody asks which planner drives it."""
        return self.planners[0]


LIGHT = Palette(
    ground=(238, 240, 235), walkway=(227, 228, 222), carpark=(218, 221, 228),
    drivable=(207, 211, 216), intersection=(150, 160, 175, 0.18), zebra=(255, 255, 255, 0.85),
    edge=(255, 255, 255), connector=(255, 255, 255, 0.45), center=(90, 100, 110, 0.5),
    route=(86, 180, 233, 0.35), building=(185, 182, 173), hedge=(180, 195, 166),
    wall=(140, 143, 147), vehicle=(108, 122, 139), cyclist=(0, 158, 115),
    pedestrian=(204, 121, 167), object=(141, 127, 92),
    planners=((213, 94, 0), (0, 114, 178), (133, 122, 0), (126, 58, 150), (58, 155, 217),
              (128, 76, 36), (0, 104, 96), (70, 78, 90)),
    hit=(200, 0, 60), outline=(35, 40, 46), plan=(27, 31, 35), forecast=(163, 65, 122),
    occupied=(230, 159, 0), perceived=(20, 60, 235),
    green=(0, 177, 125), yellow=(240, 200, 0), red=(224, 64, 42), unknown=(154, 161, 168),
    ink=(27, 31, 35), paper=(255, 255, 255),
    goes=(120, 60, 205), waits=(185, 110, 0),
    cost_low=(0, 90, 170), cost_middle=(70, 160, 150), cost_high=(225, 190, 120),
)  # fmt: skip
DARK = Palette(
    ground=(20, 24, 26), walkway=(29, 34, 37), carpark=(34, 40, 47),
    drivable=(43, 49, 55), intersection=(120, 140, 160, 0.12), zebra=(210, 218, 226, 0.32),
    edge=(106, 116, 125), connector=(120, 132, 142, 0.35), center=(150, 160, 170, 0.4),
    route=(86, 180, 233, 0.22), building=(63, 64, 62), hedge=(51, 64, 47),
    wall=(93, 98, 103), vehicle=(147, 161, 178), cyclist=(33, 185, 140),
    pedestrian=(220, 147, 187), object=(179, 164, 122),
    planners=((255, 127, 42), (86, 180, 233), (229, 217, 67), (170, 115, 235), (47, 135, 201),
              (176, 104, 60), (130, 235, 225), (200, 207, 214)),
    hit=(255, 66, 110), outline=(11, 13, 14), plan=(244, 246, 247), forecast=(214, 92, 214),
    occupied=(230, 159, 0), perceived=(120, 165, 255),
    green=(31, 211, 160), yellow=(240, 212, 58), red=(255, 106, 80), unknown=(118, 126, 133),
    ink=(233, 236, 238), paper=(27, 31, 34),
    goes=(178, 146, 255), waits=(255, 190, 70),
    cost_low=(86, 180, 233), cost_middle=(60, 140, 130), cost_high=(120, 95, 60),
)  # fmt: skip


def over(color: Rgba, ground: Rgb) -> Rgb:
    """A translucent colour as it looks over an opaque one."""
    *channels, opacity = color
    mixed = (round(opacity * c + (1 - opacity) * g) for c, g in zip(channels, ground, strict=True))
    red, green, blue = mixed
    return red, green, blue


def css(palette: Palette) -> str:
    """As custom properties of a style sheet: `--m-cost-low: rgb(0 90 170); --m-planner-0: ...`."""
    colors = {f.name.replace("_", "-"): getattr(palette, f.name) for f in fields(palette)}
    colors |= {f"planner-{k}": rgb for k, rgb in enumerate(colors.pop("planners"))}
    return " ".join(f"--m-{name}: {_css(color)};" for name, color in colors.items())


def _css(color: Rgb | Rgba) -> str:
    opacity = f" / {color[3]}" if len(color) == 4 else ""
    return f"rgb({color[0]} {color[1]} {color[2]}{opacity})"
