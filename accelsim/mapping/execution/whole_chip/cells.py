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
from dataclasses import dataclass, replace
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
from accelsim.mapping.schedule.base import Cell, waits_for
from accelsim.mapping.schedule.cells import Cells
from accelsim.mapping.waits import between_chips, parts_between

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class StageProgram:
    """One stage with everything priced.

    Attributes:
        lowered: Its blocks for one microbatch.
        send: What it sends to the next stage, and the cost; None for the last.
    """

    lowered: LoweredProgram
    send: PricedOperator | None

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
    templates = [_template(one, one.is_alone if folded is None else folded) for one in stages]
    copies = [len(order) for order in orders]
    graph = _joined(templates, copies)
    sizes = np.array([template.graph.num_tasks for template in templates])
    bases = np.cumsum([0, *(sizes * copies)])[:-1]
    cells = tuple(cell for order in orders for cell in order)
    stage_of = np.repeat(np.arange(len(stages)), copies)
    first = np.concatenate([base + np.arange(n) * size for base, n, size in zip(bases, copies, sizes, strict=True)])
    graph = concatenate([graph], _edges(templates, cells, stage_of, first))
    causes = dict.fromkeys(cause for template in templates for cause in template.alone_s)
    alone_s = {
        cause: np.concatenate([
            np.tile(template.alone_s.get(cause, np.zeros(template.graph.num_tasks)), n)
            for template, n in zip(templates, copies, strict=True)
        ])
        for cause in causes
    }  # fmt: skip
    bookings = tuple(_bookings(stages, copies, ranks))
    kind_of = {one.name: one.kind for one in bookings}
    ran = Overlapped(bookings, alone_s, tuple(kind_of.get(label, TRANSFER) for label in graph.labels), ranks)
    ends = np.array([template.end for template in templates])[stage_of]
    return Program.of(Stage(graph, 1, "pipeline")), ran, Cells(cells, first, first + ends)


def _joined(templates: Sequence[_CellTemplate], copies: Sequence[int]) -> TaskGraph:
    """All cells of all stages on servers and links of their own; the first stage's keep their plain names."""
    servers = [_of_stage(name, i) for i, one in enumerate(templates) for name in one.graph.servers]
    links = [_of_stage(name, i) for i, one in enumerate(templates) for name in one.graph.links]
    capacity = np.concatenate([template.graph.capacity_bytes_per_s for template in templates])
    graphs, server, link = [], 0, 0
    for template, n in zip(templates, copies, strict=True):
        graph = template.graph
        server_map = np.tile(server + np.arange(graph.num_servers), (n, 1))
        link_map = np.tile(link + np.arange(graph.num_links), (n, 1))
        graphs.append(instantiate(graph, n, Resources(server_map, link_map, servers, links, capacity)))
        server, link = server + graph.num_servers, link + graph.num_links
    return concatenate(graphs)


def _of_stage(name: str, stage: int) -> str:
    return name if stage == 0 else f"{name}@{stage}"


def _edges(
    templates: Sequence[_CellTemplate], cells: Sequence[Cell], stage_of: Int64Array, first: Int64Array
) -> tuple[Int64Array, Int64Array]:
    """A cell waits for the cell before it on its stage and for its input; a send for the send before it."""
    place = {cell: index for index, cell in enumerate(cells)}
    pred: list[Int64Array] = []
    succ: list[Int64Array] = []

    def wait(before: int, task: int, after: int, waiting: Int64Array) -> None:
        succ.append(first[after] + waiting)
        pred.append(np.full(len(waiting), first[before] + task))

    for index, cell in enumerate(cells):
        template = templates[stage_of[index]]
        if index and stage_of[index - 1] == stage_of[index]:
            wait(index - 1, template.end, index, template.entries)
            if template.out != template.end:
                wait(index - 1, template.out, index, np.array([template.send]))
        source = waits_for(cell, len(templates))
        if source is not None:
            wait(place[source], templates[source.stage].out, index, template.entries)
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


def _bookings(stages: Sequence[StageProgram], copies: Sequence[int], ranks: int) -> Iterator[Booking]:
    """Every operator of every cell, on all chips."""
    for stage, cells in zip(stages, copies, strict=True):
        for block in stage.lowered.blocks:
            for priced in block.operators:
                cost = _booked(priced.cost)
                yield Booking.of(block.name, priced.operator, cost, block.repeat * cells * ranks)
        if stage.send is not None:
            yield Booking.of("pipeline", stage.send.operator, _booked(stage.send.cost), cells * ranks)


def _booked(cost: Cost) -> Cost:
    """The cost as one on the cores: what is between ranks takes its time of the stage, whatever the level."""
    if cost.on_cores:
        return cost
    parts_s = parts_between(cost)
    return replace(cost, parts_s=parts_s, limiter=max(parts_s, key=parts_s.__getitem__), call=ALONE, phases=())
