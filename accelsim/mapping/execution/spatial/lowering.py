"""From groups on rectangles to one task graph: units walk through the groups, pipelined.

Servers are rectangles: a group computes one unit at a time, and groups that share a chip take turns.  What a group
sends is one task per lane over the links of the coarse on-chip mesh (or those between chips), where transfers share
capacity; its latency is its hops.  A tensor with several readers is a multicast: one task per lane over a tree, which
carries the bytes once over each of its links and ends everywhere when the farthest reader has it.  Partial results of
several groups are a multicast turned round: they are added up where they meet, as fast as a link brings them.

Buffers are finite: a transfer starts only when each reader has taken up the unit ``depth`` before, and a group starts a
unit only when what it sent two units before has arrived.  In decode, a unit waits for the token sampled before.

The graph of one unit is written once and instantiated; nothing loops over units.

Not modelled: tokens entering from and logits leaving to the host.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from accelsim.cost.causes import LINK_LATENCY
from accelsim.engine.clock import to_ticks
from accelsim.engine.program import Program, run_program
from accelsim.engine.series import Stage
from accelsim.engine.taskgraph import TaskGraph, TaskGraphBuilder
from accelsim.engine.template import CrossEdges, instantiate
from accelsim.mapping.booking import TRANSFER
from accelsim.mapping.execution.spatial.groups import TileGroup
from accelsim.mapping.execution.spatial.lanes import Lanes, Spot
from accelsim.mapping.execution.spatial.pieces import PIECE, is_piece, whole_name
from accelsim.mapping.execution.spatial.settle import Settled
from accelsim.mapping.servers import BETWEEN_CHIPS, NOC, SET_PATH

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

#: Outputs a group may have on their way before it must wait.
OUTPUT_BUFFERS = 2
#: Units that are played to find the better schedule of shared chips.
UNITS_PLAYED = 32


@dataclass(frozen=True, eq=False)
class _Template:
    """One unit's tasks; ``lanes[c]`` and ``lane_tasks[c]`` belong to cast ``c``, ``compute[g]`` to group ``g``."""

    graph: TaskGraph
    compute: IntArray
    lanes: tuple[Lanes, ...]
    lane_tasks: tuple[IntArray, ...]


@dataclass(frozen=True, eq=False)
class _Sizes:
    """Work, time alone by cause, bytes and latency of every task of the template, for each shape. [shapes, T] each."""

    work_s: FloatArray
    alone_s: dict[str, FloatArray]
    nbytes: IntArray
    latency_s: FloatArray


def lower_pipeline(run: Settled) -> tuple[Program, dict[str, FloatArray], tuple[str, ...]]:
    """The task graph of a spatial run, the time of each task alone by cause, and the kind of each label."""
    template = _template(run)
    sizes = _columns(run, template)
    graph = _graph(run, template, sizes, run.walk.stream.num_units, _takes_one_unit(run, template, sizes))
    of_unit = run.walk.stream.unit_shape
    # A group is called after its part: decoder3.mlp is an mlp.
    kind_of = {group.name: whole_name(group.name).rpartition(".")[2] for group in run.walk.pipeline.groups}
    kinds = tuple(kind_of.get(label, TRANSFER) for label in graph.labels)
    alone_s = {cause: column[of_unit].ravel() for cause, column in sizes.alone_s.items()}
    return Program.of(Stage(graph, 1, "pipeline")), alone_s, kinds


def _graph(run: Settled, template: _Template, sizes: _Sizes, units: int, takes_one_unit: bool) -> TaskGraph:
    """The first ``units`` units of a run."""
    graph = instantiate(template.graph, units, cross_edges=_edges_between_units(run, template, units, takes_one_unit))
    of_unit = run.walk.stream.unit_shape[:units]
    return replace(
        graph,
        work_ticks=to_ticks(sizes.work_s)[of_unit].ravel(),
        nbytes=sizes.nbytes[of_unit].ravel(),
        latency_ticks=to_ticks(sizes.latency_s)[of_unit].ravel(),
        routes_checked=True,
    )


def _takes_one_unit(run: Settled, template: _Template, sizes: _Sizes) -> bool:
    """Whether shared chips take the next unit only when the one before has left: as some of the first units show.

    Units that meet on a chip which has several groups take turns there and leave together, to meet on the next one: a
    bunch is as slow on each chip as all of its units.  One at a time they follow each other, but the chip waits while
    its unit is under way between pieces.  The faster of the two schedules is that of a compiler.
    """
    units = min(run.walk.stream.num_units, UNITS_PLAYED)
    if not run.sizes.are_shared or units == 1 or run.floor.num_chips == 1:
        return False
    turns_s, alone_s = (
        run_program(Program.of(Stage(_graph(run, template, sizes, units, one), 1, ""))).makespan_s
        for one in (False, True)
    )
    return alone_s < turns_s


