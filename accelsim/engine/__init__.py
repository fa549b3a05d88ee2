"""The discrete-event engine: tasks, servers and links, and when what happens.

Knows no transformer and no accelerator.  :class:`TaskGraph` goes in, :class:`Timeline`
comes out, from the readable SimPy engine or its compiled twin, identical to the tick.
"""

from accelsim.engine.clock import TICKS_PER_S, ClockError, ClockOverflowError, to_seconds, to_ticks
from accelsim.engine.names import NumberedNames
from accelsim.engine.program import Program, ProgramTimeline, SeriesTimeline, StageTimeline, run_program
from accelsim.engine.run import EngineName, simulate
from accelsim.engine.series import Series, Stage, Variants
from accelsim.engine.taskgraph import NO_SERVER, TaskGraph, TaskGraphBuilder, TaskGraphError, make_task_graph
from accelsim.engine.template import CrossEdges, Resources, chain, concatenate, instantiate, with_barrier
from accelsim.engine.timeline import LinkRates, Timeline

__all__ = [
    "NO_SERVER",
    "TICKS_PER_S",
    "ClockError",
    "ClockOverflowError",
    "CrossEdges",
    "EngineName",
    "LinkRates",
    "NumberedNames",
    "Program",
    "ProgramTimeline",
    "Resources",
    "Series",
    "SeriesTimeline",
    "Stage",
    "StageTimeline",
    "TaskGraph",
    "TaskGraphBuilder",
    "TaskGraphError",
    "Timeline",
    "Variants",
    "chain",
    "concatenate",
    "instantiate",
    "make_task_graph",
    "run_program",
    "simulate",
    "to_seconds",
    "to_ticks",
    "with_barrier",
]
