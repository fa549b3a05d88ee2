"""Exchange phases on one chip: who sends how much to whom, over a network without conflicts but with distance.

The exchange has no routers and no queues: the compiler fixes when each tile sends, and any pattern in which each
tile sends and receives one word per cycle runs at full rate.  So a phase takes the synchronisation, the latency to the
farthest receiver, and one cycle per word of the tile with most words::

    sync | first word on its way ... | word, word, word ... |

Load shows twice: a tile that sends (or receives) everything serialises it, and with many transfers one of them is
sure to be long.  All take arrays and give seconds or a :class:`~accelsim.cost.bsp.machine.Cost` of arrays.

Not modelled: the code that an exchange takes in SRAM, the skew between tiles after the synchronisation, gaps where
a compiler fails to pack the words.

Source:
    Jia, Tillman, Maggioni, Scarpazza, *Dissecting the Graphcore IPU Architecture via Microbenchmarking*, 2019 (arXiv
    1912.03413), chapter 4; word per cycle and tile from the poplibs sources (graphcore/poplibs@7eac0f2).
"""

from __future__ import annotations

import numpy as np

from accelsim.cost.bsp.machine import Array, BspCost, BspMachine
from accelsim.cost.shares import ceil_div

WORD_BYTES = 4.0  # what the exchange moves per cycle, tile and direction


def words_s(machine: BspMachine, nbytes: Array, lanes: Array | float = 1.0) -> Array:
    """Time one tile takes to send or receive ``nbytes``, in whole words.

    Args:
        machine: Tiles and their exchange.
        nbytes: What one tile sends or receives.
        lanes: Lanes of the exchange that it uses at once.
    """
    return np.ceil(nbytes / WORD_BYTES) * WORD_BYTES / (machine.exchange_bytes_per_s * lanes)


def exchange(machine: BspMachine, nbytes: Array, active: Array | float, received_bytes: Array) -> BspCost:
    """One exchange over the whole rectangle in which the busiest tile moves ``nbytes`` one way.

    Args:
        machine: The tiles.
        nbytes: Bytes of the busiest tile, sent or received.
        active: 1 where there is an exchange at all, else 0.
        received_bytes: Bytes received by all tiles, for the account.
    """
    return BspCost(
        noc=active * (machine.span_s + words_s(machine, nbytes)),
        sync=np.asarray(active * machine.parameters.sync_s),
        sram_bytes=active * 2 * received_bytes,
        noc_bytes=active * received_bytes,
    )


def block_span_s(machine: BspMachine, tiles: Array) -> Array:
    """Latency across the first ``tiles`` tiles, columns filled one after another.

    Args:
        machine: Tiles and their exchange.
        tiles: Tiles that take part.
    """
    islands = ceil_div(np.minimum(tiles, machine.rows), machine.parameters.island_tiles)
    return machine.distance_s(islands - 1, ceil_div(tiles, machine.rows) - 1)


def longest_of_s(machine: BspMachine, pairs: Array) -> Array:
    """Expected largest latency among ``pairs`` transfers between tiles drawn at random.

    Islands and columns of two random tiles are independent, each difference d of n has probability 2 (n - d) / n^2
    (1 / n for d = 0); the largest of N independent latencies is at most x with probability F(x)^N.

    Args:
        machine: Tiles and their exchange.
        pairs: How many transfers, all at once.
    """
    latency, probability = _pair_latencies(machine)
    below = np.cumsum(probability)
    at_most = below ** np.asarray(pairs, dtype=float)[..., None]
    steps = np.diff(latency, prepend=0.0)
    before = np.concatenate([np.zeros((*at_most.shape[:-1], 1)), at_most[..., :-1]], axis=-1)
    return np.asarray(np.sum(steps * (1 - before), axis=-1))


