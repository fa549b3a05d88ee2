"""Operators over rows (norm, softmax, elementwise, rope, embedding) and attention, composed from the kernels."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.cost.elementwise import Values, maximum, minimum, where
from accelsim.cost.mesh.kernels import all_reduce, gather, mesh_gemv, neighbour_shift, shift_gemm
from accelsim.cost.mesh.machine import MeshCost, MeshMachine, fastest, vector_cycles
from accelsim.cost.shares import ceil_div


@dataclass(frozen=True)
class Layout:
    """A way to lay rows out on cores.

    Attributes:
        height: Rows one core works on.
        width: Elements of each that it works on.
        back: Cost of bringing results back to where the next product needs them.
        lines: Cores and lines of cores over which a sum along a row runs, one reduction after another.
    """

    height: Values
    width: Values
    back: MeshCost
    lines: tuple[tuple[Values, Values], ...]


def layouts(machine: MeshMachine, rows: Values, width: Values, region: tuple[Values, Values]) -> list[Layout]:
    """Every way to lay out ``rows``.

    With at least as many rows as rows of cores they are dealt and stay so.  Fewer rows are held by all rows of cores,
    as resident products leave them and need them: each works on all of them, as the measured kernels do, or on its
    share of the rows, or, where the machine slices rows, on its share of every row's width; a share is then gathered
    along the columns.

    Args:
        machine: The cores.
        rows: Rows.
        width: Elements of a row.
        region: Rows and columns of cores.
    """
    share, dealt = ceil_div(width, region[1]), ceil_div(rows, region[0])
    gathered = gather(machine, rows * share, region[0], region[1])
    along = (region[1], region[0])
    found = [
        Layout(where(rows >= region[0], dealt, rows), share, MeshCost(), (along,)),
        Layout(dealt, share, gathered, (along,)),
    ]
    if machine.slices_rows:
        found.append(Layout(rows, ceil_div(share, region[0]), gathered, (along, (region[0], region[1]))))
    return found


def local_loop(
    machine: MeshMachine, height: Values, width: Values, passes: float, functions: float, cores: Values
) -> MeshCost:
    """Work every core does alone on its tile of ``height`` x ``width``.

    Args:
        machine: The cores.
        height: Rows of the tile.
        width: Columns of the tile.
        passes: Vector instructions per element (along the longer side of the tile).
        functions: Exponentials, reciprocals or roots per element.
        cores: Cores doing the same.
    """
    lanes, ports = vector_cycles(machine, maximum(height, width))
    count = passes * minimum(height, width)
    elements = height * width
    return MeshCost(
        compute=count * lanes + functions * elements * machine.parameters.function_cycles,
        fixed=count * machine.parameters.vector_start_cycles,
        sram=count * ports,
        sram_bytes=3 * passes * elements * machine.element_bytes * cores,
        tile_bytes=2 * elements * machine.element_bytes,
    )


def elementwise(
    machine: MeshMachine, rows: Values, width: Values, region: tuple[Values, Values], passes: float, functions: float
) -> MeshCost:
    """A function of elements at one place: no words move.

    Args:
        machine: A core and its links, in cycles.
        rows: Rows of the result.
        width: Elements of a row.
        region: Rows and columns of cores, as arrays.
        passes: Elements read or written per element of the result.
        functions: Exponentials, roots and the like per element.
    """
    cores = region[0] * region[1]
    start = MeshCost(launch=machine.parameters.phase_cycles)
    return fastest(
        [
            start + local_loop(machine, one.height, one.width, passes, functions, cores) + one.back
            for one in layouts(machine, rows, width, region)
        ]
    )


def norm(machine: MeshMachine, rows: Values, width: Values, region: tuple[Values, Values], sums: int) -> MeshCost:
    """Normalisation of rows: ``sums`` sums along each row (1 for rmsnorm, 2 for layernorm), a root, a scaling.

    Args:
        machine: The cores.
        rows: Rows.
        width: Elements of a row.
        region: Rows and columns of cores.
        sums: Reductions along a row.
    """
    cores = region[0] * region[1]
    costs = []
    for one in layouts(machine, rows, width, region):
        roots = MeshCost(compute=3 * one.height * machine.parameters.function_cycles)
        total = local_loop(machine, one.height, one.width, 2 + 2 * sums, 0.0, cores) + roots + one.back
        for _ in range(sums):
            total = total + _summed(machine, one)
        costs.append(total)
    return fastest(costs)


def softmax(machine: MeshMachine, rows: Values, width: Values, region: tuple[Values, Values]) -> MeshCost:
    """Softmax of rows: a maximum and a sum along each row, an exponential per element, a reciprocal per row.

    Args:
        machine: The cores.
        rows: Rows.
        width: Elements of a row.
        region: Rows and columns of cores.
    """
    cores = region[0] * region[1]
    costs = []
    for one in layouts(machine, rows, width, region):
        reciprocal = MeshCost(compute=one.height * machine.parameters.function_cycles)
        reduced = _summed(machine, one)
        loop = local_loop(machine, one.height, one.width, 4, 1.0, cores)
        costs.append(loop + reciprocal + reduced + reduced + one.back)
    return fastest(costs)


def _summed(machine: MeshMachine, layout: Layout) -> MeshCost:
    """One number per row summed over all cores that hold a part of it."""
    total = MeshCost()
    for line, lines in layout.lines:
        total = total + all_reduce(machine, layout.height, line, lines)
    return total


def embedding(machine: MeshMachine, rows: Values, width: Values, region: tuple[Values, Values]) -> MeshCost:
    """Gather of table rows: the cores that hold a row send it along their column to the cores that want it.

    Tokens are spread evenly over the table, so the middle link of a column carries half of them.

    Args:
        machine: A core and its links, in cycles.
        rows: Tokens.
        width: Elements of a row of the table.
        region: Rows and columns of cores, as arrays.
    """
    share = ceil_div(width, region[1])
    message = rows * share * machine.element_bytes
    return MeshCost(
        noc=region[0] * machine.hop_cycles + machine.words(rows * share / 2),
        launch=machine.parameters.phase_cycles,
        sram_bytes=2 * message * region[1],
        noc_bytes=message * region[0] / 2 * region[1],
        tile_bytes=2 * ceil_div(rows, region[0]) * share * machine.element_bytes,
    )


@dataclass(frozen=True, slots=True, eq=False)
class CachedHeads:
    """Heads side by side on the cores that hold their KV cache; those of several sequences count each.

    Attributes:
        heads: Query heads.
        head_dim: Elements of one.
        kv_width: Elements of the KV heads side by side.
        kv_len: Attended positions.
    """

    heads: Values
    head_dim: Values
    kv_width: Values
    kv_len: Values

    @property
    def width(self) -> Values:
        """Elements of the query heads side by side."""
        return self.heads * self.head_dim


def decode_attention(
    machine: MeshMachine, queries: Values, cached: CachedHeads, region: tuple[Values, Values]
) -> MeshCost:
    """New tokens against a KV cache that stays: product, softmax, product, and the shift of the cache.

    Head elements lie along the columns, cached positions along the rows.  Heads sit side by side, so the scores
    are one product of heads x head_dim elements per position; sums run over the whole row of cores (the published
    kernels do not cut the tree at head borders).

    Args:
        machine: The cores.
        queries: Queries one after another on all cores (of one sequence, or of one sequence each).
        cached: Heads side by side.
        region: Rows and columns of cores.
    """
    rows, cols = region
    cores = rows * cols
    positions, per_core = ceil_div(cached.kv_len, rows), ceil_div(cached.heads, cols)
    scores = mesh_gemv(machine, queries, cached.width, cached.kv_len, (cols, rows))
    further = queries * positions * (per_core - 1)  # score rows of a core's second, third ... head
    further_bytes = 3 * further * machine.element_bytes * cores
    more_heads = MeshCost(noc=3 * machine.words(further), sram_bytes=further_bytes, noc_bytes=further_bytes)
    exponentials = local_loop(machine, queries * per_core, positions, 4, 1.0, cores)
    reciprocal = MeshCost(compute=queries * per_core * machine.parameters.function_cycles)
    over_positions = all_reduce(machine, queries * per_core, rows, cols)
    values = mesh_gemv(machine, queries, cached.kv_len, cached.width, region)
    append = neighbour_shift(machine, 2 * queries * ceil_div(cached.kv_width, cols), cores)
    softmaxed = exponentials + reciprocal + over_positions + over_positions
    return scores + more_heads + softmaxed + values + append


def prefill_attention(
    machine: MeshMachine,
    tokens: Values,
    heads: Values,
    head_dim: Values,
    kv_len: Values,
    region: tuple[Values, Values],
) -> MeshCost:
    """Attention of many queries: keys shift past the queries, softmax along the rows, then a shift product with V.

    Heads lie side by side on groups of columns, so all heads are one shift product of heads x head_dim.  The whole
    score rectangle is computed: cores that a causal mask leaves idle wait for the others in every step.  The keys
    and values of a group are copied to the columns of its heads.  ``tokens`` are the queries of one sequence; the heads
    of several sequences may lie side by side as well.

    Args:
        machine: A core and its links, in cycles.
        tokens: Queries of one sequence.
        heads: Query heads, of all sequences that lie side by side.
        head_dim: Elements of a head.
        kv_len: Keys of one sequence.
        region: Rows and columns of cores, as arrays.
    """
    rows, cols = region
    width = heads * head_dim
    scores = shift_gemm(machine, tokens, width, kv_len, region, sums=ceil_div(heads, cols))
    weights = softmax(machine, tokens * heads, kv_len, region)
    values = shift_gemm(machine, tokens, kv_len, width, region)
    score_bytes = heads * ceil_div(tokens, rows) * ceil_div(kv_len, cols) * machine.element_bytes
    return scores + weights + values + MeshCost(tile_bytes=score_bytes)
