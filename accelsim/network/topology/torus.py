"""Grids of any dimension: torus, mesh, ring and line are one thing with and without wraparound links."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from accelsim.hardware.link import LinkSpec
from accelsim.network.topology.base import DisjointRings, Path, Topology, from_pairs, one_dimension, register_topology


@register_topology("torus")
def torus(shape: tuple[int, ...], wrap: tuple[bool, ...], link: LinkSpec) -> Topology:
    """Grid whose ends are joined in the dimensions that ``wrap`` names; chips are numbered last dimension fastest.

    In a dimension of two chips the wraparound would double the one cable there is, so it is left out.
    Routes go dimension by dimension, first to last, the shorter way round, upwards on a tie.

    Args:
        shape: Extents, first dimension first.
        wrap: Whether the ends of each dimension are joined; as many as ``shape`` has.
        link: Every link between neighbours.
    """
    return _grid("torus", shape, tuple(w and n > 2 for w, n in zip(wrap, shape, strict=True)), link)


@register_topology("mesh")
def mesh(shape: tuple[int, ...], wrap: tuple[bool, ...], link: LinkSpec) -> Topology:
    """Grid without wraparound links, routed dimension by dimension, first to last.

    Args:
        shape: Extents, first dimension first.
        wrap: Not read, no ends are joined.
        link: Every link between neighbours.
    """
    return _grid("mesh", shape, (False,) * len(shape), link)


@register_topology("ring")
def ring(shape: tuple[int, ...], wrap: tuple[bool, ...], link: LinkSpec) -> Topology:
    """Chips in a circle, joined both ways, routed the shorter way round, upwards on a tie.

    Args:
        shape: The number of chips, in one dimension.
        wrap: Not read, the ends are joined from three chips on.
        link: Either direction between neighbours.
    """
    extent = one_dimension("ring", shape)
    return _grid("ring", shape, (extent > 2,), link)


@register_topology("line")
def line(shape: tuple[int, ...], wrap: tuple[bool, ...], link: LinkSpec, closing_hops: int = 0) -> Topology:
    """Chips in a row, joined both ways.

    Args:
        shape: The length of the row, in one dimension.
        wrap: Not read, the ends stay open.
        link: Either direction between neighbours.
        closing_hops: Hops from the last chip to the first over links beside the row, of a snake through a larger grid;
            0: there are none, and a ring closes over the row itself.
    """
    extent = one_dimension("line", shape)
    row = _grid("line", shape, (False,), link)
    # Of the hops on a chunk's way round one leads back, and the others do not wait for it in lock step.
    return replace(row, ring_hops=(extent - 1 + closing_hops) / extent) if closing_hops and extent > 1 else row


def _grid(name: str, shape: tuple[int, ...], wrap: tuple[bool, ...], link: LinkSpec) -> Topology:
    index = np.arange(math.prod(shape)).reshape(shape)
    pairs = []
    for axis, (extent, wraps) in enumerate(zip(shape, wrap, strict=True)):
        if extent == 1:
            continue
        after = np.roll(index, -1, axis)
        here, there = (index, after) if wraps else (_without_last(index, axis), _without_last(after, axis))
        pairs += [np.stack([here.ravel(), there.ravel()], 1), np.stack([there.ravel(), here.ravel()], 1)]
    return from_pairs(
        f"{name} {'x'.join(map(str, shape))}",
        np.stack(np.unravel_index(index.ravel(), shape), 1),
        np.concatenate(pairs) if pairs else np.empty((0, 2)),
        link,
        dimension_order(shape, wrap),
        _rings(shape, wrap),
    )


def _rings(shape: tuple[int, ...], wrap: tuple[bool, ...]) -> DisjointRings:
    """Directed rings without a shared link, and hops of their longest step.

    A torus with wraparound everywhere decomposes into one undirected ring per dimension. Any other grid of two or more
    dimensions and an even number of chips has one, used both ways. What is left is a snake that closes over its own
    length.

    Source:
        Foregger, *Hamiltonian decompositions of products of cycles*, Discrete Mathematics 24, 1978.
    """
    used = [wraps for extent, wraps in zip(shape, wrap, strict=True) if extent > 1]
    if used and all(used):
        return DisjointRings(2 * len(used))
    if len(used) > 1 and math.prod(shape) % 2 == 0:
        return DisjointRings(2)
    return DisjointRings(1, max(1, math.prod(shape) - 1))


def _without_last(
    index: np.ndarray[tuple[int, ...], np.dtype[np.int64]], axis: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return np.take(index, np.arange(index.shape[axis] - 1), axis)


def dimension_order(shape: tuple[int, ...], wrap: tuple[bool, ...]) -> Path:
    """Ways that correct one coordinate after the other, first to last, the shorter way round, upwards on a tie.

    Args:
        shape: Extents of the grid, first dimension first.
        wrap: Whether a way may lead round the ends of each dimension.
    """
    strides = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]

    def path(src: int, dst: int) -> list[int]:
        nodes = [src]
        for extent, wraps, stride in zip(shape, wrap, strides, strict=True):
            here, there = src // stride % extent, dst // stride % extent
            up, down = (there - here) % extent, (here - there) % extent
            goes_up = up <= down if wraps else there >= here
            for _ in range(up if goes_up else down):
                after = (here + (1 if goes_up else -1)) % extent
                nodes.append(nodes[-1] + (after - here) * stride)
                here = after
        return nodes

    return path
