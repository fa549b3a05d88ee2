"""Operators that one formula priced together, as costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from accelsim.cost.causes import POWER_LIMIT
from accelsim.cost.columns import CostColumns
from accelsim.cost.cost import Cost
from accelsim.cost.gpu.machine import Array, cache_name
from accelsim.cost.gpu.shapes import Columns
from accelsim.cost.gpu.site import Site
from accelsim.cost.power_limit import Draw, held_at_limit
from accelsim.cost.residual import Residual


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
    site: Site,
    times: KernelTimes,
    trust: Sequence[Trust],
    details: Sequence[Mapping[str, float | str]],
    arithmetic_j: ArrayLike,
) -> list[Cost]:
    """Cost of each operator from the times of all.

    Args:
        operators: The operators.
        site: Where they run.
        times: Their kernels, one entry each.
        trust: How far to trust each.
        details: What the model chose for each.
        arithmetic_j: Energy of the arithmetic of each, in joules.
    """
    chip = site.chip
    cache, main = cache_name(chip), chip.main_memory
    causes = ("launch", "latency", "compute", cache, main)
    columns = (times.launch_s, times.latency_s, times.compute_s, times.l2_s, times.hbm_s)
    drawn = drawn_by(times, np.asarray(arithmetic_j), site)
    held = held_at_limit(drawn, chip, site.machine.num_cores)
    rows = zip(
        times.total_s.tolist(),
        zip(*(column.tolist() for column in columns), strict=True),
        times.l2_bytes.tolist(),
        times.hbm_bytes.tolist(),
        held.longer_s.tolist(),
        held.rest_s.tolist(),
        (held.cores_j + drawn.bytes_j).tolist(),
        trust,
        details,
        strict=True,
    )
    return [
        Cost(
            total_s + longer_s,
            {cache: cache_bytes, main: main_bytes},
            parts := dict(zip(causes, seconds, strict=True)) | ({POWER_LIMIT: longer_s} if longer_s > 0.0 else {}),
            max(parts, key=parts.__getitem__),
            energy_j,
            one.warnings,
            detail,
            one.residual,
            rest_s=rest_s,
        )
        for total_s, seconds, cache_bytes, main_bytes, longer_s, rest_s, energy_j, one, detail in rows
    ]


def columns_of_kernels(times: KernelTimes, arithmetic_j: Array, site: Site) -> CostColumns:
    """The same as columns, of an operator that grows from step to step.

    Args:
        times: Its kernels, one entry per step.
        arithmetic_j: Energy of the arithmetic of each, in joules.
        site: Where it runs.
    """
    cache, main = cache_name(site.chip), site.chip.main_memory
    drawn = drawn_by(times, np.asarray(arithmetic_j), site)
    held = held_at_limit(drawn, site.chip, site.machine.num_cores)
    parts_s = {"launch": times.launch_s, "latency": times.latency_s, "compute": times.compute_s}
    parts_s |= {cache: times.l2_s, main: times.hbm_s}
    if held.longer_s.any():
        parts_s |= {POWER_LIMIT: held.longer_s}
    traffic_bytes = {cache: times.l2_bytes, main: times.hbm_bytes}
    energy_j = held.cores_j + drawn.bytes_j
    return CostColumns(times.total_s + held.longer_s, traffic_bytes, parts_s, energy_j, held.rest_s)


def drawn_by(times: KernelTimes, arithmetic_j: Array, site: Site) -> Draw:
    """What kernels draw at the chip's own clock.

    Args:
        times: The kernels.
        arithmetic_j: Energy of the arithmetic of each, in joules.
        site: Where they run.
    """
    chip = site.chip
    cache_j, main_j = (chip.memories[name].energy_j_per_byte for name in (cache_name(chip), chip.main_memory))
    return Draw(
        total_s=times.total_s,
        compute_s=times.compute_s,
        waiting_s=times.launch_s + times.latency_s,
        cores_j=arithmetic_j + 2.0 * times.l2_bytes * chip.sram_energy_j_per_byte,
        bytes_j=times.l2_bytes * cache_j + times.hbm_bytes * main_j,
    )


def held_s(times: KernelTimes, arithmetic_j: Array, site: Site) -> Array:
    """Seconds of kernels at the clock that the power limit allows.

    Args:
        times: The kernels at the chip's own clock.
        arithmetic_j: Energy of the arithmetic of each, in joules.
        site: Where they run.
    """
    drawn = drawn_by(times, np.asarray(arithmetic_j), site)
    return times.total_s + held_at_limit(drawn, site.chip, site.machine.num_cores).longer_s
