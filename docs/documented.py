"""The commands that stand in README.md and docs/: which there are, and what makes each one small."""

import re
import shlex
import shutil
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
REAL = ROOT.parent / "shared" / "data"  # pieces of public data sets: `real/` in small commands

_PROGRAMS = "bevdrive|python|bash|make|pip|docker|tensorboard|pytest|xvfb-run"
_SETTING = re.compile(r"([A-Z_0-9]+)=(\S*)\s*")
_IN_PROSE = re.compile(r"`((?:bevdrive|python|bash) [^`]*)`")
# What "..." stands for, where the rest of a command does not say all that is needed.
_REST = {
    "collect": "--out data/rest",
    "discover": "--out runs/rest",
    "export": "--out data/rest",
    "evaluate": "--split val",
    "simulate": "idm",  # after --planner
}

# What is not run, and why.
_NOT_RUN = {
    r"^(make|pip|docker)\b": "installs, which CI does",
    r"^tensorboard": "serves until it is stopped",
    r"^python -m scenarionet\.": "another project's converter",
    r"^pytest -m parity": "needs a checkout of nuplan-devkit",
    r"peers/run\.sh": "installs other simulators",
    r"two_nodes\.sh|RAY_ADDRESS|--devices": "needs several machines or devices",
    r"make_interactive\.py": "writes a benchmark into the package",
    r"scoreboard\.py": "takes a whole benchmark, and writes scores into the package",
    r"s3://": "needs a bucket",
}

# What words of the docs stand for, in turn.
_MEANT = {
    r"(discover .*--path|view) (?:DIR|LOGS?)\b": r"\1 real/av2/adcf7d18-0510-35b0-a2fa-b4cea13a6d76",
    r"--source argoverse2 --path (DIR|LOGS)\b": "--source argoverse2 --path real/av2",
    r"(likeness\.py --data) DIR": r"\1 real",
    r"--(path|maps) (?:DIR|OUT|FOUR|ONE)\b": r"--\1 real/nuscenes_mini_scenarionet",
    r"--dataroot \S+ --version \S+": "--dataroot data/sim --version v1.0-sim",
    r"(v1.0-sim --split) \S+": r"\1 sim_val",
    r"(v1.0-sim --scenario) \S+": r"\1 scene-2001",
    r"(evaluate tracking .*)mine\.json": r"\1tracks.json",
    r"--scenario DRIVE\b": "--scenario ID",
    r"--path DRIVE\b": "--path data/kitti",
    r"SWEEP\.bin": "data/kitti/velodyne/0000000000.bin",
    r"\bFOLDER\b": "data/roundabouts",
    r"\bRUN STORE\b": "runs/before data/old",
    r"\bRUN RUN\b": "runs/before runs/after",
    r"\bRUN\b": "runs/latest",
    r"\bTASK\b": "joint",
    r"--planner NAME\b": "--planner bc",
    r"--families (?:F|ALL30)\b": "--families curve,merge",
    r"--seed N\b": "--seed 1",
    r"\bworlds=\S+": "worlds=2 mode=eager what=step",
    r" --view\b": "",  # waits for somebody
}
if shutil.which("nvidia-smi") is None:
    _MEANT[r"\bdevice([ =])cuda"] = r"device\1cpu"

# What makes a command small: of the first that it begins with. With "" nothing has to.
_STEPS = "--steps 2 --steps-per-epoch 1 --batch-size 2 --val-every 2 --val-examples 2"
_SMALL = {
    r".*--(resume|help)\b": "",
    r"bevdrive simulate .*--(source|benchmark|scenario)": "--count 1 --videos 0 --replan 1 --workers 0",
    r"bevdrive simulate": "--count 2 --videos 0 --replan 1 --duration-s 10 --workers 0",
    r"bevdrive collect .*--(source|benchmark)": "--count 2 --workers 0",
    r"bevdrive collect": "--count 10 --duration-s 9 --workers 0",  # one of ten validates
    r"bevdrive save": "--count 2",
    r"bevdrive train (intention|cover|occupancy|costvolume)": f"{_STEPS} --num-x 48 --num-y 32",
    r"bevdrive train": _STEPS,
    r"bevdrive discover .*\.bin": "",
    r"bevdrive discover .*--(weights|stage)": "--count 1 --seconds 0.5 --workers 0",
    r"bevdrive discover .*argoverse2": "--stage cluster --workers 0",  # there is one sweep
    r"bevdrive discover .*--cluster": "--stage cluster --count 2 --seconds 0.5",
    r"bevdrive discover": "--count 2 --seconds 1 --steps 4 --rounds 1 --workers 0",
    r"bevdrive export .*--source run": "--train 1 --val 0 --workers 0",
    r"bevdrive export": "--train 1 --val 1 --duration-s 10 --workers 0",
    r"bevdrive evaluate (detection|tracking|prediction|forecast .*--data |planning .*--results)": "",
    r"bevdrive evaluate": "--count 1 --workers 0",
    r"bevdrive bench .*--prepare": "--agents 4",
    r"bevdrive bench ": "--worlds 2 --agents 4 --mode eager",
    r"bevdrive view .*--web": "--out look.html",
    r"bevdrive view .*\.mp4": "--size 128x96 --fps 1",
    r"bevdrive view": "--size 128x96 --out look.png",
    r"python benchmarks/costs": "--count 1 --planners idm",
    r"python benchmarks/counterfactual": "--count 2 --families dense_merge",
    r"python benchmarks/expectations": "--count 2 --families dense_merge",
    r"python benchmarks/fuzz": "--count 3",
    r"python benchmarks/growth": "--counts 10 20",
    r"python benchmarks/kills": "--kills 1 --verbs save",
    r"python benchmarks/maps .*--maps": "--maps 1 --scenarios 2",
    r"python benchmarks/(maps|report)": "--scenarios 2",
    r"python benchmarks/likeness": "--count 2",
    r"python benchmarks/pdm_changes": "--count 1 --seconds 2",
    r"python benchmarks/(perceived|planners|social)": "--worlds 1",
    r"python benchmarks/roofline": "--what observe --worlds 2",
    r"python benchmarks/candidates": "--count 1 --numbers 5",
    r"python benchmarks/samplers": "--trajectories 20 --scenes 2 --repeats 1",
    r"python benchmarks/traffic": "--worlds 2 --seconds 2",
    r"python examples/ppo_single_file": "--steps 16 --worlds 4 --scenarios 2 --minibatch 8",
    r"python examples/train_ppo": "--steps 8",
}
# Measurements of minutes that no option makes small.
_LONG = re.compile(r"benchmarks/(speed|scaling|view|discovery|learning)\.py")


