"""Lookup of one row of a table per token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from accelsim.dtypes import DType
from accelsim.errors import ShapeError
from accelsim.workload.operator import Gradients, register_operator
from accelsim.workload.operators._rows import RowOperator, check_arity
from accelsim.workload.operators.row_gradient import RowGradient
from accelsim.workload.tensor import Axis, Role, Tensor


@register_operator("embedding")
@dataclass(frozen=True)
class Embedding(RowOperator):
    """Gather ``Y[batch, q_len, hidden] = table[ids[batch, q_len], hidden]``.

    Only the rows used are read, one per token; two tokens with the same id read it twice.  ``weight_bytes`` is the
    whole table, which memory must hold.  A table sharded by its rows leaves partial results (zeros for the rows of
    other ranks), so its first axis counts as contracted; the share of a rank is then charged all its tokens' rows.

    Raises:
        ShapeError: Not one tensor of ids, one table and one result, or extents that do not match.

    Examples:
        >>> gather = Embedding.of(rows=2, width=4096, vocab=128256)
        >>> gather.reads, gather.writes  # 2 ids of 4 B and 2 rows of 8,192 B
        (16392, 16384)
    """

    kind: ClassVar[str] = "embedding"

    def __post_init__(self) -> None:
        check_arity(self, range(2, 3))
        ids, table = self.inputs
        if self.outputs[0].num_elements != ids.num_elements * table.axes[-1].size:
            raise ShapeError(
                f"{self.name}: {ids.num_elements} ids and rows of {table.axes[-1].size} do not give "
                f"{self.outputs[0].num_elements} elements"
            )

    @classmethod
    def of(cls, rows: int, width: int, vocab: int, dtype: DType = DType.BF16, name: str = "embedding") -> Self:
        """Gather of ``rows`` rows of ``width`` elements from a table of ``vocab`` rows.

        Args:
            rows: Tokens.
            width: Elements that each becomes.
            vocab: Rows of the table.
            dtype: Of the table.
            name: Of the operator.
        """
        tokens, hidden = Axis.of("batch", rows), Axis.of("hidden", width)
        ids = Tensor(f"{name}.ids", (tokens,), DType.INT32)
        table = Tensor(f"{name}.weight", (Axis.of("vocab", vocab), hidden), dtype, Role.WEIGHT)
        return cls(name, (ids, table), (Tensor(f"{name}.out", (tokens, hidden), dtype),))

    @property
    def contracted_axes(self) -> frozenset[str]:
        """The row axis of the table."""
        return frozenset({self.inputs[1].axes[0].name})

    @property
    def vocab(self) -> int:
        """Rows of the table."""
        return self.inputs[1].axes[0].size

    def read_bytes(self, tensor: Tensor) -> int:
        """Of the table, only the rows used."""
        if tensor != self.inputs[1]:
            return tensor.size_bytes
        return tensor.dtype.size_bytes(self.rows * self.width)

    def gradients(self) -> Gradients:
        """Of the table: incoming rows are added to a table of zeros, which is written whole."""
        ids, table = self.inputs
        return Gradients(weights=(RowGradient.back(self, (ids,), (table,), 1),))
