"""Backward pass of attention that never stores its scores, and what training keeps in memory for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from accelsim.dtypes import DType
from accelsim.errors import ShapeError
from accelsim.workload.operator import Operator, register_operator
from accelsim.workload.operators.attention import Attention
from accelsim.workload.tensor import Axis, Role, Tensor

#: Products of the backward pass over the width of keys (scores again, dQ, dK) and over that of values (dV, dP).
KEY_PRODUCTS, VALUE_PRODUCTS = 3, 2
_SUM_BYTES = 4


@register_operator("attention_backward")
@dataclass(frozen=True)
class AttentionBackward(Operator):
    """``dQ``, ``dK`` and ``dV`` from ``dO``: the scores are computed again from queries and keys.

    ``inputs`` is ``dO``, ``O``, the logarithms of the row sums, then the inputs of the forward pass; ``outputs`` a
    gradient for each of the latter.  Both are what a forward pass leaves behind, so that :attr:`kept_bytes` is what
    training stores between the passes.

    Not counted in ``flops``: the softmax and its derivative, the row sums of ``dO * O``, dropout.

    Attributes:
        causal: As in the forward pass.
        window: As in the forward pass.
        latent: As in the forward pass.

    Raises:
        ShapeError: The operands are not those of a forward pass.

    Source:
        Dao et al., *FlashAttention*, 2022, algorithm 4.

    Examples:
        >>> from accelsim.workload.operators.attention import Heads
        >>> forward = Attention.of(1, Heads(8, 8, 64), q_len=128, kv_len=128)
        >>> AttentionBackward.of(forward).flops / forward.flops
        2.5
    """

    kind: ClassVar[str] = "attention_backward"

    causal: bool = True
    window: int = 0
    latent: int = 0

    def __post_init__(self) -> None:
        if len(self.inputs) < 5 or len(self.outputs) != len(self.inputs) - 3:
            raise ShapeError(f"{self.name}: takes dO, O, row sums and the operands of attention; a gradient of each")
        if self.inputs[0].shape != self.inputs[1].shape:
            raise ShapeError(f"{self.name}: dO has shape {self.inputs[0].shape}, O {self.inputs[1].shape}")
        _ = self.forward

    @classmethod
    def of(cls, forward: Attention) -> Self:
        """The backward pass of ``forward``."""
        result = forward.outputs[0]
        batch, queries, heads = result.axes
        sums = Tensor(f"{forward.name}.sums", (batch, queries, Axis.of(heads.name, heads.count)), DType.FP32)
        gradients = tuple(
            replace(tensor, name=f"{tensor.name}.grad", role=Role.GRADIENT, dtype=forward.dtype)
            for tensor in forward.inputs
        )
        incoming = replace(result, name=f"{result.name}.grad", role=Role.GRADIENT)
        inputs = (incoming, result, sums, *forward.inputs)
        return cls(f"{forward.name}.backward", inputs, gradients, forward.causal, forward.window, forward.latent)

    @property
    def forward(self) -> Attention:
        """The pass whose gradient this is."""
        operands, result = self.inputs[3:], (self.inputs[1],)
        return Attention(self.name, operands, result, self.causal, self.window, self.latent)

    @property
    def dtype(self) -> DType:
        """Element type of the queries."""
        return self.forward.dtype

    @property
    def flops(self) -> int:
        """Five products per pair, head and sequence where the forward pass has two."""
        x = self.forward
        width = KEY_PRODUCTS * x.head_dim + VALUE_PRODUCTS * x.value_dim
        return 2 * width * x.heads * x.batch * x.attended_pairs

    def read_bytes(self, tensor: Tensor) -> int:
        """Of keys and values, only the attended positions."""
        return self.forward.read_bytes(tensor) if tensor in self.inputs[3:] else tensor.size_bytes

    @property
    def kept_bytes(self) -> int:
        """Bytes that the forward pass leaves for this one: its operands, its result and the row sums."""
        return sum(tensor.size_bytes for tensor in self.inputs[1:])


def peak_training_bytes(forward: Attention, *, standard: bool, sums_queries: bool = True) -> int:
    """Most bytes alive in a framework during forward and backward of one attention, in a step that is not the first.

    Flash, of the size of the queries: q, k, v, O, dO, new gradients of q, k and v and those of the step before, to
    which they are added; two more for the fp32 sum of dQ (none where all keys are one block); and two fp32 numbers per
    query.  Standard: four score matrices (softmax, its gradient, that of the scores, one preallocated for the product)
    and ten tensors of the size of the queries, as the measured peaks say.  Not modelled: dropout, masks, fragmentation.

    Args:
        forward: The forward pass, with as many KV heads as heads.
        standard: Whether scores are stored.
        sums_queries: Whether dQ is summed over several blocks of keys.

    Source:
        Counted in the sources of the measured functions; docs/assumptions.md#GPU-25.

    Examples:
        >>> from accelsim.workload.operators.attention import Heads, Mask
        >>> x = Attention.of(16, Heads(8, 8, 64), 2048, 2048, Mask(causal=False))
        >>> peak_training_bytes(x, standard=False) // 2**20, peak_training_bytes(x, standard=True) // 2**20
        (418, 4416)
    """
    token = forward.q.size_bytes
    rows = forward.batch * forward.heads * forward.q_len
    if standard:
        return 4 * forward.dtype.size_bytes(rows * forward.kv_len) + 10 * token
    return (13 if sums_queries else 11) * token + 2 * _SUM_BYTES * rows
