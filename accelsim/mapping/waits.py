"""What tasks between chips spend their time on: their call's launch, the latency before bytes move, the bytes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from accelsim.cost.causes import COLLECTIVE_LAUNCH, LINK_LATENCY
from accelsim.cost.cost import Cost
from accelsim.engine.clock import to_seconds
from accelsim.engine.taskgraph import TaskGraph
from accelsim.mapping.servers import BETWEEN_CHIPS, SET_PATH

FloatArray = npt.NDArray[np.float64]

#: Causes of the time between chips; together they are what is exposed of communication.
BETWEEN_CAUSES = (COLLECTIVE_LAUNCH, SET_PATH, LINK_LATENCY, BETWEEN_CHIPS)
#: Kind of the operator that sets circuits between chips, and end of its name.
SET_CIRCUITS = "set_circuits"


def is_call(graph: TaskGraph) -> npt.NDArray[np.bool_]:
    """Of tasks between chips, those that move nothing and set nothing: the launch of a call. bool[T]."""
    launches: npt.NDArray[np.bool_] = (graph.nbytes == 0) & (graph.num_hops == 0) & ~is_setting(graph)
    return launches


def is_setting(graph: TaskGraph) -> npt.NDArray[np.bool_]:
    """Tasks in which circuits are set. bool[T]."""
    return np.array([label.endswith(SET_CIRCUITS) for label in graph.labels], dtype=bool)[graph.label]


def between_chips(graph: TaskGraph, took_s: FloatArray) -> Mapping[str, FloatArray]:
    """Seconds of tasks between chips by cause, the longest that each could be; they sum to ``took_s``.

    Args:
        graph: The tasks; figures of those that are not between chips mean nothing.
        took_s: Seconds that each takes. float64[..., T].
    """
    waits_s = np.minimum(to_seconds(graph.latency_ticks), took_s)
    launches, settings = is_call(graph), is_setting(graph)
    moves = ~(launches | settings)
    parts_s = {
        COLLECTIVE_LAUNCH: np.where(launches, took_s, 0.0),
        LINK_LATENCY: np.where(moves, waits_s, 0.0),
        BETWEEN_CHIPS: np.where(moves, took_s - waits_s, 0.0),
    }
    return parts_s | ({SET_PATH: np.where(settings, took_s, 0.0)} if settings.any() else {})


def parts_between(cost: Cost) -> dict[str, float]:
    """Seconds of a call by the same causes, whatever the levels that it crosses; they sum to its time.

    Args:
        cost: Of the call.
    """
    waits_s = cost.parts_s.get(LINK_LATENCY, 0.0)
    moves_s = cost.work_s - cost.launch_s - waits_s
    parts_s = {COLLECTIVE_LAUNCH: cost.launch_s, LINK_LATENCY: waits_s, BETWEEN_CHIPS: moves_s}
    return parts_s
