"""The compiled event loop: timers, rounds, flows, tick after tick."""

from __future__ import annotations

import numpy as np

from accelsim.engine._flow_state import Links, Moving
from accelsim.engine._heaps import queue_pop, queue_push, timer_pop, timer_push
from accelsim.engine._jit import jit_entry, jit_inline
from accelsim.engine._kernel_flows import end_flows, refill, start_flows
from accelsim.engine._state import (
    DONE,
    ENDING,
    ENDS,
    FINISHED,
    FREE,
    JOINING,
    MARKED,
    NOW,
    OVERFLOW,
    PIECES,
    READY,
    SHORT_OF_ROOM,
    STATUS,
    TIMERS,
    Columns,
    Servers,
    Tasks,
)
from accelsim.engine.taskgraph import Int32Array, Int64Array

_MAX_TICKS = 2**63 - 1


@jit_entry
def turn_round(pred_ptr: Int64Array, pred_task: Int32Array, succ_ptr: Int64Array, succ_task: Int32Array) -> None:
    """Write who waits for each task, in CSR form, in order of id; ``succ_ptr`` comes as zeros.

    Args:
        pred_ptr: Where the predecessors of each task begin. int64[tasks + 1].
        pred_task: Predecessors. int32[edges].
        succ_ptr: The same of successors, written here. int64[tasks + 1].
        succ_task: Successors, written here. int32[edges].
    """
    num_tasks = len(pred_ptr) - 1
    for pred in pred_task:
        succ_ptr[pred + 1] += 1
    for task in range(num_tasks):
        succ_ptr[task + 1] += succ_ptr[task]
    for task in range(num_tasks):
        for at in range(pred_ptr[task], pred_ptr[task + 1]):
            pred = pred_task[at]
            succ_task[succ_ptr[pred]] = task
            succ_ptr[pred] += 1
    # Each offset has moved to where the next one began.
    for task in range(num_tasks, 0, -1):
        succ_ptr[task] = succ_ptr[task - 1]
    succ_ptr[0] = 0


@jit_inline
def set_timer(tasks: Tasks, count: Int64Array, now: int, ticks: int, item: int) -> None:
    """Have ``item`` come up after ``ticks``: a task id to end it, its complement to start its flow.

    Args:
        tasks: State of all tasks, with the heap of timers.
        count: Counters; becomes ``OVERFLOW`` where the clock would.
        now: This tick.
        ticks: How far off it is.
        item: What comes up.
    """
    if ticks > _MAX_TICKS - now:
        count[STATUS] = OVERFLOW
        return
    count[TIMERS] = timer_push(tasks.timer_ticks, tasks.timer_items, count[TIMERS], now + ticks, item)


@jit_inline
def start_task(columns: Columns, tasks: Tasks, count: Int64Array, task: int, now: int) -> None:
    """Start a task: it gets a timer, joins the flows of this tick, or ends in the next round.

    Args:
        columns: The graph.
        tasks: State of all tasks.
        count: Counters.
        task: Which one.
        now: This tick.
    """
    tasks.start_ticks[task] = now
    work, latency = columns.work_ticks[task], columns.latency_ticks[task]
    if columns.nbytes[task] > 0 and columns.route_ptr[task + 1] > columns.route_ptr[task]:
        if work > _MAX_TICKS - now:
            count[STATUS] = OVERFLOW
        if latency > 0:
            set_timer(tasks, count, now, latency, ~task)
        else:
            tasks.joining[count[JOINING]] = task
            count[JOINING] += 1
        return
    duration = max(work, latency)
    if duration > 0:
        set_timer(tasks, count, now, duration, int(np.int64(task)))
    else:
        tasks.ending[count[ENDING]] = task
        count[ENDING] += 1


@jit_inline
def fire_timers(tasks: Tasks, count: Int64Array, now: int) -> None:
    """Sort the timers of this tick into tasks that end and flows that begin.

    Args:
        tasks: State of all tasks.
        count: Counters.
        now: This tick.
    """
    while count[TIMERS] > 0 and tasks.timer_ticks[0] == now:
        item = tasks.timer_items[0]
        count[TIMERS] = timer_pop(tasks.timer_ticks, tasks.timer_items, count[TIMERS])
        if item >= 0:
            tasks.ending[count[ENDING]] = item
            count[ENDING] += 1
        else:
            tasks.joining[count[JOINING]] = ~item
            count[JOINING] += 1


