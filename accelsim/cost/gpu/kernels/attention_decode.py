"""Attention with one or few queries per sequence; the formula is that of :mod:`accelsim.cost.gpu.decode`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from operator import attrgetter
from typing import Any, ClassVar

import numpy as np

from accelsim.cost.calibrate import FreeParameter
from accelsim.cost.columns import CostColumns
from accelsim.cost.cost import Cost
from accelsim.cost.gpu.attention_shapes import AttentionShapes, AttentionTimes
from accelsim.cost.gpu.calibration import GpuCalibration, Warnings
from accelsim.cost.gpu.decode import DecodeParameters, decode_times
from accelsim.cost.gpu.kernels._attention import (
    COLUMNS,
    EXTENTS,
    INFERENCE_ROWS,
    is_decode,
    rows_as_shapes,
    shapes_of,
)
from accelsim.cost.gpu.kernels._attention_variants import PLAIN, VARIANTS, variant_of
from accelsim.cost.gpu.kernels.attention_prefill import PrefillKernels
from accelsim.cost.gpu.kernels.base import KernelFamily, in_groups, register_kernel_family, trust_of
from accelsim.cost.gpu.launches import columns_of_kernels, costs_of
from accelsim.cost.gpu.section import Section
from accelsim.cost.gpu.site import Site
from accelsim.cost.measured import Array, Batch, Operation
from accelsim.dtypes import DType
from accelsim.workload.steps import OperatorSeries

#: Steps of a series priced at once: the candidates of all of them lie side by side in memory.
STEPS_AT_ONCE = 8_192
#: Typical values are rounded middle values of the calibrated data-centre GPUs.
DECODE = Section(
    "attention_decode",
    DecodeParameters,
    DecodeParameters(3.6e-6, 2.5e-6, 5e-7, 30e9, 0.85, 2e-6),
    (
        FreeParameter("launch_s", 1e-6, 20e-6, 5e-6),
        FreeParameter("tile_s", 0.1e-6, 6e-6, 2e-6),
        FreeParameter("block_s", 50e-9, 3e-6, 500e-9),
        FreeParameter("core_bandwidth_bytes_per_s", 5e9, 500e9, 40e9),
        FreeParameter("hbm_efficiency", 0.4, 1.0, 0.85),
        FreeParameter("split_s", 0.01e-6, 10e-6, 2e-6),
        FreeParameter("element_s", 1e-13, 5e-9, 1e-10),
        FreeParameter("wide_head_s", 1e-9, 10e-6, 1e-6),
        FreeParameter("regroup_s", 1e-9, 15e-6, 5e-6),
    ),
    EXTENTS,
)
#: A variant takes from the plain kernels what its few rows do not tell.
_OF_VARIANTS = ("launch_s", "tile_s", "core_bandwidth_bytes_per_s", "split_s")
_SHORTER = {"launch_s": FreeParameter("launch_s", 0.2e-6, 40e-6, 5e-6)}


@cache
def decode_section(variant: str = "") -> Section:
    """The section of a variant; blank for the plain kernels.

    Args:
        variant: One of ``VARIANTS``.
    """
    if not variant:
        return DECODE
    free = tuple(_SHORTER.get(one.name, one) for one in DECODE.free if one.name in _OF_VARIANTS)
    return replace(DECODE, name=f"{DECODE.name}_{variant}", free=free)


@register_kernel_family("attention_decode")
class DecodeKernels(KernelFamily):
    """Flash attention over a KV cache, which comes from main memory."""

    kinds: ClassVar[tuple[str, ...]] = ("attention",)
    operations: ClassVar[Mapping[str, Operation]] = {
        DECODE.name: INFERENCE_ROWS,
        **{f"{DECODE.name}_{variant}": INFERENCE_ROWS for variant in VARIANTS},
    }

    def takes(self, operator: Any) -> bool:
        """Whether the keys are divided, and are heads of their own."""
        return is_decode(operator) and not operator.latent

    def section_of(self, operator: Any, calibration: GpuCalibration) -> Section:
        """The section that prices an operator.

        Args:
            operator: An attention.
            calibration: The chip's.
        """
        return DECODE

    def costs(self, operators: Sequence[Any], site: Site) -> list[Cost]:
        """See :class:`KernelFamily`; one call per element type of the queries and of the cache.

        A prompt of one token, behind which nothing is cached, is one query of either kernel: the faster one runs it.
        """
        found = in_groups(operators, lambda op: (op.dtype, op.kv_dtype), lambda alike: self._costs(alike, site))
        uncached = [at for at, operator in enumerate(operators) if operator.kv_len == operator.q_len]
        as_prompts = PrefillKernels().costs([operators[at] for at in uncached], site) if uncached else []
        for at, other in zip(uncached, as_prompts, strict=True):
            found[at] = min(found[at], other, key=lambda cost: cost.work_s)
        return found

    def series(self, operators: OperatorSeries, site: Site) -> CostColumns | None:
        """See :class:`KernelFamily`; energies are those of the matrix unit and of bytes, as of every kernel."""
        parameters, _ = site.calibration.read(self.section_of(operators.first, site.calibration))
        first: Any = operators.first
        times = _series_times(operators, site, parameters)
        return columns_of_kernels(times, site.arithmetic_j(operators.column(lambda op: op.flops), first.dtype), site)

    def section(self, op: str, dtype: DType) -> Section | None:
        """That of the variant."""
        return decode_section(variant_of(DECODE.name, op))

    def parameters(self, op: str, dtype: DType, calibration: GpuCalibration) -> tuple[Any, Warnings]:
        """Those of the variant, else of the plain kernels."""
        return calibration.read(_stated(decode_section(variant_of(DECODE.name, op)), calibration))

    def start(self, section: Section, dtype: DType, calibration: GpuCalibration) -> Any:
        """The chip's numbers; a variant shares some with the plain kernels."""
        plain = calibration.read(DECODE)[0]
        if section.name == DECODE.name or not calibration.states(section):
            return plain
        own = calibration.read(section)[0]
        return replace(plain, packs_windowed=own.packs_windowed, **{name: getattr(own, name) for name in _OF_VARIANTS})

    def alternatives(self, section: Section, start: Any, is_stated: bool) -> tuple[Any, ...]:
        """Whether a library packs the heads of a group under a window is told by its times."""
        if section.name == DECODE.name:
            return (start,)
        return tuple(replace(start, packs_windowed=packs) for packs in (True, False))

    def seconds(self, batch: Batch, parameters: Any, site: Site) -> Array:
        """See :class:`KernelFamily`."""
        x = rows_as_shapes(batch, VARIANTS.get(variant_of(DECODE.name, batch.op), PLAIN).cache)
        seen = np.where(x.window > 0, np.minimum(x.window, x.kv_len), x.kv_len)
        cached = site.machine.cached_fraction(x.kv_row_bytes * seen)
        core = site.core_flops_per_s(batch.dtype)
        times = decode_times(site.machine, parameters, x, core_flops_per_s=core, kv_cached=cached)
        return times.total_s + batch.rig.overhead_s

    def _costs(self, operators: list[Any], site: Site) -> list[Cost]:
        section = self.section_of(operators[0], site.calibration)
        parameters, warnings = site.calibration.read(section)
        shapes = shapes_of(operators)
        core = site.core_flops_per_s(operators[0].dtype)
        times = decode_times(site.machine, parameters, shapes, core_flops_per_s=core)
        columns = {name: getattr(shapes, name) for name in section.extents}
        outside = site.calibration.outside(section, columns)
        trust = trust_of(site, section, warnings, outside)
        chosen = zip(times.splits.tolist(), times.waves.tolist(), strict=True)
        details = [{"kernel": section.name, "splits": splits, "waves": waves} for splits, waves in chosen]
        arithmetic_j = site.arithmetic_j([op.flops for op in operators], operators[0].dtype)
        return costs_of(operators, site, times, trust, details, arithmetic_j)

    def free(self, section: Section, start: Any, is_stated: bool) -> tuple[FreeParameter, ...]:
        """All numbers of the form that the chip uses; few of a variant."""
        if section.name != DECODE.name:
            return section.free
        unused = ("regroup_s" if start.packs_windowed else "wide_head_s") if is_stated else ""
        return tuple(parameter for parameter in section.free if parameter.name != unused)


def _stated(section: Section, calibration: GpuCalibration) -> Section:
    return section if calibration.states(section) else DECODE


def _series_times(attentions: OperatorSeries, site: Site, parameters: DecodeParameters) -> AttentionTimes:
    """Times of an attention in every step; those of :func:`~accelsim.cost.gpu.decode.decode_times` step by step."""
    first: Any = attentions.first
    core = site.core_flops_per_s(first.dtype)
    extents = [attentions.column(attrgetter(name)) for name in COLUMNS]
    parts = []
    for start in range(0, attentions.count, STEPS_AT_ONCE):
        shapes = AttentionShapes.of(
            *(column[start : start + STEPS_AT_ONCE] for column in extents),
            causal=first.causal,
            window=first.window,
            value_dim=first.value_dim,
            latent=first.latent > 0,
            element_bytes=first.kv_dtype.bits / 8,
            io_element_bytes=first.dtype.bits / 8,
        )
        parts.append(decode_times(site.machine, parameters, shapes, core_flops_per_s=core))
    return AttentionTimes(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
