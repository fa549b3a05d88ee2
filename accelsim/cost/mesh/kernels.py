"""Distributed kernels on a rectangle of cores: reductions, shift products, matrix-vector products.

All take arrays of extents and give a :class:`~accelsim.cost.mesh.machine.Cost` of arrays; no loop over shapes.
A matrix of m x n elements lies on R x C cores in tiles of ceil(m / R) x ceil(n / C): the largest tile sets the time.

Not modelled: routing colours, the skew of the first wave over the grid, cores left out, and thermal throttling.

Source:
    He et al., *WaferLLM: Large Language Model Inference at Wafer Scale*, OSDI 2025 (arXiv 2502.04563), sections 5 and
    6, and the public kernels MeshInfra/WaferLLM@2cd13b5 (order of loops, two-level trees, two-hop interleaving).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from accelsim.cost.elementwise import Values, maximum, minimum, rounded, sqrt, where
from accelsim.cost.mesh.light import exchanges
from accelsim.cost.mesh.machine import MeshCost, MeshMachine, fastest, vector_cycles
from accelsim.cost.shares import ceil_div


def all_reduce(machine: MeshMachine, elements: Values, line: Values, lines: Values) -> MeshCost:
    """Sum a vector of ``elements`` over each line of ``line`` cores and leave the sum on all of them.

    The line is cut into about sqrt(line) groups.  In each group the cores pass partial sums towards the middle one,
    adding as they go; the middles then do the same along the line, each send crossing one group; the last core
    sends the sum both ways to all.  The first word passes line / 2 hops inwards and line / 2 outwards, and about
    sqrt(line) adding cores; the other words follow one behind another, once in each of the three movements.
    Where the machine has stations of light, clusters do so and their stations exchange the sums, if that is faster.

    Args:
        machine: The cores.
        elements: Vector each core holds.
        line: Cores of one line.
        lines: Lines doing the same side by side.
    """
    over_mesh = _all_reduce_over_mesh(machine, elements, line, lines)
    if machine.light is None or float(np.max(line)) <= machine.light.cluster:
        return over_mesh
    cluster = minimum(line, machine.light.cluster)
    inside = _all_reduce_over_mesh(machine, elements, cluster, lines * line / cluster)
    between = exchanges(machine, machine.light, elements, line, lines)
    return fastest([over_mesh, *(inside + one for one in between)])


def gather(machine: MeshMachine, elements: Values, line: Values, lines: Values) -> MeshCost:
    """A vector of ``elements``, whose parts lie on the cores of a line, onto all of them.

    The words follow one behind another along the line, or from station to station where that is faster.

    Args:
        machine: The cores.
        elements: The whole vector.
        line: Cores of one line.
        lines: Lines doing the same side by side.
    """
    over_mesh = _gather_over_mesh(machine, elements, line, lines)
    if machine.light is None or float(np.max(line)) <= machine.light.cluster:
        return over_mesh
    cluster = minimum(line, machine.light.cluster)
    inside = _gather_over_mesh(machine, elements, cluster, lines * line / cluster)
    between = exchanges(machine, machine.light, elements, line, lines, gathers=True)
    return fastest([over_mesh, *(inside + one for one in between)])


def _gather_over_mesh(machine: MeshMachine, elements: Values, line: Values, lines: Values) -> MeshCost:
    size = elements * machine.element_bytes * line * lines
    return MeshCost(
        noc=machine.words(elements) + line * machine.hop_cycles,
        launch=machine.parameters.phase_cycles,
        sram_bytes=2 * size,
        noc_bytes=size,
        tile_bytes=elements * machine.element_bytes,
    )


def _all_reduce_over_mesh(machine: MeshMachine, elements: Values, line: Values, lines: Values) -> MeshCost:
    groups = maximum(rounded(sqrt(line)), 1.0)
    stages = line / (2 * groups) + groups / 2
    moves = where(line > 1, 1.0, 0.0)
    parameters = machine.parameters
    words = machine.words(elements)
    cycles = line * machine.hop_cycles + 3 * words
    message = elements * machine.element_bytes
    return MeshCost(
        fixed=moves * stages * parameters.stage_cycles,
        noc=moves * cycles,
        launch=moves * parameters.phase_cycles,
        sram_bytes=moves * 3 * message * line * lines,
        noc_bytes=moves * 3 * message * line * lines,
        tile_bytes=2 * message,
    )


def mesh_gemv(machine: MeshMachine, m: Values, k: Values, n: Values, region: tuple[Values, Values]) -> MeshCost:
    """``m`` vectors of length k times a resident k x n matrix: local products, then a sum over the rows of cores.

    k lies along ``rows`` and n along ``cols``.  The cores multiply one row of their tile at a time (a vector
    instruction over ceil(n / cols)), for each of the m vectors; the sum leaves every core of a column with its share
    of the result, where the next product needs it, so products alternate the two directions and never transpose.

    Args:
        machine: A core and its links, in cycles.
        m: Vectors.
        k: Length of each.
        n: Columns of the matrix.
        region: Cores along k and along n.
    """
    rows, cols = region
    inner, outer = ceil_div(k, rows), ceil_div(n, cols)
    size = machine.product
    touched = size.right + 2 * size.result  # bytes per multiply-accumulate: a weight, a sum read and written
    lanes, ports = vector_cycles(machine, outer, touched / machine.element_bytes)
    cores = rows * cols
    local = MeshCost(
        compute=m * inner * lanes + inner * outer * size.unpack / machine.lanes,
        fixed=m * inner * machine.parameters.vector_start_cycles,
        sram=m * inner * ports,
        launch=machine.parameters.phase_cycles,
        sram_bytes=m * inner * outer * touched * cores,
        tile_bytes=inner * outer * size.right + m * (inner * size.left + 2 * outer * size.result),
    )
    reduced = all_reduce(machine, m * outer, rows, cols)
    return local + replace(reduced, launch=0.0)  # one phase: the sum starts as each core finishes


def shift_gemm(
    machine: MeshMachine, m: Values, k: Values, n: Values, region: tuple[Values, Values], sums: Values | None = None
) -> MeshCost:
    """``m`` x k times k x n as P = max(rows, cols) steps of local products while tiles move two hops round.

    The tiles lie interleaved (0, 2, 4 ... 5, 3, 1), so that a ring costs two hops per step and never the way back.
    Each step multiplies tiles of ceil(m / rows) x ceil(k / P) and ceil(k / P) x ceil(n / cols): one vector
    instruction over the m side per element of the other tile.  Meanwhile the next tiles come in over the core's
    ramp, one word per cycle; only what exceeds the arithmetic is charged.  Before the first step the left tiles are
    aligned in P / 2 shifts that nothing hides.

    Args:
        machine: The cores.
        m: Rows of the result.
        k: Contracted extent.
        n: Columns of the result.
        region: Rows and columns of cores.
        sums: None, or the right matrix is stored n x k (keys): it alone moves, nothing is aligned, and in each step
            this many partial tiles per core (one per head it holds) are summed along the row of cores.
    """
    rows, cols = region
    steps = maximum(rows, cols)
    mt, kt, nt = ceil_div(m, rows), ceil_div(k, steps), ceil_div(n, cols)
    size = machine.product
    touched = size.left + 2 * size.result
    lanes, ports = vector_cycles(machine, mt, touched / machine.element_bytes)
    compute, sram = kt * nt * (lanes + size.unpack / machine.lanes), kt * nt * ports
    starts = kt * nt * machine.parameters.vector_start_cycles
    moved = machine.words(kt * nt, size.right) + 2 * machine.hop_cycles
    aligned: Values = 0.0
    summed: Values = 0.0
    aligning_steps = 0.0
    if sums is None:
        left_words = machine.words(mt * kt, size.left)
        moved = moved + left_words
        aligned, aligning_steps = steps / 2 * (left_words + 2 * machine.hop_cycles), 0.5
    else:
        summed = mt * nt * sums
    cores = rows * cols
    moved, aligned, summed = (where(steps > 1, one, 0.0) for one in (moved, aligned, summed))
    left, right, result = mt * kt * size.left, kt * nt * size.right, mt * nt * size.result
    shifted = where(steps > 1, right + (1.5 * left if sums is None else 0.0), 0.0)
    return MeshCost(
        compute=steps * compute,
        fixed=steps * starts,
        sram=steps * sram,
        noc=steps * (maximum(moved - compute - starts - sram, 0.0) + machine.words(summed)) + aligned,
        launch=steps * (1 + aligning_steps) * machine.parameters.shift_step_cycles + machine.parameters.phase_cycles,
        sram_bytes=cores * steps * (mt * kt * nt * touched + right + 2 * shifted + 2 * summed * size.result),
        noc_bytes=cores * steps * (2 * shifted + summed * size.result),
        tile_bytes=2 * (left + right) + result + summed * size.result,
    )


def neighbour_shift(machine: MeshMachine, elements: Values, cores: Values) -> MeshCost:
    """Every core hands ``elements`` to its neighbour: how a KV cache stays balanced when a token is appended.

    Args:
        machine: A core and its links, in cycles.
        elements: What each core hands over.
        cores: How many do so at once.
    """
    message = elements * machine.element_bytes
    return MeshCost(
        noc=machine.words(elements) + machine.hop_cycles,
        sram_bytes=2 * message * cores,
        noc_bytes=message * cores,
        tile_bytes=message,
    )
