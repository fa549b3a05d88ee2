"""Pipeline parallelism: layers dealt to stages, a batch cut into microbatches, activations sent from stage to stage.

Layers are dealt by count.  Where they do not divide, stages before the last get one more, from the last but one
backwards: the last has the head, the first the embedding.  A rank sends its whole activation to the rank at its place
of the next stage (no scatter over tp and gather behind).

Source:
    vllm-project/vllm, ``vllm/distributed/utils.py``, ``get_pp_indices``.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

from accelsim.errors import PlanError
from accelsim.mapping.mesh import Mesh
from accelsim.workload.graph import OperatorGraph, Port, Segment, Workload
from accelsim.workload.operators.send_recv import SendRecv
from accelsim.workload.tensor import Tensor


def layers_of_stages(num_layers: int, num_stages: int) -> tuple[int, ...]:
    """Layers of each stage.

    Args:
        num_layers: Layers of the model.
        num_stages: ``pp``, the stages they are dealt to.

    Raises:
        PlanError: More stages than layers.

    Examples:
        >>> layers_of_stages(32, 4), layers_of_stages(30, 4), layers_of_stages(5, 2)
        ((8, 8, 8, 8), (7, 8, 8, 7), (3, 2))
    """
    if num_stages > num_layers:
        raise PlanError(f"plan: pp={num_stages} stages for {num_layers} layers. Use pp of at most {num_layers}.")
    each, left = divmod(num_layers, num_stages)
    return tuple(each + (num_stages - 1 - left <= stage < num_stages - 1) for stage in range(num_stages))


def deal(workload: Workload, num_stages: int) -> tuple[Workload, ...]:
    """The part of each stage: the first segment and layers, layers, ..., layers and the last segment.

    Every copy of a segment between the first and the last is a layer.  What a part reads through ports from an earlier
    one is there from its beginning; parts between hold it on its way.

    Args:
        workload: One pass.
        num_stages: Stages.

    Raises:
        PlanError: More stages than layers.
    """
    if len(workload.segments) < _FEWEST:
        raise PlanError(
            f"plan: pp={num_stages} needs a first and a last segment around layers; {workload.name} has none."
        )
    first, *layers, last = range(len(workload.segments))
    counts = layers_of_stages(sum(workload.segments[at].repeat for at in layers), num_stages)
    parts = list(_cut(workload.segments, layers, counts))
    parts[0] = ((first, workload.segments[first]), *parts[0])
    parts[-1] = (*parts[-1], (last, workload.segments[last]))
    return tuple(_part(workload, part) for part in parts)


#: Segments of a workload that has layers.
_FEWEST = 3
#: Segments of a stage, each behind its index in the whole workload.
_Numbered = tuple[tuple[int, Segment], ...]


def _cut(segments: Sequence[Segment], layers: Sequence[int], counts: Sequence[int]) -> Iterator[_Numbered]:
    """Segments cut into runs of so many copies."""
    left = [(at, segments[at]) for at in layers]
    for wanted in counts:
        part: list[tuple[int, Segment]] = []
        while wanted:
            at, segment = left.pop(0)
            taken = min(wanted, segment.repeat)
            part.append((at, segment if taken == segment.repeat else replace(segment, repeat=taken)))
            if taken < segment.repeat:
                left.insert(0, (at, replace(segment, repeat=segment.repeat - taken)))
            wanted -= taken
        yield tuple(part)


def _part(workload: Workload, part: _Numbered) -> Workload:
    """One stage as a workload of its own."""
    numbers = [at for at, _ in part]
    earlier = {(w.reader, w.tensor.name) for w in workload.wires if w.source is not None and w.source < numbers[0]}
    segments = []
    for at, segment in part:
        ports = tuple(Port(p.tensor) if (at, p.tensor) in earlier else p for p in segment.ports)
        segments.append(segment if ports == segment.ports else replace(segment, ports=ports))
    passing = (
        wire.result
        for wire in workload.wires
        if wire.result is not None and wire.source is not None
        if wire.source < numbers[0] and wire.reader > numbers[-1]
    )
    return replace(workload, segments=tuple(segments), carried=tuple(dict.fromkeys(passing)))


def sends(workload: Workload, stages: Sequence[Workload], mesh: Mesh) -> tuple[SendRecv, ...]:
    """What each stage but the last sends to the next: all that it and later ones read of what ran so far.

    Args:
        workload: The whole pass.
        stages: Its parts.
        mesh: The ranks.
    """
    copies = itertools.accumulate(sum(segment.repeat for segment in stage.segments) for stage in stages[:-1])
    return tuple(_send(_live(workload, end), mesh, index) for index, end in enumerate(copies))


def _live(workload: Workload, num_copies: int) -> tuple[Tensor, ...]:
    """What the first ``num_copies`` copies of segments wrote and later ones read, along the chain or through ports."""
    ends = list(itertools.accumulate(segment.repeat for segment in workload.segments))
    last = bisect.bisect_left(ends, num_copies)
    following = last if num_copies < ends[last] else last + 1
    live: dict[tuple[int, str], Tensor] = {}
    if workload.segments[following].chained:
        result = result_of(workload.segments[last].graph)
        live[last, result.name] = result
    for wire in workload.wires:
        if wire.source is not None and wire.result is not None and wire.source < following <= wire.reader:
            live[wire.source, wire.result.name] = wire.result
    return tuple(live.values())


def result_of(graph: OperatorGraph) -> Tensor:
    """What a block hands to the next: the last result that it does not read itself."""
    read = {tensor.name for operator in graph for tensor in operator.inputs}
    return [t for operator in graph for t in operator.outputs if t.name not in read][-1]


def _send(results: Sequence[Tensor], mesh: Mesh, source: int) -> SendRecv:
    if len(results) != 1:
        return SendRecv.of(sum(result.size_bytes for result in results), mesh.group("pp"), source)
    received = replace(results[0], name=f"{results[0].name}.received")
    return SendRecv("send_recv", (results[0],), (received,), mesh.group("pp"), source)
