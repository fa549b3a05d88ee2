"""Suites whose rows are products on one systolic array, as another simulator counts their cycles.

Columns: ``M``, ``N``, ``K``, ``array`` (rows x columns), ``dataflow``, ``sram_kB_each`` (of each of three buffers, one
byte a word), ``bandwidth_mode`` (``CALC``: as much as it takes, so nothing waits; ``USER``: ``words_per_cycle``) and
``total_cycles``.
"""

from __future__ import annotations

import numpy as np

from accelsim.cost.systolic.buffers import buffered_cycles, scale_sim
from accelsim.cost.systolic.cycles import array_cycles
from accelsim.errors import ConfigError
from accelsim.validation.compare import MeasuredComparison
from accelsim.validation.kinds.base import SuiteKind, register_suite_kind
from accelsim.validation.machines import Machines
from accelsim.validation.table import Table

_NUMBERS = ("M", "N", "K", "sram_kB_each", "words_per_cycle", "total_cycles")
_WORDS_PER_KB = 1024
_HARDWARE = "systolic array"


@register_suite_kind("cycles")
class Cycles(SuiteKind):
    """Cycles of products on one array; the comparison holds cycles."""

    def compare(self, suite: str, table: Table, machines: Machines) -> MeasuredComparison:
        """See :class:`~accelsim.validation.kinds.base.SuiteKind`."""
        table.require((*_NUMBERS, "array", "dataflow", "bandwidth_mode"))
        every = np.arange(len(table))
        numbers = np.stack([table.numbers(name, every) for name in _NUMBERS], axis=1)
        for row, column in np.argwhere(~(numbers >= 1)).tolist():
            raise ConfigError(f"{table.where(row, _NUMBERS[column])}: expected a number of at least 1")
        predicted = [_cycles(table, row, numbers[row].astype(np.int64).tolist()) for row in every.tolist()]
        labels = [
            (_HARDWARE, "gemm", f"{dataflow} {mode}")
            for dataflow, mode in zip(table.text("dataflow"), table.text("bandwidth_mode"), strict=True)
        ]
        work = np.prod(numbers[:, :3], axis=1)
        return MeasuredComparison(suite, labels, work, np.array(predicted, np.float64), numbers[:, -1], unit="cycles")


def _cycles(table: Table, row: int, numbers: list[int]) -> int:
    m, n, k, kilobytes, words_per_cycle, _ = numbers
    array, dataflow, mode = (table.text(column)[row] for column in ("array", "dataflow", "bandwidth_mode"))
    rows, by, cols = array.partition("x")
    if not (by and rows.isdecimal() and cols.isdecimal()):
        raise ConfigError(f"{table.where(row, 'array')}: expected ROWSxCOLS, e.g. 128x128, got {array!r}")
    if mode not in ("CALC", "USER"):
        raise ConfigError(f"{table.where(row, 'bandwidth_mode')}: expected CALC or USER, got {mode!r}")
    if mode == "CALC":
        return int(array_cycles(m, n, k, int(rows), int(cols), dataflow))
    buffers = scale_sim(kilobytes * _WORDS_PER_KB, words_per_cycle)
    return buffered_cycles((m, n, k), (int(rows), int(cols)), dataflow, buffers).cycles
