"""Run a task graph on either engine; the timeline is verified, always."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from accelsim.arguments import checked_call
from accelsim.engine.choice import first_done, simpy_s
from accelsim.engine.machine_code import is_kept, is_loaded
from accelsim.engine.taskgraph import TaskGraph
from accelsim.engine.timeline import Timeline
from accelsim.engine.verify import verify_timeline
from accelsim.errors import ConfigError

EngineName = Literal["auto", "simpy", "compiled"]

ENGINES: tuple[EngineName, ...] = ("auto", "simpy", "compiled")


def choose_engine(graphs: Iterable[tuple[TaskGraph, int]], engine: EngineName = "auto") -> Literal["simpy", "compiled"]:
    """Return the engine that ``engine`` means for a job.

    Args:
        graphs: Each graph of the job and how often it is run.
        engine: What was asked for.

    Raises:
        ConfigError: The name is unknown.
    """
    if engine == "auto":
        if is_loaded():
            return "compiled"
        return first_done(sum(times * simpy_s(graph) for graph, times in graphs), is_kept)
    if engine not in ENGINES:
        raise ConfigError(f"unknown engine {engine!r}. Known: {', '.join(ENGINES)}.")
    return engine


@checked_call("simulate_tasks(TaskGraphBuilder().build())", graph=TaskGraph)
def simulate(graph: TaskGraph, engine: EngineName = "auto", record_rates: bool = False) -> Timeline:
    """Simulate a task graph and verify the result.

    Args:
        graph: What to run.
        engine: ``simpy`` (the definition), ``compiled`` (the same, fast) or ``auto``.
        record_rates: Also deliver the piecewise rate of every link.

    Returns:
        The timeline; the same from both engines, to the tick.

    Raises:
        DeadlockError: The graph cannot finish, e.g. it has a cycle.
        ClockOverflowError: The run is longer than the clock holds.
        VerificationError: The result breaks a conservation law (a bug).

    Examples:
        >>> from accelsim.engine import TaskGraphBuilder
        >>> builder = TaskGraphBuilder()
        >>> hbm = builder.link("hbm", 1e12)
        >>> for name in ("a", "b"):
        ...     _ = builder.task(name, nbytes=1000, route=[hbm])
        >>> simulate(builder.build()).makespan_s  # two share: 2000 bytes at 1e12 bytes/s
        2e-09
    """
    # Either engine is imported only when used: numba alone costs half a second.
    if choose_engine([(graph, 1)], engine) == "simpy":
        from accelsim.engine.simpy_engine import SimpyEngine

        return SimpyEngine(graph, record_rates).run()
    from accelsim.engine.compiled_engine import run_compiled

    timeline = run_compiled(graph, record_rates)
    verify_timeline(graph, timeline)
    return timeline
