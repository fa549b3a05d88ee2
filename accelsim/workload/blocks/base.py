"""What a block is: a layer of a model as an operator graph.

A block builder turns a model, a pass and one of the model's layers into an operator graph with exactly one activation
that enters and one that leaves, so that blocks chain; its axes have the
names of :mod:`accelsim.workload.axes`.
"""

from __future__ import annotations

from collections.abc import Callable

from accelsim.errors import ShapeError
from accelsim.registry import Registry
from accelsim.workload.description import Description
from accelsim.workload.graph import OperatorGraph
from accelsim.workload.layer import Layer
from accelsim.workload.tensor import Tensor
from accelsim.workload.wiring import Pass

BlockBuilder = Callable[[Description, Pass, Layer], OperatorGraph]

#: Name in ``Model.block`` -> builder; a new block is one file in ``blocks/`` with this decorator.
BLOCKS: Registry[BlockBuilder] = Registry("block", "accelsim.workload.blocks")
register_block = BLOCKS.register


def entering(graph: OperatorGraph) -> Tensor:
    """The one activation a graph reads and does not write.

    Raises:
        ShapeError: There is not exactly one.
    """
    return _only(graph, graph.entering, "enters")


def leaving(graph: OperatorGraph) -> Tensor:
    """The one activation a graph writes and does not read.

    Raises:
        ShapeError: There is not exactly one.
    """
    return _only(graph, graph.leaving, "leaves")


def _only(graph: OperatorGraph, found: tuple[Tensor, ...], verb: str) -> Tensor:
    if len(found) != 1:
        names = ", ".join(tensor.name for tensor in found)
        raise ShapeError(f"graph {graph.name!r}: one activation {verb}, got {len(found)}: {names}")
    return found[0]
