"""A mixture-of-experts layer on a GPU as inference libraries fuse it: routing, two grouped products, combination.

::

    launches, sorting of tokens | up (and gate) product | activation | down product | weighted sum of a token's experts

The grouped products are one kernel each: every expert that has tokens is an independent product of its tokens, and the
tiles of all experts share the waves of cores.  Weights of experts with tokens are read once from main memory, but by
a library that finishes one row of tiles before the next once per row of tiles of an expert, unless the L2 holds them.

With expert parallelism a rank holds its share of the experts and works on the tokens routed to them; ``imbalance`` is
the load of this rank over the mean, ``touched`` the experts that get a token.

Not modelled: the exchange between ranks, the router's own product, shared experts, loads that differ among the experts
of one rank, scales of activations quantised between the products.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from accelsim.cost.gpu.gemm import GemmParameters, gemm_times
from accelsim.cost.gpu.gemm_shapes import GemmShapes, GemmTimes
from accelsim.cost.gpu.launches import KernelTimes
from accelsim.cost.gpu.machine import Array, GpuMachine
from accelsim.cost.gpu.shapes import Shapes
from accelsim.errors import ConfigError
from accelsim.registry import did_you_mean


class Library(NamedTuple):
    """How the kernels of a library do the layer.

    Attributes:
        holds_all_rows: Whether a rank of several keeps rows for all tokens and experts, writes zeros to those of
            other ranks and runs the small kernels on them too.
        fuses_activation: Whether the up product applies the activation before it writes.
        column_block: Weights are stored in whole blocks of so many inner columns.
        takes_tiles_by_load: Whether the tile height is half the power of two that covers the tokens per stored expert,
            counted as if no other rank had any; and one row of tiles passes over all weights before the next.
        functions: Activations it knows; empty: all.
    """

    holds_all_rows: bool = False
    fuses_activation: bool = False
    column_block: int = 1
    takes_tiles_by_load: bool = False
    functions: tuple[str, ...] = ()


#: Triton: vLLM's fused_moe.  CUTLASS and TensorRT-LLM: FlashInfer's (``computeSelectedTileN`` of its launcher, first
#: candidate).  vLLM takes TensorRT-LLM's on Blackwell where it knows the activation (and squared ReLU, no function of
#: ours), else CUTLASS.
LIBRARIES: Mapping[str, Library] = {
    "triton": Library(holds_all_rows=True),
    "cutlass": Library(),
    "trtllm": Library(fuses_activation=True, column_block=128, takes_tiles_by_load=True, functions=("silu_mul",)),
}


@dataclass(frozen=True, slots=True)
class MoeParameters:
    """Calibrated numbers of the fused mixture-of-experts kernels of one library on one chip.

    Attributes:
        launch_s: All launches, the least time of sorting tokens by expert, the least durations of the small kernels.
        wave_s: Prologue and epilogue of one wave of a grouped product.
        k_block_s: Least time of one k-loop step, from latencies.
        matrix_efficiency: Share of the published matrix peak a full tile sustains.
        hbm_efficiency: Share of the published memory bandwidth the products reach.
        l2_efficiency: L2-to-core throughput over the published one.
        stream_efficiency: Share of the published bandwidths of the small kernels.
        serial_fraction: Share of a wave's prologue and result writes that other waves do not hide.
        route_s: Time of one expert of one token in the sorting and the weighted sum.
        library: Whose kernels, one of :data:`LIBRARIES`.
        tile_rows: Tile heights (along the tokens of an expert) of the library.
        tile_cols: Tile widths.
    """

    #: Above 1: loads that cores share (multicast).
    largest: ClassVar[Mapping[str, float]] = {"l2_efficiency": 2.0}

    launch_s: float
    wave_s: float
    k_block_s: float
    matrix_efficiency: float
    hbm_efficiency: float
    l2_efficiency: float
    stream_efficiency: float
    serial_fraction: float = 1.0
    route_s: float = 0.0
    library: str = "triton"
    tile_rows: tuple[int, ...] = (16, 32, 64, 128)
    tile_cols: tuple[int, ...] = (64, 128, 256)

    @property
    def kernels(self) -> Library:
        """What the library does.

        Raises:
            ConfigError: No such library.
        """
        if self.library not in LIBRARIES:
            known = ", ".join(LIBRARIES)
            hint = did_you_mean(self.library, list(LIBRARIES))
            raise ConfigError(f"calibration: unknown library {self.library!r} of experts. Known: {known}.{hint}")
        return LIBRARIES[self.library]

    @property
    def products(self) -> GemmParameters:
        """The same numbers as those of a product that is launched with the layer and never divides k."""
        return GemmParameters(
            launch_s=0.0,
            wave_s=self.wave_s,
            k_block_s=self.k_block_s,
            matrix_efficiency=self.matrix_efficiency,
            hbm_efficiency=self.hbm_efficiency,
            l2_efficiency=self.l2_efficiency,
            split_k_s=0.0,
            serial_fraction=self.serial_fraction,
            tile_rows=self.tile_rows,
            tile_cols=self.tile_cols,
            max_splits=1,
        )


@dataclass(frozen=True, slots=True)
class MoeShapes(Shapes):
    """Layers as one rank sees them, one entry each.

    Attributes:
        tokens: Tokens of the whole layer.
        hidden: Width of a token.
        inter: Inner width of an expert, before division by ``tp``.
        topk: Experts of a token.
        num_experts: Experts of the layer, before division by ``ep``.
        core_flops_per_s: Published matrix peak of one core for the element type.
        tp: Ranks that divide each expert; default 1.
        ep: Ranks that divide the experts; default 1.
        gated: 1 where an expert has a gate beside its up projection, the default.
        imbalance: Tokens routed to this rank over the mean of the ranks; default 1.
        touched: Experts of this rank that get a token; default: as many as balanced routing reaches.
        is_dispatched: 1 where the rank holds the tokens sent to it alone, instead of all; default 0.
        element_bytes: Bytes of an element of results, of the tokens and of what lies between the kernels; default 2.
        input_bytes: Bytes of an element that enters a product; default ``element_bytes``.
        weight_bytes: Bytes of a weight, scales included; default ``element_bytes``.
        product_bytes: Bytes of an element as it is multiplied; default ``element_bytes``.
        unpack_s: Time of one core to unpack one weight; default 0.
    """

    defaults: ClassVar[Mapping[str, ArrayLike | str]] = {
        **dict.fromkeys(("tp", "ep", "gated", "imbalance"), 1.0),
        **dict.fromkeys(("input_bytes", "weight_bytes", "product_bytes"), "element_bytes"),
        "touched": np.inf,
        "is_dispatched": 0.0,
        "element_bytes": 2.0,
        "unpack_s": 0.0,
    }

    tokens: Array
    hidden: Array
    inter: Array
    topk: Array
    num_experts: Array
    core_flops_per_s: Array
    tp: Array
    ep: Array
    gated: Array
    imbalance: Array
    touched: Array
    is_dispatched: Array
    element_bytes: Array
    input_bytes: Array
    weight_bytes: Array
    product_bytes: Array
    unpack_s: Array


def moe_times(machine: GpuMachine, parameters: MoeParameters, shapes: MoeShapes, taller: int = 0) -> KernelTimes:
    """Time of each layer on one rank.

    Args:
        machine: What the kernels run on.
        parameters: Calibration.
        shapes: The layers.
        taller: By how many steps tiles are taller than a library takes that goes by the load; 0 as it does.

    Raises:
        ConfigError: An unknown library.
    """
    m, d, f, k, e, peak, ranks, shares, gate, load, most, sent, size, read_size, weight_size, multiplied, unpack_s = (
        shapes
    )
    library = parameters.kernels
    width = np.ceil(f / ranks / library.column_block) * library.column_block
    routed = np.maximum(m * k * load / shares, 1.0)
    routes = np.where(sent > 0.0, routed, m * k)
    experts = np.minimum(np.minimum(e / shares, np.ceil(routed)), most)
    each = routed / experts
    rows = routes if library.holds_all_rows else routed
    up = width * (1.0 + gate)
    written, between = (width, width) if library.fuses_activation else (up, up + width)
    in_all = weight_size * (experts * (up + width) * d) + size * (m * d) + size * (rows * (between + d))
    heights = _heights(parameters, routes * shares / e, taller) if library.takes_tiles_by_load else np.zeros_like(m)

    def product(n: Array, inner: Array, read: Array, columns: Array) -> GemmTimes:
        shapes = {
            "m": each,
            "n": n,
            "k": inner,
            "batch": experts,
            "core_flops_per_s": peak,
            "element_bytes": multiplied,
            "a_element_bytes": read_size,
            "b_element_bytes": weight_size,
            "unpack_s": unpack_s,
            "result_bytes": size * columns / n,
            "a_cached": machine.cached_fraction(read_size * read),
            "b_cached": machine.cached_fraction(in_all),
            "c_cached": machine.cached_fraction(size * rows * (n + inner)),
        }
        return _product(machine, parameters.products, heights, shapes)

    idle = rows - routed
    elements = [idle * up, idle * d, rows * d + m * d]
    if not library.fuses_activation:
        elements.append(rows * (up + width))
    products = (product(up, d, m * d, written), product(d, width, rows * width, d))
    launch_s = parameters.launch_s + routes * parameters.route_s
    return _sum(machine, parameters, launch_s, products, [size * count for count in elements])


def _heights(parameters: MoeParameters, load: Array, taller: int) -> Array:
    """Half the power of two that covers ``load`` tokens per expert, among the tile heights of the library."""
    ladder = np.array(sorted(parameters.tile_rows), dtype=np.float64)
    step = np.clip(np.searchsorted(ladder, load) - 1, 0, ladder.size - 2) + taller
    return np.asarray(ladder[np.minimum(step, ladder.size - 2)])


def _product(machine: GpuMachine, p: GemmParameters, heights: Array, shapes: Mapping[str, Array]) -> GemmTimes:
    """A grouped product by tiles of given heights; of height 0: by the fastest tiles, which share what they load."""
    parts: list[tuple[Any, GemmTimes]] = []
    for height in np.unique(heights):
        chosen = np.flatnonzero(heights == height)
        x = {name: values[chosen] for name, values in shapes.items()}
        if height:
            again = np.ceil(x["m"] / height) - 1.0
            x["b_cached"] -= again * (1.0 - machine.cached_fraction(x["n"] * x["k"] * x["b_element_bytes"]))
        own = replace(p, tile_rows=(int(height),)) if height else p
        parts.append((chosen, gemm_times(machine, own, GemmShapes.of(**x))))
    order = np.argsort(np.concatenate([chosen for chosen, _ in parts]))
    fields = zip(*(times for _, times in parts), strict=True)
    return GemmTimes(*(np.concatenate(values)[order] for values in fields))


def _sum(
    machine: GpuMachine,
    parameters: MoeParameters,
    launch_s: Array,
    products: tuple[GemmTimes, GemmTimes],
    streams: list[Array],
) -> KernelTimes:
    """Launches, both products, and kernels that only move bytes (zeros, activation, weighted sum)."""
    hits = [machine.cached_fraction(nbytes) for nbytes in streams]
    missed = sum((nbytes * (1.0 - hit) for nbytes, hit in zip(streams, hits, strict=True)), np.zeros(1))
    found = sum((nbytes * hit for nbytes, hit in zip(streams, hits, strict=True)), np.zeros(1))
    hbm_s = missed / (machine.hbm_bandwidth_bytes_per_s * parameters.stream_efficiency)
    l2_s = found / (machine.l2_bandwidth_bytes_per_s * parameters.stream_efficiency)
    up, down = products
    return KernelTimes(
        total_s=launch_s + up.total_s + down.total_s + hbm_s + l2_s,
        launch_s=launch_s,
        latency_s=up.latency_s + down.latency_s,
        compute_s=up.compute_s + down.compute_s,
        l2_s=up.l2_s + down.l2_s + l2_s,
        hbm_s=up.hbm_s + down.hbm_s + hbm_s,
        l2_bytes=up.l2_bytes + down.l2_bytes + found + missed,
        hbm_bytes=up.hbm_bytes + down.hbm_bytes + missed,
    )
