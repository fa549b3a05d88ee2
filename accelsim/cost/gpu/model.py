"""The ``gpu`` cost model: an operator on some cores of a GPU as the kernels a library would launch for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from accelsim.cost.base import OperatorCost, Region, register_cost_model
from accelsim.cost.columns import CostColumns
from accelsim.cost.gpu.attention import prefill_times
from accelsim.cost.gpu.attention_backward import backward_times
from accelsim.cost.gpu.attention_shapes import AttentionShapes, AttentionTimes
from accelsim.cost.gpu.calibration import GpuCalibration
from accelsim.cost.gpu.decode import MAX_DECODE_QUERIES, decode_times
from accelsim.cost.gpu.decode_series import decode_columns
from accelsim.cost.gpu.gemm import GemmTimes, gemm_times
from accelsim.cost.gpu.machine import Array, GpuMachine, cache_name
from accelsim.cost.gpu.moe import MoeTimes, moe_times
from accelsim.cost.gpu.ragged import ragged_kernels, together
from accelsim.cost.gpu.rowwise import (
    BLOCK_THREADS,
    LAYERNORM_THREADS,
    PASSES,
    RowwiseTimes,
    rowwise_times,
    softmax_passes,
)
from accelsim.cost.operands import ProductBytes, unpack_s
from accelsim.cost.residual import KERNEL_STACK, Residual
from accelsim.dtypes import DType
from accelsim.errors import CapacityError, ConfigError
from accelsim.hardware.chip import Chip
from accelsim.warning import warn
from accelsim.workload.operator import Operator
from accelsim.workload.operators.attention import Attention
from accelsim.workload.steps import OperatorSeries
from accelsim.workload.tensor import Role

Times = GemmTimes | AttentionTimes | MoeTimes | RowwiseTimes


class _Priced(NamedTuple):
    """A kernel's times with what the calibration says about them."""

    times: Times
    warnings: tuple[str, ...]
    detail: Mapping[str, float | str]
    on_matrix_unit: bool
    residual: Residual


class _Job(NamedTuple):
    operator: Any
    chip: Chip
    machine: GpuMachine
    calibration: GpuCalibration


@register_cost_model("gpu")
class GpuCostModel:
    """Prices operators on a GPU by tiles, waves and bytes; see the modules of this package for the formulas.

    Operands: weights and the KV cache come from main memory; activations are in the L2 as far as they fit, because
    the operator before has just written them.  ``work_s`` is a kernel in a captured graph, its launch included.

    Not modelled: contention with other kernels, clock changes under a power limit, sparsity, fusion.
    """

    whole_run: ClassVar[Residual] = KERNEL_STACK
    unread: ClassVar[Mapping[str, str]] = {
        "launch": "kernels launch as calibrated: set chip.calibration.SECTION.launch",
        "sram_per_core": "tiles are those of the library: set chip.calibration.gemm.tile_rows and tile_cols",
        "sram_bandwidth_per_core": "operands come from the L2: set chip.memories.l2.bandwidth",
        "memories.*.latency": "latencies are in the calibrated times: set chip.calibration.SECTION",
        "vector_flops_per_cycle.*": "row kernels are priced by their bytes",
    }

    def cost(self, operator: Operator, chip: Chip, region: Region) -> OperatorCost:
        """Cost of ``operator`` on ``region`` of ``chip``.

        Raises:
            ConfigError: The chip lacks an L2 or a main memory, does not run the element type, or the operator is
                none a core runs (a collective).
            CapacityError: The region has more cores than the chip.
        """
        if region.num_cores > chip.num_cores:
            raise CapacityError(
                f"{operator.name}: region {region} has more cores than chip {chip.name} ({chip.num_cores})."
            )
        price = _PRICES.get(operator.kind)
        if price is None:
            raise ConfigError(
                f"{operator.name}: the gpu cost model does not run {operator.kind}. "
                f"It runs: {', '.join(sorted(_PRICES))}."
            )
        job = _Job(operator, chip, GpuMachine.of(chip, region.num_cores), GpuCalibration.of(chip))
        return _operator_cost(job, price(job))

    def costs(self, operators: OperatorSeries, chip: Chip, region: Region) -> CostColumns | None:
        """Costs of an attention in every step of a decode, in few calls; None for other operators.

        Raises:
            ConfigError: As :meth:`cost`.
        """
        ends = operators.at(0), operators.at(operators.count - 1)
        if not all(isinstance(op, Attention) and _is_decode(op) for op in ends):
            return None
        found = decode_columns(GpuMachine.of(chip, region.num_cores), GpuCalibration.of(chip), operators)
        # Both ends are priced by the definition too: whatever it knows and these columns do not would show there.
        alone = [self.cost(operator, chip, region) for operator in ends]
        columns = [(one.work_s, one.traffic_bytes, one.parts_s) for one in (found.at(0), found.at(-1))]
        return found if columns == [(one.work_s, one.traffic_bytes, one.parts_s) for one in alone] else None


