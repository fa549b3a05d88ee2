"""Weight streaming: operators span the whole chip, weights arrive over the link to the host layer by layer.

Every pass brings all weights in anew.  Loads run one behind another on the input link; an operator waits for its
own; the weights of a block may come in while the block before computes (double buffer: loads of block ``i`` wait
until block ``i - 2`` is done).  KV cache and activations stay on the chip.

Not modelled: compression of weights, a memory service slower than the link, several chips (data parallel) fed by one
broadcast, spreading the weights over the tiles once they are on the chip.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from accelsim.cost.base import OperatorCost
from accelsim.engine.clock import to_ticks
from accelsim.engine.program import Program
from accelsim.engine.series import Stage
from accelsim.engine.taskgraph import TaskGraph, TaskGraphBuilder
from accelsim.engine.template import concatenate, instantiate
from accelsim.errors import CapacityError, PlanError
from accelsim.hardware.link import LinkSpec
from accelsim.hardware.system import System
from accelsim.mapping.footprint import Footprint, kv_cache_bytes, peak_activation_bytes
from accelsim.mapping.price import PricedBlock, PricedOperator
from accelsim.mapping.servers import STREAM
from accelsim.mapping.spatial.booking import Transfer
from accelsim.mapping.spatial.lowering import Booking, LoweredPipeline
from accelsim.units import format_quantity
from accelsim.warning import warn
from accelsim.workload.graph import Workload
from accelsim.workload.operator import Operator
from accelsim.workload.tensor import Role

#: Cause of time, level of traffic and name of the link that weights come in over.
HOST_LINK = "host link"
_LOAD = "load weights of "
_BUFFERED_BLOCKS = 2

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def lower_streaming(passes: Sequence[tuple[PricedBlock, ...]], system: System) -> LoweredPipeline:
    """One task graph of all passes in which loads run ahead of the operators.

    Raises:
        PlanError: The system has no link to a host.
    """
    link = _host_link(system)
    templates: dict[int, TaskGraph] = {}
    graphs: list[TaskGraph] = []
    parts: dict[str, list[FloatArray]] = defaultdict(list)
    blocks = [block for of_pass in passes for block in of_pass]
    for block in blocks:
        template = templates.setdefault(id(block), _template(block, link))
        graphs.append(instantiate(template, block.repeat))
        for cause, column in _parts(block, template, link).items():
            parts[cause].append(np.tile(column, block.repeat))
    graph = concatenate(graphs, _edges(blocks, [templates[id(block)] for block in blocks]))
    latency_ticks = graph.latency_ticks.copy()
    loads = np.array([graph.labels[label].startswith(_LOAD) for label in range(len(graph.labels))])[graph.label]
    latency_ticks[int(np.argmax(loads))] = to_ticks(link.latency_s)  # the later loads follow without a gap
    graph = replace(graph, latency_ticks=latency_ticks, routes_checked=True)
    return LoweredPipeline(
        program=Program.of(Stage(graph, 1, "pass")),
        blocks=(_labelled(graph, blocks),),
        parts_s={cause: np.concatenate(columns) for cause, columns in parts.items()},
        bookings=tuple(itertools.chain.from_iterable(_bookings(block, link) for block in blocks)),
        num_chips=1,
    )


def streaming_footprint(workload: Workload, system: System, ignore_capacity: bool) -> tuple[Footprint, tuple[str, ...]]:
    """SRAM with the weights of two blocks at a time, and warnings.

    Raises:
        CapacityError: It does not fit and ``ignore_capacity`` is off.
    """
    chip = system.chip
    sizes = [
        sum(tensor.size_bytes for tensor in segment.graph.weights)
        for segment in workload.segments
        for _ in range(min(segment.repeat, _BUFFERED_BLOCKS))
    ]
    buffered = max((a + b for a, b in itertools.pairwise(sizes)), default=sum(sizes))
    need = Footprint(
        memory=chip.main_memory,
        capacity_bytes=chip.main_memory_bytes,
        role_bytes={
            Role.WEIGHT.value: buffered,
            Role.KV_CACHE.value: sum(s.repeat * kv_cache_bytes(s.graph) for s in workload.segments),
            Role.ACTIVATION.value: max(peak_activation_bytes(s.graph) for s in workload.segments),
        },
    )
    if not need.short_bytes:
        return need, ()
    problem = (
        f"{workload.name} on {chip.name} with weight streaming needs {need}, two blocks of weights at a time: "
        f"{format_quantity(need.short_bytes, 'bytes')} short."
    )
    if ignore_capacity:
        return need, (warn("capacity-ignored", problem),)
    raise CapacityError(f"{problem} Lower batch, prompt or context.")


def _host_link(system: System) -> LinkSpec:
    if system.host is None:
        raise PlanError(
            f"plan: execution=weight_streaming needs the link weights come in over; {system.name} has no host. "
            "Name a system with host.link, or add it to the file."
        )
    return system.host.link


def _template(block: PricedBlock, link: LinkSpec) -> TaskGraph:
    """Tasks of one copy: the loads in order, then the operators, each behind its own load."""
    builder = TaskGraphBuilder()
    stream, host = builder.server(STREAM), builder.link(HOST_LINK, link.bandwidth_bytes_per_s)
    load_of: dict[int, int] = {}
    last: list[int] = []
    for index, priced in enumerate(block.operators):
        nbytes = priced.operator.weight_bytes
        if nbytes:
            label = _LOAD + priced.operator.name
            load_of[index] = builder.task(label, None, nbytes=nbytes, route=(host,), after=last)
            last = [load_of[index]]
    done: list[int] = []
    for index, (priced, predecessors) in enumerate(zip(block.operators, block.predecessors, strict=True)):
        after = [done[p] for p in predecessors] + ([load_of[index]] if index in load_of else [])
        done.append(builder.task(priced.operator.name, stream, _cost(priced).work_s, after=after))
    return builder.build()


def _cost(priced: PricedOperator) -> OperatorCost:
    if not isinstance(priced.cost, OperatorCost):
        raise PlanError("plan: execution=weight_streaming runs on one chip; leave tp and dp out.")
    return priced.cost


def _parts(block: PricedBlock, template: TaskGraph, link: LinkSpec) -> dict[str, FloatArray]:
    """Time of each task of one copy alone, by cause."""
    size = template.num_tasks
    parts: dict[str, FloatArray] = defaultdict(lambda: np.zeros(size))
    parts[HOST_LINK][:] = template.nbytes / link.bandwidth_bytes_per_s
    first = size - len(block.operators)
    for index, priced in enumerate(block.operators):
        for cause, seconds in _cost(priced).parts_s.items():
            parts[cause][first + index] = seconds
    return dict(parts)


def _edges(blocks: Sequence[PricedBlock], templates: Sequence[TaskGraph]) -> tuple[IntArray, IntArray]:
    """Between copies: operators behind the last operator before, loads in a row and two blocks ahead at most."""
    base, exits, heads, tails = 0, [], [], []
    entries: list[IntArray] = []
    for block, template in zip(blocks, templates, strict=True):
        size, num_loads = template.num_tasks, template.num_tasks - len(block.operators)
        loaded = [t for t in range(num_loads, size) if (template.predecessors(t) < num_loads).all()]
        starts = base + size * np.arange(block.repeat)
        exits += (starts + size - 1).tolist()
        entries += [start + np.array(loaded, dtype=np.int64) for start in starts]
        heads += [int(start) if num_loads else -1 for start in starts]
        tails += [int(start + num_loads - 1) if num_loads else -1 for start in starts]
        base += size * block.repeat
    pred: list[int] = []
    succ: list[int] = []
    last_load = -1
    for at, (entry, head, tail) in enumerate(zip(entries, heads, tails, strict=True)):
        if at:
            pred += [exits[at - 1]] * len(entry)
            succ += entry.tolist()
        if head >= 0:
            waits = [last_load] if last_load >= 0 else []
            waits += [exits[at - _BUFFERED_BLOCKS]] if at >= _BUFFERED_BLOCKS else []
            pred += waits
            succ += [head] * len(waits)
            last_load = tail
    return np.array(pred, dtype=np.int64), np.array(succ, dtype=np.int64)


def _labelled(graph: TaskGraph, blocks: Sequence[PricedBlock]) -> PricedBlock:
    known = {priced.operator.name: priced for block in blocks for priced in block.operators}
    nothing = OperatorCost(0.0, {}, {}, "none")
    rows = tuple(known.get(label, PricedOperator(Transfer(label, (), ()), nothing)) for label in graph.labels)
    return PricedBlock("pass", 1, rows, tuple(() for _ in rows))


def _bookings(block: PricedBlock, link: LinkSpec) -> list[Booking]:
    found = []
    for priced in block.operators:
        found.append(Booking(block.name, priced.operator, _cost(priced), block.repeat))
        nbytes = float(priced.operator.weight_bytes)
        if nbytes:
            seconds = nbytes / link.bandwidth_bytes_per_s
            cost = OperatorCost(
                seconds, {HOST_LINK: nbytes}, {HOST_LINK: seconds}, HOST_LINK, nbytes * link.energy_j_per_byte
            )
            load: Operator = Transfer(_LOAD + priced.operator.name, (), ())
            found.append(Booking(block.name, load, cost, block.repeat))
    return found
