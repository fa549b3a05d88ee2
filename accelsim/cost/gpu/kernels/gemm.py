"""Products of two matrices, one or many of a shape: what prices them and how they are read.

Rows of an 8-bit type may quantise their 16-bit activations first (:mod:`accelsim.cost.gpu.quantize`).  The formula is
that of :mod:`accelsim.cost.gpu.gemm`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, ClassVar

import numpy as np

from accelsim.cost.calibrate import FreeParameter
from accelsim.cost.cost import Cost
from accelsim.cost.gpu.calibration import GpuCalibration, Warnings
from accelsim.cost.gpu.gemm import GemmParameters, gemm_times
from accelsim.cost.gpu.gemm_shapes import GemmShapes
from accelsim.cost.gpu.kernels._gemm_variants import COARSE_COLS, COARSE_ROWS, PLAIN, VARIANTS, Variant, variant_name
from accelsim.cost.gpu.kernels.base import KernelFamily, in_groups, register_kernel_family, trust_of
from accelsim.cost.gpu.launches import costs_of, held_s
from accelsim.cost.gpu.quantize import quantize_seconds
from accelsim.cost.gpu.section import Section
from accelsim.cost.gpu.site import Site
from accelsim.cost.measured import Array, Batch, Extents, Operation
from accelsim.cost.operands import unpack_s
from accelsim.dtypes import DType
from accelsim.warning import warn
from accelsim.workload.operator import Operator
from accelsim.workload.operators.gemm import Gemm
from accelsim.workload.tensor import Role

#: Element types the section ``gemm`` stands for.
HALF_TYPES = (DType.BF16, DType.FP16)
#: Types of one width, whose kernels differ in the instruction only; vector fp32 is no stand-in for tf32.
_SAME_WIDTH = {DType.INT8: (DType.FP8,), DType.FP8: (DType.INT8,)}
_EXTENTS = {"m": "m", "n": "n", "k": "k"}
#: Rounded middle values of the calibrated data-centre GPUs.
TYPICAL = GemmParameters(1.7e-6, 1e-6, 100e-9, 0.85, 0.83, 1.3, 2.8e-6, 0.65)

#: The launch is not fitted: replayed empty kernels take 1.26 to 1.34 us, and the data see its sum with ``wave_s`` only.
_WIDE = (
    FreeParameter("wave_s", 0.05e-6, 4e-6, 1e-6),
    FreeParameter("k_block_s", 5e-9, 400e-9, 80e-9),
    FreeParameter("matrix_efficiency", 0.3, GemmParameters.largest["matrix_efficiency"], 0.85),
    FreeParameter("hbm_efficiency", 0.4, 1.0, 0.88),
    FreeParameter("l2_efficiency", 0.3, GemmParameters.largest["l2_efficiency"], 1.2),
    FreeParameter("split_k_s", 0.1e-6, 8e-6, 2.5e-6),
    FreeParameter("serial_fraction", 0.01, 1.0, 0.7),
)
#: What a narrow type takes from the 16-bit products, and what it has of its own.
_SHARED_BY_NARROW = ("launch_s", "hbm_efficiency", "l2_efficiency", "split_k_s")
_NARROW = (
    *(p for p in _WIDE if p.name in ("wave_s", "k_block_s", "matrix_efficiency", "serial_fraction")),
    FreeParameter("single_row_s", 1e-9, 30e-6, 1e-6),
    FreeParameter("quantize_row_s", 0.1e-9, 30e-9, 6e-9),
    FreeParameter("quantize_efficiency", 0.05, 1.0, 0.6),
)
#: A variant's kernels before the product are its own.
_VARIANT_NARROW = (*_NARROW, FreeParameter("quantize_launch_s", 0.1e-6, 250e-6, 3e-6))
#: Most rows of one that the host issues are as long as the host takes: they tell little of the device.
_HOSTED = (
    *(p for p in _WIDE if p.name in ("matrix_efficiency", "k_block_s")),
    FreeParameter("call_s", 1e-6, 400e-6, 60e-6),
)
#: Products of the vector unit, each launched alone: the latency of a k-loop step does not show beside its arithmetic.
_VECTOR = (
    *(p for p in _WIDE if p.name not in ("k_block_s", "split_k_s")),
    FreeParameter("misaligned_efficiency", 0.1, 1.0, 0.8),
    FreeParameter("page_reach_bytes", 1e6, 1e9, 8e6),
    FreeParameter("page_miss_s", 0.1e-9, 200e-9, 20e-9),
)
_FREE = {DType.FP8: _NARROW, DType.INT8: _NARROW, DType.FP32: _VECTOR}
#: Bytes of a result element, by the type that is multiplied, where they are not its own.
_RESULT_BYTES = {DType.FP8: 2.0, DType.INT8: 2.0, DType.FP4: 2.0}
_NARROW_TYPES = (DType.FP8, DType.INT8, DType.FP4)


@cache
def gemm_section(dtype: DType, variant: str = "") -> Section:
    """The section of products of an element type; bf16 and fp16 run the same kernels at the same rate and share one.

    Args:
        dtype: Element type that is multiplied.
        variant: One of ``VARIANTS``; blank for the plain products.
    """
    name = "_".join(part for part in ("gemm", "" if dtype in HALF_TYPES else dtype.value, variant) if part)
    free = _FREE.get(dtype, _WIDE)
    if dtype in _NARROW_TYPES and (variant or dtype is DType.FP4):
        free = _HOSTED if VARIANTS.get(variant, PLAIN).hosted else _VARIANT_NARROW
    return Section(name, GemmParameters, TYPICAL, free, _EXTENTS)


def section_in_use(dtype: DType, calibration: GpuCalibration) -> Section:
    """The section that prices products on a chip: the type's own, that of its width, or that of 16-bit types.

    Args:
        dtype: Element type that is multiplied.
        calibration: The chip's.
    """
    nearest = (gemm_section(known) for known in (dtype, *_SAME_WIDTH.get(dtype, ())))
    return next((section for section in nearest if calibration.states(section)), gemm_section(DType.BF16))


def gemm_parameters(dtype: DType, calibration: GpuCalibration) -> tuple[GemmParameters, Warnings]:
    """Numbers of products: of the type's section, or of the nearest type's with a warning.

    Args:
        dtype: Element type that is multiplied.
        calibration: The chip's.
    """
    section = section_in_use(dtype, calibration)
    parameters, warnings = calibration.read(section)
    if section.name == gemm_section(dtype).name:
        return parameters, warnings
    stand_in = section.name.removeprefix("gemm_") if section.name != "gemm" else "16-bit"
    text = f"{calibration.chip.name}: no calibration of {dtype.value} gemm; efficiencies of {stand_in} gemm used"
    return parameters, (*warnings, warn("dtype-uncalibrated", text))


def unpacked(stored: DType, multiplied: DType, what: str, site: Site) -> Warnings:
    """The warning that no measurement covers kernels that unpack their weights.

    Args:
        stored: Element type of the weights.
        multiplied: Element type that is multiplied.
        what: What the operators are called.
        site: Where they run.
    """
    if stored.bits >= multiplied.bits:
        return ()
    text = (
        f"{site.chip.name}: no calibration of {what} of {stored.value} weights; those of {multiplied.value} ones used"
    )
    return (warn("dtype-uncalibrated", text),)


def _work(x: Extents) -> Array:
    return 2.0 * x["m"] * x["n"] * x["k"] * x["batch"]


def _product(x: Mapping[str, int], dtype: DType) -> Operator:
    return Gemm.of(x["m"], x["n"], x["k"], x["batch"], dtype)


_ROWS = Operation(("m", "n", "k"), "products", _work, _product, {"batch": 1})


@register_kernel_family("gemm")
class GemmKernels(KernelFamily):
    """Operands: weights come from main memory; activations are in the L2 as far as they fit."""

    kinds: ClassVar[tuple[str, ...]] = ("gemm",)
    operations: ClassVar[Mapping[str, Operation]] = {
        "gemm": _ROWS,
        "batched_gemm": _ROWS,
        **{f"gemm_{variant}": _ROWS for variant in VARIANTS},
    }

    def costs(self, operators: Sequence[Any], site: Site) -> list[Cost]:
        """See :class:`KernelFamily`; one call per element type multiplied and stored."""
        return in_groups(operators, _types, lambda alike: _costs(alike, site))

    def section(self, op: str, dtype: DType) -> Section | None:
        """That of the element type and the variant."""
        return gemm_section(dtype, variant_name(op))

    def parameters(self, op: str, dtype: DType, calibration: GpuCalibration) -> tuple[Any, Warnings]:
        """Those of the variant, else of the type, else of the nearest one."""
        section = gemm_section(dtype, variant_name(op))
        return calibration.read(section) if calibration.states(section) else gemm_parameters(dtype, calibration)

    def seconds(self, batch: Batch, parameters: Any, site: Site) -> Array:
        """See :class:`KernelFamily`; with ``rig.quantizes`` rows of an 8-bit type first quantise their activations."""
        x, rig, machine = batch.extents, batch.rig, site.machine
        m, n, k, number = x["m"], x["n"], x["k"], x["batch"]
        size, stored = batch.dtype.bits / 8, VARIANTS.get(variant_name(batch.op), PLAIN).stored
        weight, result = stored.bits / 8 if stored else size, _RESULT_BYTES.get(batch.dtype, size)
        a, b, c = number * m * k * size, number * n * k * weight, number * m * n * result
        shapes = GemmShapes.of(
            m=m,
            n=n,
            k=k,
            batch=number,
            core_flops_per_s=site.core_flops_per_s(batch.dtype),
            element_bytes=size,
            b_element_bytes=weight,
            result_bytes=result,
            unpack_s=unpack_s(stored, batch.dtype, site.chip) if stored else 0.0,
            a_cached=machine.cached_fraction(a + b + c),
            b_cached=machine.cached_fraction(a + rig.weight_copies * b + c),
            c_cached=machine.cached_fraction(a + rig.weight_copies * (b + c)),
        )
        times = gemm_times(machine, parameters if rig.has_launch else replace(parameters, launch_s=0.0), shapes)
        seconds = held_s(times, site.arithmetic_j(_work(x), batch.dtype), site) + rig.overhead_s
        if rig.quantizes and size <= 1.0:
            seconds = seconds + quantize_seconds(machine, parameters, m, k, narrow_bytes=size)
        return np.asarray(np.maximum(seconds, parameters.call_s))

    def start(self, section: Section, dtype: DType, calibration: GpuCalibration) -> Any:
        """The nearest type's numbers; a narrow type shares some with the 16-bit products."""
        start = calibration.read(section)[0] if calibration.states(section) else gemm_parameters(dtype, calibration)[0]
        if section.free not in (_NARROW, _VARIANT_NARROW, _HOSTED):
            return start
        wide = gemm_parameters(DType.BF16, calibration)[0]
        shared = {name: getattr(wide, name) for name in _SHARED_BY_NARROW}
        if section.free is not _NARROW:
            variant = VARIANTS.get(section.name.removeprefix(f"gemm_{dtype.value}_"), PLAIN)
            shared |= _tiles(variant, wide)
        return replace(start, **shared)


