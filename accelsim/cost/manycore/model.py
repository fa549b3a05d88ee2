"""Cost model of chips of many small cores with SRAM that share a main memory over a network with multicast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from accelsim.cost.base import CostModel, Region, register_cost_model
from accelsim.cost.cost import Cost, sum_costs
from accelsim.cost.manycore.machine import Manycore, ManycoreParameters
from accelsim.cost.manycore.products import Extents, product_times
from accelsim.cost.operands import ProductBytes
from accelsim.cost.ragged import Batches
from accelsim.cost.residual import residual_of
from accelsim.dtypes import DType
from accelsim.hardware.chip import Chip
from accelsim.warning import warn
from accelsim.workload.operator import Operator
from accelsim.workload.operators.attention import Attention
from accelsim.workload.operators.experts import Experts
from accelsim.workload.operators.gemm import Gemm
from accelsim.workload.operators.ragged_attention import RaggedAttention

#: Vector operations per query-key pair: scale, mask, maximum, subtract, exponential (five), sum.
SOFTMAX_OPS_PER_PAIR = 10
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
            return _attention([operator], chip, region, parameters)
        if isinstance(operator, RaggedAttention):
            batches = Batches.of(operator)
            extents = zip(batches.counts, batches.new, batches.lengths, strict=True)
            alike = [operator.alike(*(int(extent) for extent in one)) for one in extents]
            return _attention(alike, chip, region, parameters)
        return _rows(operator, chip, region, parameters)


@dataclass(frozen=True, slots=True)
class _Busy:
    """Seconds of the resources of one operator, and what it moves and computes."""

    compute_s: float
    memory_s: float
    main_bytes: float
    sram_bytes: float
    matrix_flops: float = 0.0
    vector_flops: float = 0.0
    cause: str = "compute"

    def cost(self, chip: Chip, parameters: ManycoreParameters, warnings: tuple[str, ...], detail: str = "") -> Cost:
        """The cost, by cause; what hides under the longer resource is not booked."""
        compute_s, memory_s = parameters.busy_s(self.compute_s, self.memory_s)
        parts = {"launch": parameters.launch_s}
        parts[self.cause] = compute_s
        parts[chip.main_memory] = parts.get(chip.main_memory, 0.0) + memory_s
        main = chip.memories.get(chip.main_memory)
        energy_j = (
            self.matrix_flops * chip.matrix_energy_j_per_flop
            + self.vector_flops * chip.vector_energy_j_per_flop
            + self.sram_bytes * chip.sram_energy_j_per_byte
            + self.main_bytes * (main.energy_j_per_byte if main is not None else 0.0)
        )
        traffic = {"sram": self.sram_bytes}
        traffic[chip.main_memory] = traffic.get(chip.main_memory, 0.0) + self.main_bytes
        return Cost(
            work_s=sum(parts.values()),
            traffic_bytes=traffic,
            parts_s=parts,
            limiter=max(parts, key=lambda cause: parts[cause]),
            energy_j=energy_j,
            warnings=warnings,
            detail={"grid": detail} if detail else {},
        )


def _product(operator: Gemm, chip: Chip, region: Region, parameters: ManycoreParameters) -> Cost:
    machine = Manycore.of(chip, operator.dtype, region.num_cores)
    extents = Extents(operator.batch, operator.m, operator.n, operator.k)
    times = product_times(extents, ProductBytes.of(operator, chip), machine, parameters)
    busy = _Busy(times.compute_s, times.memory_s, times.memory_bytes, times.sram_bytes, operator.flops)
    warnings = _dtype_warnings(operator.dtype, parameters) + _extent_warnings(extents, parameters)
    return busy.cost(chip, parameters, warnings, f"{times.grid[0]}x{times.grid[1]}")


def _attention(alike: list[Attention], chip: Chip, region: Region, parameters: ManycoreParameters) -> Cost:
    """Sequences after sequences; the units of work are the KV heads of sequences, dealt to the cores."""
    parts = [
        _attention_of(one, Manycore.of(chip, _multiplied(one, chip), region.num_cores), parameters) for one in alike
    ]
    busy = _Busy(
        compute_s=sum(part.compute_s for part in parts),
        memory_s=sum(part.memory_s for part in parts),
        main_bytes=sum(part.main_bytes for part in parts),
        sram_bytes=sum(part.sram_bytes for part in parts),
        matrix_flops=sum(part.matrix_flops for part in parts),
        vector_flops=sum(part.vector_flops for part in parts),
    )
    text = "attention on many small cores is assumed, not calibrated: no measurement is public"
    return busy.cost(chip, parameters, (warn("assumed-calibration", text),))


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
    return _Busy(compute_s, memory_s, moved, 2.0 * moved, operator.flops, units * softmax)


def _multiplied(operator: Attention, chip: Chip) -> DType:
    """Type that the matrix units multiply: that of the cache where they have a rate for it."""
    return operator.kv_dtype if operator.kv_dtype in chip.matrix_flops_per_cycle else operator.dtype


def _rows(operator: Operator, chip: Chip, region: Region, parameters: ManycoreParameters) -> Cost:
    dtype = operator.outputs[0].dtype
    machine = Manycore.of(chip, DType.BF16, region.num_cores)
    moved = float(operator.reads + operator.writes)
    kept = moved <= KEPT_SHARE * machine.sram_bytes * machine.cores
    main = float(min(operator.weight_bytes, operator.reads)) if kept else moved
    vector_s = operator.flops / (machine.vector_ops_per_s * machine.cores)
    memory_s = main / (machine.memory_bytes_per_s * parameters.memory_efficiency)
    busy = _Busy(vector_s, memory_s, main, 2.0 * moved, 0.0, operator.flops, cause="vector")
    return busy.cost(chip, parameters, _dtype_warnings(dtype, parameters))


def _dtype_warnings(dtype: DType, parameters: ManycoreParameters) -> tuple[str, ...]:
    if dtype.value in parameters.calibrated_dtypes:
        return ()
    measured = ", ".join(parameters.calibrated_dtypes) or "nothing"
    text = f"manycore: {dtype.value} is outside the calibration, which saw {measured}; its rates are assumed"
    return (warn("dtype-uncalibrated", text),)


def _extent_warnings(extents: Extents, parameters: ManycoreParameters) -> tuple[str, ...]:
    low, high = parameters.calibrated_extents
    if low <= min(extents.m, extents.n, extents.k) and max(extents.m, extents.n, extents.k) <= high:
        return ()
    return (warn("outside-calibration", f"manycore: a product extent is outside the calibrated {low} to {high}"),)
