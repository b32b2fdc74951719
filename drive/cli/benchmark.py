"""`bevdrive benchmark`."""

from dataclasses import dataclass

from drive.cli.options import Form
from drive.cli.words import task_form
from sim.benchmarks import TRAINING, Benchmark, benchmark_names, read_benchmark
from sim.benchmarks.scores import read_scores


@dataclass(frozen=True)
class ListOptions:
    """List the benchmarks: fixed lists of scenarios, by name, version and hash.

    Examples:
      bevdrive benchmark list
      bevdrive simulate --benchmark interactive --planner idm,pdm
    """


@dataclass(frozen=True)
class ShowOptions:
    """Show what is in a benchmark.

    Examples:
      bevdrive benchmark show interactive            # the newest version
      bevdrive benchmark show interactive@4

    Exit codes: 0 all well; 2 wrong input.
    """

    name: str
    """NAME or NAME@VERSION"""


def forms() -> dict[str, Form]:
    """By action."""
    return {
        "list": Form(ListOptions, "bevdrive benchmark list", {}),
        "show": Form(ShowOptions, "bevdrive benchmark show", {}, positional=("name",)),
    }


def parse(arguments: list[str]) -> ListOptions | ShowOptions:
    """What is asked for."""
    return task_form(arguments, forms(), "action", "bevdrive benchmark").parse(arguments[1:])


def run(arguments: list[str]) -> int:
    """Print the list or one benchmark; returns the exit code. Raises InputError for a wrong name."""
    options = parse(arguments)
    print(_show(read_benchmark(options.name)) if isinstance(options, ShowOptions) else _list())
    return 0


def _list() -> str:
    lines = []
    for name, versions in benchmark_names().items():
        for version in versions:
            benchmark = read_benchmark(f"{name}@{version}")
            lines.append(
                f"{name}@{version:<4} {len(benchmark.entries):>5} scenarios of "
                f"{len(benchmark.families)} families, hash {benchmark.hash}"
            )
    lines.append(f"{TRAINING}  as many as asked for, by --seed and --count")
    return "\n".join(lines)


def _show(benchmark: Benchmark) -> str:
    """Per family: how many, how much they demand, how many have a witness, and how fast it is."""
    lines = [
        f"{benchmark.name} version {benchmark.version}: {len(benchmark.entries)} scenarios of "
        f"{benchmark.duration_s:g} s, hash {benchmark.hash}",
        f"{'family':<22}{'scenarios':>10}{'interaction':>13}{'witnesses':>11}{'goal after':>12}",
    ]
    for family in benchmark.families:
        entries = benchmark.chosen((family,))
        demand = sum(entry.interaction for entry in entries) / len(entries)
        times = [entry.witness_s for entry in entries if entry.witness_s is not None]
        after = f"{sum(times) / len(times):.1f} s" if times else "-"
        lines.append(f"{family:<22}{len(entries):>10}{demand:>13.2f}{len(times):>11}{after:>12}")
    return "\n".join(lines + _scores(benchmark))


def _scores(benchmark: Benchmark) -> list[str]:
    """Who has been scored on it, the best first; a star stands for privileged knowledge."""
    scores = read_scores(benchmark)
    if not scores:
        return []
    lines = ["", f"{'planner':<22}{'traffic':>10}{'success':>10}{'nuPlan':>10}{'EPDMS':>10}"]
    for row in scores:
        name = row.planner + "*" * row.privileged
        lines.append(
            f"{name:<22}{row.traffic:>10}{row.success:>10.3f}{row.score:>10.3f}{row.epdms:>10.3f}"
        )
    return lines
