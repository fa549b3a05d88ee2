"""Whole tables on GPUs, through the vectorised kernels of the ``gpu`` cost model."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from accelsim.cost.gpu.attention_table import FLASH, AttentionOp, flash_seconds, standard_seconds
from accelsim.cost.gpu.calibration import CalibratedRange, GpuCalibration
from accelsim.cost.gpu.machine import GpuMachine
from accelsim.cost.gpu.standard_attention import StandardKernels
from accelsim.cost.gpu.table import (
    ROW_SECTIONS,
    Columns,
    attention_seconds,
    gemm_seconds,
    moe_layer_seconds,
    rowwise_seconds,
)
from accelsim.dtypes import DType
from accelsim.errors import ConfigError
from accelsim.hardware.chip import Chip
from accelsim.validation.pricers.base import Array, Batch, Prices, register_table_pricer
from accelsim.warning import warn

#: Rows of one call; calls run in parallel, because numpy lets other threads work.
_CHUNK_ROWS = 4096
#: What the columns of tables are called in a section's calibrated range.
_EXTENTS = ("m", "n", "k", "rows", "width", "batch", "head_dim", "kv_len")
_ROW_RANGE = {"m": "rows", "n": "width"}


@dataclass(frozen=True)
class _Family:
    """A kernel family: its calibration section, what the calibration warns of, and its pricing function."""

    section: str
    warnings: tuple[str, ...]
    seconds: Callable[[Columns], Array]


@register_table_pricer("gpu")
class GpuTablePricer:
    """Prices products, attention and row operators; one call of a vectorised kernel per few thousand rows."""

    def predict_table(self, batch: Batch, chip: Chip) -> Prices:
        """See :class:`~accelsim.validation.pricers.base.TablePricer`.

        Raises:
            ConfigError: The ``gpu`` model does not run the operator, or the chip not the element type.
        """
        family = _family(batch, chip)
        columns = _columns(batch)
        chunks = [
            {name: column[at : at + _CHUNK_ROWS] for name, column in columns.items()}
            for at in range(0, len(batch), _CHUNK_ROWS)
        ]
        if len(chunks) == 1:
            seconds = family.seconds(chunks[0])
        else:
            with ThreadPoolExecutor(os.cpu_count()) as threads:
                seconds = np.concatenate(list(threads.map(family.seconds, chunks)))
        warnings = dict.fromkeys(family.warnings, len(batch))
        return Prices(seconds, {**warnings, **_outside(batch, chip, family.section)})


def section_of(op: str, dtype: DType) -> str:
    """Calibration section that prices rows of ``op``; blank when none does."""
    if op in ("gemm", "batched_gemm"):
        return "gemm" if dtype in (DType.BF16, DType.FP16) else f"gemm_{dtype.value}"
    if training := AttentionOp.of(op):
        return f"attention_{training.library}"
    return op if op.startswith(("attention", "moe")) else ROW_SECTIONS.get(op, "")


def seconds_with(parameters: Any, batch: Batch, chip: Chip) -> Array:
    """Seconds of a batch with these parameters of its kernel family in place of the chip's own."""
    return _family_with(parameters, (), batch, chip).seconds(_columns(batch))


def parameters_of(op: str, dtype: DType, chip: Chip) -> Any:
    """The calibrated numbers that price rows of ``op`` on ``chip``.

    Raises:
        ConfigError: The ``gpu`` model does not price the operator.
    """
    return _calibrated(op, dtype, chip)[0]


def _calibrated(op: str, dtype: DType, chip: Chip) -> tuple[Any, tuple[str, ...]]:
    calibration, section = GpuCalibration.of(chip), section_of(op, dtype)
    if training := AttentionOp.of(op):
        return calibration.training(training.library)
    if section.startswith("gemm"):
        return calibration.gemm(dtype)
    if section.startswith("attention"):
        return calibration.prefill() if section == "attention_prefill" else calibration.decode()
    if section.startswith("moe"):
        return calibration.moe(section)
    if section:
        return calibration.rows(section)
    raise ConfigError(f"the gpu cost model does not price {op}")


def _family(batch: Batch, chip: Chip) -> _Family:
    training = AttentionOp.of(batch.op)
    if training and training.library not in FLASH:
        return _standard(training, batch, chip)
    return _family_with(*_calibrated(batch.op, batch.dtype, chip), batch, chip)


def _family_with(parameters: Any, warnings: tuple[str, ...], batch: Batch, chip: Chip) -> _Family:
    machine, rig, section = GpuMachine.of(chip), batch.rig, section_of(batch.op, batch.dtype)
    if section in ROW_SECTIONS.values():
        return _Family(section, warnings, lambda rows: rowwise_seconds(machine, parameters, rows, rig))
    core = chip.peak_flops_per_s(batch.dtype, 1)
    if training := AttentionOp.of(batch.op):
        return _Family(
            section, warnings, lambda rows: flash_seconds(machine, parameters, rows, rig, core, training.direction)
        )
    if section.startswith("moe"):
        return _Family(section, warnings, lambda rows: moe_layer_seconds(machine, parameters, rows, rig, core))
    if section.startswith("attention"):
        return _Family(section, warnings, lambda rows: attention_seconds(machine, parameters, rows, rig, core))
    return _Family(section, warnings, lambda rows: gemm_seconds(machine, parameters, rows, rig, core))


def _standard(training: AttentionOp, batch: Batch, chip: Chip) -> _Family:
    """Standard attention: products, softmax and streams by the calibrations of these families."""
    calibration = GpuCalibration.of(chip)
    products = calibration.gemm(batch.dtype)
    softmax, streams = calibration.rows("reduction"), calibration.rows("elementwise")
    core = chip.peak_flops_per_s(batch.dtype, 1)
    kernels = StandardKernels(GpuMachine.of(chip), products[0], softmax[0], streams[0], core)
    fused, rig = training.library == "megatron", batch.rig
    return _Family(
        section_of(batch.op, batch.dtype),
        tuple(dict.fromkeys((*products[1], *softmax[1], *streams[1]))),
        lambda rows: standard_seconds(kernels, rows, rig, training.direction, fused=fused),
    )


def _columns(batch: Batch) -> dict[str, Any]:
    """The columns that the kernels read."""
    labels = {"op": np.full(len(batch), batch.op), "dtype": np.full(len(batch), batch.dtype.value)}
    return {**batch.extents, **labels}


def _outside(batch: Batch, chip: Chip, section: str) -> dict[str, int]:
    """Rows outside the range that the section was calibrated on, by a text that names the extent."""
    name = f"{section}_range"
    if name not in chip.calibration:
        return {}
    found = {}
    limits = chip.calibrated(name, CalibratedRange)
    known = {field.name: getattr(limits, field.name) for field in fields(limits) if field.name in _EXTENTS}
    for column, values in batch.extents.items():
        by_row = section in ROW_SECTIONS.values()
        span = known.get(_ROW_RANGE.get(column, "") if by_row else column, ())
        if len(span) == 2:
            count = int(((values < span[0]) | (values > span[1])).sum())
            if count:
                text = f"{column} outside the calibrated {span[0]} to {span[1]}"
                found[warn("outside-calibration", text)] = count
    return found
