"""Cost model of chips of many small cores with SRAM that share a main memory over a network with multicast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from accelsim.cost.base import CostModel, Region, register_cost_model
from accelsim.cost.cost import Cost, sum_costs
from accelsim.cost.manycore.machine import Manycore, ManycoreParameters
from accelsim.cost.manycore.products import Extents, product_times
from accelsim.cost.operands import ProductBytes
from accelsim.cost.ragged import Batches
from accelsim.cost.residual import residual_of
from accelsim.cost.work import SOFTMAX_OPS_PER_PAIR, Work, multiplied, outside_calibration
from accelsim.dtypes import DType
from accelsim.hardware.chip import Chip
from accelsim.warning import warn
from accelsim.workload.operator import Operator
from accelsim.workload.operators.attention import Attention
from accelsim.workload.operators.experts import Experts
from accelsim.workload.operators.gemm import Gemm
from accelsim.workload.operators.ragged_attention import RaggedAttention

#: Share of all SRAM that tensors between operators may take; what fits stays there.
KEPT_SHARE = 0.25


@register_cost_model("manycore")
class ManycoreCost(CostModel):
    """Prices operators one after the other, each on all cores of the region.

    Products by :mod:`.products`; experts as the batched products they consist of; attention as flash-like blocks, of
    which each core takes its share, keys and values read once, softmax on the vector units beside the products; other
    operators on the vector units, from SRAM where their tensors fit a quarter of it.  Not modelled: fusion.
    """

    needed_sections: ClassVar[tuple[str, ...]] = ("manycore",)
    fixed: ClassVar[Mapping[str, tuple[str, ...]]] = {"launch": ("manycore.launch",)}
    unread: ClassVar[Mapping[str, str]] = {
        "voltage.*": "only the clocks of GPUs fall at the power limit",
        "launch": "the start of an operator is calibrated: set chip.calibration.manycore.launch",
        "noc*": "the network is taken to keep up: see cost/manycore/products.py",
        "sram_bandwidth_per_core": "the unpackers' is calibrated: set chip.calibration.manycore.unpack_bytes_per_cycle",
        "memories.*.latency": "it is in the calibrated start of an operator: set chip.calibration.manycore.launch",
        "vector_flops_per_cycle.[!f]*": "the vector unit computes in fp32",
        "vector_flops_per_cycle.fp16": "the vector unit computes in fp32",
    }

    @classmethod
    def sections(cls) -> Mapping[str, type[Any]]:
        """The section ``manycore``."""
        return {"manycore": ManycoreParameters}

    def cost(self, operator: Operator, chip: Chip, region: Region) -> Cost:
        """Cost of an operator on cores of the chip; see :class:`~accelsim.cost.base.CostModel`.

        Raises:
            ConfigError: The chip has no calibration, or does not run the operator's type.
        """
        cost = self._cost(operator, chip, region)
        residual = residual_of(chip, "manycore", is_outside=bool(cost.warnings))
        return replace(cost, warnings=chip.inherited("manycore") + cost.warnings, residual=residual)

    def _cost(self, operator: Operator, chip: Chip, region: Region) -> Cost:
        parameters = chip.calibrated("manycore", ManycoreParameters)
        if isinstance(operator, Experts):
            return sum_costs([self._cost(part, chip, region) for part in operator.parts()])
        if isinstance(operator, Gemm):
            return _product(operator, chip, region, parameters)
        if isinstance(operator, Attention):
            return _attention(operator, chip, region, parameters)
        if isinstance(operator, RaggedAttention):
            return _ragged_attention(operator, chip, region, parameters)
        return _rows(operator, chip, region, parameters)


@dataclass(frozen=True, slots=True)
class _Busy:
    """Seconds of the resources of one operator, and what it moves and computes."""

    compute_s: float
    memory_s: float
    work: Work

    def parts_s(self, chip: Chip, parameters: ManycoreParameters, cause: str = "compute") -> dict[str, float]:
        """Seconds by cause; what hides under the longer resource is not booked."""
        compute_s, memory_s = parameters.busy_s(self.compute_s, self.memory_s)
        parts = {"launch": parameters.launch_s}
        parts[cause] = compute_s
        parts[chip.main_memory] = parts.get(chip.main_memory, 0.0) + memory_s
        return parts


def _product(operator: Gemm, chip: Chip, region: Region, parameters: ManycoreParameters) -> Cost:
    machine = Manycore.of(chip, operator.dtype, region.num_cores)
    extents = Extents(operator.batch, operator.m, operator.n, operator.k)
    times = product_times(extents, ProductBytes.of(operator, chip), machine, parameters)
    work = Work(times.memory_bytes, times.sram_bytes, operator.flops)
    parts_s = _Busy(times.compute_s, times.memory_s, work).parts_s(chip, parameters)
    sides = extents.m, extents.n, extents.k
    warnings = outside_calibration("manycore", operator.dtype, parameters, sides)
    return work.cost(parts_s, chip, warnings, {"grid": f"{times.grid[0]}x{times.grid[1]}"})


def _attention(operator: Attention, chip: Chip, region: Region, parameters: ManycoreParameters) -> Cost:
    """The units of work are the KV heads of sequences, dealt to the cores."""
    busy = _attention_of(operator, Manycore.of(chip, multiplied(operator, chip), region.num_cores), parameters)
    return busy.work.cost(busy.parts_s(chip, parameters), chip, _ASSUMED)


def _ragged_attention(operator: RaggedAttention, chip: Chip, region: Region, parameters: ManycoreParameters) -> Cost:
    """Sequences that differ: batches of equal ones after each other, in one operator."""
    batches = Batches.of(operator)
    extents = zip(batches.counts, batches.new, batches.lengths, strict=True)
    alike = [operator.alike(*(int(extent) for extent in one)) for one in extents]
    machine = Manycore.of(chip, multiplied(operator, chip), region.num_cores)
    tried = [_attention_of(one, machine, parameters) for one in alike]
    seconds = np.array([sum(parameters.busy_s(one.compute_s, one.memory_s)) for one in tried])
    run = [tried[index] for index in batches.chosen(seconds, np.ones(len(tried), dtype=np.bool_))]
    work = Work(
        main_bytes=sum(one.work.main_bytes for one in run),
        sram_bytes=sum(one.work.sram_bytes for one in run),
        matrix_flops=sum(one.work.matrix_flops for one in run),
        vector_flops=sum(one.work.vector_flops for one in run),
    )
    busy = _Busy(sum(one.compute_s for one in run), sum(one.memory_s for one in run), work)
    return work.cost(busy.parts_s(chip, parameters), chip, _ASSUMED)


_ASSUMED = (
    warn("assumed-calibration", "attention on many small cores is assumed, not calibrated: no measurement is public"),
)


def _attention_of(operator: Attention, machine: Manycore, parameters: ManycoreParameters) -> _Busy:
    tile = parameters.tile
    rows = operator.q_len * operator.heads // operator.kv_heads
    keys = operator.attended_pairs / operator.q_len
    padded = -(-rows // tile) * tile
    macs = padded * keys * (operator.head_dim + operator.value_dim)
    softmax = padded * keys * SOFTMAX_OPS_PER_PAIR
    units = operator.batch * operator.kv_heads
    # a unit's keys may be divided over cores as well, and their sums joined
    share = units / machine.cores if units >= machine.cores else 1 / (machine.cores // units)
    moved = operator.traffic_bytes(int(machine.sram_bytes) // 2)
    compute_s = share * max(macs / machine.macs_per_s, softmax / machine.vector_ops_per_s)
    memory_s = moved / (machine.memory_bytes_per_s * parameters.memory_efficiency)
    return _Busy(compute_s, memory_s, Work(moved, 2.0 * moved, operator.flops, units * softmax))


def _rows(operator: Operator, chip: Chip, region: Region, parameters: ManycoreParameters) -> Cost:
    machine = Manycore.of(chip, DType.BF16, region.num_cores)
    moved = float(operator.reads + operator.writes)
    kept = moved <= KEPT_SHARE * machine.sram_bytes * machine.cores
    main = float(min(operator.weight_bytes, operator.reads)) if kept else moved
    vector_s = operator.flops / (machine.vector_ops_per_s * machine.cores)
    memory_s = main / (machine.memory_bytes_per_s * parameters.memory_efficiency)
    busy = _Busy(vector_s, memory_s, Work(main, 2.0 * moved, 0.0, operator.flops))
    warnings = outside_calibration("manycore", operator.outputs[0].dtype, parameters)
    return busy.work.cost(busy.parts_s(chip, parameters, "vector"), chip, warnings)
