"""The options of `bevdrive simulate`: filled by the command line, by YAML presets, or by code."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from drive.pipelines.workers import WorkOptions
from sim.errors import InputError, one_of
from sim.extras import lack, require_installed
from sim.sources.query import SourceQuery

_FEW_WORLDS, _MANY_WORLDS = 16, 64
PRESETS = Path(__file__).parents[1] / "configs" / "simulate"


@dataclass(frozen=True)
class SimulateConfig(WorkOptions, SourceQuery):
    """Drive scenarios in closed loop and score them.

    Examples:
      bevdrive simulate --families roundabout,merge --count 64 --planner pdm --traffic idm --seed 3
      bevdrive simulate --source scenarionet --path ../shared/data/nuscenes_mini_scenarionet \\
          --planner log_replay,pdm --traffic log
      bevdrive simulate --source nuscenes --dataroot /data/sets/nuscenes --split mini_val
      bevdrive simulate --planner examples/my_planner.py:TwoSecondRule,idm,pdm --count 8
      bevdrive simulate --benchmark interactive --planner costvolume@runs/cv_lidar --sensors lidar
      bevdrive simulate --scenario merge-val-0-000007 --planner pdm --replan 0.5
      bevdrive simulate --planner pdm,idm --perception discovered --replan 0.5
      bevdrive simulate --planner pdm --forecast joint --weights runs/joint --name foreseeing
      bevdrive simulate --preset nonreactive --planner idm
      bevdrive simulate --resume runs/latest

    Exit codes: 0 all well; 1 some scenarios were skipped, a planner failed, or a worker died;
    2 wrong input; 130 interrupted.
    """

    planner: tuple[str, ...] = ("pdm",)
    """one or more planners; p3@RUN: with the weights of that training"""
    traffic: str = "idm"
    """who moves the others"""
    perception: str | None = None
    """whom the ego knows of: tracks (everyone), visible (whoever is in its line of sight, or was within
    the last 3 s), discovered (whom a detector finds in the sweeps of a lidar; discovered@RUN: with the
    weights of that training); not given: visible with --benchmark, else tracks"""
    sensors: str | None = None
    """tracks, lidar: what the planners may have seen of the others, or they are refused; not given: what
    each needs, which the weights of a learned one say (costvolume@RUN)"""
    forecast: str | None = None
    """joint: planners that take a forecast (pdm, pdm+, p3) reckon with a learned one; reactive: pdm, pdm+ and
    --refine pdm reckon with what the others do if the ego drives this proposal, or that"""
    weights: str = "default"
    """of the forecast: default, or a run folder of bevdrive train"""
    refine: str | None = None
    """pdm: of the best candidates of planners that rate them (p3, hand_cost, costvolume, ...) the one that
    PDM-Closed's rules score best"""
    mode: str | None = None
    """nonsocial, social, reactive: how planners that take a mode (social) reckon with the others; not
    given: reactive"""
    metric: tuple[str, ...] = ()
    """metrics of your own beside the built-in ones: my_module:MyMetric, path/to/file.py:MyMetric"""
    replan: float | None = None
    """seconds for which a plan is followed until the next is made; not given: one step"""
    device: str = "cpu"
    """cpu, cuda, cuda:1 ...: where worlds and planners compute"""
    name: str | None = None
    """name of the run folder; not given: date and time"""
    out: Path = Path("runs")
    """where run folders go"""
    videos: int | None = None
    """videos of the worst scenarios, per planner; not given: 2, or none without imageio-ffmpeg"""
    batch_size: int | None = None
    """worlds per batch; not given: 16, and an eighth of many scenarios, up to 64, where no planner looks at
    more than agents, route and map (what they look at takes memory)"""

    @property
    def no_videos(self) -> str:
        """Why there are none, of one who has not said how many; "": that is no reason."""
        return lack("a video", "imageio_ffmpeg") if self.videos is None else ""

    @property
    def videos_per_planner(self) -> int:
        """How many there are to be."""
        return (0 if self.no_videos else 2) if self.videos is None else self.videos


