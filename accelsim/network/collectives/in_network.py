"""Reduction inside the switch (NVLink SHARP, SHARP): ranks send their data up once and the switch adds it.

Each rank owns a part of the buffer. The switch gathers the contributions to a part, gives their sum to the owner, who
writes it back through the switch to all: ``1 + 1/n`` of the buffer through each port and direction where a ring needs
``2 (n - 1) / n``. Pieces follow each other through the four stages.

Not modelled: limits of the switch's adders beyond the efficiency of the level's protocol.

Source:
    NVIDIA, *NVLink SHARP*, NCCL 2.17 (algorithm NVLS); Klenk et al., *An In-Network Architecture for Accelerating
    Shared-Memory Multiprocessor Collectives*, ISCA 2020.
"""

from __future__ import annotations

import math

import numpy as np

from accelsim.cost.call import FoldedStep
from accelsim.network.collectives.base import OnePort, fold, register_collective
from accelsim.network.collectives.schedule import Schedule, make_schedule, num_pieces, rows_of, split_evenly


@register_collective("all_reduce", "in_network")
class InNetworkAllReduce(OnePort):
    """Every rank ends with the sum; chunk ``piece x n + owner``, participant n is the switch."""

    topologies = frozenset({"switch"})
    opt_in = True

    def schedule(self, nbytes: int, shape: tuple[int, ...]) -> Schedule:
        """Per piece: all ranks up, the sums down to the owners, the owners up, everything down to all."""
        num_ranks = math.prod(shape)
        pieces = num_pieces(nbytes)
        chunk_bytes = split_evenly(nbytes, pieces * num_ranks)
        if num_ranks == 1:
            return make_schedule(1, chunk_bytes, [], num_switches=1)
        rank, piece = np.arange(num_ranks)[:, None, None], np.arange(pieces)[None, :, None]
        owner, switch = np.arange(num_ranks)[None, None], num_ranks
        every, mine = piece * num_ranks + owner, piece[:, :, 0] * num_ranks + rank[:, :, 0]
        at, own = piece[:, :, 0], rank[:, :, 0]
        blocks = [
            rows_of(piece, rank, switch, every, True),
            rows_of(at + 1, switch, own, mine, False),
            rows_of(at + 2, own, switch, mine, False),
            rows_of(piece + 3, switch, rank, every, False),
        ]
        return make_schedule(num_ranks, chunk_bytes, blocks, num_switches=1)

    def folded(self, nbytes: int, shape: tuple[int, ...]) -> tuple[FoldedStep, ...]:
        """Up: n chunks of a new piece and one of the piece two before; down: one, and n of the piece three before."""
        num_ranks, pieces = math.prod(shape), num_pieces(nbytes)
        if num_ranks == 1:
            return ()
        chunk_bytes = -(-nbytes // (pieces * num_ranks))
        full = [num_ranks * chunk_bytes * (0 <= step < pieces) for step in range(-3, pieces + 3)]
        some = [chunk_bytes * (0 <= step < pieces) for step in range(-3, pieces + 3)]
        steps = range(3, pieces + 6)
        return fold(max(full[s] + some[s - 2], some[s - 1] + full[s - 3]) for s in steps)
