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

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from accelsim.cost.cost import Cost
from accelsim.engine.clock import to_ticks
from accelsim.engine.program import Program
from accelsim.engine.series import InTime, Series, Stage, Variants
from accelsim.engine.taskgraph import TaskGraph, TaskGraphBuilder
from accelsim.hardware.system import System
from accelsim.mapping.price import PricedBlock, PricedOperator
from accelsim.mapping.servers import COMM, STREAM
from accelsim.mapping.unfold import unfold_block
from accelsim.network.seats import Seats


@dataclass(frozen=True, slots=True)
class LoweredProgram:
    """A program with, for each stage, the priced block it came from.

    Attributes:
        program: What the engine runs.
        blocks: One per stage as it is written; label ``i`` of a stage's graph is operator ``i`` of its block.
    """

    program: Program
    blocks: tuple[PricedBlock, ...]

    def unrolled(self) -> LoweredProgram:
        """Every step of a series as stages of its own."""
        blocks = iter(self.blocks)
        alone = (block if block.growing else replace(block, count=1) for block in blocks)
        by_series = [tuple(itertools.islice(alone, len(series.stages))) for series in self.program.series]
        in_time = InTime(self.program.series, lambda series, round_, place: by_series[series][place].at(round_))
        return LoweredProgram(Program.of(*self.program.stages), tuple(in_time))


def lower(passes: Iterable[tuple[PricedBlock, ...]], system: System, unfolded: Seats | None = None) -> LoweredProgram:
    """Task graphs of all passes (one prefill, or series of decode steps in order); equal blocks share one graph.

    Args:
        passes: The priced blocks of each pass or series of passes.
        system: Where they run.
        unfolded: Simulate these ranks instead of one that stands for all.
    """
    lowering = _Lowering(system, unfolded)
    series: list[Series] = []
    lowered: list[PricedBlock] = []
    for blocks in passes:
        for alike in [blocks] if unfolded is None and _keep_routes(blocks, system) else _one_by_one(blocks):
            series.append(Series(tuple(lowering.stage(block) for block in alike), alike[0].count))
            lowered += alike
    return LoweredProgram(Program(tuple(series)), tuple(lowered))


def _keep_routes(blocks: tuple[PricedBlock, ...], system: System) -> bool:
    """Whether operators that move bytes in some step do so in the first, which gives their tasks a route."""
    memory = _main_memory(system)
    moved = (steps.costs.traffic_bytes.get(memory or "") for block in blocks for steps in block.growing.values())
    return all(nbytes is None or np.rint(nbytes[0]) > 0 or np.rint(nbytes).max() == 0 for nbytes in moved)


def _one_by_one(blocks: tuple[PricedBlock, ...]) -> Iterator[tuple[PricedBlock, ...]]:
    """The steps of a series as passes of their own."""
    alone = [replace(block, count=1) if not block.growing else block for block in blocks]
    return (tuple(block.at(step) for block in alone) for step in range(blocks[0].count))


class _Lowering:
    """Lowers blocks on one system; blocks of the same priced operators share a graph."""

    def __init__(self, system: System, unfolded: Seats | None) -> None:
        self._system = system
        self._unfolded = unfolded
        self._graphs: dict[tuple[PricedOperator, ...], tuple[TaskGraph, tuple[int, ...]]] = {}
        self._stages: dict[PricedBlock, Stage] = {}

    def stage(self, block: PricedBlock) -> Stage:
        """The tasks of one block, with their sizes in each step."""
        if block not in self._stages:
            if block.operators not in self._graphs:
                self._graphs[block.operators] = self._graph(block)
            graph, last_task = self._graphs[block.operators]
            variants = _variants(block, last_task, _main_memory(self._system))
            self._stages[block] = Stage(graph, block.repeat, block.name, variants)
        return self._stages[block]

    def _graph(self, block: PricedBlock) -> tuple[TaskGraph, tuple[int, ...]]:
        """Tasks, and the last one of each operator."""
        if self._unfolded:
            return unfold_block(block, self._system, self._unfolded), ()
        return _lower_block(block, self._system)


def _variants(block: PricedBlock, last_task: tuple[int, ...], main_memory: str | None) -> Variants | None:
    """Sizes of the tasks of operators that grow, in each step; rounded as :func:`_sizes` and the builder do."""
    if not block.growing:
        return None
    none = np.zeros(block.count)
    work, moved, latency = [], [], []
    for steps in block.growing.values():
        nbytes = np.rint(steps.costs.traffic_bytes.get(main_memory or "", none)).astype(np.int64)
        work.append(to_ticks(steps.costs.work_s))
        moved.append(nbytes)
        latency.append(to_ticks(np.where(nbytes > 0, steps.costs.parts_s.get("launch", none), 0.0)))
    columns = (np.stack(column, axis=1) for column in (work, moved, latency))
    return Variants(np.array([last_task[index] for index in block.growing]), *columns)


def _main_memory(system: System) -> str | None:
    return system.chip.main_memory if system.chip.memories else None


def _sizes(cost: Cost, main_memory: str | None) -> tuple[float, int, float]:
    """Seconds of work, bytes of the main memory, and seconds until the first byte moves, of an operator's task."""
    nbytes = 0 if main_memory is None else round(cost.traffic_bytes.get(main_memory, 0.0))
    return cost.work_s, nbytes, cost.launch_s if nbytes else 0.0


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
        if not cost.on_cores:
            done.append(add_collective(builder, name, cost, comm, links, [*after, *issued]))
            issued = [done[-1]]
        else:
            # One task: the operator's own time on the stream, its memory traffic on the link once it is launched.
            work_s, nbytes, launch_s = _sizes(cost, None if memory is None else chip.main_memory)
            route = (memory_link,) if memory_link is not None and nbytes else ()
            done.append(builder.task(name, stream, work_s, nbytes, route, launch_s, after=after))
    return builder.build(), tuple(done)


def add_collective(
    builder: TaskGraphBuilder, name: str, cost: Cost, comm: int, links: Mapping[str, int], after: list[int]
) -> int:
    """The launch of the collective, then its steps one after another on this rank's link of their level.

    What has no steps, such as setting circuits, is all launch.

    Args:
        builder: The graph that it is added to.
        name: Label of its tasks.
        cost: Its price.
        comm: Server of collectives.
        links: Link of each level.
        after: Tasks that it waits for.
    """
    last = builder.task(name, comm, cost.launch_s if cost.phases else cost.work_s, after=after)
    for phase in cost.phases:
        for nbytes, repeat in phase.steps:
            for _ in range(repeat):
                route = (links[phase.level],)
                last = builder.task(name, comm, phase.step_s(nbytes), nbytes, route, phase.step_latency_s, after=[last])
    return last
