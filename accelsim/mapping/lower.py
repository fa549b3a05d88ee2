"""From priced blocks to task graphs: the last step before the engine.

One representative chip is simulated: under tensor and data parallelism every rank does the same work on its own
memory and its own links, so one stands for all (docs/assumptions.md#symmetric-ranks).  Its resources:

* server ``stream``: operators run one after another (a GPU's compute stream, a wafer region);
* server ``comm``: collectives run one at a time, beside the stream;
* link of the main memory (``hbm``): all traffic to it, at its published peak; the cost model's own time already
  holds what an operator alone achieves, the link adds what two at once take from each other;
* link of each system level (``nvlink``): what the rank sends over one of the links its collective loads alike.

A block has one entry and one exit, so repeated blocks do not overlap and fold exactly into a repeated stage.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from accelsim.cost.base import OperatorCost
from accelsim.engine.clock import to_ticks
from accelsim.engine.program import Program
from accelsim.engine.series import Stage
from accelsim.engine.taskgraph import TaskGraph, TaskGraphBuilder
from accelsim.hardware.system import System
from accelsim.mapping.price import PricedBlock, PricedOperator
from accelsim.mapping.servers import COMM, STREAM
from accelsim.mapping.unfold import unfold_block
from accelsim.network.collective import CollectiveCost
from accelsim.network.seats import Seats


@dataclass(frozen=True, slots=True)
class LoweredProgram:
    """A program with, for each stage, the priced block it came from.

    Attributes:
        program: What the engine runs.
        blocks: One per stage; label ``i`` of a stage's graph is operator ``i`` of its block.
    """

    program: Program
    blocks: tuple[PricedBlock, ...]


def lower(passes: Iterable[tuple[PricedBlock, ...]], system: System, unfolded: Seats | None = None) -> LoweredProgram:
    """Task graphs of all passes (one prefill, or decode steps in order); equal blocks share one graph.

    Args:
        passes: The priced blocks of each pass.
        system: Where they run.
        unfolded: Simulate these ranks instead of one that stands for all.
    """
    graphs: dict[int, TaskGraph] = {}
    lowering = _Lowering(system)
    stages, blocks = [], []
    for blocks_of_pass in passes:
        for block in blocks_of_pass:
            if id(block) not in graphs:
                graphs[id(block)] = unfold_block(block, system, unfolded) if unfolded else lowering.graph(block)
            stages.append(Stage(graphs[id(block)], block.repeat, block.name))
            blocks.append(block)
    return LoweredProgram(Program.of(*stages), tuple(blocks))


@dataclass(frozen=True, slots=True)
class _Template:
    """The first block lowered of those that differ in the sizes of compute operators only.

    Attributes:
        block: That block.
        graph: Its tasks.
        last_task: For each operator, its last task; the only one of a compute operator.
    """

    block: PricedBlock
    graph: TaskGraph
    last_task: tuple[int, ...]


class _Lowering:
    """Lowers blocks on one system; blocks of one shape (the steps of a decode) share all but the sizes of tasks."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._main_memory = system.chip.main_memory if system.chip.memories else None
        self._templates: dict[tuple[object, ...], _Template] = {}

    def graph(self, block: PricedBlock) -> TaskGraph:
        """The task graph of one block."""
        key = (block.predecessors, *(self._shape(priced) for priced in block.operators))
        template = self._templates.get(key)
        if template is None:
            graph, last_task = _lower_block(block, self._system)
            self._templates[key] = _Template(block, graph, last_task)
            return graph
        columns = [getattr(template.graph, name).copy() for name in ("work_ticks", "nbytes", "latency_ticks")]
        pairs = zip(block.operators, template.block.operators, template.last_task, strict=True)
        for priced, other, task in pairs:
            if priced is not other and isinstance(priced.cost, OperatorCost):
                work_s, nbytes, latency_s = _sizes(priced.cost, self._main_memory)
                for column, value in zip(columns, (to_ticks(work_s), nbytes, to_ticks(latency_s)), strict=True):
                    column[task] = value
        return template.graph.with_sizes(*columns)

    def _shape(self, priced: PricedOperator) -> tuple[str, object]:
        """Equal for operators whose tasks differ in size only: those that run on the cores, with bytes or without."""
        cost = priced.cost
        if isinstance(cost, CollectiveCost):
            return priced.operator.name, id(cost)
        return priced.operator.name, _sizes(cost, self._main_memory)[1] > 0


def _sizes(cost: OperatorCost, main_memory: str | None) -> tuple[float, int, float]:
    """Seconds of work, bytes of the main memory, and seconds until the first byte moves, of an operator's task."""
    nbytes = 0 if main_memory is None else round(cost.traffic_bytes.get(main_memory, 0.0))
    return cost.work_s, nbytes, cost.parts_s.get("launch", 0.0) if nbytes else 0.0


def _lower_block(block: PricedBlock, system: System) -> tuple[TaskGraph, tuple[int, ...]]:
    """The tasks of one block, and the last one of each operator."""
    builder = TaskGraphBuilder()
    stream, comm = builder.server(STREAM), builder.server(COMM)
    chip = system.chip
    memory = chip.memories.get(chip.main_memory)
    memory_link = None if memory is None else builder.link(chip.main_memory, memory.bandwidth_bytes_per_s)
    links = {name: builder.link(name, level.link.bandwidth_bytes_per_s) for name, level in system.levels.items()}
    done: list[int] = []
    issued: list[int] = []  # collectives of a rank run in the order in which they are issued
    for priced, predecessors in zip(block.operators, block.predecessors, strict=True):
        after = [done[p] for p in predecessors]
        name, cost = priced.operator.name, priced.cost
        if isinstance(cost, CollectiveCost):
            done.append(_add_collective(builder, name, cost, comm, links, [*after, *issued]))
            issued = [done[-1]]
        else:
            # One task: the operator's own time on the stream, its memory traffic on the link once it is launched.
            work_s, nbytes, launch_s = _sizes(cost, None if memory is None else chip.main_memory)
            route = (memory_link,) if memory_link is not None and nbytes else ()
            done.append(builder.task(name, stream, work_s, nbytes, route, launch_s, after=after))
    return builder.build(), tuple(done)


def _add_collective(
    builder: TaskGraphBuilder, name: str, cost: CollectiveCost, comm: int, links: Mapping[str, int], after: list[int]
) -> int:
    """The launch of the collective, then its steps one after another on this rank's link of their level."""
    last = builder.task(name, comm, cost.launch_s, after=after)
    for phase in cost.phases:
        for nbytes, repeat in phase.steps:
            for _ in range(repeat):
                route = (links[phase.level],)
                last = builder.task(name, comm, phase.step_s(nbytes), nbytes, route, phase.step_latency_s, after=[last])
    return last
