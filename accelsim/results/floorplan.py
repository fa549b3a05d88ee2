"""What a picture of a spatial run shows of one chip: plain data for the plot, the report's page and the widget."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from accelsim.mapping.execution.spatial.faults import uncovered_tiles
from accelsim.mapping.execution.spatial.occupancy import Fill
from accelsim.mapping.execution.spatial.report import link_flows
from accelsim.network.noc import Rectangle

if TYPE_CHECKING:
    from accelsim.mapping.execution.spatial.run import SpatialRun

_LINK = re.compile(r"(?:chip(\d+)\.)?noc\((\d+),(\d+)\)->\((\d+),(\d+)\)")
#: How far beside the line between two blocks a direction is drawn, in blocks, so that both can be seen.
BESIDE = 0.1

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class GroupBox:
    """A group on its tiles.

    Attributes:
        name: ``decoder3.attn``.
        part: What it is a copy of, ``decoder.attn``.
        kind: Number of that part, in model order; the colour.
        rectangle: Its tiles.
        fill: Its SRAM.
        is_pinned: Whether the placement had to put it there.
    """

    name: str
    part: str
    kind: int
    rectangle: Rectangle
    fill: Fill
    is_pinned: bool

    @property
    def labels(self) -> tuple[tuple[str, ...], ...]:
        """Lines to write on it, best first, for the first that fits: ``decoder3 attn``, ``d3 attn``, ``d3a``, ``3``."""
        block, _, rest = self.name.partition(".")
        number = re.sub(r"\D", "", block)
        short = f"{block[:1]}{number}"
        lines = (
            [(block, rest), (short, rest), (short + rest[:1],), (number or short,)] if rest else [(block,), (short,)]
        )
        return tuple(dict.fromkeys(lines))


@dataclass(frozen=True, slots=True)
class LinkLine:
    """A link of the coarse mesh, or as many core links as lie side by side between two blocks.

    Attributes:
        name: As in the tables of a result.
        start: Column and row of the middle of the block it leaves, moved aside of the opposite direction.
        end: The same of the block it enters.
        nbytes: Bytes over the whole run.
        busy_s: Time these take at its full capacity.
        users: Flows that load it with their bytes, most first.
    """

    name: str
    start: Point
    end: Point
    nbytes: float
    busy_s: float
    users: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Floorplan:
    """One chip of a spatial run.

    Attributes:
        title: Chip and plan.
        grid: Rows and columns of tiles.
        groups: In model order.
        links: Those that carry something, least first.
        closed: Tiles that do no work: forbidden ones, spares, dead ones.
    """

    title: str
    grid: tuple[int, int]
    groups: tuple[GroupBox, ...]
    links: tuple[LinkLine, ...]
    closed: tuple[Rectangle, ...]


def floorplan_of(run: SpatialRun, chip: int = 0) -> Floorplan:
    """What there is to draw of one chip of ``run``.

    Args:
        run: A placed run.
        chip: Chip of the run, from 0.
    """
    constraints, members = run.problems[chip][0].constraints, run.problems[chip][1]
    pinned = {members[item] for item in constraints.pinned}
    groups = []
    for index in members:
        group = run.pipeline.groups[index]
        part, fill = run.pipeline.parts[group.part].name, run.occupancy.fills[index]
        box = GroupBox(group.name, part, group.part, run.floor.spots[index].rectangle, fill, index in pinned)
        groups.append(box)
    name = run.floor.system.chip.name + (f", chip {chip} of {run.floor.num_chips}" if run.floor.num_chips > 1 else "")
    grid = run.floor.system.chip.core_grid
    dead = (Rectangle(row, col, 1, 1) for row, col in uncovered_tiles(run.floor.system.chip))
    closed = tuple(dict.fromkeys((*constraints.forbidden, *dead)))
    return Floorplan(f"{name}: {run.plan}", grid, tuple(groups), tuple(_links(run, chip)), closed)


def _links(run: SpatialRun, chip: int) -> list[LinkLine]:
    if run.floor.system.chip.noc is None:
        return []
    mesh, groups, flows = run.floor.mesh, run.pipeline.groups, run.pipeline.flows
    row_middles, col_middles = ((edges[:-1] + edges[1:]) / 2 for edges in (mesh.row_edges, mesh.col_edges))
    found = []
    for link, carried in link_flows(run).items():
        name, capacity = run.floor.links[link]
        ends = _LINK.fullmatch(name)
        if ends is None or int(ends[1] or 0) != chip:
            continue
        r0, c0, r1, c1 = (int(ends[i]) for i in range(2, 6))
        start, end = np.array([col_middles[c0], row_middles[r0]]), np.array([col_middles[c1], row_middles[r1]])
        aside = BESIDE * np.array([start[1] - end[1], end[0] - start[0]])
        users: dict[str, float] = {}
        for flow, nbytes in carried.items():
            label = f"{groups[flows[flow].producer].name} > {groups[flows[flow].consumer].name}"
            users[label] = users.get(label, 0.0) + nbytes
        total = sum(users.values())
        most = tuple(sorted(users.items(), key=lambda user: -user[1]))
        found.append(LinkLine(name, _point(start + aside), _point(end + aside), total, total / capacity, most))
    return sorted(found, key=lambda line: line.nbytes)


def _point(place: np.ndarray) -> Point:
    return float(place[0]), float(place[1])
