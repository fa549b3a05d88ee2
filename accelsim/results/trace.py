"""A run as Chrome trace events, which Perfetto and chrome://tracing open.

Repeated blocks are folded: the first repetition of each stage is drawn, the rest is one slice that says how many
repetitions it stands for.

Source:
    Trace Event Format, Google, sections "Complete Events" and "Metadata Events"; times in microseconds.
"""

from __future__ import annotations

from typing import Any

from accelsim.engine.clock import to_seconds
from accelsim.engine.program import StageTimeline
from accelsim.mapping.servers import COMM, STREAM
from accelsim.results.result import Result

MAX_EVENTS = 200_000

_TRACKS = {STREAM: 1, COMM: 2}


def chrome_trace(result: Result) -> dict[str, Any]:
    """``traceEvents`` of a run; at most :data:`MAX_EVENTS`, with a note when stages were left out."""
    events: list[dict[str, Any]] = [_metadata("process_name", 0, f"{result.system} (one of {result.plan.num_ranks})")]
    events += [_metadata("thread_name", track, name) for name, track in _TRACKS.items()]
    left_out = 0
    for stage in result.timeline.stages:
        if len(events) + stage.stage.graph.num_tasks > MAX_EVENTS:
            left_out += 1
            continue
        events += _stage_events(stage)
    notes = {"model": result.model, "plan": str(result.plan), "folding": "first repetition of each block drawn"}
    if left_out:
        notes["left_out"] = f"{left_out} stages beyond {MAX_EVENTS} events"
    return {"traceEvents": events, "displayTimeUnit": "ns", "otherData": notes}


def _stage_events(stage: StageTimeline) -> list[dict[str, Any]]:
    graph, timeline = stage.stage.graph, stage.timeline
    offset_us = _us(stage.start_ticks)
    start_us, end_us = to_seconds(timeline.start_ticks) * 1e6, to_seconds(timeline.end_ticks) * 1e6
    tracks = [_TRACKS[name] for name in graph.servers]
    events = [
        {
            "name": graph.labels[graph.label[task]],
            "cat": stage.stage.name,
            "ph": "X",
            "pid": 0,
            "tid": tracks[graph.server[task]],
            "ts": offset_us + start_us[task],
            "dur": end_us[task] - start_us[task],
            "args": {"bytes": int(graph.nbytes[task])},
        }
        for task in range(graph.num_tasks)
    ]
    if stage.stage.repeat > 1:
        once_us = _us(timeline.makespan_ticks)
        events.append(
            {
                "name": f"{stage.stage.name} x {stage.stage.repeat - 1} more",
                "cat": stage.stage.name,
                "ph": "X",
                "pid": 0,
                "tid": _TRACKS[STREAM],
                "ts": offset_us + once_us,
                "dur": once_us * (stage.stage.repeat - 1),
                "args": {"folded_repetitions": stage.stage.repeat - 1},
            }
        )
    return events


def _us(ticks: int) -> float:
    return float(to_seconds(ticks)) * 1e6


def _metadata(kind: str, track: int, name: str) -> dict[str, Any]:
    return {"name": kind, "ph": "M", "pid": 0, "tid": track, "args": {"name": name}}
