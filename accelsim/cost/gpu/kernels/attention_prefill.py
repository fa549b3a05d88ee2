"""Attention with many queries per sequence; the formula is that of :mod:`accelsim.cost.gpu.attention`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from accelsim.cost.calibrate import FreeParameter
from accelsim.cost.cost import Cost
from accelsim.cost.gpu.attention import InL2, PrefillParameters, prefill_times
from accelsim.cost.gpu.attention_shapes import AttentionShapes
from accelsim.cost.gpu.kernels._attention import COLUMNS, EXTENTS, INFERENCE_ROWS, is_decode, shapes_of
from accelsim.cost.gpu.kernels.base import KernelFamily, Site, in_groups, register_kernel_family, trust_of
from accelsim.cost.gpu.launches import costs_of
from accelsim.cost.gpu.section import Section
from accelsim.cost.measured import Array, Batch, Operation

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


@register_kernel_family("attention_prefill")
class PrefillKernels(KernelFamily):
    """Flash attention over prompts; keys and values just written are in the L2, those of the cache are not."""

    kinds: ClassVar[tuple[str, ...]] = ("attention",)
    operations: ClassVar[Mapping[str, Operation]] = {PREFILL.name: INFERENCE_ROWS}
    own_section: ClassVar[Section | None] = PREFILL

    def takes(self, operator: Any) -> bool:
        """Whether the queries are divided."""
        return not is_decode(operator)

    def costs(self, operators: Sequence[Any], site: Site) -> list[Cost]:
        """See :class:`KernelFamily`; one call per element type of the queries."""
        return in_groups(operators, lambda op: op.dtype, lambda alike: _costs(alike, site))

    def seconds(self, batch: Batch, parameters: Any, site: Site) -> Array:
        """See :class:`KernelFamily`; with ``rig.appends_kv`` the new keys and values are first copied into a cache."""
        x = AttentionShapes.of(*(batch.extents[name] for name in COLUMNS), window=batch.extents["window"])
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

    def free(self, section: Section, start: Any, is_stated: bool) -> tuple[FreeParameter, ...]:
        """All numbers of the form that the chip uses."""
        unused = set()
        if is_stated and start.overlap_fraction == 0.0:
            unused.add("overlap_fraction")
        if is_stated and start.wide_head_factor == 1.0:
            unused.add("wide_head_factor")
        return tuple(parameter for parameter in section.free if parameter.name not in unused)


def _costs(operators: list[Any], site: Site) -> list[Cost]:
    parameters, warnings = site.calibration.read(PREFILL)
    shapes = shapes_of(operators)
    cached = site.machine.cached_fraction([op.reads + op.writes for op in operators])
    times = prefill_times(
        site.machine,
        parameters,
        shapes,
        core_flops_per_s=site.core_flops_per_s(operators[0].dtype),
        in_l2=InL2(cached, np.array([_new_share(op) for op in operators]) * cached),
    )
    outside = site.calibration.outside(
        PREFILL, {"head_dim": shapes.head_dim, "kv_len": shapes.kv_len, "batch": shapes.batch}
    )
    trust = trust_of(site, PREFILL, warnings, outside)
    chosen = zip(times.splits.tolist(), times.waves.tolist(), strict=True)
    details = [{"kernel": PREFILL.name, "splits": splits, "waves": waves} for splits, waves in chosen]
    return costs_of(operators, site.chip, times, trust, details, site.chip.matrix_energy_j_per_flop)


def _new_share(op: Any) -> float:
    """Share of the keys and values read that operators before have just written; the others come from the KV cache."""
    return float(min(1.0, op.q_len / op.attended_positions))