def _operator_cost(job: _Job, priced: _Priced) -> OperatorCost:
    operator, chip, times = job.operator, job.chip, priced.times
    cache, main = cache_name(chip), chip.main_memory
    parts = {
        "launch": float(times.launch_s[0]),
        "latency": float(times.latency_s[0]),
        "compute": float(times.compute_s[0]),
        cache: float(times.l2_s[0]),
        main: float(times.hbm_s[0]),
    }
    traffic = {cache: float(times.l2_bytes[0]), main: float(times.hbm_bytes[0])}
    flop_energy = chip.matrix_energy_j_per_flop if priced.on_matrix_unit else chip.vector_energy_j_per_flop
    energy_j = operator.flops * flop_energy + 2.0 * traffic[cache] * chip.sram_energy_j_per_byte
    energy_j += sum(size * chip.memories[name].energy_j_per_byte for name, size in traffic.items())
    return OperatorCost(
        work_s=float(times.total_s[0]),
        traffic_bytes=traffic,
        parts_s=parts,
        limiter=max(parts, key=lambda cause: parts[cause]),
        energy_j=energy_j,
        warnings=priced.warnings,
        detail=priced.detail,
        residual=priced.residual,
    )


def _gemm(job: _Job) -> _Priced:
    op, machine = job.operator, job.machine
    parameters, warnings = job.calibration.gemm(op.dtype)
    warnings += _unpacked(op.inputs[1].dtype, op.dtype, "products", job.chip)
    outside = job.calibration.outside("gemm", m=op.m, n=op.n, k=op.k)
    sizes = ProductBytes.of(op, job.chip)
    b_bytes = sum(op.read_bytes(tensor) for tensor in op.inputs[1:])
    a_bytes = op.read_bytes(op.a)
    b_is_activation = all(tensor.role is Role.ACTIVATION for tensor in op.inputs[1:])
    times = gemm_times(
        machine,
        parameters,
        op.m,
        op.n,
        op.k,
        batch=op.batch,
        core_flops_per_s=job.chip.peak_flops_per_s(op.dtype, 1),
        element_bytes=op.dtype.bits / 8,
        a_element_bytes=sizes.left,
        b_element_bytes=sizes.right,
        result_bytes=sizes.result,
        unpack_s=unpack_s(op.inputs[1].dtype, op.dtype, job.chip),
        a_cached=machine.cached_fraction(a_bytes + b_is_activation * b_bytes),
        b_cached=machine.cached_fraction(a_bytes + b_bytes) if b_is_activation else 0.0,
        c_cached=machine.cached_fraction(a_bytes + b_bytes + op.writes),
    )
    rows, cols = int(times.tile_rows[0]), int(times.tile_cols[0])
    detail: dict[str, float | str] = {
        "tile": f"{rows}x{cols}",
        "splits": float(times.splits[0]),
        "waves": float(times.waves[0]),
    }
    on_matrix_unit = op.dtype in job.chip.matrix_flops_per_cycle
    residual = job.calibration.residual(job.calibration.gemm_section(op.dtype), outside)
    return _Priced(times, warnings + outside, detail, on_matrix_unit, residual)


def _unpacked(stored: DType, multiplied: DType, what: str, chip: Chip) -> tuple[str, ...]:
    """The warning that no measurement covers kernels that unpack their weights."""
    if stored.bits >= multiplied.bits:
        return ()
    text = f"{chip.name}: no calibration of {what} of {stored.value} weights; those of {multiplied.value} ones used"
    return (warn("dtype-uncalibrated", text),)


