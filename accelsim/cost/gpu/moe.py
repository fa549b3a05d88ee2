"""A mixture-of-experts layer on a GPU as inference libraries fuse it: routing, two grouped products, combination.

::

    launches, sorting of tokens | up (and gate) product | activation | down product | weighted sum of a token's experts

The grouped products are one kernel each: every expert that has tokens is an independent product of its tokens, and the
tiles of all experts share the waves of cores.  Weights of experts with tokens are read once from main memory.

With expert parallelism a rank holds its share of the experts and works on the tokens routed to them; ``imbalance`` is
the load of this rank over the mean, ``touched`` the experts that get a token.

Not modelled: the exchange between ranks, the router's own product, shared experts, loads that differ among the experts
of one rank, quantised experts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from accelsim.cost.gpu.fitting import largest_of
from accelsim.cost.gpu.gemm import GemmParameters, GemmTimes, gemm_times
from accelsim.cost.gpu.machine import Array, GpuMachine


@dataclass(frozen=True, slots=True)
class MoeParameters:
    """Calibrated numbers of the fused mixture-of-experts kernels of one library on one chip.

    Attributes:
        launch_s: All launches, the sorting of tokens by expert, and the least durations of the small kernels.
        wave_s: Prologue and epilogue of one wave of a grouped product.
        k_block_s: Least time of one k-loop step, from latencies.
        matrix_efficiency: Share of the published matrix peak a full tile sustains.
        hbm_efficiency: Share of the published memory bandwidth the products reach.
        l2_efficiency: L2-to-core throughput over the published one.
        stream_efficiency: Share of the published bandwidths of the small kernels.
        serial_fraction: Share of a wave's prologue and result writes that other waves do not hide.
        holds_all_rows: Whether a rank of several keeps rows for all tokens and experts, writes zeros to those of
            other ranks and runs the small kernels on them too.
        tile_rows: Tile heights (along the tokens of an expert) of the library.
        tile_cols: Tile widths.
    """

    largest: ClassVar[Mapping[str, float]] = largest_of("moe")

    launch_s: float
    wave_s: float
    k_block_s: float
    matrix_efficiency: float
    hbm_efficiency: float
    l2_efficiency: float
    stream_efficiency: float
    serial_fraction: float = 1.0
    holds_all_rows: bool = False
    tile_rows: tuple[int, ...] = (16, 32, 64, 128)
    tile_cols: tuple[int, ...] = (64, 128, 256)

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


class MoeTimes(NamedTuple):
    """Seconds and bytes of an array of layers; the parts sum to ``total_s``."""

    total_s: Array
    launch_s: Array
    latency_s: Array
    compute_s: Array
    l2_s: Array
    hbm_s: Array
    l2_bytes: Array
    hbm_bytes: Array


def moe_times(
    machine: GpuMachine,
    parameters: MoeParameters,
    tokens: ArrayLike,
    hidden: ArrayLike,
    inter: ArrayLike,
    topk: ArrayLike,
    num_experts: ArrayLike,
    *,
    core_flops_per_s: ArrayLike,
    tp: ArrayLike = 1,
    ep: ArrayLike = 1,
    gated: ArrayLike = True,
    imbalance: ArrayLike = 1.0,
    touched: ArrayLike | None = None,
    element_bytes: float = 2.0,
) -> MoeTimes:
    """Time of the layer on one rank, for arrays of shapes.

    Args:
        machine: What the kernels run on.
        parameters: Calibration.
        tokens: Tokens of the whole layer.
        hidden: Width of a token.
        inter: Inner width of an expert, before division by ``tp``.
        topk: Experts of a token.
        num_experts: Experts of the layer, before division by ``ep``.
        core_flops_per_s: Published matrix peak of one core for the element type.
        tp: Ranks that divide each expert.
        ep: Ranks that divide the experts.
        gated: Whether an expert has a gate beside its up projection.
        imbalance: Tokens routed to this rank over the mean of the ranks.
        touched: Experts of this rank that get a token; default: as many as balanced routing reaches.
        element_bytes: Bytes of an element.
    """
    most_touched = np.inf if touched is None else touched
    given = (tokens, hidden, inter, topk, num_experts, core_flops_per_s, tp, ep, gated, imbalance, most_touched)
    m, d, f, k, e, peak, ranks, shares, gate, load, most = np.broadcast_arrays(
        *(np.atleast_1d(np.asarray(v, dtype=np.float64)) for v in given)
    )
    width = f / ranks
    routed = np.maximum(m * k * load / shares, 1.0)
    experts = np.minimum(np.minimum(e / shares, np.ceil(routed)), most)
    each = routed / experts
    rows = m * k if parameters.holds_all_rows else routed
    up = width * (1.0 + gate)
    p, size = parameters.products, element_bytes
    weights = experts * (up + width) * d * size
    in_all = weights + size * (m * d + rows * (up + width + d))

    def product(n: Array, inner: Array, read: Array) -> GemmTimes:
        return gemm_times(
            machine,
            p,
            each,
            n,
            inner,
            batch=experts,
            core_flops_per_s=peak,
            element_bytes=size,
            a_cached=machine.cached_fraction(size * read),
            b_cached=machine.cached_fraction(in_all),
            c_cached=machine.cached_fraction(size * rows * (n + inner)),
        )

    idle = rows - routed
    streams = [size * elements for elements in (idle * up, idle * d, rows * (up + width), rows * d + m * d)]
    return _sum(machine, parameters, (product(up, d, m * d), product(d, width, rows * width)), streams)


def _sum(
    machine: GpuMachine, parameters: MoeParameters, products: tuple[GemmTimes, GemmTimes], streams: list[Array]
) -> MoeTimes:
    """Launches, both products, and kernels that only move bytes (zeros, activation, weighted sum)."""
    hits = [machine.cached_fraction(nbytes) for nbytes in streams]
    missed = sum((nbytes * (1.0 - hit) for nbytes, hit in zip(streams, hits, strict=True)), np.zeros(1))
    found = sum((nbytes * hit for nbytes, hit in zip(streams, hits, strict=True)), np.zeros(1))
    hbm_s = missed / (machine.hbm_bandwidth_bytes_per_s * parameters.stream_efficiency)
    l2_s = found / (machine.l2_bandwidth_bytes_per_s * parameters.stream_efficiency)
    up, down = products
    launch_s = np.full_like(up.total_s, parameters.launch_s)
    return MoeTimes(
        total_s=launch_s + up.total_s + down.total_s + hbm_s + l2_s,
        launch_s=launch_s,
        latency_s=up.latency_s + down.latency_s,
        compute_s=up.compute_s + down.compute_s,
        l2_s=up.l2_s + down.l2_s + l2_s,
        hbm_s=up.hbm_s + down.hbm_s + hbm_s,
        l2_bytes=up.l2_bytes + down.l2_bytes + found + missed,
        hbm_bytes=up.hbm_bytes + down.hbm_bytes + missed,
    )
