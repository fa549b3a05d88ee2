"""What does not work on a chip: tiles a placement must leave alone, tiles a rectangle skips, links routes go around.

A row with many dead tiles is replaced by a spare row, as far as there are spares; then every row shifts past as many
of its dead tiles as there are spare columns: the grid a program sees moves by one and nothing is lost.  Spares lie
behind the last row and column in use.  Dead tiles beyond that stay where they are.  Rectangles go around them; on a
chip whose links lead past a dead core (``bypass``) a rectangle may hold some and works with as many columns as its
worst row has.

Not modelled: the longer wires across what was left out, dead routers (give all four links of one), links of a row that
a spare replaced (they keep their faults).

Source:
    S. Lie, *Wafer-Scale Deep Learning*, Hot Chips 2019: redundant cores and links restore a logical mesh.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt

from accelsim.cost.base import Region
from accelsim.errors import CapacityError, RoutingError
from accelsim.hardware.chip import Chip
from accelsim.network.noc import Rectangle
from accelsim.network.noc.coarse import check_links
from accelsim.warning import warn


def forbidden_tiles(chip: Chip) -> tuple[Rectangle, ...]:
    """Rectangles that no group may touch: spare rows and columns, and dead tiles nothing covers."""
    rows, cols = chip.core_grid
    found = []
    if chip.spare_rows:
        found.append(Rectangle(rows - chip.spare_rows, 0, chip.spare_rows, cols))
    if chip.spare_cols:
        found.append(Rectangle(0, cols - chip.spare_cols, rows - chip.spare_rows, chip.spare_cols))
    dead = [] if chip.bypass else uncovered_tiles(chip)
    return (*found, *(Rectangle(row, col, 1, 1) for row, col in dead))


def uncovered_tiles(chip: Chip) -> list[tuple[int, int]]:
    """Dead tiles that spares do not cover, rising."""
    used_rows, used_cols = chip.core_grid[0] - chip.spare_rows, chip.core_grid[1] - chip.spare_cols
    dead = sorted({(row, col) for row, col in chip.dead_tiles if row < used_rows and col < used_cols})
    replaced = {row for row, _ in Counter(row for row, _ in dead).most_common(chip.spare_rows)}
    left, seen = [], Counter[int]()
    for row, col in dead:
        if row not in replaced:
            seen[row] += 1
            if seen[row] > chip.spare_cols:
                left.append((row, col))
    return left


class WorkingTiles:
    """What is left of rectangles on one chip."""

    def __init__(self, chip: Chip) -> None:
        self._name = chip.name
        self._dead: npt.NDArray[np.bool_] | None = None
        if chip.bypass and (dead := uncovered_tiles(chip)):
            self._dead = np.zeros(chip.core_grid, dtype=bool)
            self._dead[tuple(np.array(dead).T)] = True

    def region(self, rectangle: Rectangle) -> Region:
        """Rows and columns of ``rectangle`` that work when each row skips its dead tiles.

        Raises:
            CapacityError: A row has none.
        """
        r = rectangle
        if self._dead is None:
            return Region(r.rows, r.cols)
        skipped = int(self._dead[r.row : r.row + r.rows, r.col : r.col + r.cols].sum(axis=1).max())
        if skipped == r.cols:
            raise CapacityError(f"chip {self._name}: every tile of a row of {r} is dead. Pin or size it otherwise.")
        return Region(r.rows, r.cols - skipped)


def check_reachable(chip: Chip) -> None:
    """Refuse dead links that cut a tile off which is not dead itself.

    Raises:
        RoutingError: They do; the tile is named.
        ConfigError: A dead link joins no neighbours.
    """
    dead = {(row, col) for row, col in chip.dead_tiles}
    for tile in cut_off_tiles(chip):
        if tile not in dead:
            raise RoutingError(
                f"chip {chip.name}: tile {tile} cannot be reached: noc.dead_links cut it off. "
                f"Add {list(tile)} to dead_tiles, or repair a link."
            )


def cut_off_tiles(chip: Chip) -> list[tuple[int, int]]:
    """Tiles that dead links separate from the largest connected part of the grid, rising."""
    if chip.noc is None or not chip.noc.dead_links:
        return []
    check_links(chip.name, chip.core_grid, chip.noc.dead_links)
    rows, cols = chip.core_grid
    across, down = np.ones((rows, cols), dtype=bool), np.ones((rows, cols), dtype=bool)
    across[:, -1] = down[-1] = False
    pairs = np.sort(np.array(chip.noc.dead_links, dtype=np.int64), axis=1)
    is_across = pairs[:, 0, 0] == pairs[:, 1, 0]
    for works, ends in ((across, pairs[is_across, 0]), (down, pairs[~is_across, 0])):
        works[ends[:, 0], ends[:, 1]] = False
    east, south = np.flatnonzero(across), np.flatnonzero(down)
    src, dst = np.concatenate([east, south]), np.concatenate([east + 1, south + cols])
    from scipy.sparse import coo_array  # a quarter of a second that few runs need
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(src), dtype=np.int8), (src, dst)), shape=(rows * cols, rows * cols))
    _, part = connected_components(graph, directed=False)
    lost = np.flatnonzero(part != np.bincount(part).argmax())
    return [divmod(int(tile), cols) for tile in lost]


def fault_warnings(chip: Chip, num_given: int) -> tuple[str, ...]:
    """What the faults cost: tiles that groups hold of those the grid has.

    Args:
        chip: The chip with its dead tiles and links.
        num_given: Tiles that all groups hold together.
    """
    links = len(chip.noc.dead_links) if chip.noc is not None else 0
    if not chip.dead_tiles and not links and not forbidden_tiles(chip):
        return ()
    how = "skipped inside the groups, which" if chip.bypass else "groups placed around them"
    dead_links = f", {links} dead links" if links else ""
    text = (
        f"chip {chip.name}: {len(set(chip.dead_tiles))} dead tiles{dead_links}, {len(uncovered_tiles(chip))} tiles of "
        f"them not covered by {chip.spare_rows} spare rows and {chip.spare_cols} spare columns; {how} hold "
        f"{num_given:,} of {chip.num_cores:,} tiles"
    )
    return (warn("chip-faults", text),)


def without_faults(chip: Chip) -> Chip:
    """The same chip with every tile and link at work; spares stay spares."""
    noc = chip.noc.model_copy(update={"dead_links": ()}) if chip.noc is not None else None
    return chip.model_copy(update={"dead_tiles": (), "noc": noc})


def sample_faults(chip: Chip, tile_defects: float, link_defects: float, rng: np.random.Generator) -> Chip:
    """``chip`` with more dead tiles and links, each dead with a probability of its own, independent of the others.

    Tiles that the links cut off are dead too.  Not modelled: defects that cluster on a wafer.

    Args:
        chip: A chip with an on-chip network.
        tile_defects: Probability that a tile does not work.
        link_defects: Probability that the link between two neighbours does not work.
        rng: Only source of randomness.
    """
    rows, cols = chip.core_grid
    dead = np.argwhere(rng.random((rows, cols)) < tile_defects)
    across = np.argwhere(rng.random((rows, cols - 1)) < link_defects)
    down = np.argwhere(rng.random((rows - 1, cols)) < link_defects)
    ends = [(first, first + step) for places, step in ((across, (0, 1)), (down, (1, 0))) for first in places]
    links = tuple((_tile(a), _tile(b)) for a, b in ends)
    assert chip.noc is not None
    noc = chip.noc.model_copy(update={"dead_links": (*chip.noc.dead_links, *links)})
    worn = chip.model_copy(update={"dead_tiles": (*chip.dead_tiles, *map(_tile, dead)), "noc": noc})
    return worn.model_copy(update={"dead_tiles": tuple(sorted({*worn.dead_tiles, *cut_off_tiles(worn)}))})


def _tile(place: npt.NDArray[np.int64]) -> tuple[int, int]:
    return int(place[0]), int(place[1])
