"""The host in front of the kernels: a server that dispatches one operator after another and runs ahead.

Every operator gets a task on the server ``host`` that its first tasks wait for; these host tasks are a chain.  The host
does not wait for the device, so it may be ahead by some time when a block begins (its *lead*): the first host tasks of
the block are then shorter, or done.  A block that begins with lead ``L``, needs ``H`` of the host and takes ``M``
leaves the lead ``L - H + M`` to the next.  So repeated blocks fold exactly: as soon as the lead repeats, or covers the
whole block, the rest of the repetitions are alike.

::

    host    |d0|d1|d2|d3|d4|...           |d0|d1|d2|...
    stream     |k0|  |k1|   |k2|  gaps        |k0-----|k1-----|k2----|   none
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from accelsim.engine.clock import to_ticks
from accelsim.engine.program import Program, run_program
from accelsim.engine.run import EngineName
from accelsim.engine.series import Stage
from accelsim.engine.taskgraph import TaskGraph, make_task_graph
from accelsim.engine.template import concatenate
from accelsim.hardware.profile import LaunchProfile
from accelsim.mapping.lower import LoweredProgram
from accelsim.mapping.price import PricedBlock
from accelsim.mapping.servers import HOST

Int64Array = npt.NDArray[np.int64]


def with_host(
    lowered: LoweredProgram, profile: LaunchProfile, blocks_per_pass: int, engine: EngineName = "auto"
) -> LoweredProgram:
    """The program with the host's dispatches in front of every operator.

    Args:
        lowered: Stages of the device, pass after pass.
        profile: What the host does.
        blocks_per_pass: Stages of one pass; the host begins each with no lead.
        engine: Engine that finds the time of each block.
    """
    host = _Host(profile, engine)
    stages: list[Stage] = []
    blocks: list[PricedBlock] = []
    lead = 0
    for index, (stage, block) in enumerate(zip(lowered.program.stages, lowered.blocks, strict=True)):
        lead = 0 if index % blocks_per_pass == 0 else lead
        found, lead = host.stages(stage, block, lead)
        stages += found
        blocks += [block] * len(found)
    return LoweredProgram(Program.of(*stages), tuple(blocks))


@dataclass(frozen=True, eq=False)
class _Dispatched:
    """A block's graph with its host tasks last.

    Attributes:
        graph: With a host that has no lead.
        host_ticks: Work of each host task, in order.
    """

    graph: TaskGraph
    host_ticks: Int64Array

    @property
    def total_ticks(self) -> int:
        """Host time of the block."""
        return int(self.host_ticks.sum())

    def ahead(self, lead_ticks: int) -> TaskGraph:
        """The block begun with a lead: the first host tasks are shorter, or done."""
        work = self.graph.work_ticks.copy()
        left = np.clip(np.cumsum(self.host_ticks) - lead_ticks, 0, self.host_ticks)
        work[-len(left) :] = left
        return self.graph.with_sizes(work, self.graph.nbytes, self.graph.latency_ticks)


class _Host:
    """Remembers the graphs of blocks with a host, and their runs by lead."""

    def __init__(self, profile: LaunchProfile, engine: EngineName) -> None:
        self._profile = profile
        self._engine = engine
        self._structures: dict[tuple[Hashable, ...], TaskGraph] = {}
        self._dispatched: dict[TaskGraph, _Dispatched] = {}
        self._runs: dict[tuple[_Dispatched, int], tuple[TaskGraph, int]] = {}

    def stages(self, stage: Stage, block: PricedBlock, lead: int) -> tuple[list[Stage], int]:
        """The repetitions of a stage begun with a lead, equal ones together, and the lead after them."""
        dispatched = self._of(stage.graph, block)
        total = dispatched.total_ticks
        found: list[Stage] = []
        left = stage.repeat
        while left:
            graph, makespan = self._run(dispatched, min(lead, total))
            gain = makespan - total  # of the lead, by each repetition
            count = 1
            if gain == 0 or (lead >= total and gain > 0):
                count = left
            elif lead >= total:
                count = min(left, (lead - total) // -gain + 1)
            found.append(Stage(graph, count, stage.name))
            lead += gain * count
            left -= count
        return found, lead

    def _run(self, dispatched: _Dispatched, lead: int) -> tuple[TaskGraph, int]:
        key = dispatched, lead
        if key not in self._runs:
            graph = dispatched.ahead(lead)
            makespan = run_program(Program.of(Stage(graph)), self._engine).makespan_ticks
            self._runs[key] = graph, makespan
        return self._runs[key]

    def _of(self, device: TaskGraph, block: PricedBlock) -> _Dispatched:
        found = self._dispatched.get(device)
        if found is None:
            work = [to_ticks(self._profile.dispatch_of(priced.operator.kind)) for priced in block.operators]
            host_ticks = np.array(work, dtype=np.int64)
            found = _Dispatched(self._graph(device, host_ticks), host_ticks)
            self._dispatched[device] = found
        return found

    def _graph(self, device: TaskGraph, host_ticks: Int64Array) -> TaskGraph:
        """The device's tasks, then one host task per label; blocks that differ in sizes only share the rest."""
        key = _all_but_sizes(device)
        structure = self._structures.get(key)
        if structure is None:
            structure = self._structures[key] = _structure(device, len(host_ticks))
        none = np.zeros(len(host_ticks), dtype=np.int64)
        return structure.with_sizes(
            np.concatenate([device.work_ticks, host_ticks]),
            np.concatenate([device.nbytes, none]),
            np.concatenate([device.latency_ticks, none]),
        )


def _all_but_sizes(graph: TaskGraph) -> tuple[Hashable, ...]:
    """What tells graphs apart whose tasks may differ in work, bytes and latency."""
    columns = (graph.server, graph.priority, graph.label, graph.route_ptr, graph.route_link, graph.pred_ptr)
    arrays = (*columns, graph.pred_task, graph.capacity_bytes_per_s)
    return tuple(graph.servers), tuple(graph.links), tuple(graph.labels), *(array.tobytes() for array in arrays)


def _structure(device: TaskGraph, num_operators: int) -> TaskGraph:
    servers = (*device.servers, HOST)
    shared = replace(device, servers=servers, routes_checked=True)
    host = make_task_graph(
        num_operators,
        servers=servers,
        links=device.links,
        capacity_bytes_per_s=device.capacity_bytes_per_s,
        labels=device.labels,
        server=len(servers) - 1,
        label=np.arange(num_operators, dtype=np.int32),
    )
    order = device.num_tasks + np.arange(num_operators)
    first = np.array(_entries(device), dtype=np.int64)
    before = np.concatenate([order[:-1], order[device.label[first]]])
    return concatenate([shared, host], (before, np.concatenate([order[1:], first])))


def _entries(device: TaskGraph) -> Sequence[int]:
    """Tasks that no task of their own operator comes before."""
    return [t for t in range(device.num_tasks) if not (device.label[device.predecessors(t)] == device.label[t]).any()]
