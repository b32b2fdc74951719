"""The command `bevdrive`. One verb, one file; heavy packages are imported by the verb that needs them."""

import sys


def main(argv: list[str] | None = None) -> int:
    """Run a verb; returns the exit code: 0, 1 (ran, but skipped scenarios), 2 (wrong input)."""
    arguments = sys.argv[1:] if argv is None else argv
    verbs = {"simulate": _simulate}
    if not arguments or arguments[0] in ("-h", "--help"):
        print(
            "usage: bevdrive VERB [OPTIONS]\n\n  simulate   drive scenarios in closed loop and score them\n"
        )
        print("`bevdrive VERB --help` lists the options, with examples.")
        return 0 if arguments else 2
    if arguments[0] not in verbs:
        choices = ", ".join(verbs)
        print(f"bevdrive: unknown verb {arguments[0]!r} (choices: {choices})", file=sys.stderr)
        return 2
    try:
        return verbs[arguments[0]](arguments[1:])
    except ValueError as error:
        print(f"bevdrive: {error}", file=sys.stderr)
        return 2


def _simulate(arguments: list[str]) -> int:
    from drive.cli.simulate import run

    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
