"""What a run computes: something that gives the operators of a traversal.  A model is one, a given workload another."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Protocol, Self

from accelsim.dtypes import DType, Format
from accelsim.errors import ConfigError, PlanError
from accelsim.workload.graph import Segment, Workload
from accelsim.workload.phases.base import Phase
from accelsim.workload.recipe import Recipe
from accelsim.workload.tensor import Role, Tensor
from accelsim.workload.traversal import Traversal, check_extents
from accelsim.workload.types import Operands, Products, Types


class Subject(Protocol):
    """What a run computes.

    Attributes:
        is_fixed: Whether its operators are given for one pass, with their types, and cannot be built for another.
    """

    is_fixed: ClassVar[bool]

    @property
    def name(self) -> str:
        """For reports."""

    @property
    def sample(self) -> Workload:
        """A workload with all of its weights and axes."""

    @property
    def wide(self) -> DType:
        """Type of activations and of all that is not stored in fewer bits."""

    @abstractmethod
    def stored_types(self, wide: DType) -> Types:
        """Types of a run as it is stored; ``wide`` stands for what is not stored in fewer bits."""

    @abstractmethod
    def build(self, traversal: Traversal, recipe: Recipe | None = None) -> Workload:
        """The workload of one traversal.

        Args:
            traversal: The tokens.
            recipe: How they are computed; None takes the subject's own types.

        Raises:
            ConfigError: The subject does not take these tokens.
        """

    @abstractmethod
    def segments(self, traversal: Traversal, recipe: Recipe) -> tuple[Segment, ...]:
        """The segments of a piece of a phase.

        Args:
            traversal: The tokens.
            recipe: How they are computed.

        Raises:
            ConfigError: As :meth:`build`.
        """


@dataclass(frozen=True, slots=True)
class OnePass(Phase):
    """The one pass that a workload without a model was made for.

    Attributes:
        passed: Tokens that it advances.
    """

    kind: ClassVar[str] = "pass"

    passed: int

    def __post_init__(self) -> None:
        check_extents(self, 1, "passed")

    @property
    def tokens(self) -> int:
        """Tokens of the pass."""
        return self.passed

    @property
    def sequences(self) -> int:
        """One: how tokens belong together is not known."""
        return 1

    @property
    def length(self) -> int:
        """Tokens of the pass."""
        return self.passed

    def traversals(self) -> tuple[Traversal, ...]:
        """The pass."""
        return (self.fullest(),)

    def fullest(self) -> Traversal:
        """The pass."""
        return Traversal.uniform(1, self.passed)

    def replica(self, dp: int) -> Self:
        """The pass itself.

        Raises:
            PlanError: More than one replica or microbatch.
        """
        if dp != 1:
            raise PlanError(f"plan: a workload without a model is one pass, which {dp} replicas cannot share. Use 1.")
        return self

    def smaller(self) -> Iterator[Iterator[Self]]:
        """Nothing: the workload is what it is."""
        return iter((iter(()),))

    @classmethod
    def sized(cls, sequences: int, length: int, num_traversals: int = 1) -> OnePass:
        """The pass of so many tokens.

        Args:
            sequences: Sequences.
            length: Tokens of each.
            num_traversals: One.

        Raises:
            ConfigError: Several passes.
        """
        if num_traversals != 1:
            raise ConfigError(f"a workload without a model is one pass, not {num_traversals}.")
        return cls(sequences * length)

    def plain(self) -> dict[str, Any]:
        """Kind and tokens."""
        return {"kind": self.kind, "tokens": self.passed}

    def __str__(self) -> str:
        return f"pass(tokens={self.passed})"


@dataclass(frozen=True)
class Given:
    """A workload made in Python, without a model behind it.

    Attributes:
        workload: One pass, whole.
    """

    is_fixed: ClassVar[bool] = True

    workload: Workload

    @property
    def name(self) -> str:
        """Name of the workload."""
        return self.workload.name

    @property
    def sample(self) -> Workload:
        """The workload."""
        return self.workload

    @property
    def phase(self) -> OnePass:
        """The pass it was made for."""
        return OnePass(self.workload.tokens)

    @property
    def wide(self) -> DType:
        """Type of most activations."""
        return self.types.activations

    def stored_types(self, wide: DType) -> Types:
        """Its types, whatever ``wide`` is."""
        return self.types

    @cached_property
    def types(self) -> Types:
        """What types it has, as far as roles of tensors tell: of each role the one with most bytes."""
        tensors = [t for s in self.workload.segments for op in s.graph for t in (*op.inputs, *op.outputs)]
        activations = _widest(tensors, Role.ACTIVATION) or Format.parse("bf16")
        weights = _widest(tensors, Role.WEIGHT) or activations
        cache = _widest(tensors, Role.KV_CACHE) or activations
        products = Products.of(Operands(weights, activations))
        reduce = self.workload.reduce or activations.element
        return Types(products, activations.element, cache.element, reduce)

    def build(self, traversal: Traversal, recipe: Recipe | None = None) -> Workload:
        """The workload; ``recipe`` changes nothing.

        Args:
            traversal: As many tokens as it was made for.
            recipe: Ignored: the tensors have their types.

        Raises:
            ConfigError: Another number of tokens.
        """
        if traversal.tokens != self.workload.tokens:
            raise ConfigError(
                f"{self.name}: made for one pass of {self.workload.tokens} tokens, asked for one of "
                f"{traversal.tokens}. A workload without a model cannot be built anew: leave the phase out, or make a "
                "workload for it."
            )
        return self.workload

    def segments(self, traversal: Traversal, recipe: Recipe) -> tuple[Segment, ...]:
        """The segments of the workload; see :meth:`build`.

        Args:
            traversal: New and cached tokens of the pass.
            recipe: Element types, and the ways in which operators are written.
        """
        return self.build(traversal, recipe).segments


def _widest(tensors: list[Tensor], role: Role) -> Format | None:
    """Type with most bytes among the tensors of a role."""
    total: dict[Format, int] = {}
    for tensor in tensors:
        if tensor.role is role:
            format_ = Format.plain(tensor.dtype)
            total[format_] = total.get(format_, 0) + tensor.size_bytes
    return max(total, key=lambda format_: total[format_]) if total else None