def _shapes(operators: Sequence[Any], element_bytes: float, io_bytes: float | None = None) -> AttentionShapes:
    names = ("batch", "heads", "kv_heads", "head_dim", "q_len", "kv_len")
    return AttentionShapes.of(
        *([getattr(op, name) for op in operators] for name in names),
        causal=[op.causal for op in operators],
        window=[op.window for op in operators],
        value_dim=[op.value_dim for op in operators],
        latent=[op.latent > 0 for op in operators],
        element_bytes=element_bytes,
        io_element_bytes=io_bytes,
    )


def _attention(job: _Job) -> _Priced:
    return _attentions(job, [job.operator])[0]


def _attentions(job: _Job, operators: Sequence[Any]) -> list[_Priced]:
    """Attentions of one kind and element type, priced at once."""
    machine, first = job.machine, operators[0]
    is_decode = _is_decode(first)
    shapes = _shapes(operators, first.kv_dtype.bits / 8, first.dtype.bits / 8)
    core_flops_per_s = job.chip.peak_flops_per_s(first.dtype, 1)
    if is_decode:
        name = "attention_decode"
        decode, warnings = job.calibration.decode()
        times = decode_times(machine, decode, shapes, core_flops_per_s=core_flops_per_s)
    else:
        name = "attention_prefill"
        prefill, warnings = job.calibration.prefill()
        cached = np.array([machine.cached_fraction(op.reads + op.writes) for op in operators]).reshape(-1)
        new = np.array([_new_share(op) for op in operators])
        times = prefill_times(
            machine, prefill, shapes, core_flops_per_s=core_flops_per_s, cached=cached, kv_cached=new * cached
        )
    found = []
    for at, op in enumerate(operators):
        own = AttentionTimes(*(column[at : at + 1] for column in times))
        outside = job.calibration.outside(name, head_dim=op.head_dim, kv_len=op.kv_len, batch=op.batch)
        detail: dict[str, float | str] = {
            "kernel": name,
            "splits": float(own.splits[0]),
            "waves": float(own.waves[0]),
        }
        found.append(_Priced(own, warnings + outside, detail, True, job.calibration.residual(name, outside)))
    return found


def _ragged(job: _Job) -> _Priced:
    """Attention over sequences that differ: a kernel for decodes and one for prompts."""
    kernels = ragged_kernels(
        job.operator, job.machine, job.calibration, job.chip.peak_flops_per_s(job.operator.dtype, 1)
    )
    times = together(kernels)
    slowest = max(kernels, key=lambda kernel: float(kernel.times.total_s[0]))
    warnings = tuple(warning for kernel in kernels for warning in (*kernel.warnings, *kernel.outside))
    detail: dict[str, float | str] = {
        "kernel": " + ".join(kernel.section for kernel in kernels),
        "splits": float(times.splits[0]),
        "waves": float(times.waves[0]),
    }
    residual = job.calibration.residual(slowest.section, slowest.outside)
    return _Priced(times, warnings, detail, True, residual)


def _is_decode(operator: Any) -> bool:
    return bool(operator.q_len <= MAX_DECODE_QUERIES and operator.kv_len > operator.q_len)


def _attention_backward(job: _Job) -> _Priced:
    op, machine = job.operator, job.machine
    parameters, warnings = job.calibration.training()
    section = f"attention_{parameters.library}"
    times = backward_times(
        machine,
        parameters,
        _shapes([op.forward], op.dtype.bits / 8),
        core_flops_per_s=job.chip.peak_flops_per_s(op.dtype, 1),
        cached=machine.cached_fraction(op.reads + op.writes),
    )
    outside = job.calibration.outside(section, head_dim=op.forward.head_dim, kv_len=op.forward.kv_len)
    detail: dict[str, float | str] = {"kernel": f"{section} backward", "waves": float(times.waves[0])}
    return _Priced(times, warnings + outside, detail, True, job.calibration.residual(section, outside))


