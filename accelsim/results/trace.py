"""A run as Chrome trace events, which Perfetto and chrome://tracing open.

Tracks: one per server, one or more per link for transfers that no server makes (more where transfers overlap), one for
folded repetitions; counters for the rate of every link and memory and for the bytes the main memory holds.

Repeated blocks are folded: the first repetition of each stage is drawn, the rest is one slice that says how many
repetitions it stands for.  Of a run of more than :data:`MAX_EVENTS` events the first ones are kept, and a note says
how many were left out.  Of a long decode one of every so many steps is drawn, and a note says which.

Times are whole nanoseconds, start and end each rounded, so that neighbours on a track touch and never overlap.

Source:
    Trace Event Format, Google, sections "Complete Events", "Counter Events" and "Metadata Events"; microseconds.
"""

from __future__ import annotations

import gzip
import heapq
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.engine.clock import TICKS_PER_S
from accelsim.engine.program import StageTimeline
from accelsim.engine.taskgraph import NO_SERVER, TaskGraph
from accelsim.files import write_atomic
from accelsim.results.result import Result
from accelsim.results.shown import note_of, shown_stages

MAX_EVENTS = 200_000
#: Share of the events that slices may take; the rest is for counters.
_SLICES = 0.7

_TICKS_PER_NS = TICKS_PER_S // 10**9
_PID = 0
_FOLDED = "folded repetitions"

Event = dict[str, Any]
Int64Array = npt.NDArray[np.int64]


def write_trace(result: Result, path: Path, max_events: int = MAX_EVENTS) -> None:
    """Write the trace of a run; compressed if the name ends in ``.gz``.

    Args:
        result: The run.
        path: File to write, e.g. ``run.json.gz``; complete or not written at all.
        max_events: Events at most, beside the names of tracks.

    Raises:
        ConfigError: The file cannot be written.
    """
    text = json.dumps(chrome_trace(result, max_events), separators=(",", ":"))
    path = Path(path)
    write_atomic(path, gzip.compress(text.encode(), mtime=0) if path.suffix == ".gz" else text)


def chrome_trace(result: Result, max_events: int = MAX_EVENTS) -> dict[str, Any]:
    """``traceEvents`` of a run with at most ``max_events`` events beside the names of tracks.

    Args:
        result: The run.
        max_events: Events at most; what is beyond is counted in ``otherData.left_out``.
    """
    tracks = _Tracks()
    slices: list[Event] = []
    left_out = 0
    shown = [one.stage for one in shown_stages(result.timeline)]
    for stage in shown:
        room = int(max_events * _SLICES) - len(slices)
        drawn, dropped = _slices(stage, tracks, room)
        slices += drawn
        left_out += dropped
    counters, left_out_counters = _counters(result, shown, max_events - len(slices))
    who = f"{result.system}, one of {result.num_chips} equal chips" if result.num_chips > 1 else result.system
    notes: dict[str, Any] = {
        "model": result.model,
        "plan": str(result.plan),
        "folding": "first repetition of each block drawn; one slice stands for the others",
    }
    if note := note_of(result.timeline):
        notes["steps"] = note
    if left_out or left_out_counters:
        notes["left_out"] = f"{left_out} slices and {left_out_counters} counter values beyond {max_events} events"
    return {
        "traceEvents": [_metadata("process_name", 0, who), *tracks.names(), *slices, *counters],
        "displayTimeUnit": "ns",
        "otherData": notes,
    }


