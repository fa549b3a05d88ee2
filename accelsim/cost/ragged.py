"""How sequences of unequal lengths run where a machine takes one batch of equal sequences after another.

A batch can always be run as if all its sequences had the length of its longest, so it need not run span after span,
which on a machine that spreads every batch over all its cores costs a start per length.  Sequences with equally many
new tokens, sorted by length, run together at the longest, or as two halves, each likewise: the quicker one.  That is
never quicker than as many sequences of the mean length, since padding saves no work.

::

    1+100x4, 1+700x4:   8 x 1+700   or   4 x 1+100, then 4 x 1+700

Not modelled: divisions other than by halves; sequences of unequal new tokens in one batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accelsim.workload.operators.ragged_attention import RaggedAttention

Array = NDArray[np.float64]


class _Batch(NamedTuple):
    """Sequences that run together, by the place of their price, and the two halves that may run instead."""

    place: int
    halves: tuple[_Batch, ...] = ()


@dataclass(frozen=True)
class Batches:
    """Batches of equal sequences that an operator may run as; :meth:`chosen` says as which.

    Attributes:
        counts: Sequences of each batch.
        new: New tokens of each sequence.
        lengths: Positions of each sequence.
        roots: Per number of new tokens, all sequences together, and the index of as many of the mean length.
    """

    counts: Array
    new: Array
    lengths: Array
    roots: tuple[tuple[_Batch, int], ...]

    @classmethod
    def of(cls, operator: RaggedAttention) -> Batches:
        """Every batch that is tried: twice as many as there are lengths."""
        rows: list[tuple[int, int, int]] = []
        roots = tuple(_root(new, lengths, rows) for new, lengths in _by_new(operator))
        counts, new, lengths = np.array(rows, dtype=np.float64).T
        return cls(counts, new, lengths, roots)

    def chosen(self, seconds: Array, fits: NDArray[np.bool_]) -> list[int]:
        """Indices of the batches that run, one after another.

        Args:
            seconds: Time of each batch, in any unit.
            fits: Whether each has room; those without run only where their halves have none either.
        """
        found = []
        for root, mean in self.roots:
            best = _quickest(root, seconds, fits)
            is_less = sum(seconds[i] for i in best) < seconds[mean] <= seconds[root.place]
            found += [mean] if is_less and fits[mean] else best
        return found


def _by_new(operator: RaggedAttention) -> Iterator[tuple[int, dict[int, int]]]:
    """Per number of new tokens, the sequences of each length, shortest first."""
    found: dict[int, dict[int, int]] = {}
    for count, new, length in zip(*(column.tolist() for column in operator.extents), strict=True):
        alike = found.setdefault(new, {})
        alike[length] = alike.get(length, 0) + count
    for new, alike in found.items():
        yield new, dict(sorted(alike.items()))


def _root(new: int, alike: dict[int, int], rows: list[tuple[int, int, int]]) -> tuple[_Batch, int]:
    """All sequences of ``new`` tokens, and the index of their mean; ``rows`` grows by the batches."""
    root = _batch(new, list(alike.items()), rows)
    if len(alike) == 1:
        return root, root.place
    count = sum(alike.values())
    rows.append((count, new, sum(length * times for length, times in alike.items()) // count))
    return root, len(rows) - 1


def _batch(new: int, alike: list[tuple[int, int]], rows: list[tuple[int, int, int]]) -> _Batch:
    index, middle = len(rows), len(alike) // 2
    rows.append((sum(count for _, count in alike), new, alike[-1][0]))
    if not middle:
        return _Batch(index)
    return _Batch(index, (_batch(new, alike[:middle], rows), _batch(new, alike[middle:], rows)))


def _quickest(batch: _Batch, seconds: Array, fits: NDArray[np.bool_]) -> list[int]:
    """The batch, or the quickest of its halves one after the other."""
    if not batch.halves:
        return [batch.place]
    apart = [index for half in batch.halves for index in _quickest(half, seconds, fits)]
    is_slower = not seconds[batch.place] <= sum(seconds[index] for index in apart)
    has_less_room = not fits[batch.place] and all(fits[index] for index in apart)
    return apart if is_slower or has_less_room else [batch.place]
