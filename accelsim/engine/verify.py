"""The conservation laws a timeline must obey, checked after every run.

All checks are independent of the engines: they look at the graph and at what came out.
Together they imply the two global bounds of a schedule: since every task lasts at least
its own work and its own transfer at full capacity, and starts no earlier than its
predecessors end, the makespan is not below the critical path; since a server does one
task at a time and a link carries no more than capacity x busy time, it is not below the
work of any server nor bytes / capacity of any link.  The latter two are checked once
more on the totals.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from accelsim.engine.clock import TICKS_PER_S
from accelsim.engine.taskgraph import NO_SERVER, TaskGraph
from accelsim.engine.timeline import Timeline
from accelsim.errors import VerificationError

Int64Array = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

# Float64 sums of many rate changes; 1e-9 is the accuracy promised for closed forms.
_RELATIVE_SLACK = 1e-9


def verify_timeline(
    graph: TaskGraph,
    timeline: Timeline,
    background_bytes: Int64Array | None = None,
    capacity_bytes_per_s: FloatArray | None = None,
) -> None:
    """Raise if a timeline breaks a conservation law.

    Args:
        graph: What was run.
        timeline: What came out.
        background_bytes: Bytes per link that a user's own processes sent, at most.
        capacity_bytes_per_s: Highest capacity each link had, if it was changed during the run.

    Raises:
        VerificationError: Naming the law, the task, server or link, and the numbers.
    """
    capacity = graph.capacity_bytes_per_s if capacity_bytes_per_s is None else capacity_bytes_per_s
    unchanged = background_bytes is None and capacity_bytes_per_s is None
    # Where numba is loaded already, compiled loops answer first; the checks below then only explain a no.
    if timeline.engine == "compiled" and unchanged and _laws_hold(graph, timeline):
        return
    check_every_task_ran(graph, timeline)
    check_durations(graph, timeline, capacity)
    check_dependencies(graph, timeline)
    check_servers(graph, timeline)
    check_link_bytes(graph, timeline, background_bytes)
    check_link_capacity(graph, timeline, capacity)


def check_every_task_ran(graph: TaskGraph, timeline: Timeline) -> None:
    """Every task ran once, within [0, makespan], and the last end is the makespan.

    Args:
        graph: How many tasks there are.
        timeline: When each ran.
    """
    start, end = timeline.start_ticks, timeline.end_ticks
    if len(start) != graph.num_tasks or len(end) != graph.num_tasks:
        raise _bug(f"{len(start)} starts and {len(end)} ends for {graph.num_tasks} tasks")
    if not graph.num_tasks:
        return
    _expect(start >= 0, lambda i: f"task {graph.task_name(i)} never started")
    if int(end.max()) != timeline.makespan_ticks:
        raise _bug(f"the last task ends at tick {int(end.max())}, the makespan is {timeline.makespan_ticks}")


def check_durations(graph: TaskGraph, timeline: Timeline, capacity_bytes_per_s: FloatArray) -> None:
    """No task is shorter than its work, its latency, or its latency plus its transfer at full capacity.

    Args:
        graph: Work, latency, bytes and route of each task.
        timeline: When each ran.
        capacity_bytes_per_s: The most that each link had during the run. float64[links].
    """
    duration = timeline.end_ticks - timeline.start_ticks
    _expect(
        duration >= np.maximum(graph.work_ticks, graph.latency_ticks),
        lambda i: f"task {graph.task_name(i)} lasts {duration[i]} ticks, less than its work or latency",
    )
    moving = np.flatnonzero((graph.nbytes > 0) & (graph.num_hops > 0))
    if not moving.size:
        return
    bytes_per_tick = capacity_bytes_per_s / TICKS_PER_S
    # reduceat over the starts of non-empty routes: a segment ends where the next non-empty one begins.
    nonempty = np.flatnonzero(graph.num_hops > 0)
    slowest = np.full(graph.num_tasks, np.inf)
    slowest[nonempty] = np.minimum.reduceat(bytes_per_tick[graph.route_link], graph.route_ptr[nonempty])
    transfer = graph.nbytes[moving] / slowest[moving] * (1 - _RELATIVE_SLACK) - 1.0
    bad = (duration - graph.latency_ticks)[moving] < transfer
    if bad.any():
        task = int(moving[int(np.argmax(bad))])
        raise _bug(f"task {graph.task_name(task)} moves {graph.nbytes[task]} bytes faster than its slowest link")


def check_dependencies(graph: TaskGraph, timeline: Timeline) -> None:
    """No task starts before its predecessors have ended; with the durations: makespan >= critical path.

    Args:
        graph: Who waits for whom.
        timeline: When each task ran.
    """
    if not graph.pred_task.size:
        return
    earliest_start = np.repeat(timeline.start_ticks, graph.num_predecessors)
    late = timeline.end_ticks[graph.pred_task] > earliest_start
    if late.any():
        edge = int(np.argmax(late))
        task = int(np.searchsorted(graph.pred_ptr, edge, side="right")) - 1
        pred = int(graph.pred_task[edge])
        raise _bug(f"task {graph.task_name(task)} starts before its predecessor {graph.task_name(pred)} ends")


def check_servers(graph: TaskGraph, timeline: Timeline) -> None:
    """No server does two tasks at once, and its busy time is the sum of its tasks.

    Args:
        graph: Whose task each is.
        timeline: When each ran, and how long servers were busy.
    """
    tasks = np.flatnonzero(graph.server != NO_SERVER)
    server = graph.server[tasks]
    start, end = timeline.start_ticks[tasks], timeline.end_ticks[tasks]
    busy = np.zeros(graph.num_servers, dtype=np.int64)
    np.add.at(busy, server, end - start)
    _expect(
        busy == timeline.server_busy_ticks,
        lambda i: f"server {graph.servers[i]!r} is busy {timeline.server_busy_ticks[i]} ticks, its tasks {busy[i]}",
    )
    _expect(
        busy <= timeline.makespan_ticks,
        lambda i: f"server {graph.servers[i]!r} is busy {busy[i]} of {timeline.makespan_ticks} ticks",
    )
    order = np.lexsort((end, start, server))
    same = server[order][1:] == server[order][:-1]
    overlap = same & (start[order][1:] < end[order][:-1])
    if overlap.any():
        at = int(np.argmax(overlap))
        first, second = (graph.task_name(int(tasks[order[i]])) for i in (at, at + 1))
        raise _bug(f"server {graph.servers[int(server[order[at]])]!r} does {first} and {second} at once")


def check_link_bytes(graph: TaskGraph, timeline: Timeline, background_bytes: Int64Array | None = None) -> None:
    """Bytes in are bytes out: each link carried what the tasks routed over it sent.

    Args:
        graph: Bytes and routes of tasks.
        timeline: What each link carried.
        background_bytes: What others may have sent over each link beside the tasks. int64[links].
    """
    sent = np.zeros(graph.num_links, dtype=np.int64)
    np.add.at(sent, graph.route_link, np.repeat(graph.nbytes, graph.num_hops))
    most = sent if background_bytes is None else sent + background_bytes
    _expect(
        (timeline.link_bytes >= sent) & (timeline.link_bytes <= most),
        lambda i: f"link {graph.links[i]!r} carried {timeline.link_bytes[i]} bytes, its tasks sent {sent[i]}",
    )


def check_link_capacity(graph: TaskGraph, timeline: Timeline, capacity_bytes_per_s: FloatArray) -> None:
    """No link carries more than capacity x busy time, nor is busy longer than the run.

    Args:
        graph: Names of links.
        timeline: What each link carried, and how long it was busy.
        capacity_bytes_per_s: The most that each link had during the run. float64[links].
    """
    _expect(
        (timeline.link_busy_ticks >= 0) & (timeline.link_busy_ticks <= timeline.makespan_ticks),
        lambda i: f"link {graph.links[i]!r} is busy {timeline.link_busy_ticks[i]} of {timeline.makespan_ticks} ticks",
    )
    most = capacity_bytes_per_s / TICKS_PER_S * timeline.link_busy_ticks * (1 + _RELATIVE_SLACK)
    _expect(
        timeline.link_bytes <= most,
        lambda i: f"link {graph.links[i]!r} carried {timeline.link_bytes[i]} bytes, its capacity allows {most[i]:.1f}",
    )


def _laws_hold(graph: TaskGraph, timeline: Timeline) -> bool:
    """Answer all checks at once, in compiled loops."""
    from accelsim.engine import _kernel_verify as kernel

    if len(timeline.start_ticks) != graph.num_tasks or len(timeline.end_ticks) != graph.num_tasks:
        return False
    own = {name: getattr(graph, name) for name in kernel.Asked._fields if name != "bytes_per_tick"}
    asked = kernel.Asked(**own, bytes_per_tick=graph.capacity_bytes_per_s / TICKS_PER_S)
    done = kernel.Done(**{name: getattr(timeline, name) for name in kernel.Done._fields})
    scratch = kernel.Scratch(
        server_ptr=np.zeros(graph.num_servers + 1, dtype=np.int64),
        server_ticks=np.zeros(graph.num_servers, dtype=np.int64),
        link_bytes=np.zeros(graph.num_links, dtype=np.int64),
        tasks=np.empty(graph.num_tasks, dtype=np.int32),
    )
    return kernel.laws_hold(asked, done, scratch, _RELATIVE_SLACK)


def _expect(holds: npt.NDArray[np.bool_], message: Callable[[int], str]) -> None:
    """Raise with the message of the first index at which the law does not hold."""
    if not holds.all():
        raise _bug(message(int(np.argmin(holds))))


def _bug(text: str) -> VerificationError:
    return VerificationError(f"verify: {text}. This is a bug of the engine; please report it with the task graph.")
