"""The command `bevdrive`. One verb, one file; heavy packages are imported by the verb that needs them."""

import sys
import traceback

from sim.errors import InputError, one_of


def main(argv: list[str] | None = None) -> int:
    """Run a verb; returns the exit code: 0, 1 (not all of it, or a bug), 2 (wrong input), 130."""
    arguments = sys.argv[1:] if argv is None else argv
    verbs = {
        "simulate": _simulate,
        "benchmark": _benchmark,
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
    verb, *rest = arguments
    try:
        one_of("verb", verb, verbs)
        return verbs[verb](rest)
    except InputError as error:
        print(f"bevdrive: {error}", file=sys.stderr)
        return 2
    except Exception:
        traceback.print_exc()
        print("bevdrive: this is a bug of bevdrive, not of what you asked for", file=sys.stderr)
        return 1


def _simulate(arguments: list[str]) -> int:
    from drive.cli.simulate import run

    return run(arguments)


def _benchmark(arguments: list[str]) -> int:
    from drive.cli.benchmark import run

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
  report     write a run's page again, or compare several runs in one
  view       look at a scene, a drive or a sweep, in Open3D
  save       write generated or recorded scenarios to files
  export     write scenarios as a nuScenes dataset
  bench      how fast are world, metrics, sensors and closed loop here?

`bevdrive VERB --help` lists the options, with examples. The first to try:

  bevdrive simulate --preset configs/simulate/demo.yaml"""

if __name__ == "__main__":
    sys.exit(main())