@jit_inline
def end_task(columns: Columns, tasks: Tasks, servers: Servers, count: Int64Array, task: int, now: int) -> None:
    """End a task: free its server and make ready those who waited for it alone.

    Args:
        columns: The graph.
        tasks: State of all tasks.
        servers: State of all servers.
        count: Counters.
        task: Which one.
        now: This tick.
    """
    tasks.end_ticks[task] = now
    server = columns.server[task]
    if server >= 0:
        servers.running[server] = 0
        servers.busy_ticks[server] += now - tasks.start_ticks[task]
    for at in range(columns.succ_ptr[task], columns.succ_ptr[task + 1]):
        successor = columns.succ_task[at]
        tasks.missing[successor] -= 1
        if tasks.missing[successor] == 0:
            tasks.ready[count[READY]] = successor
            count[READY] += 1


@jit_inline
def serve(columns: Columns, tasks: Tasks, servers: Servers, count: Int64Array, server: int, now: int) -> None:
    """Have a server (-1 is none) take the head of its queue, if it is free and somebody waits."""
    if server < 0 or servers.running[server] != 0 or servers.head[server] == servers.tail[server]:
        return
    servers.running[server] = 1
    start_task(columns, tasks, count, queue_pop(servers, server), now)


@jit_inline
def settle(columns: Columns, tasks: Tasks, servers: Servers, count: Int64Array, now: int) -> None:
    """Settle one tick in rounds, until no task ends and none becomes ready.

    Args:
        columns: The graph.
        tasks: State of all tasks.
        servers: State of all servers.
        count: Counters.
        now: This tick.
    """
    first = 0
    while count[ENDING] > first or count[READY] > 0:
        last = count[ENDING]
        for at in range(first, last):
            end_task(columns, tasks, servers, count, tasks.ending[at], now)
        num_ready = count[READY]
        for at in range(num_ready):
            task = tasks.ready[at]
            server = columns.server[task]
            if server < 0:
                start_task(columns, tasks, count, task, now)
            else:
                servers.ready_ticks[task] = now
                queue_push(servers, server, task)
        # Servers choose only after all ready tasks of this round stand in their queues.
        for at in range(first, last + num_ready):
            task = tasks.ending[at] if at < last else tasks.ready[at - last]
            serve(columns, tasks, servers, count, columns.server[task], now)
        count[READY] = 0
        count[DONE] += last - first
        first = last
    count[ENDING] = 0


@jit_inline
def next_tick(tasks: Tasks, links: Links, count: Int64Array) -> int:
    """Return the tick of the next timer or end of a flow, -1 if there is none.

    Args:
        tasks: State of all tasks, with the heap of timers.
        links: State of all links, with the heap of ends of flows.
        count: How many of each there are.
    """
    tick = -1
    if count[TIMERS] > 0:
        tick = int(tasks.timer_ticks[0])
    if count[ENDS] > 0:
        flow_tick = int(links.ends.entries[0]["key"])
        if tick < 0 or flow_tick < tick:
            tick = flow_tick
    return tick


@jit_entry
def run_kernel(columns: Columns, tasks: Tasks, servers: Servers, moving: Moving, count: Int64Array) -> None:
    """Run until the end or until room is short; ``count[STATUS]`` says which.

    The caller makes room and calls again: memory is managed in one place, outside.

    Args:
        columns: The graph.
        tasks: State of all tasks.
        servers: State of all servers.
        moving: Flows, links, and the record of rates.
        count: Counters, status and this tick; what they say is where the run stands.
    """
    flows, links, pieces = moving.flows, moving.links, moving.pieces
    while True:
        now = count[NOW]
        settle(columns, tasks, servers, count, now)
        # Every link may close a piece in one tick.
        if count[JOINING] > count[FREE] or len(pieces.link) - count[PIECES] < len(pieces.open_rate):
            count[STATUS] = SHORT_OF_ROOM
            return
        start_flows(columns, tasks, flows, links, count, now)
        if count[MARKED] > 0:
            refill(moving, count, now)
        tick = next_tick(tasks, links, count)
        if count[STATUS] != FINISHED or tick < 0:
            return
        count[NOW] = tick
        end_flows(columns, tasks, flows, links, count, tick)
        fire_timers(tasks, count, tick)
