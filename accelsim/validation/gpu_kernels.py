"""Measured GPU kernels shipped with the package, how each was measured, and what the gpu cost model says of them.

A set is a kernel family on one chip.  Its rows come from one or two sources; the :class:`Rig` of a row states what the
source's clock saw, so that the same calibration prices all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from accelsim.cost.calibrate import Array, Calibration, ErrorSummary, FreeParameter, cross_validate, fit
from accelsim.cost.gpu.attention import PrefillParameters
from accelsim.cost.gpu.decode import DecodeParameters
from accelsim.cost.gpu.fitting import FREE_PARAMETERS
from accelsim.cost.gpu.gemm import GemmParameters
from accelsim.cost.gpu.machine import GpuMachine
from accelsim.cost.gpu.moe import MoeParameters
from accelsim.cost.gpu.rowwise import RowwiseParameters
from accelsim.cost.gpu.table import (
    ROW_SECTIONS,
    Rig,
    attention_seconds,
    gemm_seconds,
    moe_layer_seconds,
    rowwise_seconds,
)
from accelsim.dtypes import DType
from accelsim.errors import ConfigError
from accelsim.hardware.chip import Chip
from accelsim.validation.operations import of_kernel

if TYPE_CHECKING:
    import pandas as pd

#: Host time inside one PyTorch call of LLMCompass's rig (wall clock and synchronisation), by operator: its smallest
#: rows, which do not depend on the shape, less the kernel.
LLMCOMPASS_OVERHEAD_S = {"softmax": 6.5e-6, "layernorm": 43e-6, "gelu": 44e-6, "gemm": 21e-6, "batched_gemm": 21e-6}
#: The name a source gives a chip, by the chip's own name, where they differ.
VIDUR_NAMES = {"nvidia-a100-sxm-80gb": "nvidia-a100-80gb"}
#: aiconfigurator times six layers with weights of their own, replayed as one graph.
GEMM_RIG = Rig(weight_copies=6, quantizes=True)
#: Its mixture-of-experts layers are a graph of their own each, started inside the time.
GRAPH_RIG = Rig(overhead_s=1.5e-6)
#: Its attention is a graph of its own, so that the start of the graph lies inside (1.5 us: its smallest products take
#: that much longer alone than as one of six), and a second kernel first writes the new keys and values into the cache
#: (launch and least duration of a row kernel, 2.6 us; its bytes are priced with the row).
ATTENTION_RIG = Rig(appends_kv=True, overhead_s=4.1e-6)
#: Vidur sums kernel durations over whole layers, so that other weights pass through the cache between two uses of one.
VIDUR_RIG = Rig(has_launch=False, weight_copies=6)

#: Element type of the rows of a section of products.
_GEMM_DTYPES = {"gemm": DType.BF16, "gemm_fp8": DType.FP8}
_PARAMETERS: Mapping[str, type[Any]] = {
    "gemm": GemmParameters,
    "gemm_fp8": GemmParameters,
    "moe": MoeParameters,
    "moe_cutlass": MoeParameters,
    "attention_prefill": PrefillParameters,
    "attention_decode": DecodeParameters,
    "rowwise": RowwiseParameters,
    "reduction": RowwiseParameters,
    "elementwise": RowwiseParameters,
}


def measured(name: str) -> pd.DataFrame:
    """The packaged table called ``name``, e.g. ``aiconfigurator_gemm``; its README states origin and licence."""
    import pandas as pd

    with files("accelsim.validation").joinpath("data", f"{name}.csv").open("r", encoding="utf-8") as file:
        return pd.read_csv(file)


@dataclass(frozen=True)
class KernelSet:
    """Measured rows of one kernel family on one chip.

    Attributes:
        chip: The chip.
        section: Kernel family: a section of its calibration block.
        rows: Measured rows, one table per source.
        rigs: How each of the tables was measured.
    """

    chip: Chip
    section: str
    rows: tuple[pd.DataFrame, ...]
    rigs: tuple[Rig, ...]

    @classmethod
    def of(cls, chip: Chip, section: str) -> KernelSet:
        """The packaged rows the calibration ``section`` of ``chip`` is fitted to.

        Raises:
            ConfigError: There are none.
        """
        if section in _GEMM_DTYPES:
            table = measured("aiconfigurator_gemm")
            of_type = table.dtype == _GEMM_DTYPES[section].value
            found = [(table[(table.hardware == chip.name) & of_type], GEMM_RIG)]
        elif section.startswith("moe"):
            table = measured("aiconfigurator_moe")
            is_section = table.kernel.map(lambda kernel: of_kernel("moe", kernel)) == section
            found = [(table[(table.hardware == chip.name) & is_section], GRAPH_RIG)]
        elif section.startswith("attention"):
            table = measured("aiconfigurator_attention")
            found = [(table[(table.hardware == chip.name) & (table.op == section)], ATTENTION_RIG)]
        else:
            found = [*_vidur_rows(chip, section), *_llmcompass_rows(chip, section)]
        found = [(rows.reset_index(drop=True), rig) for rows, rig in found if len(rows)]
        if not found:
            raise ConfigError(f"chip {chip.name}: no measured rows of {section}.")
        return cls(chip, section, tuple(rows for rows, _ in found), tuple(rig for _, rig in found))

    @property
    def measured_s(self) -> Array:
        """Measured seconds of all rows."""
        return np.concatenate([rows.time_s.to_numpy(dtype=np.float64) for rows in self.rows])

    @property
    def groups(self) -> list[tuple[object, ...]]:
        """The shape of each row, by which cross-validation divides."""
        skipped = {"hardware", "time_s", "timing", "flag", "kernel", "model", "component", "bias"}
        return [
            tuple(str(value) for name, value in row.items() if name not in skipped)
            for rows in self.rows
            for row in rows.to_dict("records")
        ]

    def predicted_s(self, values: Mapping[str, float] | None = None) -> Array:
        """Predicted seconds of all rows, with the chip's calibration or with ``values`` in its place."""
        parameters = self.chip.calibrated(self.section, _PARAMETERS[self.section])
        if values is not None:
            parameters = replace(parameters, **values)
        machine = GpuMachine.of(self.chip)
        core = self.chip.peak_flops_per_s(_GEMM_DTYPES.get(self.section, DType.BF16), 1)
        parts = [_seconds(machine, parameters, rows, rig, core) for rows, rig in zip(self.rows, self.rigs, strict=True)]
        return np.concatenate(parts)

    @property
    def free(self) -> tuple[FreeParameter, ...]:
        """The parameters to fit: all of the family that the rows can determine."""
        free = FREE_PARAMETERS[self.section]
        if self.section == "attention_prefill":
            now = self.chip.calibrated(self.section, PrefillParameters)
            absent = {"overlap_fraction"} if now.overlap_fraction == 0.0 else set()
            absent |= {"wide_head_factor"} if now.wide_head_factor == 1.0 else set()
        elif self.section == "attention_decode":
            packs = self.chip.calibrated(self.section, DecodeParameters).packs_windowed
            absent = {"regroup_s"} if packs else {"wide_head_s"}
        elif self.section == "moe":
            # one wave per product and small tiles: launches, waves, and blocks of a loop are told apart by nothing
            fused = {"stream_efficiency", "launch_s", "k_block_s", "serial_fraction"}
            absent = (
                fused if self.chip.calibrated(self.section, MoeParameters).kernels.fuses_activation else {"route_s"}
            )
        else:
            absent = set()
        return tuple(parameter for parameter in free if parameter.name not in absent)

    def calibrate(self) -> Calibration:
        """Fit the section anew; the shipped values are this function's output."""
        return fit(lambda values, index: self.predicted_s(values)[index], self.measured_s, self.free)

    def cross_validated(self) -> ErrorSummary:
        """Errors of predictions by fits that never saw the row's shape."""
        predicted = cross_validate(
            lambda values, index: self.predicted_s(values)[index], self.measured_s, self.free, self.groups
        )
        return ErrorSummary.of(predicted, self.measured_s)

    def error(self) -> ErrorSummary:
        """Errors of the shipped calibration."""
        return ErrorSummary.of(self.predicted_s(), self.measured_s)


