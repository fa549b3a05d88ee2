"""Fusion as a pass: chains of row operators become one kernel each, as a compiler makes them.

A row operator joins the one directly before it when it reads its result and works on as many rows: a residual addition
and the norm after it.  Products, attention and collectives stay kernels of their own.  Not modelled: fusion into the
epilogue of a product, chains across blocks.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from accelsim.errors import VerificationError
from accelsim.workload.graph import OperatorGraph, Segment, Workload
from accelsim.workload.operator import Operator
from accelsim.workload.operators._rows import RowOperator
from accelsim.workload.operators.fused import Fused
from accelsim.workload.steps import StepSeries

#: Kinds that a compiler generates code for.
FUSED_KINDS = ("elementwise", "norm", "rope", "softmax")


def fuse_series(passes: Iterable[StepSeries]) -> tuple[StepSeries, ...]:
    """Each pass with its chains fused."""
    return tuple(itertools.chain.from_iterable(series.map(fuse_all) for series in passes))


def fuse_all(workloads: Sequence[Workload]) -> list[Workload]:
    """Each workload with its chains fused; what is one object in them is one object in the results."""
    fused: dict[tuple[Segment, frozenset[str]], Segment] = {}

    def of(workload: Workload) -> Iterator[Segment]:
        for at, segment in enumerate(workload.segments):
            key = segment, workload.exported(at)
            if key not in fused:
                fused[key] = replace(segment, graph=fuse(segment.graph, key[1]))
            yield fused[key]

    return [replace(one, segments=tuple(of(one))) for one in workloads]


def fuse(graph: OperatorGraph, exported: frozenset[str] = frozenset()) -> OperatorGraph:
    """The graph with every chain of row operators as one operator.

    Args:
        graph: One block.
        exported: Names of results that other blocks read: these are written even where a chain reads them itself.
    """
    chains: list[list[Operator]] = []
    for operator in graph:
        if chains and _joins(operator, chains[-1]):
            chains[-1].append(operator)
        else:
            chains.append([operator])
    operators = tuple(chain[0] if len(chain) == 1 else _fused(chain, graph, exported) for chain in chains)
    fused = OperatorGraph(graph.name, operators)
    if fused.flops != graph.flops:
        raise VerificationError(f"fusion of {graph.name} changed {graph.flops} FLOPs into {fused.flops}")
    return fused


def _joins(operator: Operator, chain: Sequence[Operator]) -> bool:
    last = chain[-1]
    if not (isinstance(operator, RowOperator) and isinstance(last, RowOperator)):
        return False
    if operator.kind not in FUSED_KINDS or last.kind not in FUSED_KINDS:
        return False
    written = {tensor.name for part in chain for tensor in part.outputs}
    return operator.rows == last.rows and any(tensor.name in written for tensor in operator.inputs)


def _fused(chain: Sequence[Operator], graph: OperatorGraph, exported: frozenset[str]) -> Fused:
    inside = {part.name for part in chain}
    read_outside = {t.name for op in graph if op.name not in inside for t in op.inputs}
    read_inside = {t.name for part in chain for t in part.inputs}
    written = [t.name for part in chain for t in part.outputs]
    kept = {name for name in written if name in exported or name in read_outside or name not in read_inside}
    return Fused.chain(tuple(chain), kept)
