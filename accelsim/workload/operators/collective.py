"""Communication of one tensor among the ranks of a group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from accelsim.dtypes import DType
from accelsim.errors import ShapeError
from accelsim.workload.group import ALONE, Group
from accelsim.workload.operator import Operator, register_operator
from accelsim.workload.operators._rows import check_arity
from accelsim.workload.tensor import Axis, Tensor

#: Bytes of the result of one rank as a multiple of its input: 1, p or 1 / p for p ranks.
FUNCTIONS = ("all_gather", "all_reduce", "all_to_all", "reduce_scatter")


@register_operator("collective")
@dataclass(frozen=True)
class Collective(Operator):
    """A collective over the ranks of a group.

    ``nbytes`` follows the size column of nccl-tests: the larger of a rank's send and receive buffers, so the whole
    tensor for ``all_reduce``, the gathered result for ``all_gather``, the unreduced input for ``reduce_scatter``.
    Which algorithm moves it over which links, and the additions of a reduction, belong to the network model.

    Attributes:
        function: One of :data:`FUNCTIONS`.
        group: Ranks that take part.

    Raises:
        ShapeError: Unknown function, or a result that does not match the input.

    Source:
        NVIDIA nccl-tests, doc/PERFORMANCE.md.
    """

    kind: ClassVar[str] = "collective"

    function: str = "all_reduce"
    group: Group = ALONE

    def __post_init__(self) -> None:
        check_arity(self, range(1, 2))
        if self.function not in FUNCTIONS:
            raise ShapeError(f"{self.name}: unknown collective {self.function!r}. Known: {', '.join(FUNCTIONS)}.")
        before, after = self.inputs[0], self.outputs[0]
        if self.function == "all_gather":
            fits = self._is_share(before, after)
        elif self.function == "reduce_scatter":
            fits = self._is_share(after, before)
        else:
            fits = before.num_elements == after.num_elements
        if not fits:
            raise ShapeError(f"{self.name}: {self.function} over {self.num_ranks} ranks does not fit its tensors")

    def _is_share(self, part: Tensor, whole: Tensor) -> bool:
        """Whether ``part`` is one rank's share of ``whole``, the last rank's padding (of a vocabulary) dropped."""
        if part.num_elements * self.num_ranks == whole.num_elements:
            return True
        shares = [-(-axis.size // self.num_ranks) for axis in whole.axes]
        divided = [i for i, (mine, all_) in enumerate(zip(part.shape, whole.shape, strict=False)) if mine != all_]
        return (
            len(part.shape) == len(whole.shape) and len(divided) == 1 and part.shape[divided[0]] == shares[divided[0]]
        )

    @classmethod
    def of(
        cls,
        function: str,
        nbytes: int,
        group: Group,
        dtype: DType = DType.BF16,
        name: str = "collective",
    ) -> Self:
        """Collective of ``nbytes`` (nccl-tests size), rounded up to whole elements (per rank, where it is divided).

        Args:
            function: E.g. ``"all_reduce"``.
            nbytes: Of the whole tensor.
            group: Ranks.
            dtype: Element type.
            name: Of the operator.
        """
        whole = max(1, -(-nbytes * 8 // dtype.bits))
        share = -(-whole // group.size)
        if function in ("all_gather", "reduce_scatter"):
            whole = share * group.size
        before = share if function == "all_gather" else whole
        after = share if function == "reduce_scatter" else whole
        source = Tensor(f"{name}.in", (Axis.of("elements", before),), dtype)
        result = Tensor(f"{name}.out", (Axis.of("elements", after),), dtype)
        return cls(name, (source,), (result,), function, group)

    @property
    def num_ranks(self) -> int:
        """Ranks of the group."""
        return self.group.size

    @property
    def dtype(self) -> DType:
        """Element type."""
        return self.inputs[0].dtype

    @property
    def nbytes(self) -> int:
        """The larger of one rank's send and receive buffers, in bytes."""
        return max(self.inputs[0].size_bytes, self.outputs[0].size_bytes)
