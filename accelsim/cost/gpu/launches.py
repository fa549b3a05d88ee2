"""Operators that one formula priced together, as costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from accelsim.cost.cost import Cost
from accelsim.cost.gpu.machine import Array, cache_name
from accelsim.cost.gpu.shapes import Columns
from accelsim.cost.residual import Residual
from accelsim.hardware.chip import Chip


@dataclass(frozen=True, slots=True)
class KernelTimes(Columns):
    """Seconds and bytes of an array of kernels: ``launch_s + latency_s + compute_s + l2_s + hbm_s == total_s``.

    Attributes:
        total_s: Duration, launch included.
        launch_s: Launch.
        latency_s: What no resource is busy with.
        compute_s: Charged to the cores.
        l2_s: Charged to the cache.
        hbm_s: Charged to the main memory.
        l2_bytes: Bytes of the cache.
        hbm_bytes: Bytes of the main memory.
    """

    total_s: Array
    launch_s: Array
    latency_s: Array
    compute_s: Array
    l2_s: Array
    hbm_s: Array
    l2_bytes: Array
    hbm_bytes: Array


@dataclass(frozen=True, slots=True)
class Trust:
    """Why to trust a price less, and how far it may be off.

    Attributes:
        warnings: Texts.
        residual: Of measured times over this price.
    """

    warnings: tuple[str, ...]
    residual: Residual


def costs_of(
    operators: Sequence[Any],
    chip: Chip,
    times: KernelTimes,
    trust: Sequence[Trust],
    details: Sequence[Mapping[str, float | str]],
    flop_energy_j: float,
) -> list[Cost]:
    """Cost of each operator from the times of all.

    Args:
        operators: The operators.
        chip: The chip they run on.
        times: Their kernels, one entry each.
        trust: How far to trust each.
        details: What the model chose for each.
        flop_energy_j: Energy of one operation of the unit that computes them, in joules.
    """
    cache, main = cache_name(chip), chip.main_memory
    causes = ("launch", "latency", "compute", cache, main)
    columns = (times.launch_s, times.latency_s, times.compute_s, times.l2_s, times.hbm_s)
    cache_j = 2.0 * chip.sram_energy_j_per_byte
    cache_byte_j, main_byte_j = (chip.memories[name].energy_j_per_byte for name in (cache, main))
    rows = zip(
        operators,
        times.total_s.tolist(),
        zip(*(column.tolist() for column in columns), strict=True),
        times.l2_bytes.tolist(),
        times.hbm_bytes.tolist(),
        trust,
        details,
        strict=True,
    )
    return [
        Cost(
            total_s,
            {cache: cache_bytes, main: main_bytes},
            dict(zip(causes, parts, strict=True)),
            causes[parts.index(max(parts))],
            operator.flops * flop_energy_j
            + cache_bytes * cache_j
            + (cache_bytes * cache_byte_j + main_bytes * main_byte_j),
            one.warnings,
            detail,
            one.residual,
        )
        for operator, total_s, parts, cache_bytes, main_bytes, one, detail in rows
    ]