def _vidur_rows(chip: Chip, section: str) -> list[tuple[pd.DataFrame, Rig]]:
    table = measured("vidur_compute")
    rows = table[(table.hardware == VIDUR_NAMES.get(chip.name, chip.name)) & (table.op.map(ROW_SECTIONS) == section)]
    # phi-2 adds three tensors (attention, MLP, residual) in two kernels under one name
    return [(rows[~((rows.model == "phi-2") & (rows.op == "add"))], VIDUR_RIG)]


def _llmcompass_rows(chip: Chip, section: str) -> list[tuple[pd.DataFrame, Rig]]:
    table = measured("llmcompass_ops")
    table = table[(table.hardware == chip.name) & (table.op.map(ROW_SECTIONS) == section)]
    return [(rows, Rig(overhead_s=LLMCOMPASS_OVERHEAD_S[str(op)])) for op, rows in table.groupby("op")]


def _seconds(machine: GpuMachine, parameters: Any, rows: pd.DataFrame, rig: Rig, core_flops_per_s: float) -> Array:
    columns = {str(name): rows[name].to_numpy() for name in rows.columns}
    if isinstance(parameters, GemmParameters):
        return gemm_seconds(machine, parameters, columns, rig, core_flops_per_s)
    if isinstance(parameters, MoeParameters):
        return moe_layer_seconds(machine, parameters, columns, rig, core_flops_per_s)
    if isinstance(parameters, RowwiseParameters):
        return rowwise_seconds(machine, parameters, columns, rig)
    return attention_seconds(machine, parameters, columns, rig, core_flops_per_s)
