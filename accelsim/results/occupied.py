"""When the operators of a stage ran, and when none did: the times the ledger books, for many stages at once.

The steps of a decode are stages whose graphs differ in sizes only, so their timelines are the rows of one array.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.engine.clock import to_seconds
from accelsim.engine.program import StageTimeline
from accelsim.engine.taskgraph import NO_SERVER, TaskGraph
from accelsim.engine.timeline import Timeline
from accelsim.mapping.servers import COMM, HOST, STREAM
from accelsim.results.path import IDLE

Int64Array = npt.NDArray[np.int64]

#: Cause of the time in which only collectives run.
EXPOSED_COMMUNICATION = "exposed communication"


@dataclass(frozen=True, slots=True)
class StageTimes:
    """Times of one repetition of a stage.

    Attributes:
        operators_s: For each label, from its first start to its last end, on the rank that stands for all.
        uncovered_s: Time in which the stream does nothing, by cause: only collectives run, only the host works, or
            nothing does.
    """

    operators_s: tuple[float, ...]
    uncovered_s: Mapping[str, float]


def stage_times(stages: Iterable[StageTimeline]) -> dict[int, StageTimes]:
    """Times of every timeline of the stages, by the identity of the timeline."""
    distinct = {id(stage.timeline): (stage.stage.graph, stage.timeline) for stage in stages}
    alike: dict[tuple[int, int, int], list[tuple[TaskGraph, Timeline]]] = {}
    for graph, timeline in distinct.values():
        alike.setdefault((id(graph.server), id(graph.label), id(graph.servers)), []).append((graph, timeline))
    found: dict[int, StageTimes] = {}
    for group in alike.values():
        timelines = [timeline for _, timeline in group]
        times = zip(timelines, _times(group[0][0], timelines), strict=True)
        found |= {id(timeline): time for timeline, time in times}
    return found


def _times(graph: TaskGraph, timelines: list[Timeline]) -> list[StageTimes]:
    """Times of timelines of graphs that have the servers and labels of ``graph``."""
    start = np.stack([timeline.start_ticks for timeline in timelines])
    end = np.stack([timeline.end_ticks for timeline in timelines])
    makespan = np.array([timeline.makespan_ticks for timeline in timelines], dtype=np.int64)
    busy = np.stack([timeline.server_busy_ticks for timeline in timelines])
    servers = list(graph.servers)
    stream, comm = (servers.index(name) for name in (STREAM, COMM))
    on_device = np.flatnonzero(graph.server != servers.index(HOST)) if HOST in servers else np.arange(graph.num_tasks)
    operators_s = to_seconds(_ticks_per_label(graph, (NO_SERVER, stream, comm), start, end)).tolist()
    covered = _union_ticks(start, end)
    device = _union_ticks(start[:, on_device], end[:, on_device]) if HOST in servers else covered
    # Integers: a sum of ticks is divided as a whole, exact beyond what float64 holds.
    exposed = np.where(busy[:, comm] > 0, device - busy[:, stream], 0)
    by_host = covered - device
    columns = {EXPOSED_COMMUNICATION: exposed, HOST: by_host, IDLE: makespan - busy[:, stream] - exposed - by_host}
    seconds = {cause: [to_seconds(ticks) for ticks in column.tolist()] for cause, column in columns.items()}
    works = {HOST: HOST in servers, IDLE: True}
    return [
        StageTimes(
            tuple(operators_s[i]),
            {cause: column[i] for cause, column in seconds.items() if works.get(cause, busy[i, comm] > 0)},
        )
        for i in range(len(timelines))
    ]


def _ticks_per_label(graph: TaskGraph, servers: tuple[int, ...], start: Int64Array, end: Int64Array) -> Int64Array:
    """First start to last end of each label on some servers; a row per timeline."""
    mine = np.flatnonzero(np.isin(graph.server, servers))
    order = mine[np.argsort(graph.label[mine], kind="stable")]
    labels, first = np.unique(graph.label[order], return_index=True)
    took = np.zeros((len(start), len(graph.labels)), dtype=np.int64)
    last_end = np.maximum.reduceat(end[:, order], first, axis=1)
    took[:, labels] = last_end - np.minimum.reduceat(start[:, order], first, axis=1)
    return took


def _union_ticks(start: Int64Array, end: Int64Array) -> Int64Array:
    """Total length of a union of intervals; one union per row."""
    order = np.argsort(start, axis=1, kind="stable")
    start = np.take_along_axis(start, order, axis=1)
    reach = np.maximum.accumulate(np.take_along_axis(end, order, axis=1), axis=1)
    gaps = np.maximum(start[:, 1:] - reach[:, :-1], 0)
    length: Int64Array = reach[:, -1] - start[:, 0] - gaps.sum(axis=1)
    return length
