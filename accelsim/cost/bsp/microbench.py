"""The Citadel microbenchmarks of an IPU as experiments of the bsp model: from a table's row to a predicted value.

What each benchmark does, as far as the paper says, is fixed here by its kind, never by its row: which tiles take part,
which chips, and which bytes count in an aggregate bandwidth.  A row of a kind that the model has no phase for is not
predicted; :func:`experiment` says why.

Source:
    Jia, Tillman, Maggioni, Scarpazza 2019 (arXiv 1912.03413), chapters 4 and 5.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from accelsim.cost.bsp import exchange, ladder
from accelsim.cost.bsp.ladder import LadderParameters
from accelsim.cost.bsp.machine import Array, BspMachine, bsp_machine
from accelsim.cost.bsp.products import product
from accelsim.dtypes import DType
from accelsim.hardware.chip import Chip

LARGE_BYTES = 102_400.0  # message of the peak-bandwidth tables; where a table names none it is taken to be this one
_UNITS = {"us": 1e-6, "ns": 1e-9, "GB/s": 1e9, "TFLOP/s": 1e12}


@dataclass(frozen=True)
class Row:
    """One row of the microbenchmark table, with the column names of ``ipu_citadel.csv``."""

    benchmark: str
    experiment: str
    num_ipus: int
    tiles_or_transfers: float
    message_bytes: float | None
    metric: str
    value: float
    unit: str

    @classmethod
    def of(cls, record: dict[str, str]) -> Row:
        """A row of the CSV file; further columns are ignored."""
        message, tiles = record["message_bytes"], record["tiles_or_transfers"]
        return cls(
            record["benchmark"],
            record["experiment"],
            int(float(record["num_ipus"] or 1)),
            float(tiles or 1),
            float(message) if message else None,
            record["metric"],
            float(record["value"]),
            record["unit"],
        )

    @property
    def is_rate(self) -> bool:
        """Whether the value is per second."""
        return self.unit.endswith("/s")

    @property
    def measured(self) -> float:
        """The value in SI units."""
        return self.value * _UNITS.get(self.unit, 1.0)


@dataclass(frozen=True)
class Bench:
    """A chip as the microbenchmarks need it."""

    chip: Chip
    machine: BspMachine
    ladder: LadderParameters

    @classmethod
    def of(cls, chip: Chip) -> Bench:
        """All tiles of ``chip``, fp32.

        Raises:
            ConfigError: The chip has no ``bsp`` or ``ladder`` calibration.
        """
        machine, _ = bsp_machine(chip, DType.FP32, *chip.core_grid)
        return cls(chip, machine, chip.calibrated("ladder", LadderParameters))

    def latency_s(self, row: Row) -> Array:
        """Latency to the chip that the experiment's words name, from chip 0."""
        return ladder.chip_latency_s(self.ladder, np.asarray(0), np.asarray(_target(row)))

    def cut_bytes_per_s(self, row: Row) -> Array:
        """Payload per direction through the middle of the chips that take part: a card's links, one rail or both."""
        cut = ladder.cut_bytes_per_s(self.ladder, np.asarray("same board" in row.experiment))
        return 2 * cut if row.num_ipus > 2 else cut


def predicted(row: Row, bench: Bench) -> float | None:
    """What the model says for ``row``, in SI units; None where it has no phase for the benchmark.

    Args:
        row: A row of the table of benchmarks.
        bench: The chip and the ladder it was measured on.
    """
    found = experiment(row)
    return None if isinstance(found, str) else float(found(row, bench))


def experiment(row: Row) -> Callable[[Row, Bench], Array] | str:
    """The experiment that a row belongs to, or why there is none."""
    for pattern, found in _EXPERIMENTS:
        if re.search(pattern, row.benchmark):
            return found
    return f"the model has no experiment for {row.benchmark!r}"


def _target(row: Row) -> int:
    """The farthest chip that takes part, numbered along the ladder, chip 0 sending."""
    if "same board" in row.experiment:
        return 1
    if "indirect" in row.experiment:
        return 3
    if "direct" in row.experiment:
        return 2
    return row.num_ipus - 1 if row.num_ipus > 2 else 2


def _is_across(row: Row) -> bool:
    return row.num_ipus > 1 or "board" in row.experiment or "other IPU" in row.experiment


def _pair_latency(row: Row, bench: Bench) -> Array:
    found = re.fullmatch(r"src (\d+) dst (\d+)", row.experiment)
    source, target = (int(found[1]), int(found[2])) if found else (0, 2)
    return ladder.chip_latency_s(bench.ladder, np.asarray(source), np.asarray(target))


