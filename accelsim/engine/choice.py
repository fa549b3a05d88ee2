"""Which engine ``auto`` is: the one that is done first, as far as that can be told before.

Both give the same timeline, so only the wait depends on it.  What SimPy takes is estimated from the graph; what stands
before the compiled engine is importing numba and loading machine code, or compiling it.  Once it has run in a process
nothing does, and it is the faster one from the first task on: 0.09 ms for 10 tasks, of which SimPy does one in 0.3 ms.

Measured as CPU time in fresh processes on an AMD EPYC that other programs kept busy (``python -m tests.bench.report
--part start`` measures anew).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from accelsim.engine.taskgraph import TaskGraph

SIMPY_TASK_S = 11e-6
"""SimPy, per task. Measured: 10 to 12 us from 100 to 100,000 server tasks."""

SIMPY_FLOW_S = 25e-6
"""SimPy, per task that moves bytes, beside that. Measured: 11 us (ring all-reduce) to 80 us (150 flows on a link)."""

SIMPY_HOP_S = 0.6e-6
"""SimPy, per hop of the flows whose rates are set anew with each flow of a route of several links.

Measured: 0.55 us on a mesh of 16 x 16, all of whose flows are one component.
"""

LOAD_S = 0.6
"""Importing numba and loading machine code that is kept. Measured: 0.59 to 0.61 s."""

COMPILE_S = 3.5
"""What is waited for SimPy where nothing is kept: half of compiling (6.2 to 8 s), which later runs are spared."""


def simpy_s(graph: TaskGraph) -> float:
    """Estimate of what SimPy takes for a graph, in seconds; high where few of the flows meet."""
    hops = graph.num_hops
    moving = int(np.count_nonzero((graph.nbytes > 0) & (hops > 0)))
    seconds = SIMPY_TASK_S * graph.num_tasks + SIMPY_FLOW_S * moving
    if moving and hops.max() > 1:
        seconds += SIMPY_HOP_S * moving * min(moving, _at_once(graph)) * len(graph.route_link) / graph.num_tasks
    return float(seconds)


def _at_once(graph: TaskGraph) -> int:
    """How many tasks may run at one time: those that wait for nobody, or the most that wait for one."""
    roots = int(np.count_nonzero(graph.num_predecessors == 0))
    fan_out = int(np.bincount(graph.pred_task).max()) if graph.pred_task.size else 0
    return max(roots, fan_out)


def first_done(estimated_s: float, is_kept: Callable[[], bool]) -> Literal["simpy", "compiled"]:
    """Return the engine that is likely to be done first in a process that has not loaded the compiled one.

    Args:
        estimated_s: What SimPy takes for all of the job.
        is_kept: Whether machine code is on disk; asked only where that matters.
    """
    if estimated_s <= LOAD_S:
        return "simpy"
    return "compiled" if estimated_s > COMPILE_S or is_kept() else "simpy"
