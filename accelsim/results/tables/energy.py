"""Energy by component and class of operator."""

from __future__ import annotations

from accelsim.hardware.optical.array import OPTICAL_NOC
from accelsim.mapping.servers import HOST_LINK
from accelsim.network.optical.layer import optical_layer
from accelsim.results.account import OperatorRow
from accelsim.results.data import RunData
from accelsim.results.tables.columns import Columns, by_column

#: Energy inside the cores (arithmetic and operand SRAM), drawn whenever a chip works, and drawn while nothing runs.
CORES, BUSY, STATIC = "cores", "busy", "static"


def energy_table(result: RunData) -> Columns:
    """Joules of all chips by component and kind of operator; sums to the energy of the run.

    A memory level, network or link counts its bytes times its energy per byte; ``cores`` is the rest of an operator's
    dynamic energy: arithmetic and the operands read from the cores' own SRAM, which cost models price together.
    ``busy`` is what a chip draws on top of its idle power whenever it works, ``static`` the idle power of every chip
    and the lasers of its links over the latency.
    """
    split: dict[tuple[str, str], float] = {}
    for row in result.ledger.rows:
        left = row.energy_j
        for level, energy_j in _moved_j(result, row).items():
            split[level, row.kind] = split.get((level, row.kind), 0.0) + energy_j
            left -= energy_j
        # What is left may be rounding of the subtraction; it is booked all the same, so that the sum is exact.
        split[CORES, row.kind] = split.get((CORES, row.kind), 0.0) + left
    total_j = result.energy.total_j
    drawn = {key: energy_j for key, energy_j in split.items() if abs(energy_j) > 1e-12 * total_j}
    drawn |= {(name, ""): j for name, j in ((BUSY, result.energy.busy_j), (STATIC, result.energy.static_j)) if j}
    rows = [(component, kind, j, j / (total_j or 1.0)) for (component, kind), j in drawn.items()]
    return by_column(rows, ("component", "kind", "energy_j", "share"))


def _moved_j(result: RunData, row: OperatorRow) -> dict[str, float]:
    """Energy of the bytes of a row by level; nothing is moved for an operator that is priced without energy."""
    if row.energy_j <= 0.0:
        return {}
    return {level: nbytes * _j_per_byte(result, level) for level, nbytes in row.traffic_bytes.items()}


def _j_per_byte(result: RunData, level: str) -> float:
    chip = result.machine.chip
    if level in chip.all_memories:
        return chip.all_memories[level].energy_j_per_byte
    if level in result.machine.levels:
        return result.machine.levels[level].link.energy_j_per_byte
    if level == "sram":
        return chip.sram_energy_j_per_byte
    if level == HOST_LINK and result.machine.host is not None:
        return result.machine.host.link.energy_j_per_byte
    if level == "noc" and chip.noc is not None:
        return chip.noc.energy_j_per_byte
    if level == OPTICAL_NOC:
        return optical_layer(chip).energy_j_per_byte
    return 0.0
