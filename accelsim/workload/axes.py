"""Axes that ranks divide, by name, and what a workload allows.

Tensor-parallel axes are known by name; dividing these (each by
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

from dataclasses import dataclass

from accelsim.workload.graph import Workload
from accelsim.workload.tensor import Axis

#: Axes that tensor parallelism divides.
TENSOR_PARALLEL_AXES = ("heads", "kv_heads", "qkv", "ffn", "gate_up", "vocab")
#: Those of heads.
HEAD_AXES = ("heads", "kv_heads", "qkv")
#: The axis that expert parallelism divides.
EXPERTS_AXIS = "experts"


@dataclass(frozen=True)
class ParallelAxes:
    """What of a workload ranks can share.

    Attributes:
        tensor: Axes that tensor parallelism divides.
        num_experts: Experts of a layer; 0 without any.
    """

    tensor: frozenset[Axis]
    num_experts: int

    @classmethod
    def of(cls, workload: Workload) -> ParallelAxes:
        """Read off all tensors."""
        axes = {
            axis
            for segment in workload.segments
            for operator in segment.graph
            for tensor in (*operator.inputs, *operator.outputs)
            for axis in tensor.axes
        }
        experts = (axis.count for axis in axes if axis.name == EXPERTS_AXIS)
        return cls(frozenset(axis for axis in axes if axis.name in TENSOR_PARALLEL_AXES), max(experts, default=0))

    def divides(self, degree: int) -> bool:
        """Whether every axis splits over so many ranks."""
        return all(axis.splits(degree) for axis in self.tensor)

    @property
    def most(self) -> int:
        """The most ranks worth trying: one head each, or one block of the widest axis where there are no heads."""
        heads = [axis.count for axis in self.tensor if axis.name == "heads"]
        return max(heads or [axis.count for axis in self.tensor], default=1)
