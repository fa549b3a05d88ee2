"""The tasks and servers of a compiled run: structs of arrays, allocated once.

Arrays sized by the number of tasks are ``np.empty``: the system gives memory only to
the pages that are really touched, so the bounds may be generous.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from accelsim.engine.taskgraph import Int32Array, Int64Array, TaskGraph

# Places in the array of counters.
TIMERS, ENDS, PENDING, FREE, MARKED, DONE, READY, ENDING, JOINING, PIECES, STATUS, NOW, NUM_COUNTERS = range(13)

FINISHED, OVERFLOW, SHORT_OF_ROOM = range(3)


class Columns(NamedTuple):
    """The task graph, with dependencies turned round."""

    server: Int32Array
    work_ticks: Int64Array
    nbytes: Int64Array
    latency_ticks: Int64Array
    route_ptr: Int64Array
    route_link: Int32Array
    succ_ptr: Int64Array
    succ_task: Int32Array


class Tasks(NamedTuple):
    """State of the tasks."""

    start_ticks: Int64Array
    end_ticks: Int64Array
    missing: Int32Array
    ready: Int32Array
    ending: Int32Array
    joining: Int32Array
    timer_ticks: Int64Array
    timer_items: Int32Array


class Servers(NamedTuple):
    """State of the servers; the queue of ``s`` is ``heap[head[s]:tail[s]]``, by (priority, ready tick, id) of tasks.

    ``ready_ticks`` is the column of the tasks' starts: it holds the ready tick while a task waits.
    """

    running: Int32Array
    busy_ticks: Int64Array
    heap: Int32Array
    head: Int64Array
    tail: Int64Array
    in_order: Int32Array
    priority: Int32Array
    ready_ticks: Int64Array


def new_tasks(graph: TaskGraph) -> Tasks:
    """Return the state before the first tick, its ready tasks filled in."""
    size = graph.num_tasks
    return Tasks(
        start_ticks=np.full(size, -1, dtype=np.int64),
        end_ticks=np.full(size, -1, dtype=np.int64),
        missing=graph.num_predecessors.astype(np.int32),
        ready=np.empty(size, dtype=np.int32),
        ending=np.empty(size, dtype=np.int32),
        joining=np.empty(size, dtype=np.int32),
        timer_ticks=np.empty(size, dtype=np.int64),
        timer_items=np.empty(size, dtype=np.int32),
    )


def new_servers(graph: TaskGraph, tasks: Tasks) -> Servers:
    """Return idle servers; each gets the room in the common queue array that its tasks may need.

    Args:
        graph: Whose server each task wants.
        tasks: State of all tasks; the ready ticks of those that wait stand where their starts will.
    """
    counts = np.bincount(graph.server + np.int64(1), minlength=graph.num_servers + 1)[1:]
    first = np.cumsum(counts) - counts
    return Servers(
        running=np.zeros(graph.num_servers, dtype=np.int32),
        busy_ticks=np.zeros(graph.num_servers, dtype=np.int64),
        heap=np.empty(int(counts.sum()), dtype=np.int32),
        head=first.astype(np.int64),
        tail=first.astype(np.int64),
        in_order=np.ones(graph.num_servers, dtype=np.int32),
        priority=graph.priority,
        ready_ticks=tasks.start_ticks,
    )
