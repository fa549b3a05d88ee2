"""Flash attention of training, forward and backward; the formulas are those of ``cost/gpu/attention_backward.py``.

One section per library, ``attention_flash1`` to ``attention_flash3``.  In tables ``flash2_training`` is forward and
backward of the second generation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from accelsim.cost.calibrate import FreeParameter
from accelsim.cost.cost import Cost
from accelsim.cost.gpu.attention_backward import TrainingParameters, backward_times, forward_times
from accelsim.cost.gpu.attention_shapes import AttentionShapes
from accelsim.cost.gpu.calibration import GpuCalibration
from accelsim.cost.gpu.kernels._attention import COLUMNS, EXTENTS, shapes_of
from accelsim.cost.gpu.kernels.base import KernelFamily, in_groups, register_kernel_family, trust_of
from accelsim.cost.gpu.launches import costs_of
from accelsim.cost.gpu.section import Section
from accelsim.cost.gpu.site import Site
from accelsim.cost.gpu.standard_attention import FLASH_CALLS
from accelsim.cost.measured import Array, Batch, Extents, Operation
from accelsim.dtypes import DType

_FORWARD = (
    FreeParameter("tile_s", 0.01e-6, 8e-6, 2e-6),
    FreeParameter("matrix_efficiency", 0.1, 1.0, 0.7),
    FreeParameter("score_s", 1e-13, 1e-9, 1e-11),
)
_FREE = {
    # rows of one head width and one grid of cores: rates alone
    "flash1": (
        FreeParameter("matrix_efficiency", 0.05, 1.0, 0.35),
        FreeParameter("backward_efficiency", 0.05, 1.0, 0.35),
        FreeParameter("dropout_s", 1e-13, 1e-9, 5e-11),
    ),
    # forward and backward of one library; score and products are told apart by head widths
    "flash2": (
        *_FORWARD,
        FreeParameter("backward_efficiency", 0.1, 1.0, 0.7),
        FreeParameter("backward_score_s", 1e-13, 1e-9, 2e-11),
    ),
    "flash3": _FORWARD,
}
#: Rounded middle values of the calibrated data-centre GPUs.
_TYPICAL = TrainingParameters(5e-6, 2.5e-6, 0.7, 2.3e-11, 0.7, 8.5e-11, 0.85, "flash2")
#: Sections by library.
LIBRARIES = {
    name: Section(f"attention_{name}", TrainingParameters, replace(_TYPICAL, library=name), free, EXTENTS)
    for name, free in _FREE.items()
}
#: Libraries that run the operators of a model where they are calibrated, the first that is.
_NEWEST = ("flash3", "flash2")
_DIRECTIONS = {
    "forward": (forward_times,),
    "backward": (backward_times,),
    "training": (forward_times, backward_times),
}
#: Switches of measured rows of the attention of training.
SWITCHES = {"causal": 0, "dropout": 0, "mask": 0}


def training_work(x: Extents) -> Array:
    """Pairs of queries and keys, times the width of a head."""
    return x["batch"] * x["heads"] * x["head_dim"] * x["q_len"] * x["kv_len"] / (1.0 + x["causal"])


#: Rows of the attention of training.
TRAINING_ROWS = Operation(COLUMNS, "attention", training_work, optional=SWITCHES, flags=tuple(SWITCHES))


def section_in_use(calibration: GpuCalibration) -> Section:
    """The section of the library that runs the operators of a model: the newest that is calibrated."""
    known = (LIBRARIES[name] for name in _NEWEST if calibration.states(LIBRARIES[name]))
    return next(known, LIBRARIES[_TYPICAL.library])


@register_kernel_family("attention_training")
class TrainingKernels(KernelFamily):
    """The backward pass of attention in a run; both passes in tables."""

    kinds: ClassVar[tuple[str, ...]] = ("attention_backward",)
    operations: ClassVar[Mapping[str, Operation]] = {
        f"{library}_{direction}": TRAINING_ROWS for library in LIBRARIES for direction in _DIRECTIONS
    }

    def costs(self, operators: Sequence[Any], site: Site) -> list[Cost]:
        """See :class:`KernelFamily`; one call per element type."""
        return in_groups(operators, lambda op: op.dtype, lambda alike: _costs(alike, site))

    def section(self, op: str, dtype: DType) -> Section | None:
        """That of the library."""
        return LIBRARIES[op.partition("_")[0]]

    def seconds(self, batch: Batch, parameters: Any, site: Site) -> Array:
        """See :class:`KernelFamily`."""
        x = AttentionShapes.of(*(batch.extents[name] for name in COLUMNS), causal=batch.extents["causal"])
        core, direction = site.core_flops_per_s(batch.dtype), batch.op.partition("_")[2]
        hit = site.machine.cached_fraction(x.io_bytes + x.kv_row_bytes * x.kv_len)

        def seconds(dropout: bool) -> Array:
            total = np.zeros_like(hit)
            for times in _DIRECTIONS[direction]:
                found = times(site.machine, parameters, x, core_flops_per_s=core, dropout=dropout, cached=hit)
                total = total + found.total_s
            return total

        device_s = np.where(batch.extents["dropout"] > 0, seconds(True), seconds(False))
        return batch.rig.seen(device_s, np.full_like(device_s, FLASH_CALLS[direction]))


def _costs(operators: list[Any], site: Site) -> list[Cost]:
    section = section_in_use(site.calibration)
    parameters, warnings = site.calibration.read(section)
    dtype = operators[0].dtype
    shapes = shapes_of([op.forward for op in operators])
    shapes = replace(shapes, element_bytes=shapes.io_element_bytes)
    times = backward_times(
        site.machine,
        parameters,
        shapes,
        core_flops_per_s=site.core_flops_per_s(dtype),
        cached=site.machine.cached_fraction([op.reads + op.writes for op in operators]),
    )
    outside = site.calibration.outside(section, {"head_dim": shapes.head_dim, "kv_len": shapes.kv_len})
    trust = trust_of(site, section, warnings, outside)
    details = [{"kernel": f"{section.name} backward", "waves": waves} for waves in times.waves.tolist()]
    return costs_of(
        operators, site, times, trust, details, site.arithmetic_j([op.flops for op in operators], operators[0].dtype)
    )
