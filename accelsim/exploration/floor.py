"""A placement that can be changed step by step, each step simulated, with a way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple, TypedDict, Unpack

from accelsim.case.case import Case
from accelsim.catalog import Catalog
from accelsim.engine.program import run_program
from accelsim.errors import PlacementError
from accelsim.exploration.history import History, Settings, Step
from accelsim.mapping.execution.spatial.prices import PriceBook
from accelsim.mapping.execution.spatial.report import placement_of
from accelsim.mapping.execution.spatial.run import DEFAULT_PLACER, price_book, run_on_tiles
from accelsim.mapping.execution.spatial.settle import Searching
from accelsim.mapping.job import Job
from accelsim.mapping.placement.placement import Placement
from accelsim.mapping.placement.swap import swap
from accelsim.mapping.plan import spatial_plan
from accelsim.workload.graph import Segment
from accelsim.workload.phase import PHASES, Phase

#: Evaluations a placer may make: a second or two, so that a change is answered while one looks.
DEFAULT_BUDGET = 2_000
#: Placer of a placement that was changed by hand.
BY_HAND = "by_hand"

PhaseKind = Literal["prefill", "decode"]


class _OnGrid(NamedTuple):
    """A phase on a grid: the job, segments of its fullest traversal, and what is known of prices."""

    job: Job
    largest: Sequence[Segment]
    book: PriceBook


class Changes(TypedDict, total=False):
    """Settings that an exploration can change.

    Attributes:
        placer: Name of a placer, or a placement file.
        seed: Seed of the placer.
        kind: ``prefill`` or ``decode``.
        batch: Sequences.
        tokens: Prompt of each sequence, or tokens in its KV cache.
        grid: Rows and columns of tiles of the chip.
    """

    placer: str | None
    seed: int | None
    kind: PhaseKind | None
    batch: int | None
    tokens: int | None
    grid: tuple[int, int] | None


class Exploration:
    """Groups of a model on the tiles of a chip, to be moved around.

    Every change is mapped and simulated in full; nothing is estimated.  A change that is refused (no room, no SRAM)
    leaves everything as it was.

    Args:
        case: What is run, in spatial execution; its machine by name, so that its grid can be changed.
        budget: Evaluations that the placer may make.
        catalog: Where names are looked up; None is the packaged catalog.

    Raises:
        ConfigError: Bad input.
        CapacityError: The model does not fit.
    """

    def __init__(self, case: Case, budget: int = DEFAULT_BUDGET, catalog: Catalog | None = None) -> None:
        self._case, self._budget, self._catalog = case, budget, catalog
        self._plan = spatial_plan(case.plan)
        self._on_grids: dict[tuple[Phase, tuple[int, int]], _OnGrid] = {}
        grid = case.load(catalog).job.system.chip.core_grid
        self.history = History(case.model if isinstance(case.model, str) else case.model.name)
        self._place(Settings(self._plan.placer or DEFAULT_PLACER, case.seed, case.phase, grid), "placed")

    @property
    def case(self) -> Case:
        """What was asked for in the beginning."""
        return self._case

    @property
    def now(self) -> Step:
        """The placement as it is."""
        return self.history.now

    @property
    def before(self) -> Step | None:
        """The placement before the last change; None if there was none."""
        return self.history.before

    @property
    def placed(self) -> Step:
        """The last placement that a placer made."""
        return self.history.placed

    @property
    def num_undoable(self) -> int:
        """Changes that can be taken back."""
        return self.history.num_undoable

    def swap(self, first: str, second: str) -> None:
        """Let two groups of one chip change places.

        Args:
            first: Name of a group, as the floorplan shows it.
            second: Name of the group it changes places with, on the same chip.

        Raises:
            PlacementError: No such group, pinned, on different chips, or no room.
            CapacityError: A group's new rectangle has too little SRAM.
        """
        run = self.now.run
        places = {item.name: (chip, at) for chip, (p, _) in enumerate(run.problems) for at, item in enumerate(p.items)}
        for name in (first, second):
            if name not in places:
                raise PlacementError(f"no group {name!r}. Groups: {', '.join(list(places)[:6])} ...")
        (chip, a), (other, b) = places[first], places[second]
        if chip != other:
            raise PlacementError(f"{first} is on chip {chip}, {second} on chip {other}. Swap groups of one chip.")
        problem, members = run.problems[chip]
        rectangles = [run.floor.spots[group].rectangle for group in members]
        moved = swap(problem, rectangles, a, b)
        old = self.placement()
        places_now = {item.name: (chip, r) for item, r in zip(problem.items, moved, strict=True)}
        placement = replace(old, placer=BY_HAND, places={**old.places, **places_now})
        others = sum(before != after for before, after in zip(rectangles, moved, strict=True)) - 2
        around = f"; {others} others made room" if others else ""
        self._map(self.now.settings, placement, f"swapped {first} and {second}{around}")

    def undo(self) -> None:
        """Take the last change back; without one nothing happens."""
        self.history.undo()

    def change(self, **settings: Unpack[Changes]) -> None:
        """Place anew with other settings; what is None or left out stays.

        Args:
            **settings: Those of :class:`Changes`.

        Raises:
            AccelsimError: The settings are not possible; nothing has changed then.
        """
        old = self.now.settings
        placer, seed, grid = settings.get("placer"), settings.get("seed"), settings.get("grid")
        new = Settings(
            placer=old.placer if placer is None else placer,
            seed=old.seed if seed is None else seed,
            phase=_phase(old.phase, settings.get("kind"), settings.get("batch"), settings.get("tokens")),
            grid=old.grid if grid is None else grid,
        )
        self._place(new, f"placed again by {new.placer}")

    def placement(self) -> Placement:
        """The placement as a value; ``.to_yaml()`` is a file for ``--plan placer=FILE``."""
        return placement_of(self.now.run, self.history.model, self.now.settings.seed)

    def _place(self, settings: Settings, done: str) -> None:
        self._map(settings, None, done)

    def _map(self, settings: Settings, placement: Placement | None, done: str) -> None:
        """Add a step: a placement given, or one by the placer of the settings."""
        job, largest, book = self._on_grid(settings.phase, settings.grid)
        plan = self._plan.replace(placer=settings.placer if placement is None else BY_HAND)
        run = run_on_tiles(
            replace(job, plan=plan, seed=settings.seed), largest, book, Searching(self._budget, placement)
        )
        latency_s = run_program(run.program).makespan_s
        self.history.steps.append(Step(settings, run, latency_s, done, is_placed=placement is None))

    def _on_grid(self, phase: Phase, grid: tuple[int, int]) -> _OnGrid:
        """A phase on a grid, kept because its book remembers prices."""
        key = phase, grid
        if key not in self._on_grids:
            asked = (*self._case.overrides, ("chip.core_grid", f"[{grid[0]}, {grid[1]}]"))
            job = self._case.but(phase=phase, overrides=asked).load(self._catalog).job
            largest = job.model.build(phase.fullest(), job.recipe).segments
            self._on_grids[key] = _OnGrid(job, largest, price_book(job))
        return self._on_grids[key]

    def _repr_png_(self) -> bytes:
        """The floorplan as a picture, for a notebook without widgets."""
        return self.png()

    def png(self, chip: int = 0, dpi: int = 80) -> bytes:
        """The floorplan of a chip as the bytes of a PNG file.

        Args:
            chip: Which chip, from 0.
            dpi: Dots per inch of the picture.
        """
        from accelsim.exploration.view import summary
        from accelsim.results.plots.floorplan import floorplan_png

        return floorplan_png(self.now.run, chip, summary(self.history), dpi)

    def view(self, chip: int = 0) -> dict[str, Any]:
        """What a front end draws, as plain data."""
        from accelsim.exploration.view import view_of

        return view_of(self.history, chip)


def _phase(old: Phase, kind: PhaseKind | None, batch: int | None, tokens: int | None) -> Phase:
    """``old`` with what is given changed; a decode keeps its steps."""
    if kind is None and batch is None and tokens is None:
        return old
    batch = old.sequences if batch is None else batch
    tokens = old.length if tokens is None else tokens
    return PHASES.get(kind or old.kind).sized(batch, tokens, len(old.traversals()))
