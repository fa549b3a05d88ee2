"""Setting circuits between collectives, as operators of their own on the timeline.

A level whose circuit switch is *moved* holds the circuits of the collective before.  One that needs others waits until
they are set: a task of kind ``set_circuits``, which starts as soon as the collective before has ended, so that work of
the chip may hide it.  The circuits of a run's first collective are there when it begins, as before a job.

Copies of a block follow one another with the circuits that the copy before has left; where the first copy finds others,
it becomes a block of its own.  The steps of a decode are alike, so the first one finds what the last has left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from accelsim.cost.call import Call
from accelsim.cost.cost import Cost
from accelsim.hardware.system import System
from accelsim.mapping.price import PricedBlock, PricedOperator
from accelsim.mapping.servers import SET_PATH
from accelsim.mapping.waits import SET_CIRCUITS
from accelsim.network.optical.settings import is_ring
from accelsim.workload.operator import Operator

#: Circuits of a level: those of a ring by its size and stride, those that another call begins or ends with.
Pattern = tuple[object, ...]


@dataclass(frozen=True)
class SetCircuits(Operator):
    """The circuits of a level are set to those that the next collective needs; nothing is computed or moved."""

    kind: ClassVar[str] = SET_CIRCUITS


def with_circuits(passes: Sequence[tuple[PricedBlock, ...]], system: System) -> list[tuple[PricedBlock, ...]]:
    """The priced passes with a setting before each collective that finds other circuits than it needs.

    Args:
        passes: Blocks of each pass or series of passes.
        system: Its levels say which of their circuits move.
    """
    moved = {level.name: level.setting_s for level in system.levels.values() if level.setting_s}
    if not moved:
        return list(passes)
    walk = _Walk(moved)
    return [tuple(walk.through(blocks)) for blocks in passes]


class _Walk:
    """Goes through the blocks in order of time and knows which circuits each level has."""

    def __init__(self, setting_s: Mapping[str, float]) -> None:
        self._setting_s = setting_s
        self._lit: dict[str, Pattern] = {}
        self._settings: dict[tuple[str, str], PricedOperator] = {}
        self._known: dict[tuple[PricedBlock, tuple[tuple[str, Pattern], ...]], PricedBlock] = {}

    def through(self, blocks: Sequence[PricedBlock]) -> Iterator[PricedBlock]:
        """The blocks of one pass, or of a series of them that are alike."""
        if blocks and blocks[0].count > 1:
            for block in blocks:
                self._lit |= self._left_by(block)
        for block in blocks:
            again = {**self._lit, **self._left_by(block)}
            if block.repeat > 1 and again != self._lit:
                first = self._with_settings(replace(block, repeat=1), self._lit)
                later = self._with_settings(replace(block, repeat=block.repeat - 1), again)
                alike = len(first.operators) == len(later.operators)
                yield from [self._with_settings(block, again)] if alike else [first, later]
            else:
                yield self._with_settings(block, self._lit)
            self._lit = again

    def _left_by(self, block: PricedBlock) -> dict[str, Pattern]:
        """Circuits that a block leaves."""
        return {level: pattern[1] for one in block.operators for level, pattern in self._patterns(one).items()}

    def _patterns(self, one: PricedOperator) -> dict[str, tuple[Pattern, Pattern]]:
        """Circuits that an operator begins and ends with, by level."""
        if one.cost.on_cores:
            return {}
        group = getattr(one.operator, "group", None)
        ring: Pattern = ("ring", group)
        other: Pattern = (one.cost.call.algorithm, group)
        ends = (ring, ring) if is_ring(one.cost) else ((*other, "first"), (*other, "last"))
        return {phase.level: ends for phase in one.cost.phases if phase.level in self._setting_s}

    def _with_settings(self, block: PricedBlock, lit: Mapping[str, Pattern]) -> PricedBlock:
        """The block with settings in front of the collectives that need them; equal blocks are one object."""
        key = block, tuple(sorted(lit.items(), key=lambda item: item[0]))
        if key not in self._known:
            self._known[key] = self._built(block, dict(lit))
        return self._known[key]

    def _built(self, block: PricedBlock, lit: dict[str, Pattern]) -> PricedBlock:
        operators: list[PricedOperator] = []
        waits: list[tuple[int, ...]] = []
        place: dict[int, int] = {}
        for index, one in enumerate(block.operators):
            patterns = self._patterns(one)
            new = [level for level, (begins, _) in patterns.items() if lit.get(level, begins) != begins]
            settings = range(len(operators), len(operators) + len(new))
            for level in new:
                operators.append(self._setting(level, one.operator.name))
                waits.append(())
            place[index] = len(operators)
            operators.append(one)
            waits.append((*(place[before] for before in block.predecessors[index]), *settings))
            lit |= {level: ends for level, (_, ends) in patterns.items()}
        growing = {place[index]: steps for index, steps in block.growing.items()}
        if len(operators) == len(block.operators):
            return block
        return replace(block, operators=tuple(operators), predecessors=tuple(waits), growing=growing)

    def _setting(self, level: str, before: str) -> PricedOperator:
        """The setting in front of a collective; equal ones are one object."""
        key = level, before
        if key not in self._settings:
            seconds = self._setting_s[level]
            cost = Cost(seconds, {}, {SET_PATH: seconds}, SET_PATH, call=Call(SET_CIRCUITS, 0, 1, level))
            self._settings[key] = PricedOperator(SetCircuits(f"{before}.{SET_CIRCUITS}", (), ()), cost)
        return self._settings[key]