def check(config: SimulateConfig) -> None:
    """Raise InputError for what is wrong with the options but those of the query (`find`).

    Everything from outside is imported and looked at.
    """
    from drive.planning import PLANNERS, make_planner, takes_option
    from eval.metrics.suite import FAMILIES, declared, own_families
    from sim.device import require_device
    from sim.interface import Needs
    from sim.registry import takes
    from sim.traffic import TRAFFIC

    if not config.planner:
        raise InputError("--planner: name at least one")
    for option in ("planner", "metric"):
        names = getattr(config, option)
        if len(set(names)) < len(names):
            raise InputError(f"--{option}: the same one twice")
    for name in config.planner:
        cls = PLANNERS.load(name)
        if takes(cls, "weights") or config.refine is not None:
            make_planner(
                name, None, config.refine, config.mode
            )  # what is wrong is said before anything runs
        needs = getattr(cls, "needs", Needs())
        if not isinstance(needs, Needs) and not hasattr(needs, "__get__"):  # a property tells later
            told = f"got a {type(needs).__name__}"
            raise InputError(f"--planner {name}: needs: expected a sim.interface.Needs, {told}")
    if config.mode is not None and not any(takes_option(name, "mode") for name in config.planner):
        raise InputError(f"--mode: not taken by {', '.join(config.planner)} (social takes one)")
    _check_sensors(config)
    _check_forecast(config)
    declared((*FAMILIES, *own_families(config.metric)))
    TRAFFIC.load(config.traffic)
    _check_perception(config)
    require_device(config.device)
    config.check_work()
    if config.videos:
        require_installed("--videos", "imageio_ffmpeg")
    for option, least in {"batch_size": 1, "videos": 0}.items():
        value = getattr(config, option)
        if value is not None and value < least:
            raise InputError(f"--{option.replace('_', '-')}: must be at least {least}, not {value}")
    if config.replan is not None and not 0 < config.replan < math.inf:
        raise InputError(f"--replan: must be above 0, not {config.replan}")


def batch_size_of(config: SimulateConfig, scenarios: int) -> int:
    """How many worlds of so many are driven together; of these two alone, so that a run can be resumed.

    A step costs much whatever the batch is: 64 worlds under a simple planner take 0.7 of the time of four
    times 16.
    """
    if config.batch_size is not None:
        return config.batch_size
    most = _FEW_WORLDS if _shows_images(config) else _MANY_WORLDS
    return min(max(_FEW_WORLDS, scenarios // 8), most)


def _shows_images(config: SimulateConfig) -> bool:
    """Whether a planner is shown images or sweeps, or what is found in sweeps: they take memory and no less
    time together."""
    from drive.pipelines.perception import is_discovered
    from drive.planning import PLANNERS
    from sim.interface import Needs

    if is_discovered(config.perception) or config.sensors == "lidar":
        return True
    needs = [getattr(PLANNERS.load(name), "needs", Needs()) for name in config.planner]
    return any(  # a property tells later
        not isinstance(need, Needs) or need.raster or need.lidar for need in needs
    )


def _check_sensors(config: SimulateConfig) -> None:
    """A planner sees what its weights were trained on, whatever is asked for."""
    from drive.features.sweeps import SENSORS
    from drive.planning import make_planner
    from sim.interface import needs_of

    if config.sensors is None:
        return
    one_of("--sensors", config.sensors, SENSORS)
    for name in config.planner:
        sees = "lidar" if needs_of(make_planner(name)).lidar else "tracks"
        if sees != config.sensors:
            told = f"{name} sees {sees}; bevdrive train costvolume --sensors {config.sensors} makes"
            raise InputError(
                f"--sensors {config.sensors}: {told} weights that see {config.sensors}"
            )


def _check_perception(config: SimulateConfig) -> None:
    """A detector's weights are read as well, and planners asked whether they can do with it."""
    from drive.perception.perceiving import require_perceivable
    from drive.pipelines.perception import DISCOVERED, is_discovered, load_detector
    from drive.planning import make_planner
    from sim.interface import Perception, needs_of

    perception = config.perception
    if perception is None:
        return
    if not is_discovered(perception):
        one_of("--perception", perception, (*get_args(Perception), DISCOVERED))
        return
    load_detector(perception)
    for name in config.planner:
        require_perceivable(name, needs_of(make_planner(name, None, config.refine, config.mode)))


def _check_forecast(config: SimulateConfig) -> None:
    """Weights are read as well: what is wrong with them is said before anything runs."""
    from drive.planning import make_planner, takes_option
    from drive.planning.forecaster import make_forecaster

    if config.forecast is None:
        if config.weights != SimulateConfig.weights:
            raise InputError(f"--weights {config.weights}: of what? add --forecast joint")
        return
    if not any(takes_option(name, "forecaster") for name in config.planner):
        names = ", ".join(config.planner)
        raise InputError(f"--forecast: not taken by {names} (pdm and pdm+ take one)")
    forecaster = make_forecaster(config.forecast, config.weights)
    for name in config.planner:
        make_planner(name, forecaster)
