"""The command `bevdrive`. One verb, one file; heavy packages are imported by the verb that needs them."""

import os
import signal
import sys
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.errors import InputError

# In the order in which one meets them; a file beside this one each.
VERBS = {
    "simulate": "drive scenarios in closed loop and score them",
    "report": "write a run's page again, or compare several runs in one",
    "view": "look at a scene, a drive or a sweep: a window, a picture, a film, a page",
    "benchmark": "fixed lists of scenarios: which there are, and what is in them",
    "evaluate": "score results on a nuScenes split, planners in open loop, forecasts",
    "save": "write generated or recorded scenarios to files",
    "collect": "make the examples that training reads, from scenarios",
    "train": "train a network from collected examples",
    "discover": "find road users in lidar sweeps that nobody labelled; train a detector on them",
    "export": "write scenarios as a nuScenes dataset",
    "bench": "how fast are world, metrics, sensors and closed loop here?",
    "completion": "print what lets a shell complete verbs and options",
}
_USAGE = f"""usage: bevdrive VERB [OPTIONS]

{chr(10).join(f"  {verb:<12}{told}" for verb, told in VERBS.items())}

`bevdrive VERB --help` lists the options, with examples; `bevdrive --version`. The first to try:

  bevdrive simulate --preset demo"""
_INTERRUPTED, _NO_READER = 130, 141  # 128 and the signal's number, as shells have it


def main(argv: list[str] | None = None, ends_process: bool = False) -> int:
    """Run a verb; returns the exit code: 0, 1 (not all of it, or a bug), 2 (wrong input), 130, 141.

    `ends_process`: nothing but the end of the process follows, and Ctrl-C is too late for it.
    """
    arguments = sys.argv[1:] if argv is None else argv
    from drive.cli.interruption import Interruption
    from drive.cli.run_log import RunLog

    with Interruption(ends_process) as interruption, RunLog(arguments) as log:
        try:
            log.code = _run(arguments)
        except BaseException as error:
            if interruption.happened:
                print("\nbevdrive: interrupted", file=sys.stderr)
                log.code = _INTERRUPTED
            else:
                log.code = _failed(error)
        return log.code


def _run(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_USAGE)
        return 0 if arguments else 2
    if arguments[0] == "--version":
        from eval.runs.made_by import version_line

        print(version_line())
        return 0
    from sim.errors import one_of
    from sim.remote import localized

    verb, *words = arguments
    if verb.startswith("-"):
        one_of("option without a verb", verb, ("--help", "--version"))
    one_of("verb", verb, VERBS)
    return import_module(f"drive.cli.{verb}").run([localized(word) for word in words])


def _failed(error: BaseException) -> int:
    """Say what ended the verb; returns the exit code."""
    import traceback

    from sim.errors import InputError
    from sim.files import is_of_disk, told_by_disk

    if isinstance(error, SystemExit):  # of the option parser, after a help
        return error.code if isinstance(error.code, int) else 0
    if isinstance(error, InputError):
        print(f"bevdrive: {_one_line(error)}", file=sys.stderr)
        return 2
    if is_of_disk(error):
        print(f"bevdrive: {told_by_disk(error)}; nothing is half written", file=sys.stderr)
        return 1
    if isinstance(error, BrokenPipeError) and _reader_left():
        return _NO_READER
    if not isinstance(error, Exception):
        raise error
    traceback.print_exception(error)
    print("bevdrive: this is a bug of bevdrive, not of what you asked for", file=sys.stderr)
    return 1


def _one_line(error: "InputError") -> str:
    return " ".join(str(error).split("\n"))


def _reader_left() -> bool:
    """Whether standard output is a pipe whose other end was closed, as by `| head -1`."""
    import select

    pipe = select.poll()
    pipe.register(1, 0)
    return any(event & select.POLLERR for _, event in pipe.poll(0))


def command() -> None:
    """The process of the command line: `main`, and out."""
    signal.signal(signal.SIGINT, _interrupted_early)
    code = main(ends_process=True)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = _NO_READER
    if code in (_INTERRUPTED, _NO_READER):
        # The interpreter would look for an interrupt that it missed, and say -2; and flush once more.
        os._exit(code)
    sys.exit(code)


def _interrupted_early(*_: object) -> None:
    """Until the verb begins to listen."""
    os.write(2, b"bevdrive: interrupted\n")
    os._exit(_INTERRUPTED)


if __name__ == "__main__":
    command()
