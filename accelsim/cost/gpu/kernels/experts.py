"""Mixture-of-experts layers as inference libraries fuse them; the formula is that of :mod:`accelsim.cost.gpu.moe`.

Section ``moe``, and ``moe_cutlass`` where the library of ``moe`` does not know the activation.  Libraries that keep
rows for tokens of other ranks do so where every rank holds all tokens, not where tokens were sent to their ranks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, ClassVar

import numpy as np

from accelsim.cost.calibrate import FreeParameter
from accelsim.cost.cost import Cost
from accelsim.cost.gpu.calibration import GpuCalibration, Warnings
from accelsim.cost.gpu.kernels._expert_variants import NVFP4_BITS, STORAGES, VARIANTS
from accelsim.cost.gpu.kernels.base import KernelFamily, in_groups, register_kernel_family, trust_of
from accelsim.cost.gpu.kernels.gemm import unpacked
from accelsim.cost.gpu.launches import KernelTimes, costs_of
from accelsim.cost.gpu.moe import MoeParameters, MoeShapes, moe_times
from accelsim.cost.gpu.section import Section
from accelsim.cost.gpu.site import Site
from accelsim.cost.gpu.skew import fullest_rank
from accelsim.cost.measured import Array, Batch, Extents, Operation
from accelsim.cost.operands import unpack_s
from accelsim.dtypes import DType
from accelsim.warning import warn

#: Rounded middle values of the calibrated data-centre GPUs.
TYPICAL = MoeParameters(30e-6, 1.5e-6, 100e-9, 0.6, 0.9, 1.2, 0.5, library="triton")
_FREE = (
    FreeParameter("launch_s", 3e-6, 60e-6, 15e-6),
    FreeParameter("wave_s", 0.05e-6, 8e-6, 1e-6),
    FreeParameter("k_block_s", 5e-9, 1000e-9, 100e-9),
    FreeParameter("matrix_efficiency", 0.2, 1.0, 0.6),
    FreeParameter("hbm_efficiency", 0.3, 1.0, 0.8),
    FreeParameter("l2_efficiency", 0.3, MoeParameters.largest["l2_efficiency"], 1.0),
    FreeParameter("stream_efficiency", 0.05, 1.0, 0.6),
    FreeParameter("serial_fraction", 0.01, 1.0, 0.7),
    FreeParameter("route_s", 1e-12, 1e-8, 7e-10),
)
#: Least factor by which another kernel must be faster for a warning.
_WORTH_A_WORD = 1.005
#: What few rows of a second library determine; the rest is that of the first.
_OWN_OF_SECOND = ("launch_s", "k_block_s", "matrix_efficiency", "hbm_efficiency")
#: What one wave per product and small tiles tell apart by nothing: launches, waves, and blocks of a loop.
_UNSEEN_WHERE_FUSED = ("stream_efficiency", "launch_s", "k_block_s", "serial_fraction")
MOE = Section("moe", MoeParameters, TYPICAL, _FREE, {"rows": "m"})
MOE_CUTLASS = Section(
    "moe_cutlass", MoeParameters, TYPICAL, tuple(p for p in _FREE if p.name in _OWN_OF_SECOND), {"rows": "m"}
)
#: The same of a variant, whose kernels may be far slower; and the forms of kernels that its rows are held against.
_OF_VARIANT = (
    FreeParameter("launch_s", 3e-6, 400e-6, 20e-6),
    FreeParameter("k_block_s", 5e-9, 4000e-9, 200e-9),
    FreeParameter("matrix_efficiency", 0.05, 1.0, 0.5),
    FreeParameter("hbm_efficiency", 0.1, 1.0, 0.8),
    FreeParameter("route_s", 1e-12, 1e-8, 7e-10),
)
_SMALL_TILES: Mapping[str, Any] = {"tile_rows": (16, 32, 64, 128), "tile_cols": (64, 128, 256)}
_FORMS: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "triton": ({"library": "triton", **_SMALL_TILES},),
    "trtllm": ({"library": "trtllm", "tile_rows": (8, 16, 32, 64, 128), "tile_cols": (128,)},),
    "": (
        {"library": "cutlass", **_SMALL_TILES},
        {"library": "cutlass", "tile_rows": (128,), "tile_cols": (64, 128, 256)},
    ),
}


@cache
def expert_section(op: str, dtype: DType) -> Section:
    """The section of a storage and a kernel.

    Args:
        op: As a measured table spells it.
        dtype: What is multiplied.
    """
    if op in (MOE.name, MOE_CUTLASS.name) and dtype.bits == 16:
        return MOE if op == MOE.name else MOE_CUTLASS
    name = "_".join(part for part in ("moe", "" if dtype.bits == 16 else dtype.value, op[len("moe_") :]) if part)
    return Section(name, MoeParameters, TYPICAL, _OF_VARIANT, {"rows": "m"})


def library_section(function: str, calibration: GpuCalibration) -> Section:
    """The section of the library that runs experts with an activation.

    Args:
        function: The activation.
        calibration: The chip's.
    """
    known = calibration.read(MOE)[0].kernels.functions
    takes_other = bool(known) and function not in known and calibration.states(MOE_CUTLASS)
    return MOE_CUTLASS if takes_other else MOE


def _work(x: Extents) -> Array:
    return x["m"] * x["topk"] * x["hidden"] * x["inter"] / (x["tp"] * x["ep"])


_ROWS = Operation(
    ("m", "hidden", "inter", "topk", "num_experts"),
    "experts",
    _work,
    optional={"tp": 1, "ep": 1, "gated": 1, "skew": 0},
    flags=("gated",),
)


@register_kernel_family("experts")
class ExpertKernels(KernelFamily):
    """The fused layer of one rank."""

    kinds: ClassVar[tuple[str, ...]] = ("experts",)
    operations: ClassVar[Mapping[str, Operation]] = {"moe": _ROWS, **{f"moe_{name}": _ROWS for name in VARIANTS}}

    def costs(self, operators: Sequence[Any], site: Site) -> list[Cost]:
        """See :class:`KernelFamily`; one call per library and set of element types."""
        sections = {
            function: library_section(function, site.calibration) for function in {op.function for op in operators}
        }

        def price(alike: list[Any]) -> list[Cost]:
            return _costs(alike, sections[alike[0].function], site)

        return in_groups(operators, lambda op: (sections[op.function].name, op.is_dispatched, *_types(op)), price)

    def section(self, op: str, dtype: DType) -> Section | None:
        """That of the storage and the kernel."""
        return expert_section(op, dtype)

    def parameters(self, op: str, dtype: DType, calibration: GpuCalibration) -> tuple[Any, Warnings]:
        """Those of the variant, or of the chip's plain experts where it has none."""
        return _parameters(expert_section(op, dtype), calibration)

    def seconds(self, batch: Batch, parameters: Any, site: Site) -> Array:
        """See :class:`KernelFamily`."""
        times = moe_times(site.machine, parameters, _rows_as_shapes(batch, site))
        return times.total_s + batch.rig.overhead_s

    def start(self, section: Section, dtype: DType, calibration: GpuCalibration) -> Any:
        """The variant's numbers, or those of the chip's plain experts."""
        return _parameters(section, calibration)[0]

    def alternatives(self, section: Section, start: Any, is_stated: bool) -> tuple[Any, ...]:
        """How the kernels of a variant go about the layer is told by its times."""
        if section.free is not _OF_VARIANT:
            return (start,)
        kernel = section.name.rpartition("_")[2]
        return tuple(replace(start, **form) for form in _FORMS.get(kernel, _FORMS[""]))

    def free(self, section: Section, start: Any, is_stated: bool) -> tuple[FreeParameter, ...]:
        """All that the form of the library lets rows determine."""
        if section is not MOE or not is_stated:
            return section.free
        unseen = _UNSEEN_WHERE_FUSED if start.kernels.fuses_activation else ("route_s",)
        return tuple(parameter for parameter in section.free if parameter.name not in unseen)


