"""Matrix products on tiles: exchange the operands, multiply, exchange and add the partial sums.

A product m x k by k x n is cut into pm x pn x pk blocks, one per tile.  The left operand lies spread over all tiles
and is received by each tile as its block asks; the right one lies where the block is if it is a resident weight,
and is received as well where several tiles along m want it.  With pk > 1 the partial blocks are summed: each of the pk
tiles receives its share of the others' partials.  Blocks that do not fit beside the tile's share of operands and
result and its partial sums are received and multiplied in slices of k, one superstep each.  Every division of the
tiles is priced and the quickest that fits wins.

The matrix unit holds a block of weights (16 x 8 in fp16 on GC2) through which the threads pass rows: extents are
padded to the block, rows to the number of threads, and loading the next block takes SRAM bandwidth.

Not modelled: rearranging operands between layouts, exchange of one slice during the arithmetic of another (phases
never overlap on these machines), multicast lanes in operand exchanges.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accelsim.cost.bsp.exchange import exchange
from accelsim.cost.bsp.machine import Array, BspCost, BspMachine
from accelsim.cost.shares import ceil_div

_PARTS_RATIO = 1.2  # between neighbouring numbers of parts that are tried


@dataclass(frozen=True)
class Product:
    """The chosen division of a product and its cost.

    Attributes:
        cost: Seconds and bytes.
        parts_m: Parts of m; likewise ``parts_n`` and ``parts_k``.
        slices: Supersteps along k.
        fits: Whether the blocks fit a tile's SRAM.
    """

    cost: BspCost
    parts_m: Array
    parts_n: Array
    parts_k: Array
    slices: Array
    fits: NDArray[np.bool_]


def divisions(tiles: Array, limit: int) -> tuple[Array, Array, Array]:
    """Candidate parts of m, n and k that together make at most ``tiles`` blocks; the last axis counts candidates.

    Two extents are cut into 1, 2, 3 ... parts, growing by a fifth up to ``limit``; the third into as many as are left.
    Where not even the first two fit ``tiles``, there is one part of each.

    Args:
        tiles: Tiles there are for one product, an array.
        limit: The most of them, at which candidates end.
    """
    counts = [1]
    while counts[-1] < limit:
        counts.append(min(limit, max(counts[-1] + 1, round(counts[-1] * _PARTS_RATIO))))
    pairs = np.array([(one, other) for one in counts for other in counts if one * other <= limit], dtype=float)
    available = np.asarray(tiles, dtype=float)[..., None]
    fits = pairs[:, 0] * pairs[:, 1] <= available
    one, other = np.where(fits, pairs[:, 0], 1.0), np.where(fits, pairs[:, 1], 1.0)
    left = np.floor(available / (one * other))
    parts = ((one, other, left), (one, left, other), (left, one, other))
    return tuple(np.concatenate(orders, axis=-1) for orders in zip(*parts, strict=True))  # type: ignore[return-value]


def multiply_s(machine: BspMachine, m: Array, k: Array, n: Array) -> tuple[Array, Array]:
    """Time of one tile's m x k by k x n on its matrix unit: (arithmetic, loading of the unit's blocks).

    Args:
        machine: The matrix unit of a tile, and its SRAM.
        m: Rows of the left operand.
        k: What is summed over.
        n: Columns of the right operand.
    """
    inputs, outputs = machine.matrix_block
    parameters = machine.parameters
    blocks = ceil_div(k, inputs) * ceil_div(n, outputs)
    rows = ceil_div(m, parameters.threads) * parameters.threads
    arithmetic = blocks * rows * parameters.matrix_row_cycles / parameters.matrix_efficiency
    loading = blocks * inputs * outputs * machine.element_bytes / machine.sram_bytes_per_cycle
    return arithmetic / machine.clock_hz, loading / machine.clock_hz


def product(machine: BspMachine, m: Array, k: Array, n: Array, batch: Array, weight_is_resident: bool) -> Product:
    """``batch`` products of m x k by k x n, one element of the arrays per shape.

    Independent products are dealt to groups of tiles; with more products than tiles, tiles take several in turn.  Where
    no division fits, the one with the smallest blocks is given.

    Args:
        machine: Tiles and their exchange.
        m: Rows of the left operand, an array.
        k: What is summed over.
        n: Columns of the right operand.
        batch: Independent products of a shape.
        weight_is_resident: Whether the right operand lies where it is used.
    """
    shapes = np.broadcast_arrays(*(np.asarray(x, dtype=float) for x in (m, k, n, batch)))
    extents = (shapes[0][..., None], shapes[1][..., None], shapes[2][..., None])
    groups = np.minimum(shapes[3], machine.num_tiles)  # of tiles, one product each at a time
    parts = divisions(np.floor(machine.num_tiles / groups), machine.num_tiles)
    priced = divided(machine, extents, parts, shapes[3][..., None], weight_is_resident)
    best_fitting = np.argmin(np.where(priced.fits, priced.cost.time_s, np.inf), axis=-1)
    smallest = np.argmin(priced.cost.tile_bytes, axis=-1)
    index = np.where(priced.fits.any(axis=-1), best_fitting, smallest)
    chosen = (priced.parts_m, priced.parts_n, priced.parts_k, priced.slices, priced.fits)
    parts_m, parts_n, parts_k, slices, fits = (
        np.take_along_axis(values, index[..., None], -1)[..., 0].astype(float) for values in chosen
    )
    cost = priced.cost.at(index).repeated(ceil_div(shapes[3], groups))
    return Product(cost, parts_m, parts_n, parts_k, slices, fits > 0)


def divided(
    machine: BspMachine,
    extents: tuple[Array, Array, Array],
    parts: tuple[Array, Array, Array],
    batch: Array,
    weight_is_resident: bool,
) -> Product:
    """Cost of each division ``parts`` of one product, elementwise, beside the others of its ``batch``.

    Args:
        machine: Tiles and their exchange.
        extents: m, k and n of the product.
        parts: Into how many each of m, n and k is cut.
        batch: Independent products of the shape.
        weight_is_resident: Whether the right operand lies where it is used.
    """
    m, k, n = extents
    parts_m, parts_n, parts_k = (np.minimum(one, extent) for one, extent in zip(parts, (m, n, k), strict=True))
    size, partial = machine.product, machine.parameters.partial_bytes
    mt, nt, kt = ceil_div(m, parts_m), ceil_div(n, parts_n), ceil_div(k, parts_k)
    tiles = parts_m * parts_n * parts_k
    right_moves = parts_m > 1 if weight_is_resident else parts_m > 0
    left, right = mt * kt * size.left, kt * nt * size.right
    received = left + np.where(right_moves, right, 0.0)
    share = batch / machine.num_tiles
    held = right * np.maximum(share, 1.0)  # a resident block lies there whole
    stored = (m * k * size.left + m * n * size.result) * share + np.where(right_moves, k * n * size.right * share, held)
    room = machine.sram_bytes - mt * nt * partial - stored
    slices = np.clip(ceil_div(received, np.maximum(room, 1.0)), 1.0, ceil_div(kt, machine.matrix_block[0]))
    in_flight = ceil_div(received, slices)
    tile_bytes = mt * nt * partial + stored + in_flight
    arithmetic, loading = multiply_s(machine, mt, kt / slices, nt)
    busy = tiles * np.minimum(batch, machine.num_tiles)
    useful = arithmetic * mt / (ceil_div(mt, machine.parameters.threads) * machine.parameters.threads)
    working = BspCost(compute=useful, fixed=arithmetic - useful, sram=loading)
    step = exchange(machine, in_flight, np.ones(()), in_flight * busy) + working
    operand_bytes = mt * kt * ceil_div(nt, machine.matrix_block[1]) * size.left + kt * nt * size.right
    total = step.repeated(slices) + _summed(machine, mt * nt, parts_k, busy)
    total = total + BspCost(
        compute=kt * nt * machine.unpack_s,
        launch=np.asarray(machine.parameters.program_s),
        sram_bytes=(operand_bytes + mt * nt * partial) * busy,
        tile_bytes=tile_bytes,
    )
    return Product(total, parts_m, parts_n, parts_k, slices, tile_bytes <= machine.sram_bytes)


def _summed(machine: BspMachine, elements: Array, parts: Array, busy: Array) -> BspCost:
    """Each of ``parts`` tiles receives its share of the others' ``elements`` partial sums and adds them."""
    share = ceil_div(elements, parts)
    received = share * (parts - 1) * machine.parameters.partial_bytes
    adding = share * parts * machine.parameters.reduce_cycles / machine.clock_hz
    moved = exchange(machine, received, np.where(parts > 1, 1.0, 0.0), received * busy)
    return moved + BspCost(compute=np.where(parts > 1, adding, 0.0))
