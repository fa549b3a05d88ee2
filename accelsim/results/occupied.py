"""When the operators of a stage ran, and when none did: the times the ledger books, for all runs of a stage at once.

The steps of a decode are runs of one graph with different sizes, so their times are the rows of one array.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.cost.causes import COLLECTIVE_LAUNCH, LINK_LATENCY
from accelsim.engine.clock import to_seconds
from accelsim.engine.runs import Runs
from accelsim.engine.taskgraph import NO_SERVER, TaskGraph
from accelsim.mapping.servers import BETWEEN_CHIPS, COMM, HOST, SET_PATH, STREAM
from accelsim.mapping.waits import is_call, is_setting
from accelsim.results.path import IDLE

FloatArray = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]

#: Cause of the time in which only bytes between chips move.
EXPOSED_COMMUNICATION = BETWEEN_CHIPS


@dataclass(frozen=True, slots=True)
class StageTimes:
    """Times of one repetition of a stage, for each of its runs.

    Attributes:
        operators_s: For each label, from its first start to its last end, on the rank that stands for all.
            float64[R, labels].
        uncovered_s: Time in which the stream does nothing, by cause: only collectives run (their launches, the latency
            of their steps, their bytes), only the host works, or nothing does. float64[R] each.
    """

    operators_s: FloatArray
    uncovered_s: Mapping[str, FloatArray]


def stage_times(graph: TaskGraph, runs: Runs) -> StageTimes:
    """Times of all runs of a graph.

    Args:
        graph: Tasks of one run; a label is an operator.
        runs: Start and end of every task in every run.

    Returns:
        Seconds of operators, float64[runs, labels], and the seconds in which none ran, by cause.
    """
    parts = [_times(graph, part) for part in runs.parts()]
    if len(parts) == 1:
        return parts[0]
    causes = dict.fromkeys(cause for part in parts for cause in part.uncovered_s)
    uncovered_s = {
        cause: np.concatenate([part.uncovered_s.get(cause, np.zeros(len(part.operators_s))) for part in parts])
        for cause in causes
    }
    return StageTimes(np.concatenate([part.operators_s for part in parts]), uncovered_s)


def _times(graph: TaskGraph, runs: Runs) -> StageTimes:
    start, end, busy = runs.start_ticks, runs.end_ticks, runs.server_busy_ticks
    servers = list(graph.servers)
    stream, comm = (servers.index(name) for name in (STREAM, COMM))
    on_device = np.flatnonzero(graph.server != servers.index(HOST)) if HOST in servers else np.arange(graph.num_tasks)
    operators_s = to_seconds(_ticks_per_label(graph, (NO_SERVER, stream, comm), start, end))
    covered = _union_ticks(start, end)
    device = _union_ticks(start[:, on_device], end[:, on_device]) if HOST in servers else covered
    # Integers: a sum of ticks is divided as a whole, exact beyond what float64 holds.
    exposed = np.where(busy[:, comm] > 0, device - busy[:, stream], 0)
    by_host = covered - device
    idle = runs.makespan_ticks - busy[:, stream] - exposed - by_host
    columns = _exposed(graph, runs, exposed) if (busy[:, comm] > 0).any() else {}
    columns |= {HOST: by_host, IDLE: idle} if HOST in servers else {IDLE: idle}
    return StageTimes(operators_s, {cause: to_seconds(ticks) for cause, ticks in columns.items()})


def _exposed(graph: TaskGraph, runs: Runs, exposed: Int64Array) -> dict[str, Int64Array]:
    """Time in which only collectives run, by what they do: launches, circuits, latency of steps; the rest is bytes."""
    start, end, servers = runs.start_ticks, runs.end_ticks, list(graph.servers)
    on_stream = graph.server == servers.index(STREAM)
    called = np.isin(graph.server, (NO_SERVER, servers.index(COMM)))
    working = np.flatnonzero(on_stream | (called & is_call(graph)))
    setting = np.flatnonzero(is_setting(graph))
    waiting = np.flatnonzero(called & (graph.latency_ticks > 0))
    until = np.minimum(start[:, waiting] + graph.latency_ticks[waiting], end[:, waiting])
    busy = runs.server_busy_ticks[:, servers.index(STREAM)]
    launched = _union_ticks(start[:, working], end[:, working])
    working = np.concatenate([working, setting])
    were_set = _union_ticks(start[:, working], end[:, working]) if setting.size else launched
    waited = _union_ticks(
        np.concatenate([start[:, working], start[:, waiting]], axis=1),
        np.concatenate([end[:, working], until], axis=1),
    )
    launch = np.minimum(launched - busy, exposed)
    sets = np.minimum(were_set - launched, exposed - launch)
    latency = np.minimum(waited - were_set, exposed - launch - sets)
    moves = exposed - launch - sets - latency
    found = {COLLECTIVE_LAUNCH: launch, LINK_LATENCY: latency, EXPOSED_COMMUNICATION: moves}
    return found | ({SET_PATH: sets} if setting.size else {})


def _ticks_per_label(graph: TaskGraph, servers: tuple[int, ...], start: Int64Array, end: Int64Array) -> Int64Array:
    """First start to last end of each label on some servers; a row per run."""
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
