"""The laws of :mod:`accelsim.engine.verify` in compiled loops: yes or no, in linear time and little memory.

Large runs are screened with these; only if the answer is no do the slower checks run, to
say which law was broken and where.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from accelsim.engine._jit import jit, jit_entry
from accelsim.engine.taskgraph import FloatArray, Int32Array, Int64Array


class Asked(NamedTuple):
    """What a task graph asks for."""

    server: Int32Array
    work_ticks: Int64Array
    nbytes: Int64Array
    latency_ticks: Int64Array
    route_ptr: Int64Array
    route_link: Int32Array
    bytes_per_tick: FloatArray
    pred_ptr: Int64Array
    pred_task: Int32Array


class Done(NamedTuple):
    """What a timeline says was done."""

    start_ticks: Int64Array
    end_ticks: Int64Array
    link_bytes: Int64Array
    link_busy_ticks: Int64Array
    server_busy_ticks: Int64Array
    makespan_ticks: int


class Scratch(NamedTuple):
    """Room to add up in: zeros per server (and one more) and per link, and any value per task."""

    server_ptr: Int64Array
    server_ticks: Int64Array
    link_bytes: Int64Array
    tasks: Int32Array


@jit_entry
def laws_hold(asked: Asked, done: Done, scratch: Scratch, relative_slack: float) -> bool:
    """Whether a timeline obeys all laws.

    Args:
        asked: What the graph asked for.
        done: What the timeline says.
        scratch: Arrays of zeros to count in.
        relative_slack: Rounding that rates are allowed, as a fraction.
    """
    return (
        tasks_hold(asked, done, relative_slack)
        and dependencies_hold(asked, done)
        and servers_hold(asked, done, scratch)
        and links_hold(asked, done, scratch, relative_slack)
    )


@jit
def tasks_hold(asked: Asked, done: Done, relative_slack: float) -> bool:
    """Whether every task ran, none is too short, and the last end is the makespan.

    Args:
        asked: What the graph asked for.
        done: When each task ran.
        relative_slack: Rounding that rates are allowed, as a fraction.
    """
    last = np.int64(0)
    for task in range(len(done.start_ticks)):
        start, end = done.start_ticks[task], done.end_ticks[task]
        if start < 0 or end - start < asked.work_ticks[task] or end - start < asked.latency_ticks[task]:
            return False
        last = max(last, end)
        if asked.nbytes[task] > 0 and asked.route_ptr[task + 1] > asked.route_ptr[task]:
            slowest = np.inf
            for at in range(asked.route_ptr[task], asked.route_ptr[task + 1]):
                slowest = min(slowest, asked.bytes_per_tick[asked.route_link[at]])
            least = asked.nbytes[task] / slowest * (1 - relative_slack) - 1.0
            if end - start - asked.latency_ticks[task] < least:
                return False
    return bool(last == done.makespan_ticks)


@jit
def dependencies_hold(asked: Asked, done: Done) -> bool:
    """Whether no task starts before its predecessors have ended.

    Args:
        asked: Who waits for whom.
        done: When each task ran.
    """
    for task in range(len(done.start_ticks)):
        for at in range(asked.pred_ptr[task], asked.pred_ptr[task + 1]):
            if done.end_ticks[asked.pred_task[at]] > done.start_ticks[task]:
                return False
    return True


@jit
def servers_hold(asked: Asked, done: Done, scratch: Scratch) -> bool:
    """Whether no server does two tasks at once and its busy time is the sum of its tasks.

    Args:
        asked: Whose task each is.
        done: When each task ran, and how long servers were busy.
        scratch: Arrays of zeros to count in.
    """
    place, busy = scratch.server_ptr, scratch.server_ticks
    for task in range(len(asked.server)):
        server = asked.server[task]
        if server >= 0:
            place[server + 1] += 1
            busy[server] += done.end_ticks[task] - done.start_ticks[task]
    for server in range(len(busy)):
        place[server + 1] += place[server]
        if busy[server] != done.server_busy_ticks[server] or busy[server] > done.makespan_ticks:
            return False
    for task in range(len(asked.server)):
        server = asked.server[task]
        if server >= 0:
            scratch.tasks[place[server]] = task
            place[server] += 1
    # Each offset has moved to where the next server's tasks begin.
    first = np.int64(0)
    for server in range(len(busy)):
        if not one_at_a_time(scratch.tasks[first : place[server]], done):
            return False
        first = place[server]
    return True


@jit
def one_at_a_time(tasks: Int32Array, done: Done) -> bool:
    """Whether the tasks of one server do not overlap; brings them into order of start.

    Args:
        tasks: Ids of its tasks; sorted in place where they are not in order.
        done: When each task ran.
    """
    for at in range(1, len(tasks)):
        if done.start_ticks[tasks[at - 1]] > done.start_ticks[tasks[at]]:
            sort_by_start(tasks, done.start_ticks)
            break
    free = np.int64(0)
    at = 0
    while at < len(tasks):
        start = done.start_ticks[tasks[at]]
        if start < free:
            return False
        # Of those that start together, all but one must be of no length.
        longest = start
        while at < len(tasks) and done.start_ticks[tasks[at]] == start:
            end = done.end_ticks[tasks[at]]
            if end > start and longest > start:
                return False
            longest = max(longest, end)
            at += 1
        free = longest
    return True


@jit
def sort_by_start(tasks: Int32Array, start_ticks: Int64Array) -> None:
    """Sort tasks by start, in place; Shell's way, since tasks of a server are nearly in order.

    Args:
        tasks: Ids, sorted in place.
        start_ticks: When each task of the graph started.
    """
    gap = 1
    while 3 * gap < len(tasks):
        gap = 3 * gap + 1
    while gap > 0:
        for at in range(gap, len(tasks)):
            task, hole = tasks[at], at
            while hole >= gap and start_ticks[tasks[hole - gap]] > start_ticks[task]:
                tasks[hole] = tasks[hole - gap]
                hole -= gap
            tasks[hole] = task
        gap //= 3


@jit
def links_hold(asked: Asked, done: Done, scratch: Scratch, relative_slack: float) -> bool:
    """Whether each link carried what was sent, in no less than the time that takes.

    Args:
        asked: What was to be sent, over which links.
        done: What links carried, and how long they were busy.
        scratch: Arrays of zeros to count in.
        relative_slack: Rounding that rates are allowed, as a fraction.
    """
    sent = scratch.link_bytes
    for task in range(len(asked.nbytes)):
        for at in range(asked.route_ptr[task], asked.route_ptr[task + 1]):
            sent[asked.route_link[at]] += asked.nbytes[task]
    for link in range(len(sent)):
        busy = done.link_busy_ticks[link]
        most = asked.bytes_per_tick[link] * busy * (1 + relative_slack)
        if sent[link] != done.link_bytes[link] or sent[link] > most:
            return False
        if busy < 0 or busy > done.makespan_ticks:
            return False
    return True