def _tiles(variant: Variant, wide: GemmParameters) -> dict[str, Any]:
    """The tiles of a variant's narrow products."""
    if not variant.coarse:
        return {name: getattr(wide, name) for name in ("tile_rows", "tile_cols", "max_splits", "follows_rows")}
    return {"tile_rows": COARSE_ROWS, "tile_cols": COARSE_COLS, "max_splits": 1, "follows_rows": True}


def _types(operator: Gemm) -> tuple[DType, DType]:
    return operator.dtype, operator.inputs[1].dtype


def _costs(operators: list[Gemm], site: Site) -> list[Cost]:
    machine, (dtype, stored) = site.machine, _types(operators[0])
    parameters, warnings = gemm_parameters(dtype, site.calibration)
    warnings += unpacked(stored, dtype, "products", site)
    m, n, k, batch, a_size, c_size, a, b, read, written, is_activation = np.array(
        [_columns(operator) for operator in operators], dtype=np.float64
    ).T
    shapes = GemmShapes.of(
        m=m,
        n=n,
        k=k,
        batch=batch,
        core_flops_per_s=site.core_flops_per_s(dtype),
        element_bytes=dtype.bits / 8,
        a_element_bytes=a_size,
        b_element_bytes=b / (batch * n * k),
        result_bytes=c_size,
        unpack_s=unpack_s(stored, dtype, site.chip),
        a_cached=machine.cached_fraction(a + is_activation * read),
        b_cached=is_activation * machine.cached_fraction(a + read),
        c_cached=machine.cached_fraction(a + read + written),
    )
    times = gemm_times(machine, parameters, shapes)
    outside = site.calibration.outside(gemm_section(DType.BF16), {"m": m, "n": n, "k": k})
    trust = trust_of(site, section_in_use(dtype, site.calibration), warnings, outside)
    chosen = zip(
        *(column.tolist() for column in (times.tile_rows, times.tile_cols, times.splits, times.waves)), strict=True
    )
    details = [
        {"tile": f"{int(rows)}x{int(cols)}", "splits": splits, "waves": waves} for rows, cols, splits, waves in chosen
    ]
    return costs_of(operators, site, times, trust, details, site.arithmetic_j([op.flops for op in operators], dtype))


def _columns(op: Gemm) -> tuple[float, ...]:
    """Extents, element sizes of ``A`` and the result, and bytes: ``A``, ``B``, ``B`` with a bias, results."""
    others = op.inputs[1:]
    is_activation = all(tensor.role is Role.ACTIVATION for tensor in others)
    return (
        op.m,
        op.n,
        op.k,
        op.batch,
        op.a.element_bytes,
        op.outputs[0].dtype.bits / 8,
        op.read_bytes(op.a),
        op.b_bytes,
        sum([op.read_bytes(tensor) for tensor in others]),
        op.writes,
        is_activation,
    )