def _transfers(row: Row, bench: Bench) -> Array:
    """Disjoint pairs of tiles; across chips every pair straddles the middle of the group."""
    count, nbytes = np.asarray(row.tiles_or_transfers), np.asarray(row.message_bytes or LARGE_BYTES)
    if not _is_across(row):
        time_s = exchange.point_to_point_s(bench.machine, count, nbytes)
    else:
        both_ways = "one direction" not in row.experiment and count > bench.machine.num_tiles
        per_direction = count / 2 if both_ways else count
        latency, cut = bench.latency_s(row), bench.cut_bytes_per_s(row)
        time_s = ladder.streams_s(
            bench.machine, bench.ladder, latency, cut, ladder.Streams(count, per_direction, nbytes)
        )
    if not row.is_rate:
        return time_s
    return (1.0 if "per transfer" in row.benchmark else count) * nbytes / time_s


def _tiles_and_bytes(row: Row) -> tuple[Array, Array]:
    return np.asarray(row.tiles_or_transfers), np.asarray(row.message_bytes or LARGE_BYTES)


def _broadcast(row: Row, bench: Bench) -> Array:
    tiles, nbytes = _tiles_and_bytes(row)
    if "self copy" in row.experiment:
        time_s = exchange.local_copy_s(bench.machine, nbytes)
    elif _is_across(row):
        own = np.asarray(row.num_ipus > 1)
        time_s = ladder.broadcast_across_s(bench.machine, bench.ladder, bench.latency_s(row), own, nbytes)
    else:
        time_s = exchange.broadcast_s(bench.machine, tiles, nbytes)
    return tiles * nbytes / time_s if row.is_rate else time_s


def _scatter(row: Row, bench: Bench) -> Array:
    tiles, nbytes = _tiles_and_bytes(row)
    time_s = (
        ladder.scatter_across_s(bench.machine, bench.latency_s(row), tiles, nbytes)
        if _is_across(row)
        else exchange.scatter_s(bench.machine, tiles, nbytes)
    )
    return tiles * nbytes / time_s if row.is_rate else time_s


def _all_to_all(row: Row, bench: Bench) -> Array:
    tiles, nbytes = _tiles_and_bytes(row)
    if _is_across(row):
        latency, cut = bench.latency_s(row), bench.cut_bytes_per_s(row)
        time_s = ladder.all_to_all_across_s(bench.machine, latency, cut, tiles, nbytes)
    else:
        time_s = exchange.all_to_all_s(bench.machine, tiles, nbytes)
    return tiles * (tiles - 1) * nbytes / time_s if row.is_rate else time_s


def _reduction(row: Row, bench: Bench) -> Array:
    tiles = np.asarray(row.tiles_or_transfers)
    named = re.search(r"(\d+) fp32 operands", f"{row.experiment} {row.benchmark}")
    operands = np.asarray(float(named[1])) if named else np.asarray(1.0)
    if "strong scaling" in row.benchmark:
        operands = operands / tiles
    if _is_across(row):
        time_s = ladder.reduction_across_s(bench.machine, bench.latency_s(row), tiles, operands)
    else:
        time_s = exchange.reduction_s(bench.machine, tiles, operands)
    return tiles * operands * 4 / time_s if row.is_rate else time_s


def _host(row: Row, bench: Bench) -> Array:
    tiles, nbytes = _tiles_and_bytes(row)
    time_s = ladder.host_s(bench.ladder, tiles, nbytes)
    return tiles * nbytes / time_s if row.is_rate else time_s


def _product(row: Row, bench: Bench) -> Array:
    sides = re.findall(r"\d{3,}", row.experiment)
    side = np.asarray(float(sides[-1]) if sides else 2048.0)
    dtype = DType.FP16 if "fp16" in row.experiment else DType.FP32
    machine, _ = bsp_machine(bench.chip, dtype, *bench.chip.core_grid)
    cost = product(machine, side, side, side, np.ones(()), weight_is_resident=False).cost
    return np.asarray(2 * side**3 / cost.time_s)


_EXPERIMENTS: tuple[tuple[str, Callable[[Row, Bench], Array] | str], ...] = (
    (r"^device fact", "an input of the model, or a figure it takes as given"),
    (r"^IPU pair latency", _pair_latency),
    (r"p2p", _transfers),
    (r"^broadcast", _broadcast),
    (r"^scatter", _scatter),
    (r"^all-to-all", _all_to_all),
    (r"^reduction", _reduction),
    (r"^host to IPU", _host),
    (r"matmul", _product),
)
