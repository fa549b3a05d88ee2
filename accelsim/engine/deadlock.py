"""Why a run cannot finish: which tasks wait, for whom, and in which circle."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from accelsim.engine.clock import TICKS_PER_S
from accelsim.engine.taskgraph import NO_SERVER, TaskGraph
from accelsim.errors import DeadlockError

_MAX_NAMED = 6


def deadlock_error(
    graph: TaskGraph,
    start_ticks: Sequence[int] | npt.NDArray[np.int64],
    end_ticks: Sequence[int] | npt.NDArray[np.int64],
    now_ticks: int,
) -> DeadlockError:
    """Return the error of a run that stopped with tasks left (start or end is -1 for what did not happen).

    Args:
        graph: The tasks, for their names and predecessors.
        start_ticks: When each started, -1 for never.
        end_ticks: When each ended, -1 for never.
        now_ticks: When nothing happened any more.
    """
    ended = np.asarray(end_ticks) >= 0
    started = np.asarray(start_ticks) >= 0
    left = np.flatnonzero(~ended)
    where = f"deadlock at t={now_ticks / TICKS_PER_S:.6g} s"
    cycle = _find_cycle(graph, ended)
    if cycle:
        names = [graph.task_name(task) for task in cycle[: 2 * _MAX_NAMED]]
        names += ["..."] * (len(cycle) > len(names)) + names[:1]
        who = "1 task waits on itself" if len(cycle) == 1 else f"{len(cycle)} tasks wait on each other"
        head = f"{where}: {who}: {' <- '.join(names)}."
        remedy = "Remove one of these dependencies."
    else:
        head = f"{where}: {len(left)} tasks cannot go on."
        remedy = "A capacity of 0 stalls flows for ever; raise it again with set_capacity, or remove the transfer."
    stories = [_story(graph, int(task), ended, started) for task in left[:_MAX_NAMED]]
    rest = len(left) - len(stories)
    more = f" And {rest} more." if rest else ""
    return DeadlockError(f"{head} Waiting: {'; '.join(stories)}.{more} {remedy}")


def _find_cycle(graph: TaskGraph, ended: npt.NDArray[np.bool_]) -> list[int]:
    """Follow an unended predecessor from the first unended task until a task repeats."""
    place: dict[int, int] = {}
    path: list[int] = []
    for start in np.flatnonzero(~ended)[:1].tolist():
        task: int | None = start
        while task is not None and task not in place:
            place[task] = len(path)
            path.append(task)
            task = next((int(p) for p in graph.predecessors(task) if not ended[p]), None)
        if task is not None:
            return path[place[task] :]
    return []


def _story(graph: TaskGraph, task: int, ended: npt.NDArray[np.bool_], started: npt.NDArray[np.bool_]) -> str:
    """Say what one task waits for."""
    name = graph.task_name(task)
    if started[task]:
        links = ", ".join(repr(graph.links[int(link)]) for link in graph.route(task)[:_MAX_NAMED])
        return f"{name} moves bytes over {links} at rate 0"
    missing = [int(p) for p in graph.predecessors(task) if not ended[p]]
    if missing:
        named = ", ".join(graph.task_name(p) for p in missing[:3])
        return f"{name} waits for {named}{' and others' if len(missing) > 3 else ''}"
    server = int(graph.server[task])
    if server != NO_SERVER:
        holders = np.flatnonzero(started & ~ended & (graph.server == server))
        held = f", held by {graph.task_name(int(holders[0]))}" if holders.size else ""
        return f"{name} waits for server {graph.servers[server]!r}{held}"
    return f"{name} is ready"