class Command(NamedTuple):
    """One of a page: its words, the program first, and what is set before it in the environment."""

    words: tuple[str, ...]
    settings: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join((*self.settings, shlex.join(self.words)))


def commands(text: str) -> Iterator[Command]:
    """Those of a page, shell variables filled in; comments, and where the output goes, are left out."""
    known: dict[str, str] = {}
    for code in _code(text):
        set_before = "".join(takewhile(_SETTING.fullmatch, re.split(r"(?<=\s)", code)))
        known |= dict(_SETTING.findall(set_before))
        line = code.removeprefix(set_before)
        if not re.match(rf"({_PROGRAMS})(\s|$)", line):
            continue
        for name, value in known.items():
            line = line.replace(f"${name}", value)
        words = list(
            takewhile(lambda word: word not in (">", "|"), shlex.split(line, comments=True))
        )
        if "..." in words:
            at = words.index("...")
            words[at : at + 1] = _REST.get(words[1], "").split()
        for chosen in _alternatives(words):
            yield Command(tuple(chosen), tuple(set_before.split()))


def _code(text: str) -> Iterator[str]:
    """Lines of fenced and of indented code; in prose, code that has options or names a script."""
    fenced, prose = False, ""
    for line in [*text.replace("\\\n", " ").splitlines(), "    "]:
        if re.match(r" {0,3}```", line):
            fenced = not fenced
        elif fenced or re.match(r" {4}|\t", line):
            for code in _IN_PROSE.findall(prose):
                if re.search(r" --\w|\.(py|sh)\b", code):
                    yield code
            yield line.strip()
            prose = ""
        else:
            prose += f" {line}"


def _alternatives(words: list[str]) -> Iterator[list[str]]:
    """With a word `a|b`: each of them in its place."""
    at = next((k for k, word in enumerate(words) if "|" in word), None)
    if at is None:
        yield words
        return
    for choice in words[at].split("|"):
        yield [*words[:at], choice, *words[at + 1 :]]


def why_not_run(command: Command) -> str:
    """The reason; nothing where it can be run."""
    for pattern, reason in _NOT_RUN.items():
        if re.search(pattern, shlex.join((*command.words, *command.settings))):
            return reason
    if command.words[0] == "xvfb-run" and shutil.which("xvfb-run") is None:
        return "xvfb-run is not installed"
    if not REAL.is_dir() and re.search(r" (real|data/kitti)\b", str(small(command))):
        return f"no real data at {REAL}"
    return ""


def small(command: Command) -> Command:
    """With what its words stand for, and with options that make it short; `view` writes files.

    A word ID is left: it is the name of what is there first when the command is run.
    """
    text = shlex.join(command.words)
    for pattern, meant in _MEANT.items():
        text = re.sub(pattern, meant, text)
    words = shlex.split(text)
    options = next((found for begin, found in _SMALL.items() if re.match(begin, text)), "")
    for option in re.findall(r"--[^-].*?(?= --|$)", options):
        if option != "--workers 0" or "--cluster" not in words:
            words = _with(words, *option.split())
    return Command(tuple(words), command.settings)


def _with(words: list[str], option: str, *values: str) -> list[str]:
    """With an option, in place of the values that it has; but the name of a file stays."""
    if option not in words:
        return [*words, option, *values]
    if option == "--out":
        return words
    at = words.index(option) + 1
    given = list(takewhile(lambda word: not word.startswith("--"), words[at:]))
    return [*words[:at], *values, *words[at + len(given) :]]


def is_long(command: Command) -> bool:
    """Whether it takes minutes even so: it is fine if it is at work after a while."""
    return bool(_LONG.search(str(command)))
