"""The tasks of one cell: all of its blocks, or one for each operator on their critical path.

A folded cell is exact to the tick where nothing else crosses its links: its blocks are played alone, repetitions follow
one another, and an operator on the critical path of a block becomes one task as long as all its executions, with the
bytes it moves.  What is off the path keeps its place in the books, but moves no bytes in the folded graph.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from accelsim.engine.clock import to_seconds
from accelsim.engine.critical import critical_path
from accelsim.engine.program import StageTimeline, run_program
from accelsim.engine.taskgraph import TaskGraph, TaskGraphBuilder
from accelsim.mapping.lower import LoweredProgram
from accelsim.mapping.price import PricedBlock
from accelsim.mapping.servers import HOST, STREAM
from accelsim.mapping.waits import between_chips

FloatArray = npt.NDArray[np.float64]


def all_tasks(lowered: LoweredProgram) -> tuple[TaskGraph, dict[str, FloatArray]]:
    """All tasks of the blocks, each repetition with a barrier behind it."""
    columns: dict[str, list[FloatArray]] = defaultdict(list)
    stages = list(lowered.program.stages)
    parts = [_alone(stage.graph, block) for stage, block in zip(stages, lowered.blocks, strict=True)]
    for cause in dict.fromkeys(cause for part in parts for cause in part):
        for stage, part in zip(stages, parts, strict=True):
            column = part.get(cause, np.zeros(stage.graph.num_tasks))
            columns[cause].append(np.tile(np.append(column, 0.0), stage.repeat))
    return lowered.program.unfold(), {cause: np.concatenate(column) for cause, column in columns.items()}


def folded_tasks(lowered: LoweredProgram) -> tuple[TaskGraph, dict[str, FloatArray]]:
    """One task per operator on the critical path of each block, one after another on the stream."""
    first = lowered.program.stages[0].graph
    builder = TaskGraphBuilder()
    stream = builder.server(STREAM)
    for name, capacity in zip(first.links, first.capacity_bytes_per_s, strict=True):
        builder.link(name, capacity)
    work_ticks: list[int] = []
    parts: dict[str, list[float]] = defaultdict(list)
    for played, block in zip(run_program(lowered.program).stages, lowered.blocks, strict=True):
        repeat = played.stage.repeat
        for label, route, ticks, nbytes, causes in _on_path(played, block):
            before, moved = len(work_ticks), nbytes * repeat
            builder.task(
                label, stream, nbytes=moved, route=route if moved else (), after=[before - 1] if before else ()
            )
            work_ticks.append(ticks * repeat)
            for cause, seconds in causes.items():
                column = parts[cause]
                column += [0.0] * (before - len(column))
                column.append(seconds * repeat)
    graph = builder.build()
    graph = graph.with_sizes(np.array(work_ticks, dtype=np.int64), graph.nbytes, graph.latency_ticks)
    return graph, {cause: np.pad(column, (0, graph.num_tasks - len(column))) for cause, column in parts.items()}


def _on_path(
    played: StageTimeline, block: PricedBlock
) -> Iterator[tuple[str, tuple[int, ...], int, int, dict[str, float]]]:
    """Operators on the critical path of a block: label, link, ticks, bytes and seconds by cause of one repetition."""
    graph, timeline = played.stage.graph, played.timeline
    path, _ = critical_path(graph, timeline.start_ticks, timeline.end_ticks)
    path = path[::-1]
    parts = _alone(graph, block)
    has_route = graph.num_hops[path] > 0
    link = np.append(graph.route_link, -1)[np.where(has_route, graph.route_ptr[path], -1)]
    keys, which = np.unique(np.stack([graph.label[path], link], axis=1), axis=0, return_inverse=True)
    which = which.ravel()
    for index, (label, over) in enumerate(keys.tolist()):
        mine = path[which == index]
        ticks = int((timeline.end_ticks[mine] - timeline.start_ticks[mine]).sum())
        causes = {cause: float(column[mine].sum()) for cause, column in parts.items() if column[mine].any()}
        route = (over,) if over >= 0 else ()
        yield graph.labels[label], route, ticks, int(graph.nbytes[mine].sum()), causes


def _alone(graph: TaskGraph, block: PricedBlock) -> dict[str, FloatArray]:
    """Time of each task alone, by cause: of an operator on the cores as priced, of all others their work."""
    parts: dict[str, FloatArray] = {}

    def book(cause: str, mine: npt.NDArray[np.bool_], seconds: FloatArray | float) -> None:
        parts.setdefault(cause, np.zeros(graph.num_tasks))[mine] = seconds

    servers = list(graph.servers)
    on_host = graph.server == servers.index(HOST) if HOST in servers else np.zeros(graph.num_tasks, dtype=bool)
    work_s = to_seconds(graph.work_ticks)
    if on_host.any():
        book(HOST, on_host, work_s[on_host])
    for index, priced in enumerate(block.operators):
        mine = (graph.label == index) & ~on_host
        if priced.cost.on_cores:
            for cause, seconds in priced.cost.parts_s.items():
                book(cause, mine, seconds)
        else:
            for cause, column in between_chips(graph, work_s).items():
                book(cause, mine, column[mine])
    return parts
