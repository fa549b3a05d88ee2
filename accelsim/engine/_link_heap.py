"""A heap of links that can move a link when its key changes: each link stands in it once at most."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.engine._jit import jit, jit_inline
from accelsim.engine.taskgraph import Int64Array

Records = npt.NDArray[np.void]

_ENTRY = np.dtype([("key", np.int64), ("link", np.int64)], align=True)


class LinkHeap(NamedTuple):
    """Links by a key each, the least on top; its size is kept by the caller.

    Attributes:
        entries: Key and link, in order of the heap.
        place: Where each link stands, -1 if it does not.
    """

    entries: Records
    place: Int64Array


def new_link_heap(num_links: int) -> LinkHeap:
    """Return an empty heap with room for all links."""
    return LinkHeap(
        entries=np.empty(num_links, dtype=_ENTRY),
        place=np.full(num_links, -1, dtype=np.int64),
    )


@jit_inline
def move_entry(entries: Records, place: Int64Array, source: int, target: int) -> None:
    """Move an entry to another place.

    Args:
        entries: Of the heap.
        place: Of each link.
        source: Where it stands.
        target: Where it goes.
    """
    key, link = entries[source]["key"], entries[source]["link"]
    entries[target]["key"] = key
    entries[target]["link"] = link
    place[link] = target


@jit
def sift(heap: LinkHeap, size: int, hole: int, link: int, key: int) -> None:
    """Bring a link to where its key belongs.

    Args:
        heap: The heap.
        size: Links in it, this one included.
        hole: A free place to start at.
        link: Which one.
        key: Its key.
    """
    entries, place = heap.entries, heap.place
    while hole > 0:
        parent = (hole - 1) >> 1
        if entries[parent]["key"] <= key:
            break
        move_entry(entries, place, parent, hole)
        hole = parent
    while True:
        child = 2 * hole + 1
        if child >= size:
            break
        if child + 1 < size and entries[child + 1]["key"] < entries[child]["key"]:
            child += 1
        if entries[child]["key"] >= key:
            break
        move_entry(entries, place, child, hole)
        hole = child
    entries[hole]["key"] = key
    entries[hole]["link"] = link
    place[link] = hole


@jit_inline
def heap_put(heap: LinkHeap, size: int, link: int, key: int) -> int:
    """Give a link a key, adding it if it is not there.

    Args:
        heap: The heap.
        size: Links in it.
        link: Which one.
        key: Its new key.

    Returns:
        The new size.
    """
    hole = heap.place[link]
    if hole < 0:
        hole = size
        size += 1
    elif heap.entries[hole]["key"] == key:
        return size
    sift(heap, size, hole, link, key)
    return size


@jit_inline
def heap_remove(heap: LinkHeap, size: int, link: int) -> int:
    """Take a link out, if it is there.

    Args:
        heap: The heap.
        size: Links in it.
        link: Which one.

    Returns:
        The new size.
    """
    hole = heap.place[link]
    if hole < 0:
        return size
    heap.place[link] = -1
    size -= 1
    last = heap.entries[size]["link"]
    if last != link:
        sift(heap, size, hole, last, heap.entries[size]["key"])
    return size
