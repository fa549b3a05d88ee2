"""General matrix multiply, the operator behind every linear layer."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Self

from accelsim.dtypes import DType
from accelsim.errors import ConfigError, ShapeError
from accelsim.workload.operator import Gradients, Operator, gradient_of, register_operator
from accelsim.workload.operators.concat import Concat
from accelsim.workload.operators.row_gradient import RowGradient
from accelsim.workload.tensor import Axis, Role, Tensor
from accelsim.workload.types import wider


@register_operator("gemm")
@dataclass(frozen=True)
class Gemm(Operator):
    """Batched matrix product ``C[batch, m, n] = A[batch, m, k] @ B[batch, k, n]``, read from axis names like an einsum.

    - batch: axes of ``A``, ``B`` and a result;
    - k: axes of ``A`` and ``B`` that no result has (they are contracted);
    - m: axes of ``A`` that ``B`` lacks;
    - n: axes of ``B`` that ``A`` lacks;
    - ``grouped`` names one axis of each: its blocks in ``A`` (query heads) share those in ``B`` (KV heads) evenly, so
      the blocks of ``B`` multiply the batch and the blocks of ``A`` per block of ``B`` multiply m.

    ``inputs`` is ``A``, the one or more tensors ``B`` is stored as (concatenated along ``concatenated_axis``: the KV
    cache of earlier tokens and the keys of the new ones), then the bias if ``has_bias``.  The result may be written as
    several tensors (the q, k and v of a fused projection).  Bytes are compulsory traffic.

    Not counted: the ``m * n`` additions of a bias, done in the epilogue.

    Attributes:
        has_bias: Whether the last input is a bias over n.
        grouped: ``(axis of A, axis of B)``, e.g. ``("heads", "kv_heads")``.
        concatenated_axis: Axis along which ``B`` is stored in several tensors.
        arithmetic: Element type that both are converted to and multiplied in; None: the wider of theirs.

    Raises:
        ShapeError: Contracted or batch extents differ, or the results do not hold ``batch * m * n`` elements.

    Source:
        NVIDIA, *Matrix Multiplication Background User's Guide*, section 2 (2*M*N*K operations).

    Examples:
        >>> Gemm.of(4096, 4096, 4096).flops  # 2 * 4096^3
        137438953472
    """

    kind: ClassVar[str] = "gemm"

    has_bias: bool = False
    grouped: tuple[str, str] | None = None
    concatenated_axis: str | None = None
    arithmetic: DType | None = None

    def __post_init__(self) -> None:
        if len(self.inputs) < 2 + self.has_bias or not self.outputs:
            raise ShapeError(f"{self.name}: gemm takes two matrices and writes at least one result")
        if len(self._b) > 1 and self.concatenated_axis is None:
            raise ShapeError(f"{self.name}: {len(self._b)} tensors hold B, so concatenated_axis must be named")
        a_axes = {axis.name: axis.size for axis in self.a.axes}
        for name, extent in self._b_extents.items():
            if a_axes.get(name, extent) != extent:
                raise ShapeError(f"{self.name}: axis {name!r} has extent {a_axes[name]} in A and {extent} in B")
        elements = sum(tensor.num_elements for tensor in self.outputs)
        if elements != self.batch * self.m * self.n:
            raise ShapeError(
                f"{self.name}: batch={self.batch}, m={self.m}, n={self.n} give {self.batch * self.m * self.n} "
                f"elements, the results hold {elements}"
            )

    @classmethod
    def of(cls, m: int, n: int, k: int, batch: int = 1, dtype: DType = DType.BF16, name: str = "gemm") -> Self:
        """Product of plain extents; ``B`` is a weight when ``batch`` is 1, an activation otherwise.

        Args:
            m: Rows of the result.
            n: Its columns.
            k: Extent that is summed over.
            batch: Independent products.
            dtype: Of both matrices.
            name: Of the operator.
        """
        rows, cols, inner = Axis.of("m", m), Axis.of("n", n), Axis.of("k", k)
        outer = () if batch == 1 else (Axis.of("batch", batch),)
        a = Tensor(f"{name}.a", (*outer, rows, inner), dtype)
        b = Tensor(f"{name}.b", (*outer, inner, cols), dtype, Role.WEIGHT if batch == 1 else Role.ACTIVATION)
        return cls(name, (a, b), (Tensor(f"{name}.c", (*outer, rows, cols), dtype),))

    @property
    def a(self) -> Tensor:
        """Left matrix."""
        return self.inputs[0]

    @property
    def _b(self) -> tuple[Tensor, ...]:
        return self.inputs[1 : len(self.inputs) - self.has_bias]

    @property
    def dtype(self) -> DType:
        """Element type the matrix unit works in."""
        return self.arithmetic or wider(self.a.dtype, self._b[0].dtype)

    @property
    def b_bytes(self) -> int:
        """Bytes of ``B``, without the bias."""
        return sum(tensor.size_bytes for tensor in self._b)

    @cached_property
    def _b_extents(self) -> dict[str, int]:
        extents = {axis.name: axis.size for axis in self._b[0].axes}
        if self.concatenated_axis is not None:
            extents[self.concatenated_axis] = sum(b.axis(self.concatenated_axis).size for b in self._b)
        return extents

    @cached_property
    def _out_names(self) -> frozenset[str]:
        return frozenset(axis.name for tensor in self.outputs for axis in tensor.axes)

    @property
    def contracted_axes(self) -> frozenset[str]:
        """Axes of ``A`` and ``B`` that no result has."""
        return frozenset(axis.name for axis in self.a.axes if axis.name in self._b_extents) - self._out_names

    @cached_property
    def _groups(self) -> tuple[int, int]:
        """Blocks of the grouped axis of ``B``, and blocks of ``A`` that share each."""
        if self.grouped is None:
            return 1, 1
        shared = self._b_extents[self.grouped[1]]
        return shared, self.a.axis(self.grouped[0]).size // shared

    @cached_property
    def batch(self) -> int:
        """Independent products."""
        return self._groups[0] * math.prod(
            axis.size for axis in self.a.axes if axis.name in self._b_extents and axis.name in self._out_names
        )

    @cached_property
    def m(self) -> int:
        """Rows of one result."""
        skipped = {*self._b_extents, *(self.grouped or ())}
        return self._groups[1] * math.prod(axis.size for axis in self.a.axes if axis.name not in skipped)

    @cached_property
    def n(self) -> int:
        """Columns of one result."""
        skipped = {*(axis.name for axis in self.a.axes), *(self.grouped or ())}
        return math.prod(extent for name, extent in self._b_extents.items() if name not in skipped)

    @cached_property
    def k(self) -> int:
        """Contracted extent."""
        return math.prod(self.a.axis(name).size for name in self.contracted_axes)

    @property
    def flops(self) -> int:
        """One multiply-accumulate counts as two."""
        return 2 * self.batch * self.m * self.n * self.k

    def gradients(self) -> Gradients:
        """Two products of as many operations: ``dA = dC B^T`` and ``dB = A^T dC``; the sum of ``dC`` for a bias.

        ``dB`` is a gradient of weights where ``B`` is one.  Gradients of several results are put side by side first.

        Raises:
            ConfigError: Query heads share the KV heads of stored scores, or ``B`` is several tensors.
        """
        b, back = self._plain_b(), f"{self.name}.backward"
        before, incoming = self._incoming(b)
        products = Gemm(back, (incoming, b), (gradient_of(self.a),), arithmetic=self.arithmetic)
        other = Gemm(f"{self.name}.weights", (self.a, incoming), (gradient_of(b),), arithmetic=self.arithmetic)
        if b.role is not Role.WEIGHT:
            return Gradients((*before, products, replace(other, name=f"{back}_b")))
        if not self.has_bias:
            return Gradients((*before, products), (other,))
        bias = gradient_of(self.inputs[-1])
        return Gradients(
            (*before, products), (other, RowGradient(f"{self.name}.bias", (incoming,), (bias,), "elementwise", 1))
        )

    def _plain_b(self) -> Tensor:
        """``B``, with the heads of ``A`` where both have as many."""
        (b, *others), shared = self._b, self.grouped
        if others:
            raise ConfigError(f"{self.name}: training starts without a cache.")
        if shared is None:
            return b
        heads = self.a.axis(shared[0])
        if b.axis(shared[1]).count != heads.count:
            raise ConfigError(
                f"{self.name}: training with attention=standard is modelled where every query head has its KV head. "
                "Use attention=flash."
            )
        return replace(b, axes=tuple(heads if axis.name == shared[1] else axis for axis in b.axes))

    def _incoming(self, b: Tensor) -> tuple[tuple[Operator, ...], Tensor]:
        """The gradient of the result as one tensor, and what joins several."""
        if len(self.outputs) == 1:
            return (), gradient_of(self.outputs[0])
        columns = tuple(axis for axis in b.axes if axis.name not in self.contracted_axes)
        rows = tuple(axis for axis in self.a.axes if axis.name not in self.contracted_axes)
        whole = Tensor(f"{self.name}.out.grad", (*rows, *columns), self.outputs[0].dtype, Role.GRADIENT)
        parts = tuple(gradient_of(tensor) for tensor in self.outputs)
        return (Concat(f"{self.name}.join", parts, (whole,)),), whole
