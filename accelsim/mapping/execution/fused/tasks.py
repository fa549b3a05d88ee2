"""Task graph of sections: loads ahead of them, one section computes while the weights of the next come in."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from accelsim.cost.call import ALONE
from accelsim.cost.cost import Cost
from accelsim.engine.program import Program
from accelsim.engine.series import Stage
from accelsim.engine.taskgraph import TaskGraphBuilder
from accelsim.hardware.system import System
from accelsim.mapping.booking import TRANSFER, Booking, Overlapped
from accelsim.mapping.execution.fused.chain import Flow, Link
from accelsim.mapping.execution.fused.sections import section_compute_s
from accelsim.mapping.lower import add_collective
from accelsim.mapping.servers import BETWEEN_CHIPS, COMM, STREAM

#: Sections whose weights are on the chip at once: the one that computes and the one that comes in.
BUFFERED_SECTIONS = 2
#: Kind of the tasks of a section, and cause of what it adds to the time of its operators: units that fill and drain it.
SECTION, FILL = "section", "fill"

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Pass:
    """One pass through the chain.

    Attributes:
        links: Its operators.
        sections: Places of each section.
        units: Pieces in which its tokens stream through.
    """

    links: Sequence[Link]
    sections: Sequence[range]
    units: int


def lower_sections(passes: Iterable[Pass], flow: Flow, system: System, ranks: int) -> tuple[Program, Overlapped]:
    """One task graph of all passes, and what it stands for.

    Args:
        passes: In order; each waits for the one before.
        flow: How weights come to the cores.
        system: The levels of links that collectives cross.
        ranks: Chips that do the same.
    """
    lowering = _Lowering(flow, system)
    kept = list(passes)
    for one in kept:
        for section in one.sections:
            lowering.add(one.links[section.start : section.stop], one.units)
    graph = lowering.builder.build()
    causes = lowering.alone_s
    alone_s = {cause: np.array([row.get(cause, 0.0) for row in causes]) for cause in _names(causes)}
    kinds = tuple(lowering.kinds[label] for label in graph.labels)
    bookings = tuple(itertools.chain.from_iterable(_bookings(one, flow, ranks) for one in kept))
    return Program.of(Stage(graph, 1, "pass")), Overlapped(bookings, alone_s, kinds, ranks)


@dataclass(eq=False)
class _Lowering:
    """The graph as it grows, section after section."""

    flow: Flow
    system: System
    builder: TaskGraphBuilder = field(default_factory=TaskGraphBuilder)
    alone_s: list[dict[str, float]] = field(default_factory=list)
    kinds: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._stream, self._comm = self.builder.server(STREAM), self.builder.server(COMM)
        self._sources = [self.builder.link(one.name, one.bytes_per_s) for one in self.flow.sources]
        levels = self.system.levels.items()
        self._levels = {name: self.builder.link(name, level.link.bandwidth_bytes_per_s) for name, level in levels}
        self._done: list[int] = []  # last task of each section so far
        self._loaded: dict[int, int] = {}  # last load from each source

    def add(self, links: Sequence[Link], units: int) -> None:
        """The loads and the tasks of one section."""
        name = _section_name(links)
        after = self._done[-1:]
        if not links[0].priced.cost.on_cores:
            cost = links[0].priced.cost
            self._done.append(add_collective(self.builder, name, cost, self._comm, self._levels, after))
            self._note(name, links[0].priced.operator.kind, self._done[-1] + 1, _steps_alone(cost))
            return
        stations = [self.flow.station(link) for link in links]
        loads = [self._load(name, at, sum(link.streamed[at] for link in links)) for at in range(len(self._sources))]
        work_s = section_compute_s(stations, units)
        task = self.builder.task(name, self._stream, work_s, after=[*after, *(n for n in loads if n is not None)])
        self._note(name, SECTION, task + 1, [_causes(links, work_s, max(one.launch_s for one in stations))])
        self._done.append(task)

    def _load(self, section: str, at: int, nbytes: int) -> int | None:
        """The load of a section from one source, behind the one before; two sections fit the chip."""
        if not nbytes:
            return None
        source = self.flow.sources[at]
        after = [self._loaded[at]] if at in self._loaded else []
        after += self._done[-BUFFERED_SECTIONS:-1] if len(self._done) >= BUFFERED_SECTIONS else []
        label = _load_name(source.name, section)
        task = self.builder.task(label, None, nbytes=nbytes, route=(self._sources[at],), after=after)
        self._loaded[at] = task
        self._note(label, TRANSFER, task + 1, [{source.name: nbytes / source.bytes_per_s}])
        return task

    def _note(self, label: str, kind: str, upto: int, alone_s: Sequence[dict[str, float]]) -> None:
        self.kinds[label] = kind
        self.alone_s += alone_s
        assert len(self.alone_s) == upto


def _steps_alone(cost: Cost) -> list[dict[str, float]]:
    """Times of the launch and the steps of a collective."""
    steps = [step.step_s(n) for step in cost.phases for n, repeat in step.steps for _ in range(repeat)]
    return [{BETWEEN_CHIPS: seconds} for seconds in (cost.launch_s, *steps)]


def _causes(links: Sequence[Link], work_s: float, start_s: float) -> dict[str, float]:
    """The time of a section by cause: what its operators take, its start, and what fills and drains it."""
    causes: dict[str, float] = defaultdict(float)
    for link in links:
        for cause, seconds in link.priced.cost.parts_s.items():
            if cause != "launch":
                causes[cause] += seconds
    causes["launch"] += start_s
    causes[FILL] = max(0.0, work_s - sum(causes.values()))
    return {cause: seconds for cause, seconds in causes.items() if seconds}


def _section_name(links: Sequence[Link]) -> str:
    first, last = links[0].priced.operator.name, links[-1].priced.operator.name
    return first if len(links) == 1 else f"{first} .. {last}"


def _load_name(source: str, section: str) -> str:
    return f"load {section} from {source}"


def _bookings(one: Pass, flow: Flow, ranks: int) -> Iterator[Booking]:
    """Every operator and every load of a pass, on all chips."""
    for section in one.sections:
        links = one.links[section.start : section.stop]
        for link in links:
            cost = link.priced.cost
            yield Booking.of(link.block, link.priced.operator, cost if cost.on_cores else _between(cost), ranks)
        for at, source in enumerate(flow.sources):
            nbytes = sum(link.streamed[at] for link in links)
            if nbytes:
                yield Booking(
                    links[0].block, _load_name(source.name, _section_name(links)), flow.load(at, nbytes), ranks
                )


def _between(cost: Cost) -> Cost:
    """A collective as its time between chips."""
    return replace(cost, parts_s={BETWEEN_CHIPS: cost.work_s}, limiter=BETWEEN_CHIPS, call=ALONE, phases=())


def _names(rows: Iterable[dict[str, float]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))
