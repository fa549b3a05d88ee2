"""The stages of a pipeline as one task graph: cells in the order of a schedule, activations on their way between.

One chip stands for all ranks of a stage; every stage has its own stream, memory and links.  A stage's cell is written
once and instantiated over its microbatches; nothing loops over tasks.  A cell waits for the cell before it on its
stage and for what it receives; what it sends overlaps with the next cell.

A cell is folded (:mod:`accelsim.mapping.execution.whole_chip.fold`) where the level it sends over carries nothing of
the stage's own collectives; elsewhere all its tasks are played, so that the two meet on the links.  A test holds folded
cells against all tasks, to the tick.

Not modelled: the memory traffic of sending and receiving, a host that runs ahead from one cell to the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from accelsim.cost.call import ALONE
from accelsim.cost.cost import Cost
from accelsim.engine.clock import to_seconds
from accelsim.engine.program import Program
from accelsim.engine.series import Stage
from accelsim.engine.taskgraph import Int64Array, TaskGraph, TaskGraphBuilder
from accelsim.engine.template import Resources, concatenate, instantiate, root_tasks, with_barrier
from accelsim.hardware.system import System
from accelsim.mapping.booking import TRANSFER, Booking, Overlapped
from accelsim.mapping.execution.whole_chip.fold import all_tasks, folded_tasks
from accelsim.mapping.lower import LoweredProgram
from accelsim.mapping.price import PricedOperator
from accelsim.mapping.schedule.base import FORWARD, Cell, sources_of
from accelsim.mapping.schedule.cells import Cells
from accelsim.mapping.waits import between_chips, parts_between

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class StageProgram:
    """One stage with everything priced.

    Attributes:
        lowered: Its blocks for one microbatch.
        send: What it sends to the next stage, and the cost; None for the last.
        further: What it does in other directions than forward: its blocks and what it sends then.
    """

    lowered: LoweredProgram
    send: PricedOperator | None
    further: Mapping[str, StageProgram] = field(default_factory=dict)

    @property
    def ways(self) -> Mapping[str, StageProgram]:
        """What it does in each direction."""
        return {FORWARD: self, **self.further}

    @property
    def is_alone(self) -> bool:
        """Whether the level that it sends over carries nothing else of the stage."""
        if self.send is None:
            return True
        costs = [priced.cost for block in self.lowered.blocks for priced in block.operators]
        used = {part.level for cost in costs for part in cost.phases}
        return not used & {part.level for part in self.send.cost.phases}


@dataclass(frozen=True, eq=False)
class _CellTemplate:
    """Tasks of one cell: those of the stage, a barrier, what it sends.

    Attributes:
        graph: The tasks.
        alone_s: Time of each alone, by cause. float64[T] each.
        end: The barrier.
        send: First task of what it sends; the barrier where it sends nothing.
    """

    graph: TaskGraph
    alone_s: Mapping[str, FloatArray]
    end: int
    send: int

    @cached_property
    def entries(self) -> Int64Array:
        """Tasks that wait for nothing in the cell."""
        return root_tasks(self.graph)

    @property
    def out(self) -> int:
        """The task that ends when the next stage has everything."""
        return self.graph.num_tasks - 1


def lower_pipelined(
    stages: Sequence[StageProgram],
    orders: Sequence[Sequence[Cell]],
    system: System,
    ranks: int,
    folded: bool | None = None,
) -> tuple[Program, Overlapped, Cells]:
    """The task graph of a pipeline, what it stands for, and where its cells are in it.

    Args:
        stages: In order.
        orders: Cells of each stage in the order in which it plays them.
        system: Where they run.
        ranks: Chips of a stage, which all do the same.
        folded: Whether cells are folded; None folds where that is exact.
    """
    parts = [_parts(stage, order) for stage, order in zip(stages, orders, strict=True)]
    templates = [_templates(stage, part, folded) for stage, part in zip(stages, parts, strict=True)]
    graph, first_of = _joined(templates, parts)
    cells = tuple(cell for order in orders for cell in order)
    own = [templates[cell.stage][cell.direction] for cell in cells]
    first = np.array([first_of[cell] for cell in cells], dtype=np.int64)
    graph = concatenate([graph], _edges(templates, cells, first))
    bookings = tuple(_bookings(stages, parts, ranks))
    kind_of = {one.name: one.kind for one in bookings}
    kinds = tuple(kind_of.get(label, TRANSFER) for label in graph.labels)
    ran = Overlapped(bookings, _alone_s(templates, parts), kinds, ranks)
    last = first + np.array([template.end for template in own])
    return Program.of(Stage(graph, 1, "pipeline")), ran, Cells(cells, first, last)


#: Cells of each direction that a stage plays, in order.
_Parts = Mapping[str, Sequence[Cell]]
_Templates = Mapping[str, "_CellTemplate"]


def _parts(stage: StageProgram, order: Sequence[Cell]) -> _Parts:
    """The cells of a stage by direction."""
    return {way: [cell for cell in order if cell.direction == way] for way in stage.ways}


def _templates(stage: StageProgram, parts: _Parts, folded: bool | None) -> _Templates:
    """A template for each direction that a stage plays, all on the same servers and links."""
    played = [stage.ways[way] for way in parts]
    fold = all(one.is_alone for one in played) if folded is None else folded
    return {way: _template(one, fold) for way, one in zip(parts, played, strict=True)}


def _alone_s(templates: Sequence[_Templates], parts: Sequence[_Parts]) -> Mapping[str, FloatArray]:
    """Time of each task alone, by cause, in the order of the tasks."""
    placed = [
        (template, len(cells[way]))
        for stage, cells in zip(templates, parts, strict=True)
        for way, template in stage.items()
    ]
    causes = dict.fromkeys(cause for template, _ in placed for cause in template.alone_s)
    return {
        cause: np.concatenate([
            np.tile(template.alone_s.get(cause, np.zeros(template.graph.num_tasks)), n) for template, n in placed
        ])
        for cause in causes
    }  # fmt: skip


def _joined(templates: Sequence[_Templates], parts: Sequence[_Parts]) -> tuple[TaskGraph, dict[Cell, int]]:
    """All cells of all stages on servers and links of their own, and the first task of each cell.

    The first stage's servers and links keep their plain names.
    """
    likes = [next(iter(stage.values())).graph for stage in templates]
    servers = [_of_stage(name, i) for i, graph in enumerate(likes) for name in graph.servers]
    links = [_of_stage(name, i) for i, graph in enumerate(likes) for name in graph.links]
    capacity = np.concatenate([graph.capacity_bytes_per_s for graph in likes])
    first: dict[Cell, int] = {}
    graphs, server, link, task = [], 0, 0, 0
    for stage, cells, like in zip(templates, parts, likes, strict=True):
        for way, template in stage.items():
            graph, n = template.graph, len(cells[way])
            server_map = np.tile(server + np.arange(like.num_servers), (n, 1))
            link_map = np.tile(link + np.arange(like.num_links), (n, 1))
            graphs.append(instantiate(graph, n, Resources(server_map, link_map, servers, links, capacity)))
            first |= {cell: task + at * graph.num_tasks for at, cell in enumerate(cells[way])}
            task += n * graph.num_tasks
        server, link = server + like.num_servers, link + like.num_links
    return concatenate(graphs), first


def _of_stage(name: str, stage: int) -> str:
    return name if stage == 0 else f"{name}@{stage}"


def _edges(templates: Sequence[_Templates], cells: Sequence[Cell], first: Int64Array) -> tuple[Int64Array, Int64Array]:
    """A cell waits for the cell before it on its stage and for its input; a send for the send before it."""
    place = {cell: index for index, cell in enumerate(cells)}
    own = [templates[cell.stage][cell.direction] for cell in cells]
    pred: list[Int64Array] = []
    succ: list[Int64Array] = []

    def wait(before: int, task: int, after: int, waiting: Int64Array) -> None:
        succ.append(first[after] + waiting)
        pred.append(np.full(len(waiting), first[before] + task))

    for index, cell in enumerate(cells):
        template = own[index]
        if index and cells[index - 1].stage == cell.stage:
            before = own[index - 1]
            wait(index - 1, before.end, index, template.entries)
            if before.out != before.end and template.out != template.end:
                wait(index - 1, before.out, index, np.array([template.send]))
        for source in sources_of(cell, len(templates)):
            wait(place[source], own[place[source]].out, index, template.entries)
    if not pred:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    return np.concatenate(pred), np.concatenate(succ)


def _template(stage: StageProgram, folded: bool) -> _CellTemplate:
    graph, alone_s = folded_tasks(stage.lowered) if folded else all_tasks(stage.lowered)
    graph = with_barrier(graph, "stage end")
    end = graph.num_tasks - 1
    alone_s = {cause: np.append(column, 0.0) for cause, column in alone_s.items()}
    if stage.send is None:
        return _CellTemplate(graph, alone_s, end, end)
    send = _send_graph(graph, stage.send)
    joined = concatenate([graph, send], ([end], [end + 1]))
    work_s = to_seconds(send.work_ticks)
    alone_s = {cause: np.append(column, np.zeros(len(work_s))) for cause, column in alone_s.items()}
    for cause, column in between_chips(send, work_s).items():
        alone_s.setdefault(cause, np.zeros(joined.num_tasks))[end + 1 :] = column
    return _CellTemplate(joined, alone_s, end, end + 1)


def _send_graph(like: TaskGraph, send: PricedOperator) -> TaskGraph:
    """The launch of the transfer and its steps, beside everything else of the stage but its links."""
    builder = TaskGraphBuilder()
    for name in like.servers:
        builder.server(name)
    links = {name: builder.link(name, like.capacity_bytes_per_s[i]) for i, name in enumerate(like.links)}
    name, cost = send.operator.name, send.cost
    last = builder.task(name, None, cost.launch_s)
    for part in cost.phases:
        for nbytes, repeat in part.steps:
            for _ in range(repeat):
                route, wait_s = (links[part.level],), part.step_latency_s
                last = builder.task(name, None, part.step_s(nbytes), nbytes, route, wait_s, after=[last])
    return builder.build()


def _bookings(stages: Sequence[StageProgram], parts: Sequence[_Parts], ranks: int) -> Iterator[Booking]:
    """Every operator of every cell, on all chips."""
    for stage, cells in zip(stages, parts, strict=True):
        for way, played in stage.ways.items():
            count = len(cells[way]) * ranks
            for block in played.lowered.blocks:
                for priced in block.operators:
                    yield Booking.of(block.name, priced.operator, _booked(priced.cost), block.repeat * count)
            if played.send is not None:
                yield Booking.of("pipeline", played.send.operator, _booked(played.send.cost), count)


def _booked(cost: Cost) -> Cost:
    """The cost as one on the cores: what is between ranks takes its time of the stage, whatever the level."""
    if cost.on_cores:
        return cost
    parts_s = parts_between(cost)
    return replace(cost, parts_s=parts_s, limiter=max(parts_s, key=parts_s.__getitem__), call=ALONE, phases=())
