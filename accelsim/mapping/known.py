"""What was worked out already, for runs that share work or a part of the machine: a what-if prices what it relieves."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from accelsim.cost.base import Region
from accelsim.cost.columns import CostColumns
from accelsim.cost.cost import Cost
from accelsim.hardware.chip import Chip
from accelsim.hardware.level import SystemLevel
from accelsim.hardware.system import System
from accelsim.mapping.fuse import fuse_series
from accelsim.mapping.plan import Plan
from accelsim.mapping.shard import shard_series
from accelsim.network.seats import Seats
from accelsim.workload.operator import Operator
from accelsim.workload.phase import Phase
from accelsim.workload.recipe import Recipe
from accelsim.workload.series import build_series
from accelsim.workload.steps import StepSeries
from accelsim.workload.subject import Subject

T = TypeVar("T")

#: What a replica or a rank computes, in order.
Passes = tuple[StepSeries, ...]


@dataclass(frozen=True, slots=True, eq=False)
class OnCores:
    """Prices of operators on some cores of one chip: they depend on nothing else.

    Attributes:
        chip: The chip.
        region: Its cores that an operator spans.
        alone: Costs by operator.
        steps: Costs in every step of a series, by what tells series apart.
    """

    chip: Chip
    region: Region
    alone: dict[Operator, Cost] = field(default_factory=dict)
    steps: dict[Hashable, CostColumns] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class BetweenRanks:
    """Prices of operators between ranks: they depend on how chips are joined, where ranks sit, and the cores of a chip.

    Attributes:
        levels: How chips are joined.
        num_chips: Chips in use.
        num_cores: Cores of a chip, which pack what is sent to experts.
        library: What collectives run with.
        seats: Chips of the ranks.
        alone: Costs by operator.
    """

    levels: Mapping[str, SystemLevel]
    num_chips: int
    num_cores: int
    library: str
    seats: Seats | None
    alone: dict[Operator, Cost] = field(default_factory=dict)

    @property
    def facts(self) -> tuple[object, ...]:
        """What it depends on, but for the levels."""
        return self.num_chips, self.num_cores, self.library, self.seats


class Known:
    """Passes and shares of a job and of those made from it, and prices by the parts of the machine they depend on.

    Models and chips are told apart as objects: a chip with another clock is another object, and so is one that is read
    anew.
    """

    def __init__(self) -> None:
        self._passes: list[tuple[Subject, Phase, Recipe, Passes]] = []
        self._shares: dict[tuple[Passes, Plan, bool], Passes] = {}
        self._on_cores: list[OnCores] = []
        self._between_ranks: list[BetweenRanks] = []
        self._made: list[tuple[Callable[..., Any], tuple[object, ...], Any]] = []

    def passes(self, model: Subject, phase: Phase, recipe: Recipe) -> Passes:
        """All passes of a phase, in series.

        Args:
            model: What is computed.
            phase: On which tokens.
            recipe: How.
        """
        for known, of_phase, by_recipe, found in self._passes:
            if known is model and (of_phase, by_recipe) == (phase, recipe):
                return found
        built = build_series(model, phase, recipe)
        self._passes.append((model, phase, recipe, built))
        return built

    def shares(self, passes: Passes, plan: Plan, fuses_rows: bool) -> Passes:
        """One rank's share of each pass.

        Args:
            passes: What a replica computes.
            plan: How it is divided.
            fuses_rows: Whether chains of row operators become one operator each.

        Raises:
            PlanError: The plan does not divide the model.
        """
        key = passes, plan, fuses_rows
        if key not in self._shares:
            shares = shard_series(passes, plan)
            self._shares[key] = fuse_series(shares) if fuses_rows else shares
        return self._shares[key]

    def on_cores(self, chip: Chip, region: Region) -> OnCores:
        """What is known of operators on a region of a chip.

        Args:
            chip: The chip, known again as the same object.
            region: Rows and columns of cores that an operator spans.
        """
        for one in self._on_cores:
            if one.chip is chip and one.region == region:
                return one
        self._on_cores.append(OnCores(chip, region))
        return self._on_cores[-1]

    def between_ranks(self, system: System, seats: Seats | None) -> BetweenRanks:
        """What is known of operators between ranks that sit so on a system.

        Args:
            system: The levels of links and the library that prices depend on.
            seats: Chips of the ranks; None: those of their numbers.
        """
        new = BetweenRanks(system.levels, system.num_chips, system.chip.num_cores, system.library, seats)
        for one in self._between_ranks:
            if one.facts == new.facts and _are_same(one, new):
                return one
        self._between_ranks.append(new)
        return new

    def made(self, make: Callable[..., T], *parts: object) -> T:
        """What ``make`` makes of some parts, made once.

        Args:
            make: A function or a class.
            parts: Its arguments, known again as the same objects or, of plain values, as equal ones.
        """
        for by, of, found in self._made:
            if by is make and len(of) == len(parts) and all(map(_is_known, of, parts)):
                return found  # type: ignore[no-any-return]
        new = make(*parts)
        self._made.append((make, parts, new))
        return new


def _is_known(one: object, other: object) -> bool:
    return one is other or (isinstance(one, Recipe | str) and one == other)


def _are_same(one: BetweenRanks, other: BetweenRanks) -> bool:
    """Whether the levels are the same objects, in the same order."""
    mine, theirs = list(one.levels.items()), list(other.levels.items())
    if len(mine) != len(theirs):
        return False
    return all(a == b and level is other for (a, level), (b, other) in zip(mine, theirs, strict=True))