def point_to_point_s(machine: BspMachine, transfers: Array, message_bytes: Array) -> Array:
    """``transfers`` messages at once between random, disjoint pairs of tiles.

    Args:
        machine: Tiles and their exchange.
        transfers: Messages at once.
        message_bytes: Of each.
    """
    return machine.parameters.sync_s + longest_of_s(machine, transfers) + words_s(machine, message_bytes)


def broadcast_s(machine: BspMachine, tiles: Array, message_bytes: Array) -> Array:
    """One tile sends ``message_bytes`` to the first ``tiles`` tiles.

    Neighbours that want the same data receive over both their lanes, and the sender uses its neighbour's lane, which
    is idle: twice the rate as soon as there is more than the sender's own pair.

    Args:
        machine: Tiles and their exchange.
        tiles: Tiles that receive.
        message_bytes: What each of them receives, the same.
    """
    lanes = np.where(tiles > 2, float(machine.parameters.broadcast_lanes), 1.0)
    return machine.parameters.sync_s + block_span_s(machine, tiles) + words_s(machine, message_bytes, lanes)


def scatter_s(machine: BspMachine, tiles: Array, message_bytes: Array) -> Array:
    """One tile sends a message of its own to each of ``tiles`` tiles anywhere on the chip, one after another.

    Args:
        machine: Tiles and their exchange.
        tiles: Tiles that receive.
        message_bytes: What each of them receives, its own.
    """
    latency = machine.parameters.sync_s + longest_of_s(machine, tiles)
    return latency + tiles * words_s(machine, message_bytes)


def all_to_all_s(machine: BspMachine, tiles: Array, message_bytes: Array) -> Array:
    """Each of ``tiles`` tiles anywhere on the chip sends a message of its own to each other one.

    Args:
        machine: Tiles and their exchange.
        tiles: Tiles that take part.
        message_bytes: What each sends each other one.
    """
    pairs = np.maximum(tiles * (tiles - 1), 1)
    latency = machine.parameters.sync_s + longest_of_s(machine, pairs)
    return latency + (tiles - 1) * words_s(machine, message_bytes)


def local_copy_s(machine: BspMachine, nbytes: Array) -> Array:
    """A copy inside one tile: load, store and exit of a thread, one instruction each ``threads`` cycles, 8 B each.

    Args:
        machine: Clock and threads of a tile.
        nbytes: What is copied.
    """
    cycles = (2 * np.ceil(nbytes / 8) + 1) * machine.parameters.threads
    return cycles / machine.clock_hz


def local_sum_s(machine: BspMachine, operands: Array) -> Array:
    """Sum of fp32 operands in one tile's SRAM, the start of the program aside.

    Args:
        machine: Clock of a tile.
        operands: Numbers that are added.
    """
    return operands * machine.parameters.reduce_cycles / machine.clock_hz


def reduction_s(machine: BspMachine, tiles: Array, operands: Array) -> Array:
    """Sum of ``operands`` fp32 numbers on each of ``tiles`` tiles: sums on all, then one tile collects and adds.

    Args:
        machine: Tiles and their exchange.
        tiles: Tiles that take part.
        operands: Numbers on each of them.
    """
    start = machine.parameters.program_s + local_sum_s(machine, operands)
    return (
        start
        + np.where(tiles > 1, scatter_s(machine, tiles, np.asarray(WORD_BYTES)), 0.0)
        + (np.where(tiles > 1, local_sum_s(machine, tiles), 0.0))
    )


def _pair_latencies(machine: BspMachine) -> tuple[Array, Array]:
    """Latencies between two random tiles in rising order, and the probability of each."""

    def differences(count: int) -> tuple[Array, Array]:
        difference = np.arange(count, dtype=float)
        return difference, np.where(difference == 0, 1.0, 2.0) * (count - difference) / count**2

    islands, island_probability = differences(machine.islands)
    cols, col_probability = differences(machine.cols)
    latency = machine.distance_s(islands[:, None], cols[None, :]).ravel()
    order = np.argsort(latency, kind="stable")
    return latency[order], np.outer(island_probability, col_probability).ravel()[order]