def _template(run: Settled) -> _Template:
    builder = TaskGraphBuilder()
    for name, capacity in run.floor.links:
        builder.link(name, capacity)
    groups, flows, casts = run.walk.pipeline.groups, run.walk.pipeline.flows, run.casts
    lanes = tuple(run.lanes(cast) for cast in casts)
    turns = {name: builder.server(name) for name in dict.fromkeys(turn for one in lanes for turn in one.turns) if name}
    compute, lane_tasks = np.zeros(len(groups), dtype=np.int64), [np.zeros(0, dtype=np.int64)] * len(casts)
    arriving: list[list[int]] = [[] for _ in groups]
    leaving: list[list[int]] = [[] for _ in groups]
    for index, cast in enumerate(casts):
        leaving[max(cast.producers)].append(index)  # by then all who send have their tasks
    servers: dict[Spot, int] = {}
    for index, (group, spot) in enumerate(zip(groups, run.floor.spots, strict=True)):
        if spot not in servers:
            servers[spot] = builder.server(f"chip{spot.chip}" if run.sizes.are_shared else group.name)
        compute[index] = builder.task(group.name, servers[spot], after=arriving[index])
        for c in leaving[index]:
            label = f"{_named(groups, casts[c].producers)} > {_named(groups, casts[c].consumers)}"
            sent = compute[list(casts[c].producers)].tolist()
            ways = itertools.zip_longest(lanes[c].routes, lanes[c].turns)
            tasks = [builder.task(label, turns.get(turn), route=route, after=sent) for route, turn in ways]
            lane_tasks[c] = np.array(tasks, dtype=np.int64)
            for f in casts[c].flows:
                if not flows[f].is_feedback:
                    arriving[flows[f].consumer] += tasks
    return _Template(builder.build(), compute, lanes, tuple(lane_tasks))


def _named(groups: Sequence[TileGroup], numbers: Sequence[int]) -> str:
    """Names of groups, several pieces of one group as ``decoder3.mlp@*``."""
    pieces = Counter(whole_name(groups[n].name) for n in numbers if is_piece(groups[n].name))
    names = [groups[n].name for n in numbers]
    return ", ".join(
        dict.fromkeys(f"{whole}{PIECE}*" if pieces[whole := whole_name(name)] > 1 else name for name in names)
    )


def _edges_between_units(run: Settled, template: _Template, units: int, takes_one_unit: bool) -> CrossEdges:
    """Finite buffers, in decode the sampled token, and chips that take one unit at a time."""
    period = run.walk.stream.period
    columns: list[tuple[IntArray, IntArray, IntArray, IntArray]] = []

    def wait(distance: int, pred: IntArray | int, succ: IntArray | int) -> None:
        """Task ``succ`` of each unit waits for ``pred`` of the unit ``distance`` before."""
        if distance < units:
            later = np.arange(distance, units, dtype=np.int64)[:, None]
            pairs = np.broadcast_arrays(later - distance, np.atleast_1d(pred), later, np.atleast_1d(succ))
            columns.append(tuple(array.ravel() for array in pairs))  # type: ignore[arg-type]

    for cast, tasks in zip(run.casts, template.lane_tasks, strict=True):
        flows = [run.walk.pipeline.flows[f] for f in cast.flows]
        for flow in flows:
            consumer = int(template.compute[flow.consumer])
            if flow.is_feedback:
                wait(period, tasks, consumer)
            else:
                wait(flow.depth, consumer, tasks)
        if not flows[0].is_feedback:
            for producer in cast.producers:
                wait(OUTPUT_BUFFERS, tasks, int(template.compute[producer]))
    if takes_one_unit:
        for first, last in _visits(run.floor.spots):
            wait(1, int(template.compute[last]), int(template.compute[first]))
    if not columns:
        return CrossEdges()
    return CrossEdges(*(np.concatenate(column) for column in zip(*columns, strict=True)))


def _visits(spots: Sequence[Spot]) -> list[tuple[int, int]]:
    """First and last group of each chip."""
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for group, spot in enumerate(spots):
        first.setdefault(spot.chip, group)
        last[spot.chip] = group
    return [(group, last[chip]) for chip, group in first.items()]


def _columns(run: Settled, template: _Template) -> _Sizes:
    size = len(run.walk.stream.shapes), template.graph.num_tasks
    work_s, latency_s, nbytes = np.zeros(size), np.zeros(size), np.zeros(size, dtype=np.int64)
    parts_s: dict[str, FloatArray] = defaultdict(lambda: np.zeros(size))
    for group, prices in enumerate(run.prices):
        task = int(template.compute[group])
        for shape, price in enumerate(prices):
            if price is None:
                continue
            work_s[shape, task] = price.work_s
            for cause, seconds in price.parts_s.items():
                parts_s[cause][shape, task] = seconds
    for cast, lanes, tasks in zip(run.casts, template.lanes, template.lane_tasks, strict=True):
        nbytes_of = run.cast_bytes(cast)
        inside = lanes.level or NOC
        waits, moves = (LINK_LATENCY, BETWEEN_CHIPS) if lanes.crossings else (inside, inside)
        for total in np.unique(nbytes_of).tolist():
            if total:
                at = np.ix_(nbytes_of == total, tasks)
                nbytes[at] = lanes.lane_bytes(total)
                latency_s[at] = lanes.latency_s
                alone_s = run.floor.alone_s(lanes, lanes.lane_bytes(total)) - lanes.set_s
                waits_s = np.minimum(lanes.latency_s - lanes.set_s, alone_s)
                parts_s[waits][at] = waits_s
                parts_s[moves][at] += alone_s - waits_s
                if lanes.turns:
                    parts_s[SET_PATH][at] = lanes.set_s
    return _Sizes(work_s, parts_s, nbytes, latency_s)
