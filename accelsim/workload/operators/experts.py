"""The experts of a mixture-of-experts layer, as inference libraries fuse them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Self

from accelsim.dtypes import DType
from accelsim.errors import ShapeError
from accelsim.workload.operator import Operator, register_operator
from accelsim.workload.operators._rows import row_tensor
from accelsim.workload.operators.elementwise import FLOPS_PER_ELEMENT, Elementwise
from accelsim.workload.operators.gemm import Gemm
from accelsim.workload.operators.router import Combine, gates
from accelsim.workload.routing import RANDOM, Routing
from accelsim.workload.tensor import Axis, Role, Tensor
from accelsim.workload.types import wider


@register_operator("experts")
@dataclass(frozen=True)
class Experts(Operator):
    """Each token through its ``top_k`` experts, weighted and summed: two grouped products with an activation between.

    ``inputs`` is ``x[tokens, hidden]``, the gates of the tokens, ``up[experts, hidden, gate_up]`` (or ``ffn`` when not
    gated) and ``down[experts, ffn, hidden]``, then biases of both if ``has_bias``.  The ``experts`` axis is what is
    stored here: all of them, or the share of one rank, which then works on the tokens routed to it.  Stored weights
    are those of all experts; ``reads`` has those of the experts that get a token, :attr:`touched` on average.

    Not counted: sorting tokens by expert, padding of an expert's tokens to tiles (cost models do).

    Attributes:
        function: Activation, one of :data:`~accelsim.workload.operators.elementwise.FLOPS_PER_ELEMENT`.
        top_k: Experts of a token.
        num_experts: Experts of the layer, over all ranks.
        tokens: Tokens routed over all ranks.
        routing: How they spread.
        ranks: Ranks the experts are divided over; the fullest is described.
        has_bias: Whether the last two inputs are biases.
        is_dispatched: Whether ``x`` holds the tokens sent to this rank, instead of all of them.
        dealt_rows: Rows of this rank where these are known; 0: those of the fullest rank.

    Raises:
        ShapeError: Weights do not match each other or the tokens.

    Source:
        Fedus et al., *Switch Transformers*, 2022, section 2; Jiang et al., *Mixtral of Experts*, 2024, section 2.1.

    Examples:
        >>> layer = Experts.of(tokens=1, hidden=4096, ffn=14336, num_experts=8, top_k=2)
        >>> layer.weight_bytes == 8 * 3 * 4096 * 14336 * 2, layer.touched
        (True, 2)
    """

    kind: ClassVar[str] = "experts"

    function: str = "silu_mul"
    top_k: int = 1
    num_experts: int = 1
    tokens: int = 1
    routing: Routing = RANDOM
    ranks: int = 1
    has_bias: bool = False
    is_dispatched: bool = False
    dealt_rows: int = 0

    def __post_init__(self) -> None:
        if len(self.inputs) != 4 + 2 * self.has_bias or len(self.outputs) != 1:
            raise ShapeError(f"{self.name}: experts take x, gates, two weights (and two biases), and write one result")
        wide = self.ffn * (2 if self.is_gated else 1)
        if self.up.shape != (self.local_experts, self.hidden, wide):
            raise ShapeError(f"{self.name}: up has shape {self.up.shape}, down {self.down.shape}")
        if self.x.axes[-1].size != self.hidden or self.outputs[0].num_elements != self.x.num_elements:
            raise ShapeError(
                f"{self.name}: tokens of {self.x.axes[-1].size} elements do not enter experts of {self.hidden}"
            )
        if not 1 <= self.top_k <= self.num_experts:
            raise ShapeError(f"{self.name}: top_k={self.top_k} must be in 1..{self.num_experts}")

    @classmethod
    def of(
        cls,
        tokens: int,
        hidden: int,
        ffn: int,
        num_experts: int,
        top_k: int,
        function: str = "silu_mul",
    ) -> Self:
        """Experts of plain extents in bf16, all on one rank, with random routing.

        Args:
            tokens: Tokens.
            hidden: Elements of each.
            ffn: Width inside an expert.
            num_experts: Experts.
            top_k: Experts of a token.
            function: Activation, gated if it ends with ``_mul``.
        """
        name, dtype = "experts", DType.BF16
        x = row_tensor(f"{name}.in", tokens, hidden, dtype)
        experts, width, inner = Axis.of("experts", num_experts), Axis.of("hidden", hidden), Axis.of("ffn", ffn)
        wide = Axis("gate_up", inner.parts * 2) if function.endswith("_mul") else inner
        up = Tensor(f"{name}.up.weight", (experts, width, wide), dtype, Role.WEIGHT)
        down = Tensor(f"{name}.down.weight", (experts, inner, width), dtype, Role.WEIGHT)
        chosen = gates(f"{name}.gates", x.axes[:-1], top_k)
        result = replace(x, name=f"{name}.out")
        return cls(name, (x, chosen, up, down), (result,), function, top_k, num_experts, tokens)

    @property
    def x(self) -> Tensor:
        """Tokens."""
        return self.inputs[0]

    @property
    def up(self) -> Tensor:
        """Weights of the first product."""
        return self.inputs[2]

    @property
    def down(self) -> Tensor:
        """Weights of the second product."""
        return self.inputs[3]

    @property
    def dtype(self) -> DType:
        """Element type the matrix unit works in: the wider one of tokens and weights."""
        return wider(self.x.dtype, self.up.dtype)

    @property
    def is_gated(self) -> bool:
        """Whether the activation gates a second projection."""
        return self.function.endswith("_mul")

    @property
    def hidden(self) -> int:
        """Elements of a token."""
        return self.down.axes[-1].size

    @property
    def ffn(self) -> int:
        """Width inside one expert, or of this rank's share of it."""
        return self.down.axes[1].size

    @property
    def local_experts(self) -> int:
        """Experts stored here."""
        return self.down.axes[0].size

    @property
    def contracted_axes(self) -> frozenset[str]:
        """The inner width; and the experts, because a token's are summed over."""
        return frozenset({self.down.axes[0].name, self.down.axes[1].name})

    @cached_property
    def load(self) -> float:
        """Tokens of this rank over the mean of the ranks."""
        return self.routing.load(self.num_experts, self.top_k, self.tokens, self.ranks)

    @cached_property
    def rows(self) -> int:
        """Rows the products work on here: one per token and chosen expert that is stored here; at least 1."""
        if self.dealt_rows:
            return self.dealt_rows
        share = self.tokens * self.top_k * self.local_experts / self.num_experts
        return max(1, math.ceil(share * self.load - 1e-9))

    @cached_property
    def touched(self) -> float:
        """Expected number of experts stored here that get a token; at least 1."""
        share = self.local_experts / self.num_experts
        return max(1.0, min(self.rows, share * self.routing.distinct(self.num_experts, self.top_k, self.tokens)))

    @property
    def flops(self) -> int:
        """Both products, the activation, and the weighted sum of a token's experts (two per element)."""
        up = self.up.axes[-1].size
        products = 2 * self.rows * self.hidden * (up + self.ffn)
        return products + self.rows * (FLOPS_PER_ELEMENT[self.function] * self.ffn + 2 * self.hidden)

    def read_bytes(self, tensor: Tensor) -> int:
        """Of weights and biases, those of the experts that get a token."""
        if tensor.role is not Role.WEIGHT:
            return tensor.size_bytes
        return math.ceil(tensor.size_bytes * self.touched / self.local_experts)

    def activated(self, tensor: Tensor) -> int:
        """Of weights and biases, those of the ``top_k`` experts of a token."""
        return tensor.num_elements * self.top_k // self.num_experts

    def parts(self) -> Iterator[Operator]:
        """The same work as operators of their own, for machines without a fused kernel.

        Every expert that gets a token is one product of a batch, with as many rows as it gets on average.
        """
        busy = Axis.of("experts", max(1, round(self.touched)))
        each = Axis.of("tokens", -(-self.rows // busy.size))
        x = replace(self.x, name=f"{self.name}.sorted", axes=(busy, each, self.x.axes[-1]))
        up = replace(self.up, axes=(busy, *self.up.axes[1:]))
        down = replace(self.down, axes=(busy, *self.down.axes[1:]))
        result = self.outputs[0]
        wide = replace(result, name=f"{self.name}.up.out", axes=(busy, each, up.axes[-1]))
        inner = replace(self.x, name=f"{self.name}.act.out", axes=(busy, each, down.axes[1]))
        back = replace(result, name=f"{self.name}.down.out", axes=(busy, each, down.axes[-1]))
        yield Gemm(f"{self.name}.up", (x, up), (wide,))
        yield Elementwise(f"{self.name}.act", (wide,), (inner,), self.function)
        yield Gemm(f"{self.name}.down", (inner, down), (back,))
        yield Combine(f"{self.name}.sum", (back,), self.outputs)