class _Tracks:
    """Numbers of tracks by name, in order of first use."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}

    def id(self, name: str) -> int:
        return self._ids.setdefault(name, len(self._ids) + 1)

    def names(self) -> Iterator[Event]:
        for name, track in self._ids.items():
            yield _metadata("thread_name", track, name)
            yield {"name": "thread_sort_index", "ph": "M", "pid": _PID, "tid": track, "args": {"sort_index": track}}


def _slices(stage: StageTimeline, tracks: _Tracks, room: int) -> tuple[list[Event], int]:
    """Slices of the first repetition and one for the others; how many did not fit into ``room``."""
    graph, timeline, repeat = stage.stage.graph, stage.timeline, stage.stage.repeat
    folded = int(repeat > 1)
    for name in graph.servers:
        tracks.id(name)
    order = np.argsort(timeline.start_ticks, kind="stable")
    shown = order[: max(0, room - folded)]
    start_ns = _ns(stage.start_ticks, timeline.start_ticks[shown])
    end_ns = _ns(stage.start_ticks, timeline.end_ticks[shown])
    lanes = _lanes(graph, shown, start_ns, end_ns)
    events = []
    for index, task in enumerate(shown.tolist()):
        start, end = int(start_ns[index]), int(end_ns[index])
        events.append(
            {
                "name": graph.labels[int(graph.label[task])],
                "cat": stage.stage.name,
                "ph": "X",
                "pid": _PID,
                "tid": tracks.id(lanes[index]),
                "ts": start / 1000,
                "dur": (end - start) / 1000,
                "args": {"bytes": int(graph.nbytes[task])},
            }
        )
    if folded and room > 0:
        start, end = (_one_ns(ticks) for ticks in (stage.start_ticks + timeline.makespan_ticks, stage.end_ticks))
        events.append(
            {
                "name": f"{stage.stage.name} x {repeat - 1} more",
                "cat": stage.stage.name,
                "ph": "X",
                "pid": _PID,
                "tid": tracks.id(_FOLDED),
                "ts": start / 1000,
                "dur": (end - start) / 1000,
                "args": {"folded_repetitions": repeat - 1},
            }
        )
    return events, graph.num_tasks + folded - len(events)


def _lanes(graph: TaskGraph, tasks: Int64Array, start_ns: Int64Array, end_ns: Int64Array) -> list[str]:
    """Track of each task: its server, or a lane of its first link on which no other transfer is drawn meanwhile."""
    busy: dict[str, list[tuple[int, int]]] = {}
    lanes = []
    for task, start, end in zip(tasks.tolist(), start_ns.tolist(), end_ns.tolist(), strict=True):
        if graph.server[task] != NO_SERVER:
            lanes.append(graph.servers[int(graph.server[task])])
            continue
        route = graph.route(task)
        name = graph.links[int(route[0])] if len(route) else "events"
        free = busy.setdefault(name, [])
        lane = heapq.heappop(free)[1] if free and free[0][0] <= start else len(free)
        heapq.heappush(free, (end, lane))
        lanes.append(name if lane == 0 else f"{name} ({lane + 1})")
    return lanes


def _counters(result: Result, shown: Sequence[StageTimeline], room: int) -> tuple[list[Event], int]:
    """Rate of every link (memories are links) and bytes in the main memory; how many values did not fit."""
    events: list[Event] = []
    memory = result.table("memory")
    name = f"{result.footprint.memory} held (bytes)"
    for time_s, total in zip(memory["time_s"], memory["total_bytes"], strict=True):
        events.append(_counter(name, round(time_s * 1e9), "bytes", int(total)))
    for stage, rated in zip(shown, result.rated_timeline.stages, strict=True):
        rates = rated.timeline.rates
        if rates is None:
            continue
        links = stage.stage.graph.links
        start, end = _ns(stage.start_ticks, rates.start_ticks), _ns(stage.start_ticks, rates.end_ticks)
        for i in range(len(rates.link)):
            track = f"{links[int(rates.link[i])]} (GB/s)"
            events.append(_counter(track, int(start[i]), "GB/s", rates.bytes_per_s[i] / 1e9))
            last = i + 1 == len(rates.link) or rates.link[i + 1] != rates.link[i]
            if last or rates.start_ticks[i + 1] > rates.end_ticks[i]:
                events.append(_counter(track, int(end[i]), "GB/s", 0.0))
    kept = events[: max(0, room)]
    return kept, len(events) - len(kept)


def _counter(name: str, time_ns: int, unit: str, value: float) -> Event:
    return {"name": name, "ph": "C", "pid": _PID, "ts": time_ns / 1000, "args": {unit: value}}


def _ns(offset_ticks: int, ticks: Int64Array) -> Int64Array:
    """Whole nanoseconds of ``offset + ticks``; the offset may be larger than 64 bits hold in ticks."""
    whole, rest = divmod(offset_ticks, _TICKS_PER_NS)
    return whole + (ticks + rest + _TICKS_PER_NS // 2) // _TICKS_PER_NS


def _one_ns(ticks: int) -> int:
    return (ticks + _TICKS_PER_NS // 2) // _TICKS_PER_NS


def _metadata(kind: str, track: int, name: str) -> Event:
    return {"name": kind, "ph": "M", "pid": _PID, "tid": track, "args": {"name": name}}
