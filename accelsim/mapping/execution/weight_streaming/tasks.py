"""Task graph of streamed weights: loads in a row on the input link, operators behind their own load."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from accelsim.cost.cost import Cost
from accelsim.engine.clock import to_ticks
from accelsim.engine.program import Program
from accelsim.engine.series import Stage
from accelsim.engine.taskgraph import TaskGraph, TaskGraphBuilder
from accelsim.engine.template import concatenate, instantiate
from accelsim.errors import PlanError
from accelsim.hardware.link import LinkSpec
from accelsim.hardware.system import System
from accelsim.mapping.booking import TRANSFER, Booking, Overlapped
from accelsim.mapping.execution.weight_streaming.footprint import BUFFERED_BLOCKS
from accelsim.mapping.price import PricedBlock, PricedOperator
from accelsim.mapping.servers import HOST_LINK, STREAM

_LOAD = "load weights of "

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def lower_streaming(passes: Sequence[tuple[PricedBlock, ...]], system: System) -> tuple[Program, Overlapped]:
    """One task graph of all passes in which loads run ahead of the operators, and what it stands for.

    Args:
        passes: Priced blocks of each pass, in order.
        system: The machine, of which the link to the host carries the weights.

    Raises:
        PlanError: The system has no link to a host.
    """
    link = _host_link(system)
    blocks = [block for of_pass in passes for block in of_pass]
    templates = {block: _template(block, link) for block in dict.fromkeys(blocks)}
    alone_s: dict[str, list[FloatArray]] = defaultdict(list)
    for block in blocks:
        for cause, column in _alone(block, templates[block], link).items():
            alone_s[cause].append(np.tile(column, block.repeat))
    graphs = [instantiate(templates[block], block.repeat) for block in blocks]
    graph = concatenate(graphs, _edges(blocks, [templates[block] for block in blocks]))
    latency_ticks = graph.latency_ticks.copy()
    is_load = np.array([label.startswith(_LOAD) for label in graph.labels])
    latency_ticks[int(np.argmax(is_load[graph.label]))] = to_ticks(link.latency_s)  # the later loads have no gap
    graph = replace(graph, latency_ticks=latency_ticks, routes_checked=True)
    kind_of = {priced.operator.name: priced.operator.kind for block in blocks for priced in block.operators}
    return Program.of(Stage(graph, 1, "pass")), Overlapped(
        bookings=tuple(itertools.chain.from_iterable(_bookings(block, link) for block in blocks)),
        alone_s={cause: np.concatenate(columns) for cause, columns in alone_s.items()},
        kinds=tuple(kind_of.get(label, TRANSFER) for label in graph.labels),
    )


def _host_link(system: System) -> LinkSpec:
    if system.host is None:
        raise PlanError(
            f"plan: execution=weight_streaming needs the link weights come in over; {system.name} has no host. "
            "Name a system with host.link, or add it to the file."
        )
    return system.host.link


def _template(block: PricedBlock, link: LinkSpec) -> TaskGraph:
    """Tasks of one copy: the loads in order, then the operators, each behind its own load."""
    builder = TaskGraphBuilder()
    stream, host = builder.server(STREAM), builder.link(HOST_LINK, link.bandwidth_bytes_per_s)
    load_of: dict[int, int] = {}
    last: list[int] = []
    for index, priced in enumerate(block.operators):
        nbytes = priced.operator.weight_bytes
        if nbytes:
            label = _LOAD + priced.operator.name
            load_of[index] = builder.task(label, None, nbytes=nbytes, route=(host,), after=last)
            last = [load_of[index]]
    done: list[int] = []
    for index, (priced, predecessors) in enumerate(zip(block.operators, block.predecessors, strict=True)):
        after = [done[p] for p in predecessors] + ([load_of[index]] if index in load_of else [])
        done.append(builder.task(priced.operator.name, stream, _cost(priced).work_s, after=after))
    return builder.build()


def _cost(priced: PricedOperator) -> Cost:
    if not priced.cost.on_cores:
        raise PlanError("plan: execution=weight_streaming runs on one chip; leave tp and dp out.")
    return priced.cost


def _alone(block: PricedBlock, template: TaskGraph, link: LinkSpec) -> dict[str, FloatArray]:
    """Time of each task of one copy alone, by cause."""
    size = template.num_tasks
    parts: dict[str, FloatArray] = defaultdict(lambda: np.zeros(size))
    parts[HOST_LINK][:] = template.nbytes / link.bandwidth_bytes_per_s
    first = size - len(block.operators)
    for index, priced in enumerate(block.operators):
        for cause, seconds in _cost(priced).parts_s.items():
            parts[cause][first + index] = seconds
    return dict(parts)


def _edges(blocks: Sequence[PricedBlock], templates: Sequence[TaskGraph]) -> tuple[IntArray, IntArray]:
    """Between copies: operators behind the last operator before, loads in a row and two blocks ahead at most."""
    base, exits, heads, tails = 0, [], [], []
    entries: list[IntArray] = []
    for block, template in zip(blocks, templates, strict=True):
        size, num_loads = template.num_tasks, template.num_tasks - len(block.operators)
        loaded = [t for t in range(num_loads, size) if (template.predecessors(t) < num_loads).all()]
        starts = base + size * np.arange(block.repeat)
        exits += (starts + size - 1).tolist()
        entries += [start + np.array(loaded, dtype=np.int64) for start in starts]
        heads += [int(start) if num_loads else -1 for start in starts]
        tails += [int(start + num_loads - 1) if num_loads else -1 for start in starts]
        base += size * block.repeat
    pred: list[int] = []
    succ: list[int] = []
    last_load = -1
    for at, (entry, head, tail) in enumerate(zip(entries, heads, tails, strict=True)):
        if at:
            pred += [exits[at - 1]] * len(entry)
            succ += entry.tolist()
        if head >= 0:
            waits = [last_load] if last_load >= 0 else []
            waits += [exits[at - BUFFERED_BLOCKS]] if at >= BUFFERED_BLOCKS else []
            pred += waits
            succ += [head] * len(waits)
            last_load = tail
    return np.array(pred, dtype=np.int64), np.array(succ, dtype=np.int64)


def _bookings(block: PricedBlock, link: LinkSpec) -> Iterator[Booking]:
    for priced in block.operators:
        yield Booking.of(block.name, priced.operator, _cost(priced), block.repeat)
        nbytes = float(priced.operator.weight_bytes)
        if nbytes:
            seconds = nbytes / link.bandwidth_bytes_per_s
            cost = Cost(seconds, {HOST_LINK: nbytes}, {HOST_LINK: seconds}, HOST_LINK, nbytes * link.energy_j_per_byte)
            yield Booking(block.name, _LOAD + priced.operator.name, cost, block.repeat)
