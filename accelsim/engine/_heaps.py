"""Heaps over plain arrays for the compiled kernel; each function works in place.

Three kinds: timers (tick, item), a server's queue (priority, ready tick, id), and an
indexed heap that can move an entry when its key changes.
"""

from __future__ import annotations

import numpy as np

from accelsim.engine._jit import jit, jit_inline
from accelsim.engine._state import Records, Servers
from accelsim.engine.taskgraph import FloatArray, Int32Array, Int64Array


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


@jit
def end_move(heap_ticks: Int64Array, heap: Int32Array, links: Records, size: int, hole: int, item: int) -> None:
    """Bring link ``item`` to where its end belongs, starting at the free place ``hole``.

    Args:
        heap_ticks: When the flows of each link end, in the order of the heap.
        heap: Links, likewise.
        links: State of all links; each knows its place.
        size: Links in the heap.
        hole: The free place.
        item: The link.
    """
    tick = links[item]["end_ticks"]
    while hole > 0:
        parent = (hole - 1) >> 1
        if heap_ticks[parent] <= tick:
            break
        heap_ticks[hole] = heap_ticks[parent]
        heap[hole] = heap[parent]
        links[heap[hole]]["end_place"] = hole
        hole = parent
    while True:
        child = 2 * hole + 1
        if child >= size:
            break
        if child + 1 < size and heap_ticks[child + 1] < heap_ticks[child]:
            child += 1
        if heap_ticks[child] >= tick:
            break
        heap_ticks[hole] = heap_ticks[child]
        heap[hole] = heap[child]
        links[heap[hole]]["end_place"] = hole
        hole = child
    heap_ticks[hole] = tick
    heap[hole] = item
    links[item]["end_place"] = hole


@jit
def end_set(heap_ticks: Int64Array, heap: Int32Array, links: Records, size: int, item: int, tick: int) -> int:
    """Have link ``item`` come up at ``tick``, adding it if it is not there; return the new size."""
    hole = int(np.int64(links[item]["end_place"]))
    if hole >= 0 and links[item]["end_ticks"] == tick:
        return size
    links[item]["end_ticks"] = tick
    if hole < 0:
        hole = size
        size += 1
    end_move(heap_ticks, heap, links, size, hole, item)
    return size


@jit
def end_remove(heap_ticks: Int64Array, heap: Int32Array, links: Records, size: int, item: int) -> int:
    """Take link ``item`` out, if it is there, and return the new size."""
    hole = int(np.int64(links[item]["end_place"]))
    if hole < 0:
        return size
    links[item]["end_place"] = -1
    size -= 1
    last = heap[size]
    if last != item:
        end_move(heap_ticks, heap, links, size, hole, last)
    return size


@jit
def share_push(shares: FloatArray, heap: Int32Array, size: int, share: float, link: int) -> int:
    """Add a link to the heap by (share, id) and return the new size.

    Args:
        shares: Share of each link, in the order of the heap.
        heap: Links, likewise.
        size: Links in the heap.
        share: Of the new one.
        link: The new one.
    """
    hole = size
    while hole > 0:
        parent = (hole - 1) >> 1
        if shares[parent] < share or (shares[parent] == share and heap[parent] < link):
            break
        shares[hole] = shares[parent]
        heap[hole] = heap[parent]
        hole = parent
    shares[hole] = share
    heap[hole] = link
    return size + 1


@jit
def share_replace(shares: FloatArray, heap: Int32Array, size: int, share: float, link: int) -> None:
    """Replace the root of the heap by another entry."""
    hole = 0
    while True:
        child = 2 * hole + 1
        if child >= size:
            break
        if child + 1 < size and (
            shares[child + 1] < shares[child] or (shares[child + 1] == shares[child] and heap[child + 1] < heap[child])
        ):
            child += 1
        if share < shares[child] or (share == shares[child] and link < heap[child]):
            break
        shares[hole] = shares[child]
        heap[hole] = heap[child]
        hole = child
    shares[hole] = share
    heap[hole] = link
