"""Pipeline parallelism: layers dealt to stages, a batch cut into microbatches, activations sent from stage to stage.

Layers are dealt by count.  Where they do not divide, stages before the last get one more, from the last but one
backwards: the last has the head, the first the embedding.  A rank sends its whole activation to the rank at its place
of the next stage (no scatter over tp and gather behind).

Source:
    vllm-project/vllm, ``vllm/distributed/utils.py``, ``get_pp_indices``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from accelsim.errors import PlanError
from accelsim.mapping.mesh import Mesh
from accelsim.workload.graph import OperatorGraph, Segment, Workload
from accelsim.workload.operators.send_recv import SendRecv
from accelsim.workload.tensor import Tensor


def layers_of_stages(num_layers: int, num_stages: int) -> tuple[int, ...]:
    """Layers of each stage.

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
    """The part of each stage: embedding and layers, layers, ..., layers and head.

    Raises:
        PlanError: More stages than layers.
    """
    first, *layers, last = workload.segments
    counts = layers_of_stages(sum(segment.repeat for segment in layers), num_stages)
    parts = list(_cut(layers, counts))
    parts[0] = (first, *parts[0])
    parts[-1] = (*parts[-1], last)
    return tuple(replace(workload, segments=part) for part in parts)


def _cut(segments: Sequence[Segment], counts: Sequence[int]) -> Iterator[tuple[Segment, ...]]:
    """Segments cut into runs of so many copies."""
    left = list(segments)
    for wanted in counts:
        part: list[Segment] = []
        while wanted:
            segment = left.pop(0)
            taken = min(wanted, segment.repeat)
            part.append(segment if taken == segment.repeat else replace(segment, repeat=taken))
            if taken < segment.repeat:
                left.insert(0, replace(segment, repeat=segment.repeat - taken))
            wanted -= taken
        yield tuple(part)


def sends(stages: Sequence[Workload], mesh: Mesh) -> tuple[SendRecv, ...]:
    """What each stage but the last sends to the next."""
    return tuple(_send(result_of(stage.segments[-1].graph), mesh, index) for index, stage in enumerate(stages[:-1]))


def result_of(graph: OperatorGraph) -> Tensor:
    """What a block hands to the next: the last result that it does not read itself."""
    read = {tensor.name for operator in graph for tensor in operator.inputs}
    return [t for operator in graph for t in operator.outputs if t.name not in read][-1]


def _send(result: Tensor, mesh: Mesh, source: int) -> SendRecv:
    received = replace(result, name=f"{result.name}.received")
    return SendRecv("send_recv", (result,), (received,), mesh.group("pp"), source)