def _rows_as_shapes(batch: Batch, site: Site) -> MoeShapes:
    x, dtype = batch.extents, batch.dtype
    extents = {name: x[name] for name in (*_ROWS.needs, "tp", "ep", "gated")}
    extents["tokens"] = extents.pop("m")
    storage = STORAGES[VARIANTS.get(batch.op[len("moe_") :], ("", ""))[0]]
    bits = storage.bits or (NVFP4_BITS if dtype is DType.FP4 else dtype.bits)
    routed = [
        fullest_rank(int(m), int(k), int(experts), int(ep), skew / 100.0) if skew else (1.0, np.inf)
        for m, k, experts, ep, skew in zip(x["m"], x["topk"], x["num_experts"], x["ep"], x["skew"], strict=True)
    ]
    return MoeShapes.of(
        **extents,
        core_flops_per_s=site.core_flops_per_s(dtype),
        imbalance=np.array([load for load, _ in routed]),
        touched=np.array([touched for _, touched in routed]),
        input_bytes=dtype.bits / 8,
        weight_bytes=bits / 8,
        product_bytes=dtype.bits / 8,
        unpack_s=unpack_s(storage.stored, dtype, site.chip) if storage.stored else 0.0,
    )


def _parameters(section: Section, calibration: GpuCalibration) -> tuple[Any, Warnings]:
    return calibration.read(section if calibration.states(section) else MOE)


