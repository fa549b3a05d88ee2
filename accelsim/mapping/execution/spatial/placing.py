"""The placement stage of a spatial run: one problem per chip, arranged by the plan's placer under all constraints."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from accelsim.errors import PlacementError
from accelsim.hardware.system import System
from accelsim.mapping.execution.spatial.faults import forbidden_tiles
from accelsim.mapping.execution.spatial.floor import Floor
from accelsim.mapping.execution.spatial.judge import LatencyJudge
from accelsim.mapping.execution.spatial.lanes import Spot
from accelsim.mapping.execution.spatial.sizing import Sizes
from accelsim.mapping.execution.spatial.walk import Walk
from accelsim.mapping.placement.arrange import arrange, check_kept
from accelsim.mapping.placement.base import PLACERS, Item, ItemWire, PlacementProblem
from accelsim.mapping.placement.constraints import ResolvedConstraints
from accelsim.mapping.placement.placement import Placement
from accelsim.network.noc import Rectangle

#: The problem of one chip, and the groups it holds.
ChipProblem = tuple[PlacementProblem, tuple[int, ...]]


def chip_problems(
    walk: Walk,
    sizes: Sizes,
    system: System,
    constraints: ResolvedConstraints,
    judge: LatencyJudge | None = None,
) -> tuple[ChipProblem, ...]:
    """One placement problem per chip; wires carry the bytes of the whole phase; ``judge`` replaces bytes x hops.

    Args:
        walk: Groups, and the bytes that flow between them in the whole phase.
        sizes: Tiles and chip of every group.
        system: The grid of its chip, with its faults.
        constraints: What is asked of the placement.
        judge: Estimates the latency of a layout, to place by; None: bytes x hops.

    Raises:
        PlacementError: Constraints ask for groups of several chips to lie together.
    """
    pipeline = walk.pipeline
    names = [group.name for group in pipeline.groups]
    found = []
    members_of: list[list[int]] = [[] for _ in range(max(sizes.chip_of) + 1)]
    for group, chip in enumerate(sizes.chip_of):
        members_of[chip].append(group)
    wires_of = [[] for _ in members_of] if sizes.are_shared else _wires(walk, sizes.chip_of, members_of)
    for chip, members in enumerate(map(tuple, members_of)):
        items = tuple(Item(names[i], *sizes.of_part(pipeline.groups[i].part)) for i in members)
        wires = tuple(wires_of[chip])
        here = constraints.on(chip, members, forbidden_tiles(system.chip), names)
        timing = judge.of(members) if judge is not None else None
        found.append((PlacementProblem(system.chip.core_grid, items, wires, here, timing=timing), members))
    return tuple(found)


def _wires(walk: Walk, chip_of: Sequence[int], members_of: Sequence[Sequence[int]]) -> list[list[ItemWire]]:
    """What flows between the groups of each chip, by their places among its members."""
    place = {group: at for members in members_of for at, group in enumerate(members)}
    found: list[list[ItemWire]] = [[] for _ in members_of]
    for flow, nbytes in zip(walk.pipeline.flows, walk.flow_total_bytes.tolist(), strict=True):
        if chip_of[flow.producer] == chip_of[flow.consumer]:
            found[chip_of[flow.producer]].append(ItemWire(place[flow.producer], place[flow.consumer], float(nbytes)))
    return found


def place_groups(problems: Sequence[ChipProblem], system: System, placer: str, seed: int, budget: int) -> Floor:
    """Every group on the rectangle that a placer finds for it.

    Args:
        problems: One per chip.
        system: The machine, for the floor that comes out.
        placer: Name of a placer of the registry.
        seed: Seed of the placer.
        budget: Evaluations that it may make, per chip.

    Raises:
        PlacementError: No layout that keeps the constraints.
    """
    rng = np.random.default_rng(seed)
    found = [arrange(problem, PLACERS.get(placer), rng, budget) if members else () for problem, members in problems]
    return _floor(problems, system, found)


def use_placement(problems: Sequence[ChipProblem], system: System, placement: Placement) -> Floor:
    """Every group where a placement says.

    Args:
        problems: One per chip, with the constraints that hold there.
        system: The machine, whose grid must be that of the placement.
        placement: Chip and rectangle of every group by name.

    Raises:
        PlacementError: It was made for another grid or other groups, or breaks a pin or uses a forbidden tile.
    """
    if placement.grid != system.chip.core_grid:
        raise PlacementError(
            f"placement: made for a grid of {placement.grid}, this chip has {system.chip.core_grid}. Place again."
        )
    found = []
    for chip, (problem, _) in enumerate(problems):
        found.append(placement.rectangles(chip, [item.name for item in problem.items]))
        check_kept(problem, found[-1])
    return _floor(problems, system, found)


def _floor(problems: Sequence[ChipProblem], system: System, found: Sequence[Sequence[Rectangle]]) -> Floor:
    spots = {
        group: Spot(chip, rectangle)
        for chip, ((_, members), rectangles) in enumerate(zip(problems, found, strict=True))
        for group, rectangle in zip(members, rectangles, strict=True)
    }
    return Floor(system, tuple(spots[group] for group in sorted(spots)))
