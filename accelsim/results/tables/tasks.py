"""Every simulated task, repeated blocks once."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.engine.clock import TICKS_PER_S
from accelsim.engine.taskgraph import NO_SERVER, TaskGraph
from accelsim.results.data import RunData
from accelsim.results.shown import ShownStage, shown_stages
from accelsim.results.tables.columns import Columns

Column = npt.NDArray[Any]


def tasks_table(result: RunData) -> Columns:
    """One row per task of the first repetition of each stage.

    ``repeat`` says how often the task ran in a step; the later repetitions follow ``period_s`` apart.  Of a long decode
    the first of ``steps`` steps is shown, with the mean work and bytes of all of them.  Bytes times repeat times steps
    times hops sum to the bytes of all links.
    """
    stages = [_columns(shown) for shown in shown_stages(result.timeline)]
    return {name: np.concatenate([stage[name] for stage in stages]) for name in stages[0]}


def _columns(shown: ShownStage) -> dict[str, Column]:
    stage = shown.stage
    graph, timeline = stage.stage.graph, stage.timeline
    size = graph.num_tasks
    work_ticks, nbytes = shown.mean_sizes()
    offset_s = stage.start_ticks / TICKS_PER_S
    hops = graph.num_hops
    return {
        "stage": np.full(size, shown.index),
        "block": np.full(size, stage.stage.name, dtype=object),
        "repeat": np.full(size, stage.stage.repeat),
        "steps": np.full(size, shown.rounds),
        "period_s": np.full(size, timeline.makespan_s),
        "task": np.arange(size),
        "server": _names((*graph.servers, ""), np.where(graph.server == NO_SERVER, graph.num_servers, graph.server)),
        "operator": _names(graph.labels, graph.label),
        "start_s": offset_s + timeline.start_s,
        "end_s": offset_s + timeline.end_s,
        "work_s": work_ticks / TICKS_PER_S,
        "bytes": nbytes,
        "hops": hops,
        "first_link": _link(graph, hops, graph.route_ptr[:-1]),
        "last_link": _link(graph, hops, graph.route_ptr[1:] - 1),
    }


def _link(graph: TaskGraph, hops: Column, position: Column) -> Column:
    """Name of the link at ``position`` of the routes; empty for a task without a route."""
    padded = np.append(graph.route_link, graph.num_links)
    places = np.where(hops > 0, position, len(graph.route_link))
    return _names((*graph.links, ""), padded[places])


def _names(names: Any, codes: Column) -> Column:
    return np.array([*names], dtype=object)[codes]
