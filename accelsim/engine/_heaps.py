"""Heaps over plain arrays for the compiled kernel; each function works in place.

Two kinds: timers (tick, item), and a server's queue (priority, ready tick, id).
"""

from __future__ import annotations

from accelsim.engine._jit import jit, jit_inline
from accelsim.engine._state import Servers
from accelsim.engine.taskgraph import Int32Array, Int64Array


@jit
def timer_push(ticks: Int64Array, items: Int32Array, size: int, tick: int, item: int) -> int:
    """Add a timer to a 4-ary heap and return the new size.

    Args:
        ticks: When each timer comes up, in the order of the heap.
        items: What then comes up, likewise.
        size: Timers in the heap.
        tick: When the new one comes up.
        item: What then comes up.
    """
    hole = size
    while hole > 0:
        parent = (hole - 1) >> 2
        if ticks[parent] <= tick:
            break
        ticks[hole] = ticks[parent]
        items[hole] = items[parent]
        hole = parent
    ticks[hole] = tick
    items[hole] = item
    return size + 1


@jit
def timer_pop(ticks: Int64Array, items: Int32Array, size: int) -> int:
    """Remove the earliest timer (read it at index 0 before) and return the new size.

    Args:
        ticks: When each timer comes up, in the order of the heap.
        items: What then comes up, likewise.
        size: Timers in the heap, at least one.
    """
    size -= 1
    tick, item = ticks[size], items[size]
    hole = 0
    while True:
        child = 4 * hole + 1
        if child >= size:
            break
        best = child
        for other in range(child + 1, min(child + 4, size)):
            if ticks[other] < ticks[best]:
                best = other
        if ticks[best] >= tick:
            break
        ticks[hole] = ticks[best]
        items[hole] = items[best]
        hole = best
    ticks[hole] = tick
    items[hole] = item
    return size


@jit
def queued_before(servers: Servers, left: int, right: int) -> bool:
    """Whether task ``left`` goes before ``right`` in the queue of a server.

    Args:
        servers: Priorities, and the ticks at which tasks became ready.
        left: A task.
        right: Another one.
    """
    priority, ready_ticks = servers.priority, servers.ready_ticks
    if priority[left] != priority[right]:
        return bool(priority[left] < priority[right])
    if ready_ticks[left] != ready_ticks[right]:
        return bool(ready_ticks[left] < ready_ticks[right])
    return left < right


@jit_inline
def queue_push(servers: Servers, server: int, task: int) -> None:
    """Put a task into the queue of a server.

    While tasks come in order the queue is a sorted list, which is a heap too; only the
    first one that does not turns it into a real one.

    Args:
        servers: Their queues.
        server: Whose queue.
        task: What is put into it.
    """
    heap, head, tail = servers.heap, servers.head[server], servers.tail[server]
    servers.tail[server] = tail + 1
    if head == tail:
        servers.in_order[server] = 1
    elif servers.in_order[server] != 0:
        servers.in_order[server] = queued_before(servers, heap[tail - 1], task)
    hole = tail - head
    while servers.in_order[server] == 0 and hole > 0:
        parent = (hole - 1) >> 1
        if queued_before(servers, heap[head + parent], task):
            break
        heap[head + hole] = heap[head + parent]
        hole = parent
    heap[head + hole] = task


@jit_inline
def queue_pop(servers: Servers, server: int) -> int:
    """Take the first task out of the queue of a server, which must not be empty.

    Args:
        servers: Their queues.
        server: Whose queue.
    """
    heap, head = servers.heap, servers.head[server]
    first = int(heap[head])
    if servers.in_order[server] != 0:
        servers.head[server] = head + 1
        return first
    servers.tail[server] -= 1
    size = servers.tail[server] - head
    last = heap[head + size]
    hole = 0
    while True:
        child = 2 * hole + 1
        if child >= size:
            break
        if child + 1 < size and queued_before(servers, heap[head + child + 1], heap[head + child]):
            child += 1
        if not queued_before(servers, heap[head + child], last):
            break
        heap[head + hole] = heap[head + child]
        hole = child
    heap[head + hole] = last
    return first
