"""Operators over rows (norm, softmax, elementwise, rope, embedding) and attention, composed from supersteps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from accelsim.cost.bsp.exchange import exchange
from accelsim.cost.bsp.machine import Array, BspCost, BspMachine
from accelsim.cost.bsp.products import product
from accelsim.cost.shares import ceil_div


def vector_work(machine: BspMachine, elements: Array, flops: float, functions: float, operands: float) -> BspCost:
    """Work of one tile on its own elements, ``operands`` read and written each; all tiles do the same.

    Args:
        machine: The vector unit of a tile, and its SRAM.
        elements: Elements of the tile.
        flops: Arithmetic per element.
        functions: Exponentials, roots and the like per element.
        operands: Elements read or written per element of the result.
    """
    parameters = machine.parameters
    arithmetic = elements * flops / machine.vector_flops_per_cycle + elements * functions * parameters.function_cycles
    ports = elements * operands * machine.element_bytes / machine.sram_bytes_per_cycle
    return BspCost(
        compute=arithmetic / machine.clock_hz,
        sram=np.maximum(ports - arithmetic, 0.0) / machine.clock_hz,
        sram_bytes=elements * operands * machine.element_bytes * machine.num_tiles,
        tile_bytes=elements * operands * machine.element_bytes,
    )


def elementwise(
    machine: BspMachine, rows: Array, width: Array, flops: float, functions: float, operands: float
) -> BspCost:
    """A function of elements that lie at one place: dealt to all tiles, nothing is exchanged.

    Args:
        machine: Tiles and what they cost.
        rows: Rows of the result.
        width: Elements of a row.
        flops: Arithmetic per element.
        functions: Exponentials, roots and the like per element.
        operands: Elements read or written per element of the result.
    """
    share = ceil_div(rows * width, machine.num_tiles)
    start = BspCost(launch=np.asarray(machine.parameters.program_s))
    return start + vector_work(machine, share, flops, functions, operands)


@dataclass(frozen=True, slots=True)
class RowWork:
    """What an operator does along a row.

    Attributes:
        sums: Reductions along a row, one after another.
        flops: FLOPs per element.
        functions: Exponentials per element.
        roots: Roots or reciprocals per row.
    """

    sums: int
    flops: float
    functions: float
    roots: float


#: A maximum and a sum, an exponential per element, a division.
SOFTMAX = RowWork(sums=2, flops=5.0, functions=1.0, roots=1.0)


def row_reduction(machine: BspMachine, rows: Array, width: Array, work: RowWork) -> BspCost:
    """Reductions along each row and a function of each element.

    Whole rows are brought to tiles; where there are fewer rows than tiles, several tiles share one, and each sum is an
    exchange in which every tile of a row receives the partial of every other.

    Args:
        machine: The tiles.
        rows: Rows.
        width: Elements of a row.
        work: What is done along a row.
    """
    sharing = np.maximum(np.floor(machine.num_tiles / rows), 1.0)
    sharing = np.minimum(sharing, ceil_div(width, machine.matrix_block[0]))
    own_rows = ceil_div(rows, machine.num_tiles)
    share = own_rows * ceil_div(width, sharing)
    nbytes = share * machine.element_bytes
    busy = np.minimum(rows * sharing, machine.num_tiles)
    total = BspCost(launch=np.asarray(machine.parameters.program_s))
    total = total + exchange(machine, nbytes, 1.0, nbytes * busy)
    total = total + vector_work(machine, share, work.flops, work.functions, 2.0 + work.sums)
    partials = own_rows * (sharing - 1) * machine.parameters.partial_bytes
    several = np.where(sharing > 1, 1.0, 0.0)
    adding = work.sums * sharing * machine.parameters.reduce_cycles
    per_row = work.roots * machine.parameters.function_cycles + adding
    total = total + BspCost(compute=own_rows * per_row / machine.clock_hz)
    return total + exchange(machine, partials, several, partials * busy).repeated(float(work.sums))


def embedding(machine: BspMachine, rows: Array, width: Array) -> BspCost:
    """Gather of table rows: tokens and columns are spread, so each tile receives its share of the result.

    Args:
        machine: Tiles and their exchange.
        rows: Tokens.
        width: Elements of a row of the table.
    """
    nbytes = ceil_div(rows * width, machine.num_tiles) * machine.element_bytes
    start = BspCost(launch=np.asarray(machine.parameters.program_s), tile_bytes=2 * nbytes)
    return start + exchange(machine, nbytes, 1.0, rows * width * machine.element_bytes)


def attention(
    machine: BspMachine, batch: Array, kv_heads: Array, queries: Array, head_dim: Array, kv_len: Array
) -> BspCost:
    """Scores, softmax, values, per KV head; keys and values stay in the SRAM of the tiles that use them.

    The whole rectangle of scores is computed: tiles with masked blocks wait for the others at the next synchronisation.

    Args:
        machine: The tiles.
        batch: Sequences.
        kv_heads: Key-value heads.
        queries: Query rows per KV head and sequence (queries times the heads that share it).
        head_dim: Elements of one head.
        kv_len: Attended positions.
    """
    heads = batch * kv_heads
    scores = product(machine, queries, head_dim, kv_len, heads, weight_is_resident=True)
    weights = row_reduction(machine, heads * queries, kv_len, SOFTMAX)
    values = product(machine, queries, kv_len, head_dim, heads, weight_is_resident=True)
    appended = 2 * ceil_div(heads * head_dim, machine.num_tiles) * machine.element_bytes
    append = exchange(machine, appended, 1.0, 2 * heads * head_dim * machine.element_bytes)
    held = ceil_div(heads * queries * kv_len, machine.num_tiles) * (machine.element_bytes + 4)
    return scores.cost + weights + values.cost + append + BspCost(tile_bytes=held)