def _experts(job: _Job) -> _Priced:
    """The fused layer as libraries run it; the same formula as the tables of measured layers.

    Libraries that keep rows for tokens of other ranks do so where every rank holds all tokens, not where tokens were
    sent to their ranks.
    """
    op = job.operator
    section = job.calibration.moe_section(op.function)
    parameters, warnings = job.calibration.moe(section)
    outside: tuple[str, ...] = ()
    if op.dtype.bits != 16:
        text = f"{job.chip.name}: no calibration of {op.dtype.value} experts; efficiencies of 16-bit ones used"
        outside = (warn("dtype-uncalibrated", text),)
    warnings += _unpacked(op.up.dtype, op.dtype, "experts", job.chip)
    times = moe_times(
        job.machine,
        parameters,
        op.tokens,
        op.hidden,
        op.ffn,
        op.top_k,
        op.num_experts,
        core_flops_per_s=job.chip.peak_flops_per_s(op.dtype, 1),
        ep=op.num_experts / op.local_experts,
        gated=op.is_gated,
        imbalance=op.load,
        touched=op.touched,
        is_dispatched=op.is_dispatched,
        element_bytes=op.outputs[0].dtype.bits / 8,
        input_bytes=op.x.element_bytes,
        weight_bytes=op.up.element_bytes,
        product_bytes=op.dtype.bits / 8,
        unpack_s=unpack_s(op.up.dtype, op.dtype, job.chip),
    )
    detail: dict[str, float | str] = {"kernel": section, "experts": op.touched, "rows": float(op.rows)}
    return _Priced(times, warnings + outside, detail, True, job.calibration.residual(section, outside))


def _new_share(op: Any) -> float:
    """Share of the keys and values read that operators before have just written; the others come from the KV cache."""
    return float(min(1.0, op.q_len / op.attended_positions))


def _rows(
    section: str, whole_rows: bool, passes: float = 1.0, block_threads: int = BLOCK_THREADS
) -> Callable[[_Job], _Priced]:
    """Pricing of a row operator by the calibration called ``section``."""

    def price(job: _Job) -> _Priced:
        op, machine = job.operator, job.machine
        parameters, warnings = job.calibration.rows(section)
        outside = job.calibration.outside(section, rows=op.rows, width=op.width)
        reads = float(op.reads)
        times = rowwise_times(
            machine,
            parameters,
            op.rows,
            op.width,
            reads,
            float(op.writes),
            whole_rows=whole_rows,
            passes=1.0 + (_passes(op, passes) - 1.0) * _reread_share(op),
            block_threads=block_threads,
            cached=0.0 if op.weight_bytes > reads else machine.cached_fraction(reads + op.writes),
            gathers=op.kind == "rope",
        )
        residual = job.calibration.residual(section, outside)
        return _Priced(times, warnings + outside, {"kernel": section}, False, residual)

    return price


def _passes(op: Any, passes: float) -> float | Array:
    """How often the kernel reads its rows."""
    core = op.core if op.kind == "fused" else op
    return softmax_passes(op.width) if core.kind == "softmax" else passes


def _reread_share(op: Any) -> float:
    """Share of the bytes read that later passes read again: of a chain, only the rows of the part that reduces."""
    return float(op.core.reads / op.reads) if op.kind == "fused" else 1.0


def _norm_of(flavour: str) -> Callable[[_Job], _Priced]:
    of_framework = flavour == "layernorm"
    section, threads = ("reduction", LAYERNORM_THREADS) if of_framework else ("rowwise", BLOCK_THREADS)
    return _rows(section, whole_rows=True, passes=PASSES.get(flavour, 1.0), block_threads=threads)


def _elementwise_of(gated: bool) -> Callable[[_Job], _Priced]:
    return _rows("rowwise" if gated else "elementwise", whole_rows=gated)


def _fused(job: _Job) -> _Priced:
    """One kernel: that of the part that reduces, with the bytes of the chain."""
    core = job.operator.core
    if core.kind == "norm":
        return _norm_of(core.flavour)(job)
    return _ROW_PRICES[core.kind](job) if core.kind in _ROW_PRICES else _elementwise_of(core.is_gated)(job)


_ROW_PRICES: Mapping[str, Callable[[_Job], _Priced]] = {
    "softmax": _rows("reduction", whole_rows=True),
    "rope": _rows("rowwise", whole_rows=True),
    "embedding": _rows("elementwise", whole_rows=False),
    "router": _rows("reduction", whole_rows=True),
    "combine": _rows("elementwise", whole_rows=False),
    "concat": _rows("elementwise", whole_rows=False),
}
_PRICES: Mapping[str, Callable[[_Job], _Priced]] = {
    **_ROW_PRICES,
    "gemm": _gemm,
    "attention": _attention,
    "attention_backward": _attention_backward,
    "ragged_attention": _ragged,
    "experts": _experts,
    "norm": lambda job: _norm_of(job.operator.flavour)(job),
    "elementwise": lambda job: _elementwise_of(job.operator.is_gated)(job),
    "fused": _fused,
}
