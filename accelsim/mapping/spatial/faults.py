"""Tiles a placement must leave alone: dead ones, and rows and columns kept as spares.

A row with a dead tile is replaced by a spare row, as far as there are spares, then a column by a spare column: the
grid a program sees shifts by one and nothing is lost.  Dead tiles beyond that stay where they are, and rectangles go
around them.  Spares lie behind the last row and column in use.

Not modelled: the longer wires across a row that was left out, dead links.
"""

from __future__ import annotations

from collections import Counter

from accelsim.hardware.chip import Chip
from accelsim.network.noc import Rectangle


def forbidden_tiles(chip: Chip) -> tuple[Rectangle, ...]:
    """Rectangles that no group may touch: spare rows and columns, and dead tiles that spares do not cover."""
    rows, cols = chip.core_grid
    found = []
    if chip.spare_rows:
        found.append(Rectangle(rows - chip.spare_rows, 0, chip.spare_rows, cols))
    if chip.spare_cols:
        found.append(Rectangle(0, cols - chip.spare_cols, rows - chip.spare_rows, chip.spare_cols))
    used_rows, used_cols = rows - chip.spare_rows, cols - chip.spare_cols
    dead = {(row, col) for row, col in chip.dead_tiles if row < used_rows and col < used_cols}
    dead = _repaired(dead, 0, chip.spare_rows)
    dead = _repaired(dead, 1, chip.spare_cols)
    return (*found, *(Rectangle(row, col, 1, 1) for row, col in sorted(dead)))


def fault_warnings(chip: Chip, num_given: int) -> tuple[str, ...]:
    """What the faults cost: tiles that groups hold of those the grid has."""
    forbidden = forbidden_tiles(chip)
    if not chip.dead_tiles and not forbidden:
        return ()
    dead = sum(1 for rectangle in forbidden if rectangle.num_cores == 1)
    return (
        f"chip {chip.name}: {len(set(chip.dead_tiles))} dead tiles, {dead} of them not covered by "
        f"{chip.spare_rows} spare rows and {chip.spare_cols} spare columns; groups placed around them hold "
        f"{num_given:,} of {chip.num_cores:,} tiles",
    )


def _repaired(dead: set[tuple[int, int]], axis: int, spares: int) -> set[tuple[int, int]]:
    """Dead tiles left when the ``spares`` lines with most of them are replaced."""
    lines = {line for line, _ in Counter(tile[axis] for tile in sorted(dead)).most_common(spares)}
    return {tile for tile in dead if tile[axis] not in lines}
