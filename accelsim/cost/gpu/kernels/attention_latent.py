"""Multi-head latent attention: a cache of one latent per position, read as it is by decodes, expanded for prompts.

Decodes run absorbed: every query head meets the same key of 576 elements, whose first 512 are its value.  Before
prompts the latent is expanded to heads of 192 (keys) and 128 (values) elements, but some libraries meet the latent
there too.  The widths are those of DeepSeek-V2 and its successors (arXiv 2405.04434, section 2.1), the only ones that
the measured kernels are built for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, ClassVar

import numpy as np

from accelsim.cost.calibrate import FreeParameter
from accelsim.cost.gpu.attention import InL2, prefill_times
from accelsim.cost.gpu.attention_shapes import AttentionShapes
from accelsim.cost.gpu.calibration import GpuCalibration, Warnings
from accelsim.cost.gpu.decode import decode_times
from accelsim.cost.gpu.kernels._attention import is_decode
from accelsim.cost.gpu.kernels._attention_variants import FP8_CACHE, VARIANTS, variant_of
from accelsim.cost.gpu.kernels.attention_decode import DECODE, DecodeKernels
from accelsim.cost.gpu.kernels.attention_prefill import PREFILL, VARIANT_FREE, PrefillKernels
from accelsim.cost.gpu.kernels.base import KernelFamily, register_kernel_family
from accelsim.cost.gpu.section import Section
from accelsim.cost.gpu.site import Site
from accelsim.cost.measured import Array, Batch, Extents, Operation
from accelsim.dtypes import DType

MLA_DECODE, MLA_PREFILL = "mla_decode", "mla_prefill"
_COLUMNS = ("batch", "heads", "q_len", "kv_len")
_EXTENTS = {"batch": "batch", "heads": "heads", "kv_len": "kv_len"}
_KEY, _VALUE, _LATENT = 192.0, 128.0, 512.0
_LATENT_KEY = 576.0
_BY_CHOICE = ("_sglang", "_trtllm", "_triton")
_DECODE_FREE = (
    FreeParameter("launch_s", 0.2e-6, 40e-6, 8e-6),
    FreeParameter("tile_s", 0.1e-6, 15e-6, 2e-6),
    FreeParameter("block_s", 50e-9, 20e-6, 1e-6),
    FreeParameter("core_bandwidth_bytes_per_s", 2e9, 500e9, 40e9),
    FreeParameter("hbm_efficiency", 0.2, 1.0, 0.8),
    FreeParameter("split_s", 0.01e-6, 20e-6, 2e-6),
    FreeParameter("product_efficiency", 0.03, 1.0, 0.6),
)


def _work(x: Extents) -> Array:
    q, kv = x["q_len"], x["kv_len"]
    wide = np.where(q > 1, _KEY + _VALUE, _LATENT_KEY + _LATENT)
    pairs = np.where(q > 1, q * (kv - (q - 1.0) / 2.0), kv)
    return 2.0 * x["batch"] * x["heads"] * wide * pairs


_ROWS = Operation(_COLUMNS, "attention", _work)


@cache
def latent_section(op: str, dtype: DType = DType.BF16) -> Section:
    """The section of a library's kernels for a type of cache.

    Args:
        op: ``mla_decode`` or ``mla_prefill``, or with what a variant's name says.
        dtype: What is multiplied; prompts of 8 bits have sections of their own.
    """
    if op.startswith(MLA_DECODE):
        return Section(op, DECODE.parameters, DECODE.typical, _DECODE_FREE, _EXTENTS)
    narrow = "fp8" if dtype is DType.FP8 else ""
    name = "_".join(part for part in (MLA_PREFILL, narrow, variant_of(MLA_PREFILL, op)) if part)
    return Section(name, PREFILL.parameters, PREFILL.typical, tuple(VARIANT_FREE.values()), _EXTENTS)


def _measured(op: str, narrow: bool, calibration: GpuCalibration) -> Iterator[tuple[Section, DType]]:
    """The chip's sections of latent attention and what is multiplied there, the best for a run first.

    SGLang's come first: its kernels are those that vLLM takes, whose own rows show the host that issues them.
    """
    dtypes = (DType.FP8, DType.BF16) if narrow and op == MLA_PREFILL else (DType.BF16,)
    storages = (f"_{FP8_CACHE}", "") if narrow and op == MLA_DECODE else ("",)
    for dtype in dtypes:
        for storage in storages:
            for library in _BY_CHOICE:
                section = latent_section(f"{op}{storage}{library}", dtype)
                if calibration.states(section):
                    yield section, dtype


def _name(family: str, variant: str) -> str:
    return "_".join(part for part in (family, variant) if part)


@register_kernel_family("attention_latent_decode")
class LatentDecodeKernels(DecodeKernels):
    """Decodes over a cache of latents."""

    operations: ClassVar[Mapping[str, Operation]] = {}

    def takes(self, operator: Any) -> bool:
        """Whether the keys are divided, and are latents."""
        return is_decode(operator) and bool(operator.latent)

    def section_of(self, operator: Any, calibration: GpuCalibration) -> Section:
        """That of measured latent attention, else that of plain decodes."""
        found = _measured(MLA_DECODE, operator.kv_dtype is DType.FP8, calibration)
        return next((section for section, _ in found), super().section_of(operator, calibration))


@register_kernel_family("attention_latent_prefill")
class LatentPrefillKernels(PrefillKernels):
    """Prompts whose keys are wider than their values: those of an expanded latent."""

    operations: ClassVar[Mapping[str, Operation]] = {}

    def takes(self, operator: Any) -> bool:
        """Whether the queries are divided, and keys are wider than values."""
        return not is_decode(operator) and operator.value_dim != operator.head_dim

    def section_of(self, operator: Any, site: Site) -> tuple[Section, DType]:
        """That of measured latent attention that meets keys of this kind, else that of plain prompts."""
        for section, dtype in _measured(MLA_PREFILL, operator.kv_dtype is DType.FP8, site.calibration):
            if site.calibration.read(section)[0].absorbs_latent == bool(operator.latent):
                return section, DType.FP8 if dtype is DType.FP8 else operator.dtype
        return super().section_of(operator, site)


@register_kernel_family("attention_latent")
class LatentKernels(KernelFamily):
    """Rows of measured tables."""

    operations: ClassVar[Mapping[str, Operation]] = {
        **{_name(family, variant): _ROWS for family in (MLA_DECODE, MLA_PREFILL) for variant in ("", *VARIANTS)},
    }

    def section(self, op: str, dtype: DType) -> Section | None:
        """That of the variant."""
        return latent_section(op, dtype)

    def parameters(self, op: str, dtype: DType, calibration: GpuCalibration) -> tuple[Any, Warnings]:
        """Those of the variant, else of the plain kernels of prompts or caches."""
        section = latent_section(op, dtype)
        return calibration.read(section if calibration.states(section) else _plain(section))

    def start(self, section: Section, dtype: DType, calibration: GpuCalibration) -> Any:
        """The chip's numbers, else those of the plain kernels."""
        return calibration.read(section if calibration.states(section) else _plain(section))[0]

    def alternatives(self, section: Section, start: Any, is_stated: bool) -> tuple[Any, ...]:
        """How a library cuts queries and keys is told by its times."""
        if section.parameters is DECODE.parameters:
            return tuple(replace(start, query_tile=rows) for rows in (16, 64, 128))
        tilings = dict.fromkeys((start.library, "flash2", "flash3", "trtllm"))
        return tuple(
            replace(start, library=name, absorbs_latent=absorbs) for name in tilings for absorbs in (False, True)
        )

    def seconds(self, batch: Batch, parameters: Any, site: Site) -> Array:
        """See :class:`KernelFamily`."""
        runs_it = batch.dtype in site.chip.matrix_flops_per_cycle
        x, core = batch.extents, site.core_flops_per_s(batch.dtype if runs_it else DType.BF16)  # else it is unpacked
        if batch.op.startswith(MLA_DECODE):
            cached = VARIANTS[variant].cache if (variant := variant_of(MLA_DECODE, batch.op)) else None
            shapes = _latent(x, cached.bits / 8 if cached else 2.0)
            held = site.machine.cached_fraction(shapes.kv_row_bytes * shapes.kv_len)
            times = decode_times(site.machine, parameters, shapes, core_flops_per_s=core, kv_cached=held)
            return batch.rig.seen(times.total_s, np.ones_like(times.total_s))
        size = batch.dtype.bits / 8
        shapes = _latent(x, size) if parameters.absorbs_latent else _expanded(x, size)
        kept = site.machine.cached_fraction(shapes.io_bytes + shapes.kv_row_bytes * shapes.kv_len)
        found = prefill_times(site.machine, parameters, shapes, core_flops_per_s=core, in_l2=InL2(kept, kept))
        return batch.rig.seen(found.total_s, np.ones_like(found.total_s))


def _plain(section: Section) -> Section:
    return DECODE if section.parameters is DECODE.parameters else PREFILL


def _latent(x: Extents, cache_bytes: float) -> AttentionShapes:
    one = np.ones_like(x["batch"])
    return AttentionShapes.of(
        x["batch"],
        x["heads"],
        one,
        _LATENT_KEY * one,
        x["q_len"],
        x["kv_len"],
        value_dim=_LATENT,
        latent=1.0,
        element_bytes=cache_bytes,
        io_element_bytes=2.0,
    )


def _expanded(x: Extents, element_bytes: float) -> AttentionShapes:
    heads = x["heads"]
    wide = np.full_like(heads, _KEY)
    return AttentionShapes.of(
        x["batch"],
        heads,
        heads,
        wide,
        x["q_len"],
        x["kv_len"],
        value_dim=_VALUE,
        element_bytes=element_bytes,
        io_element_bytes=2.0,
    )