def _types(op: Any) -> tuple[DType, DType, float, float, float]:
    """Element types multiplied and stored, bytes of an element of results, tokens and weights."""
    return op.dtype, op.up.dtype, op.outputs[0].dtype.bits / 8, op.x.element_bytes, op.up.element_bytes


def _costs(operators: list[Any], section: Section, site: Site) -> list[Cost]:
    first = operators[0]
    dtype, stored, element_bytes, input_bytes, weight_bytes = _types(first)
    parameters, warnings = _parameters(section, site.calibration)
    outside: Warnings = ()
    if dtype.bits != 16:
        text = f"{site.chip.name}: no calibration of {dtype.value} experts; efficiencies of 16-bit ones used"
        outside = (warn("dtype-uncalibrated", text),)
    warnings += unpacked(stored, dtype, "experts", site)
    tokens, hidden, ffn, top_k, experts, local, gated, load, touched = np.array(
        [_columns(op) for op in operators], dtype=np.float64
    ).T
    shapes = MoeShapes.of(
        tokens=tokens,
        hidden=hidden,
        inter=ffn,
        topk=top_k,
        num_experts=experts,
        core_flops_per_s=site.core_flops_per_s(dtype),
        ep=experts / local,
        gated=gated,
        imbalance=load,
        touched=touched,
        is_dispatched=first.is_dispatched,
        element_bytes=element_bytes,
        input_bytes=input_bytes,
        weight_bytes=weight_bytes,
        product_bytes=dtype.bits / 8,
        unpack_s=unpack_s(stored, dtype, site.chip),
    )
    times = moe_times(site.machine, parameters, shapes)
    trust = trust_of(site, section, warnings, [outside] * len(operators))
    trust = [
        replace(one, warnings=one.warnings + slower)
        for one, slower in zip(trust, _slower_choices(site, parameters, shapes, times), strict=True)
    ]
    details: list[Mapping[str, float | str]] = [
        {"kernel": section.name, "experts": op.touched, "rows": float(op.rows)} for op in operators
    ]
    return costs_of(operators, site, times, trust, details, site.arithmetic_j([op.flops for op in operators], dtype))


def _slower_choices(site: Site, parameters: MoeParameters, shapes: MoeShapes, times: KernelTimes) -> Iterator[Warnings]:
    """For each operator, the warning of a library that goes by the load where the next taller tiles would be faster.

    More tokens then take less time, once there are enough for those tiles.
    """
    if not parameters.kernels.takes_tiles_by_load:
        yield from ([()] * len(times.total_s))
        return
    taller = moe_times(site.machine, parameters, shapes, taller=1)
    for taken_s, other_s in zip(times.total_s.tolist(), taller.total_s.tolist(), strict=True):
        text = (
            f"{site.chip.name}: {parameters.library} takes tiles by the tokens per expert; the next taller ones would "
            f"run experts {taken_s / other_s:.2f}x as fast, so that more tokens may take less time"
        )
        yield (warn("kernel-choice", text),) if other_s < taken_s / _WORTH_A_WORD else ()


def _columns(op: Any) -> tuple[float, ...]:
    return (
        op.tokens,
        op.hidden,
        op.ffn,
        op.top_k,
        op.num_experts,
        op.local_experts,
        op.is_gated,
        op.load,
        op.touched,
    )
