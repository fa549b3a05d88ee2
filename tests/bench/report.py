"""Measure the engine and print one table: ``python -m tests.bench.report [--quick] [--part NAME]``.

Each case runs in a process of its own, so that peak memory is its own; times are medians
of repeated runs in that process, the machine code already loaded.  They are CPU times: both
engines use one thread, so on an idle machine that is the wall time, and on a busy one
neighbours disturb it less.  ``run`` includes the verification that ``simulate`` always
does; ``kernel`` is the engine alone.  Before it stands what the first compiled run of a process takes.  The next
table holds whole runs through the pipeline (without what-ifs unless it says so), the last the command line with empty
and with full caches; there wall times stand beside CPU times.  ``--part targets`` prints the figures that are promised,
each beside its bound, and nothing else.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

REPEATS = 5
SLOW_S = 8.0

SWEEP = [(case, 10**power) for case in ("server_tasks", "mixed_tasks") for power in (3, 4, 5, 6, 7)]
TRANSFERS = [
    ("shared_transfers", 10**6),
    *(("ring_all_reduce", ranks) for ranks in (64, 256, 1024, 4096)),
    ("torus_all_reduce", 8),
    ("torus_all_reduce", 16),
    ("mesh_permutation", 64),
    ("mesh_random_sizes", 64),
    *(("mesh_uniform", percent) for percent in (10, 30, 50, 70)),
]
FOLDED = [64, 1024, 4096, 1_048_576]
SIMPY_UP_TO = 10**5


@dataclass(frozen=True)
class Figure:
    """What one case took: CPU seconds to build, run (verified) and run (bare kernel), and peak memory."""

    case: str
    size: int
    engine: str
    num_tasks: int
    build_s: float
    run_s: float
    bare_s: float
    peak_mb: float


def measure(case: str, size: int, engine: str) -> Figure:
    """Measure one case in this process."""
    from engine_cases import GRAPHS, ring_all_reduce_folded

    from accelsim.engine import run_program, simulate

    if case == "ring_folded":
        simulate(GRAPHS["ring_all_reduce"](2), "simpy")
        build_s = median_s(lambda: ring_all_reduce_folded(size))
        program = ring_all_reduce_folded(size)
        run_s = median_s(lambda: run_program(program))
        return Figure(case, size, "simpy", program.num_simulated_tasks, build_s, run_s, run_s, peak_mb())
    simulate(GRAPHS["ring_all_reduce"](2), engine)
    build_s = median_s(lambda: GRAPHS[case](size))
    graph = GRAPHS[case](size)
    run_s = median_s(lambda: simulate(graph, engine))
    peak = peak_mb()
    bare_s = run_s
    if engine == "compiled":
        from accelsim.engine.compiled_engine import run_compiled

        bare_s = median_s(lambda: run_compiled(graph))
    return Figure(case, size, engine, graph.num_tasks, build_s, run_s, bare_s, peak)


def median_s(action: Callable[[], object]) -> float:
    """Median CPU time of up to five runs; one run only if it is slow."""
    times: list[float] = []
    while len(times) < REPEATS and sum(times) < SLOW_S:
        began = time.process_time()
        action()
        times.append(time.process_time() - began)
    return statistics.median(times)


def peak_mb() -> float:
    """Highest resident memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def in_own_process(*arguments: str) -> dict[str, Any]:
    """What this program prints with these arguments, in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.report", *arguments]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def figure(case: str, size: int, engine: str) -> Figure:
    """Measure one case in a process of its own."""
    return Figure(**in_own_process("--one", case, str(size), engine))


def figures(quick: bool) -> Iterator[Figure]:
    """Measure every case, both engines where SimPy finishes in reasonable time."""
    for case, size in SWEEP:
        if quick and size > 10**5:
            continue
        if size <= SIMPY_UP_TO:
            yield figure(case, size, "simpy")
        yield figure(case, size, "compiled")
    for case, size in TRANSFERS:
        if not quick or size <= 256:
            yield figure(case, size, "compiled")
    for ranks in FOLDED:
        yield figure("ring_folded", ranks, "simpy")


def growth_exponent(points: list[Figure]) -> float:
    """Growth of run time with tasks."""
    return exponent([(point.num_tasks, point.run_s) for point in points])


def exponent(points: list[tuple[int, float]]) -> float:
    """Least-squares slope of log(seconds) over log(tasks)."""
    xs, ys = zip(*((math.log(num_tasks), math.log(seconds)) for num_tasks, seconds in points), strict=True)
    return statistics.linear_regression(xs, ys).slope


def print_report(quick: bool) -> None:
    """Print all tables."""
    from start_cases import print_start

    print_targets(quick)
    print_start(quick)
    print_engine(quick)
    print_pipeline(quick)
    print_commands(quick)


def print_targets(quick: bool) -> None:
    """Print a line per promise."""
    from target_cases import TARGETS

    print(f"{'promised, CPU times':38s}{'measured':>14s}{'bound':>14s}")
    for name, target in TARGETS.items():
        if quick and "100,000" in name:
            continue
        value = in_own_process("--target", name)["value"]
        kept = "" if target.holds(value) else "  missed"
        print(f"{name:38s}{value:10.3g} {target.unit:3s}{target.bound:10.3g} {target.unit:3s}{kept}", flush=True)
    print()


def print_pipeline(quick: bool) -> None:
    """Print a line per run through the pipeline, then how a decode grows with its steps."""
    from pipeline_cases import PLAN, SYSTEM, RunFigure, runs

    title = f"{f'pipeline, {SYSTEM} {PLAN}':34s}{'tasks':>10s}{'peak MB':>9s}"
    print(f"\n{title}{'first CPU':>12s}{'again CPU':>12s}{'again wall':>12s}")
    done: list[RunFigure] = []
    for name in runs():
        if quick and "00 steps" in name:
            continue
        one = RunFigure(**in_own_process("--run", name))
        done.append(one)
        times = (one.first_cpu_s, one.again_cpu_s, one.again_wall_s)
        print(
            f"{name:34s}{one.num_tasks:10d}{one.peak_mb:9.0f}" + "".join(f"{1e3 * value:9.1f} ms" for value in times),
            flush=True,
        )
    decodes = [(one.num_tasks, one.again_cpu_s) for one in done if "decode x" in one.name]
    print(f"decode: time grows with tasks to the power {exponent(decodes):.2f}")


def print_commands(quick: bool) -> None:
    """Print a line per command."""
    from pipeline_cases import commands, measure_command

    print(f"\n{'command':34s}{'cold CPU':>12s}{'cold wall':>12s}{'warm CPU':>12s}{'warm wall':>12s}")
    for name, command in commands(quick).items():
        one = measure_command(name, command)
        times = (one.cold_cpu_s, one.cold_wall_s, one.warm_cpu_s, one.warm_wall_s)
        print(f"{name:34s}" + "".join(f"{value:10.2f} s" for value in times), flush=True)


def print_engine(quick: bool) -> None:
    """Print a line per case, then ratios and growth exponents."""
    print(
        f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; CPU times, medians of up to {REPEATS} runs"
    )
    header = f"{'case':18s}{'size':>9s}{'engine':>10s}{'tasks':>10s}{'build':>11s}{'run':>11s}{'kernel':>11s}"
    print(header + f"{'Mtasks/s':>10s}{'build/run':>10s}{'peak MB':>9s}")
    done: list[Figure] = []
    for f in figures(quick):
        done.append(f)
        line = f"{f.case:18s}{f.size:9d}{f.engine:>10s}{f.num_tasks:10d}"
        line += "".join(f"{1e3 * value:8.2f} ms" for value in (f.build_s, f.run_s, f.bare_s))
        line += f"{f.num_tasks / f.bare_s / 1e6:10.3f}{f.build_s / f.run_s:10.2f}{f.peak_mb:9.0f}"
        print(line, flush=True)
    for case in ("server_tasks", "mixed_tasks"):
        by_engine = {(f.engine, f.size): f for f in done if f.case == case}
        ratio = by_engine["simpy", 10**5].run_s / by_engine["compiled", 10**5].run_s
        print(f"{case}: compiled is {ratio:.0f} times as fast as SimPy on the same 100,000 tasks")
        for engine in ("simpy", "compiled"):
            points = [f for f in done if (f.case, f.engine) == (case, engine) and f.size >= 10**4]
            print(f"{case}, {engine}: run time grows with tasks to the power {growth_exponent(points):.2f}")
    rings = [f for f in done if f.case == "ring_all_reduce"]
    print(f"ring_all_reduce: run time grows with transfers to the power {growth_exponent(rings):.2f}")


def main() -> None:
    """Parse the command line."""
    from start_cases import print_start

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="skip what takes more than seconds")
    parser.add_argument("--one", nargs=3, metavar=("CASE", "SIZE", "ENGINE"), help="measure one case, print JSON")
    parser.add_argument("--run", metavar="NAME", help="measure one run through the pipeline, print JSON")
    parser.add_argument("--target", metavar="NAME", help="measure one promise, print JSON")
    parts = {
        "targets": print_targets, "start": print_start, "engine": print_engine, "pipeline": print_pipeline,
        "commands": print_commands,
    }  # fmt: skip
    parser.add_argument("--part", choices=tuple(parts), help="print one table only")
    arguments = parser.parse_args()
    if arguments.one:
        case, size, engine = arguments.one
        print(json.dumps(asdict(measure(case, int(size), engine))))
    elif arguments.run:
        from pipeline_cases import measure_run

        print(json.dumps(asdict(measure_run(arguments.run))))
    elif arguments.target:
        from target_cases import TARGETS

        print(json.dumps({"value": TARGETS[arguments.target].measure()}))
    else:
        parts.get(arguments.part, print_report)(arguments.quick)


if __name__ == "__main__":
    main()
