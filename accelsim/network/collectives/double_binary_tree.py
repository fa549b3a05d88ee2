"""Double binary tree: two trees, each for half of the buffer, in which every rank is a leaf of at least one.

A tree takes log2(n) hops where the ring takes n, and pieces follow each other through it. With one tree the inner ranks
would send twice what the leaves do; with two every rank sends and receives at most two pieces per step, so a
``broadcast`` or ``reduce`` takes the time of its bytes once, an ``all_reduce`` (a reduce, then a broadcast) twice.

Not modelled: the overlap of the two halves of an all_reduce (it saves the filling of the second pipeline).

Source:
    Sanders, Speck, Traeff, *Two-tree algorithms for full bandwidth broadcast, reduction and scan*, Parallel Computing
    35, 2009; the numbering of the ranks is that of NCCL 2.4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from accelsim.cost.call import FoldedStep
from accelsim.network.collectives.base import OnePort, fold, register_collective
from accelsim.network.collectives.schedule import IntArray, Schedule, make_schedule, num_pieces, rows_of, split_evenly

NAME = "double_binary_tree"
_TREES = 2


@dataclass(frozen=True, eq=False)
class _Tree:
    """One tree: parent of each rank (-1 at the root), its height over its leaves and its depth under the root."""

    parent: IntArray
    height: IntArray
    depth: IntArray

    @property
    def members(self) -> IntArray:
        """Ranks with a parent."""
        return np.flatnonzero(self.parent >= 0)


def _parents(num_ranks: int) -> IntArray:
    """NCCL's tree: rank 0 is the root, odd ranks are leaves; the lowest set bit tells the level."""
    rank = np.arange(num_ranks)
    bit = rank & -rank
    parent = (rank ^ bit) | (bit << 1)
    parent = np.where(parent >= num_ranks, rank ^ bit, parent)
    parent[0] = -1
    return parent


def _tree(parent: IntArray) -> _Tree:
    num_ranks = len(parent)
    depth, height = np.zeros(num_ranks, np.int64), np.zeros(num_ranks, np.int64)
    at = parent.copy()
    while (at >= 0).any():
        depth += at >= 0
        at = np.where(at >= 0, parent[at], -1)
    for level in range(int(depth.max(initial=0)), 0, -1):
        ranks = np.flatnonzero(depth == level)
        np.maximum.at(height, parent[ranks], height[ranks] + 1)
    return _Tree(parent, height, depth)


def _two_trees(num_ranks: int) -> tuple[_Tree, _Tree]:
    """The tree and its mirror image (even n) or its copy shifted by a rank (odd n): inner there, leaf here."""
    first = _parents(num_ranks)
    rank = np.arange(num_ranks)
    there = num_ranks - 1 - rank if num_ranks % 2 == 0 else (rank - 1) % num_ranks
    back = num_ranks - 1 - rank if num_ranks % 2 == 0 else (rank + 1) % num_ranks
    above = first[there]
    return _tree(first), _tree(np.where(above < 0, -1, back[above]))


def _rooted_trees(num_ranks: int) -> tuple[_Tree, _Tree]:
    """Two trees over ranks 1 and up, hung under rank 0."""
    found = []
    for tree in _two_trees(num_ranks - 1):
        parent = np.concatenate([[-1], tree.parent + 1])
        found.append(_tree(parent))
    return found[0], found[1]


def _reduce_rows(trees: tuple[_Tree, _Tree], pieces: int, first_step: int) -> list[IntArray]:
    """A rank sends a piece to its parent when it has it from its children."""
    piece = np.arange(pieces)[None]
    return [
        rows_of(
            first_step + tree.height[tree.members][:, None] + piece,
            tree.members[:, None],
            tree.parent[tree.members][:, None],
            index * pieces + piece,
            True,
        )
        for index, tree in enumerate(trees)
    ]


def _broadcast_rows(trees: tuple[_Tree, _Tree], pieces: int, first_step: int) -> list[IntArray]:
    """A rank gets a piece when its parent has it."""
    piece = np.arange(pieces)[None]
    return [
        rows_of(
            first_step + tree.depth[tree.members][:, None] - 1 + piece,
            tree.parent[tree.members][:, None],
            tree.members[:, None],
            index * pieces + piece,
            False,
        )
        for index, tree in enumerate(trees)
    ]


def _num_steps(trees: tuple[_Tree, _Tree], pieces: int) -> int:
    """Steps of one phase; the height of the root is its depth."""
    return max(int(tree.depth.max()) for tree in trees) + pieces - 1


def _loads(trees: tuple[_Tree, _Tree], pieces: int, reduces: bool) -> list[int]:
    """Pieces through the busiest port of each step of one phase."""
    num_ranks, steps = len(trees[0].parent), _num_steps(trees, pieces)
    width = steps + 1
    change = np.zeros(2 * num_ranks * width, dtype=np.int64)
    for tree in trees:
        members = tree.members
        start = tree.height[members] if reduces else tree.depth[members] - 1
        for port, ranks in ((0, members), (1, tree.parent[members])):
            at = (port * num_ranks + ranks) * width + start
            np.add.at(change, at, 1)
            np.add.at(change, at + pieces, -1)
    loads: list[int] = change.reshape(-1, width).cumsum(axis=1)[:, :steps].max(axis=0).tolist()
    return loads


class _DoubleTree(OnePort):
    reduces = True
    broadcasts = True

    def _trees(self, num_ranks: int) -> tuple[_Tree, _Tree]:
        return _two_trees(num_ranks) if self.reduces and self.broadcasts else _rooted_trees(num_ranks)

    def schedule(self, nbytes: int, shape: tuple[int, ...]) -> Schedule:
        """One transfer per rank, tree, piece and phase; the second tree has the upper half of the chunks."""
        num_ranks, pieces = math.prod(shape), num_pieces(-(-nbytes // _TREES))
        chunk_bytes = split_evenly(nbytes, _TREES * pieces)
        if num_ranks == 1:
            return make_schedule(1, chunk_bytes, [])
        trees, first = self._trees(num_ranks), 0
        blocks: list[IntArray] = []
        if self.reduces:
            blocks += _reduce_rows(trees, pieces, first)
            first = _num_steps(trees, pieces)
        if self.broadcasts:
            blocks += _broadcast_rows(trees, pieces, first)
        return make_schedule(num_ranks, chunk_bytes, blocks)

    def folded(self, nbytes: int, shape: tuple[int, ...]) -> tuple[FoldedStep, ...]:
        """Two pieces per step through the busiest port, once the pipeline is full."""
        num_ranks, pieces = math.prod(shape), num_pieces(-(-nbytes // _TREES))
        if num_ranks == 1:
            return ()
        trees, piece_bytes = self._trees(num_ranks), -(-nbytes // (_TREES * pieces))
        loads = _loads(trees, pieces, reduces=True) if self.reduces else []
        loads += _loads(trees, pieces, reduces=False) if self.broadcasts else []
        return fold(load * piece_bytes for load in loads)


@register_collective("all_reduce", NAME)
class DoubleTreeAllReduce(_DoubleTree):
    """Every rank ends with the sum."""


@register_collective("broadcast", NAME)
class DoubleTreeBroadcast(_DoubleTree):
    """Rank 0's buffer reaches every rank."""

    reduces = False


@register_collective("reduce", NAME)
class DoubleTreeReduce(_DoubleTree):
    """The sum reaches rank 0."""

    broadcasts = False
