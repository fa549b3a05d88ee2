"""Attention with many queries per sequence; the formula is that of :mod:`accelsim.cost.gpu.attention`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, ClassVar

import numpy as np

from accelsim.cost.calibrate import FreeParameter
from accelsim.cost.cost import Cost
from accelsim.cost.gpu.attention import InL2, PrefillParameters, prefill_times
from accelsim.cost.gpu.calibration import GpuCalibration, Warnings
from accelsim.cost.gpu.kernels._attention import EXTENTS, INFERENCE_ROWS, is_decode, rows_as_shapes, shapes_of
from accelsim.cost.gpu.kernels._attention_variants import LIBRARIES, PLAIN, VARIANTS, variant_of
from accelsim.cost.gpu.kernels.base import KernelFamily, in_groups, register_kernel_family, trust_of
from accelsim.cost.gpu.launches import costs_of
from accelsim.cost.gpu.section import Section
from accelsim.cost.gpu.site import Site
from accelsim.cost.measured import Array, Batch, Operation
from accelsim.dtypes import DType

#: Typical values are rounded middle values of the calibrated data-centre GPUs.
PREFILL = Section(
    "attention_prefill",
    PrefillParameters,
    PrefillParameters(4.5e-6, 3e-6, 0.75, 2.5e-11, 0.8, 3e-6),
    (
        FreeParameter("launch_s", 1e-6, 20e-6, 5e-6),
        FreeParameter("tile_s", 0.01e-6, 8e-6, 2e-6),
        FreeParameter("matrix_efficiency", 0.3, 1.0, 0.7),
        FreeParameter("score_s", 1e-13, 1e-9, 3e-11),
        FreeParameter("hbm_efficiency", 0.2, 1.0, 0.8),
        FreeParameter("append_s", 50e-9, 20e-6, 2e-6),
        FreeParameter("overlap_fraction", 0.01, 1.0, 0.5),
        FreeParameter("wide_head_factor", 1.0, 6.0, 1.5),
    ),
    EXTENTS,
)
#: A variant takes from the plain kernels what its few rows do not tell; some in Triton reach a tenth of the peak.
VARIANT_FREE: Mapping[str, FreeParameter] = {
    "launch_s": FreeParameter("launch_s", 0.2e-6, 40e-6, 5e-6),
    "tile_s": FreeParameter("tile_s", 0.01e-6, 20e-6, 2e-6),
    "matrix_efficiency": FreeParameter("matrix_efficiency", 0.03, 1.0, 0.6),
    "score_s": FreeParameter("score_s", 1e-13, 4e-9, 3e-11),
}
ENCODER = "attention_encoder"


@cache
def prefill_section(op: str, dtype: DType = DType.BF16) -> Section:
    """The section of a library's kernels, by what they multiply.

    Args:
        op: As a measured table spells it: ``attention_prefill``, or with what a variant's name says.
        dtype: What is multiplied; those of 8 bits have sections of their own.
    """
    family = ENCODER if op.startswith(ENCODER) else PREFILL.name
    name = "_".join(part for part in (family, "fp8" if dtype is DType.FP8 else "", variant_of(family, op)) if part)
    return PREFILL if name == PREFILL.name else replace(PREFILL, name=name, free=tuple(VARIANT_FREE.values()))


@register_kernel_family("attention_prefill")
class PrefillKernels(KernelFamily):
    """Flash attention over prompts; keys and values just written are in the L2, those of the cache are not."""

    kinds: ClassVar[tuple[str, ...]] = ("attention",)
    operations: ClassVar[Mapping[str, Operation]] = {
        PREFILL.name: INFERENCE_ROWS,
        ENCODER: INFERENCE_ROWS,
        **{f"{PREFILL.name}_{variant}": INFERENCE_ROWS for variant in VARIANTS},
        **{f"{ENCODER}_{library}": INFERENCE_ROWS for library in LIBRARIES},
    }

    def takes(self, operator: Any) -> bool:
        """Whether the queries are divided, and keys are as wide as values."""
        return not is_decode(operator) and operator.value_dim == operator.head_dim

    def section_of(self, operator: Any, site: Site) -> tuple[Section, DType]:
        """What prices an operator, and what is multiplied.

        Args:
            operator: An attention.
            site: Where it runs.
        """
        return PREFILL, operator.dtype

    def costs(self, operators: Sequence[Any], site: Site) -> list[Cost]:
        """See :class:`KernelFamily`; one call per element type of the queries and of the cache."""
        return in_groups(operators, lambda op: (op.dtype, op.kv_dtype), lambda alike: self._costs(alike, site))

    def section(self, op: str, dtype: DType) -> Section | None:
        """That of the variant and of what is multiplied."""
        return prefill_section(op, dtype)

    def parameters(self, op: str, dtype: DType, calibration: GpuCalibration) -> tuple[Any, Warnings]:
        """Those of the variant, else of the plain kernels."""
        return calibration.read(_stated(prefill_section(op, dtype), calibration))

    def start(self, section: Section, dtype: DType, calibration: GpuCalibration) -> Any:
        """The chip's numbers; a variant shares some with the plain kernels."""
        plain = calibration.read(PREFILL)[0]
        if section.name == PREFILL.name or not calibration.states(section):
            return plain
        own = calibration.read(section)[0]
        return replace(plain, library=own.library, **{name: getattr(own, name) for name in VARIANT_FREE})

    def alternatives(self, section: Section, start: Any, is_stated: bool) -> tuple[Any, ...]:
        """Whose tiles a library's are like is told by its times."""
        if section.name == PREFILL.name:
            return (start,)
        return tuple(
            replace(start, library=name) for name in dict.fromkeys((start.library, "flash2", "flash3", "trtllm"))
        )

    def seconds(self, batch: Batch, parameters: Any, site: Site) -> Array:
        """See :class:`KernelFamily`; with ``rig.appends_kv`` the new keys and values are first copied into a cache."""
        x = rows_as_shapes(batch, VARIANTS.get(variant_of(PREFILL.name, batch.op), PLAIN).cache)
        kept = x.kv_row_bytes * (x.kv_len + batch.rig.appends_kv * x.q_len)
        times = prefill_times(
            site.machine,
            parameters,
            x,
            core_flops_per_s=site.core_flops_per_s(batch.dtype),
            appended=batch.rig.appends_kv,
            in_l2=InL2(site.machine.cached_fraction(x.io_bytes + kept), site.machine.cached_fraction(kept)),
        )
        return times.total_s + batch.rig.overhead_s

    def _costs(self, operators: list[Any], site: Site) -> list[Cost]:
        section, multiplied = self.section_of(operators[0], site)
        parameters, warnings = site.calibration.read(section)
        shapes = shapes_of(operators)
        cached = site.machine.cached_fraction([op.reads + op.writes for op in operators])
        times = prefill_times(
            site.machine,
            parameters,
            shapes,
            core_flops_per_s=site.core_flops_per_s(multiplied),
            in_l2=InL2(cached, np.array([_new_share(op) for op in operators]) * cached),
        )
        columns = {name: getattr(shapes, name) for name in section.extents}
        outside = site.calibration.outside(section, columns)
        trust = trust_of(site, section, warnings, outside)
        chosen = zip(times.splits.tolist(), times.waves.tolist(), strict=True)
        details = [{"kernel": section.name, "splits": splits, "waves": waves} for splits, waves in chosen]
        arithmetic_j = site.arithmetic_j([op.flops for op in operators], operators[0].dtype)
        return costs_of(operators, site, times, trust, details, arithmetic_j)

    def free(self, section: Section, start: Any, is_stated: bool) -> tuple[FreeParameter, ...]:
        """All numbers of the form that the chip uses; few of a variant."""
        if section.name != PREFILL.name:
            return section.free
        unused = set()
        if is_stated and start.overlap_fraction == 0.0:
            unused.add("overlap_fraction")
        if is_stated and start.wide_head_factor == 1.0:
            unused.add("wide_head_factor")
        return tuple(parameter for parameter in section.free if parameter.name not in unused)


def _stated(section: Section, calibration: GpuCalibration) -> Section:
    return section if calibration.states(section) else PREFILL


def _new_share(op: Any) -> float:
    """Share of the keys and values read that operators before have just written; the others come from the KV cache."""
    return float(min(1.0, op.q_len / op.attended_positions))
