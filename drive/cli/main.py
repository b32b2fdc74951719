"""The command `bevdrive`. One verb, one file; heavy packages are imported by the verb that needs them."""

import os
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.errors import InputError


def main(argv: list[str] | None = None, ends_process: bool = False) -> int:
    """Run a verb; returns the exit code: 0, 1 (not all of it, or a bug), 2 (wrong input), 130.

    `ends_process`: nothing but the end of the process follows, and Ctrl-C is too late for it.
    """
    arguments = sys.argv[1:] if argv is None else argv
    verbs = {
        "simulate": _simulate,
        "benchmark": _benchmark,
        "collect": _collect,
        "train": _train,
        "discover": _discover,
        "save": _save,
        "export": _export,
        "evaluate": _evaluate,
        "report": _report,
        "view": _view,
        "bench": _bench,
    }
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_USAGE)
        return 0 if arguments else 2
    if arguments[0] == "--version":
        from eval.runs.made_by import version_line

        print(version_line())
        return 0
    from drive.cli.interruption import Interruption
    from sim.errors import one_of
    from sim.remote import localized

    verb, *rest = arguments
    with Interruption(ends_process) as interruption:
        try:
            one_of("verb", verb, verbs)
            return verbs[verb]([localized(word) for word in rest])
        except BaseException as error:
            if interruption.happened:
                print("\nbevdrive: interrupted", file=sys.stderr)
                return 130
            return _failed(error)


def _failed(error: BaseException) -> int:
    """Say what ended the verb; returns the exit code."""
    import traceback

    from sim.errors import InputError
    from sim.files import is_of_disk, told_by_disk

    if isinstance(error, InputError):
        print(f"bevdrive: {_one_line(error)}", file=sys.stderr)
        return 2
    if is_of_disk(error):
        print(f"bevdrive: {told_by_disk(error)}; nothing is half written", file=sys.stderr)
        return 1
    if isinstance(error, BrokenPipeError):  # who read our output has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    if not isinstance(error, Exception):
        raise error  # such as the exit of an option parser
    traceback.print_exception(error)
    print("bevdrive: this is a bug of bevdrive, not of what you asked for", file=sys.stderr)
    return 1


def _one_line(error: "InputError") -> str:
    return " ".join(str(error).split("\n"))


def _simulate(arguments: list[str]) -> int:
    from drive.cli.simulate import run

    return run(arguments)


def _benchmark(arguments: list[str]) -> int:
    from drive.cli.benchmark import run

    return run(arguments)


def _collect(arguments: list[str]) -> int:
    from drive.cli.collect import run

    return run(arguments)


def _train(arguments: list[str]) -> int:
    from drive.cli.train import run

    return run(arguments)


def _discover(arguments: list[str]) -> int:
    from drive.cli.discover import run

    return run(arguments)


def _save(arguments: list[str]) -> int:
    from drive.cli.save import run

    return run(arguments)


def _export(arguments: list[str]) -> int:
    from drive.cli.export import run

    return run(arguments)


def _bench(arguments: list[str]) -> int:
    from drive.cli.bench import run

    return run(arguments)


def _view(arguments: list[str]) -> int:
    from drive.cli.view import run

    return run(arguments)


def _evaluate(arguments: list[str]) -> int:
    from drive.cli.evaluate import run

    return run(arguments)


def _report(arguments: list[str]) -> int:
    from drive.cli.report import run

    return run(arguments)


_USAGE = """usage: bevdrive VERB [OPTIONS]

  simulate   drive scenarios in closed loop and score them
  benchmark  fixed lists of scenarios: which there are, and what is in them
  evaluate   score results on a nuScenes split with the official code
  collect    make the examples that training reads, from scenarios
  train      train a network from collected examples
  discover   find road users in lidar sweeps that nobody labelled, and train a detector on them
  report     write a run's page again, or compare several runs in one
  view       look at a scene, a drive or a sweep, in Open3D
  save       write generated or recorded scenarios to files
  export     write scenarios as a nuScenes dataset
  bench      how fast are world, metrics, sensors and closed loop here?

`bevdrive VERB --help` lists the options, with examples; `bevdrive --version`. The first to try:

  bevdrive simulate --preset configs/simulate/demo.yaml"""


def command() -> None:
    """The process of the command line: `main`, and out."""
    signal.signal(signal.SIGINT, _interrupted_early)
    code = main(ends_process=True)
    if code == 130:  # the interpreter would look for an interrupt that it missed, and say -2
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _interrupted_early(*_: object) -> None:
    """Until the verb begins to listen."""
    os.write(2, b"bevdrive: interrupted\n")
    os._exit(130)


if __name__ == "__main__":
    command()
