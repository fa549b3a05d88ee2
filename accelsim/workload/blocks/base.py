"""What a block is, and which axes tensor parallelism divides.

A block builder turns a model, a pass and one of the model's layers into an operator graph with exactly one activation
that enters and one that leaves, so that blocks chain.  Tensor-parallel axes are known by name; dividing these (each by
the degree) shards a block the Megatron way, and an operator whose ``contracted_axes`` hold a divided one leaves partial
sums:

=====================  ==========================================================================
``heads``              query heads: q, attention's result, the rows of the output projection
``kv_heads``           key and value heads, new and cached; replicated when fewer than the ranks
``qkv``                columns of the fused projection, parts q, k, v
``ffn``, ``gate_up``   width of the MLP after and before the gate
``vocab``              rows of the embedding table and columns of the logits; padded to split evenly
``experts``            routed experts; divided by expert parallelism, padded to the fullest rank
=====================  ==========================================================================

Never divided by tensor parallelism: ``batch``, ``q_len``, ``tokens`` (of unequal sequences), ``kv_len``, ``hidden``,
``positions``, ``embedding``, ``latent`` and ``rope`` (the cache of latent attention), ``routes`` (the router).
"""

from __future__ import annotations

from collections.abc import Callable

from accelsim.errors import ShapeError
from accelsim.registry import Registry
from accelsim.workload.description import Description
from accelsim.workload.graph import OperatorGraph
from accelsim.workload.layer import Layer
from accelsim.workload.tensor import Role, Tensor
from accelsim.workload.wiring import Pass

#: Axes that tensor parallelism divides.
TENSOR_PARALLEL_AXES = ("heads", "kv_heads", "qkv", "ffn", "gate_up", "vocab")

BlockBuilder = Callable[[Description, Pass, Layer], OperatorGraph]

#: Name in ``Model.block`` -> builder; a new block is one file in ``blocks/`` with this decorator.
BLOCKS: Registry[BlockBuilder] = Registry("block", "accelsim.workload.blocks")
register_block = BLOCKS.register


def entering(graph: OperatorGraph) -> Tensor:
    """The one activation a graph reads and does not write.

    Raises:
        ShapeError: There is not exactly one.
    """
    written = {tensor.name for operator in graph for tensor in operator.outputs}
    found = {t.name: t for op in graph for t in op.inputs if t.role is Role.ACTIVATION and t.name not in written}
    return _only(graph, found, "enters")


def leaving(graph: OperatorGraph) -> Tensor:
    """The one activation a graph writes and does not read.

    Raises:
        ShapeError: There is not exactly one.
    """
    read = {tensor.name for operator in graph for tensor in operator.inputs}
    found = {t.name: t for op in graph for t in op.outputs if t.role is Role.ACTIVATION and t.name not in read}
    return _only(graph, found, "leaves")


def _only(graph: OperatorGraph, found: dict[str, Tensor], verb: str) -> Tensor:
    if len(found) != 1:
        raise ShapeError(f"graph {graph.name!r}: one activation {verb}, got {len(found)}: {', '.join(found)}")
    return next(iter(found.values()))
