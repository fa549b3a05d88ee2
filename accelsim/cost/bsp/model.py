"""The cost model of bulk-synchronous machines: every operator is supersteps of compute, synchronisation, exchange."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import singledispatch
from typing import Any, ClassVar

import numpy as np

from accelsim.cost.base import CostModel, Region, register_cost_model
from accelsim.cost.bsp import rows as row_kernels
from accelsim.cost.bsp.ladder import LadderParameters
from accelsim.cost.bsp.machine import BspCost, BspMachine, BspParameters, bsp_machine
from accelsim.cost.bsp.products import product
from accelsim.cost.bsp.rows import SOFTMAX, RowWork
from accelsim.cost.causes import FIXED_CYCLES
from accelsim.cost.cost import Cost, sum_costs
from accelsim.cost.operands import ProductBytes
from accelsim.cost.ragged import Batches
from accelsim.cost.residual import residual_of
from accelsim.cost.tiles import cost_on_tiles
from accelsim.dtypes import DType
from accelsim.errors import ConfigError
from accelsim.hardware.chip import Chip
from accelsim.units import format_quantity
from accelsim.warning import warn
from accelsim.workload.operator import Operator
from accelsim.workload.operators.attention import Attention
from accelsim.workload.operators.concat import Concat
from accelsim.workload.operators.dispatch import Dispatch
from accelsim.workload.operators.elementwise import Elementwise
from accelsim.workload.operators.embedding import Embedding
from accelsim.workload.operators.experts import Experts
from accelsim.workload.operators.gemm import Gemm
from accelsim.workload.operators.norm import Norm
from accelsim.workload.operators.ragged_attention import RaggedAttention
from accelsim.workload.operators.rope import Rope
from accelsim.workload.operators.router import Combine, Router
from accelsim.workload.operators.softmax import Softmax
from accelsim.workload.tensor import Role

#: Causes of time, and the part of the cost that each is.
CAUSES = {name: name for name in ("compute", "sram", "noc", "sync", "launch")} | {FIXED_CYCLES: "fixed"}
_FUNCTIONS = {"gelu": 2.0, "gelu_mul": 2.0, "silu": 2.0, "silu_mul": 2.0}  # an exponential and a reciprocal each
_STAYING = frozenset({Role.WEIGHT, Role.KV_CACHE})


@dataclass(frozen=True)
class _Priced:
    """A cost and what was chosen, for explanation."""

    cost: BspCost
    detail: dict[str, float | str] = field(default_factory=dict)


@register_cost_model("bsp")
class BspCostModel(CostModel):
    """Graphcore-style execution: tiles with local SRAM only, phases of compute, synchronisation and exchange.

    Nothing overlaps: ``work_s`` is the sum of ``compute`` (slowest tile), ``fixed cycles`` (rows its threads lack),
    ``sram`` (what loads add), ``noc`` (words and latency of exchanges), ``sync`` and ``launch`` (start of programs).
    ``noc`` in ``traffic_bytes`` is bytes received over the exchange, ``sram`` bytes read and written in the tiles.
    Weights and KV cache stay where they are used.
    Attention over sequences that differ runs batch after batch on all tiles, padded where that is quicker
    (:mod:`accelsim.cost.ragged`).

    Not modelled: ``chip.launch_s`` (the start of a program is calibrated), streaming of weights from a host's memory,
    code size, fusion of operators into one program.  That weights and KV cache fit is checked by the mapping; an
    operator whose own blocks exceed a tile's SRAM gets a warning.
    """

    reads_cache_as_queries: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("noc",)
    fixed: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "launch": ("bsp.program",),
        "sync": ("bsp.sync",),
        "noc": ("bsp.base_latency", "bsp.column_hop"),
    }
    needed_sections: ClassVar[tuple[str, ...]] = ("bsp",)
    unread: ClassVar[Mapping[str, str]] = {
        "voltage.*": "only the clocks of GPUs fall at the power limit",
        "launch": "the start of a program is calibrated: set chip.calibration.bsp.program",
        "vector_flops_per_cycle.{other}": "tiles compute in the type of the run",
        "vector_energy": "all arithmetic costs the matrix energy",
    }

    @classmethod
    def sections(cls) -> Mapping[str, type[Any]]:
        """The section ``bsp``, and the ladder between chips."""
        return {"bsp": BspParameters, "ladder": LadderParameters}

    def cost(self, operator: Operator, chip: Chip, region: Region) -> Cost:
        """Cost of ``operator`` on ``region`` of ``chip``.

        Args:
            operator: What is computed.
            chip: The chip with its calibration.
            region: Rows and columns of tiles that it spans.

        Raises:
            ConfigError: The chip has no ``noc``, no ``bsp`` calibration or no rate for the operator's element type,
                or the model does not know the operator.
        """
        if isinstance(operator, Experts):  # batched products: experts side by side
            return sum_costs([self.cost(part, chip, region) for part in operator.parts()])
        machine, warnings = bsp_machine(chip, _dtype_of(operator), region.rows, region.cols)
        if isinstance(operator, Gemm):
            machine = replace(machine, product=ProductBytes.of(operator, chip))
        priced = _price(operator, machine)
        cost = priced.cost
        if cost.tile_bytes > machine.sram_bytes:
            warnings += (_too_large(operator, cost, machine, region),)
        parts_s = {cause: float(getattr(cost, part)) for cause, part in CAUSES.items()}
        return replace(
            cost_on_tiles(operator, chip, cost, parts_s),
            warnings=warnings,
            residual=residual_of(chip, "bsp", is_outside=bool(warnings), inherited=not machine.parameters.measured),
            detail={**priced.detail, "region": str(region)},
        )


@singledispatch
def _price(operator: Operator, machine: BspMachine) -> _Priced:
    raise ConfigError(f"{operator.name}: the bsp cost model does not price {operator.kind!r}.")


@_price.register
def _(operator: Gemm, machine: BspMachine) -> _Priced:
    m, k, n, batch = (np.asarray(float(x)) for x in (operator.m, operator.k, operator.n, operator.batch))
    chosen = product(machine, m, k, n, batch, weight_is_resident=operator.inputs[1].role in _STAYING)
    parts = f"{float(chosen.parts_m):.0f}x{float(chosen.parts_n):.0f}x{float(chosen.parts_k):.0f}"
    return _Priced(chosen.cost, {"parts_mnk": parts, "slices": float(chosen.slices)})


@_price.register
def _(operator: Attention, machine: BspMachine) -> _Priced:
    queries = operator.q_len * operator.heads / operator.kv_heads
    extents = (operator.batch, operator.kv_heads, queries, operator.mean_dim, operator.attended_positions)
    return _Priced(row_kernels.attention(machine, *(np.asarray(float(x)) for x in extents)))


@_price.register
def _(operator: RaggedAttention, machine: BspMachine) -> _Priced:
    batches = Batches.of(operator)
    kv_heads, dim = np.asarray(float(operator.kv_heads)), np.asarray(float(operator.mean_dim))
    queries = batches.new * operator.heads / operator.kv_heads
    priced = row_kernels.attention(machine, batches.counts, kv_heads, queries, dim, batches.lengths)
    return _Priced(priced.in_a_row(batches.chosen(priced.time_s, priced.tile_bytes <= machine.sram_bytes)))


@_price.register
def _(operator: Norm, machine: BspMachine) -> _Priced:
    sums = 2 if operator.flavour == "layernorm" else 1
    flops = operator.flops / (operator.rows * operator.width)
    rows, width = _extents(operator.rows, operator.width)
    return _Priced(row_kernels.row_reduction(machine, rows, width, RowWork(sums, flops, functions=0.0, roots=2.0)))


@_price.register
def _(operator: Softmax, machine: BspMachine) -> _Priced:
    rows, width = _extents(operator.rows, operator.width)
    return _Priced(row_kernels.row_reduction(machine, rows, width, SOFTMAX))


@_price.register
def _(operator: Elementwise, machine: BspMachine) -> _Priced:
    rows, width = _extents(operator.rows, operator.width)
    functions = _FUNCTIONS.get(operator.function, 0.0)
    flops = max(1.0, operator.flops / (operator.rows * operator.width) - functions)
    operands = operator.num_inputs * (2.0 if operator.is_gated else 1.0) + 1.0
    return _Priced(row_kernels.elementwise(machine, rows, width, flops, functions, operands))


@_price.register
def _(operator: Rope, machine: BspMachine) -> _Priced:
    rows, width = _extents(operator.rows, operator.width)
    return _Priced(row_kernels.elementwise(machine, rows, width, flops=3.0, functions=0.0, operands=2.0))


@_price.register
def _(operator: Router, machine: BspMachine) -> _Priced:
    rows, width = _extents(operator.rows, operator.width)
    flops = operator.flops / (operator.rows * operator.width)
    return _Priced(row_kernels.row_reduction(machine, rows, width, replace(SOFTMAX, flops=flops)))


@_price.register(Combine)
@_price.register(Concat)
@_price.register(Dispatch)
def _(operator: Combine | Concat | Dispatch, machine: BspMachine) -> _Priced:
    rows, width = _extents(max(operator.rows, operator.elements_read // operator.width), operator.width)
    return _Priced(row_kernels.elementwise(machine, rows, width, flops=1.0, functions=0.0, operands=2.0))


@_price.register
def _(operator: Embedding, machine: BspMachine) -> _Priced:
    return _Priced(row_kernels.embedding(machine, *_extents(operator.rows, operator.width)))


def _extents(rows: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    return np.asarray(float(rows)), np.asarray(float(width))


def _dtype_of(operator: Operator) -> DType:
    dtype = getattr(operator, "dtype", None)
    return dtype if isinstance(dtype, DType) else operator.outputs[0].dtype


def _too_large(operator: Operator, cost: BspCost, machine: BspMachine, region: Region) -> str:
    needed, there = format_quantity(float(cost.tile_bytes), "bytes"), format_quantity(machine.sram_bytes, "bytes")
    return warn(
        "exceeds-sram",
        f"{operator.name}: blocks of {needed} per tile on {region} tiles exceed the {there} of SRAM it leaves to "
        "operands; time is as if they fitted",
    )
