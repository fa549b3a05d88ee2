"""Element types by role: what weights are stored in, what products multiply, what the rest is kept in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Self

from accelsim.arguments import checked_call
from accelsim.dtypes import DType, Format


@dataclass(frozen=True, slots=True)
class Operands:
    """Formats of the two operands of the products of one part of a model.

    Attributes:
        weights: Of the right operand, as stored.
        inputs: Of the left operand, as multiplied.
    """

    weights: Format
    inputs: Format

    @classmethod
    def of(cls, dtype: DType) -> Self:
        """One type for both."""
        return cls(Format.plain(dtype), Format.plain(dtype))

    @property
    def arithmetic(self) -> DType:
        """Type the matrix unit works in: the wider one, that of the inputs between equals."""
        return wider(self.inputs.element, self.weights.element)


def wider(one: DType, other: DType) -> DType:
    """The type with more bits, ``one`` between equals.

    Args:
        one: A type.
        other: Another.
    """
    return other if other.bits > one.bits else one


@dataclass(frozen=True, slots=True)
class Products:
    """Operands by part of a model.

    Attributes:
        attention: Projections of queries, keys, values and the result.
        mlp: Feed-forward of dense layers.
        shared: Shared experts.
        experts: Routed experts.
        router: Logits of the experts, and the gate of shared ones.
        embedding: Tables of tokens and positions.
        head: Logits of the vocabulary; a tied head has the embedding's table.
    """

    attention: Operands
    mlp: Operands
    shared: Operands
    experts: Operands
    router: Operands
    embedding: Operands
    head: Operands

    @classmethod
    def of(cls, operands: Operands) -> Self:
        """The same for every part."""
        return cls(*(operands for _ in PARTS))

    def of_part(self, part: str) -> Operands:
        """Operands of the part of that name."""
        found: Operands = getattr(self, part)
        return found

    def __iter__(self) -> Iterator[Operands]:
        return (self.of_part(part) for part in PARTS)


PARTS = tuple(field.name for field in fields(Products))
#: Parts that engines quantise; the others keep 16 bit unless a checkpoint says otherwise.
LINEAR_PARTS = ("attention", "mlp", "shared", "experts")


@checked_call("Types.of(DType.BF16)")
@dataclass(frozen=True, slots=True)
class Types:
    """Element types by role.

    Attributes:
        products: Formats of weights and of what they are multiplied by, by part of the model.
        activations: Of the residual stream, norms, elementwise operators, norms' weights and biases.
        kv: Of the KV cache; a scale per layer, which engines keep for 8-bit caches, is not counted.
        reduce: Of partial sums on their way between chips.
        leaves_wide: Whether products that a layer of the checkpoint leaves wide are as wide as activations.
    """

    products: Products
    activations: DType
    kv: DType
    reduce: DType
    leaves_wide: bool = False

    @classmethod
    def of(cls, dtype: DType) -> Self:
        """One type for every role."""
        return cls(Products.of(Operands.of(dtype)), dtype, dtype, dtype)

    @property
    def narrowest(self) -> Operands:
        """Operands of the part with the fewest bits per weight: what names the run."""
        return min(self.products, key=lambda operands: operands.weights.bits_per_element)

    @property
    def name(self) -> str:
        """Short name: the format of the narrowest weights."""
        return self.narrowest.weights.name

    @property
    def arithmetic(self) -> DType:
        """Type that the narrowest weights are multiplied in."""
        return self.narrowest.arithmetic

    @property
    def multiplied(self) -> frozenset[DType]:
        """Every type that some product is computed in."""
        return frozenset(operands.arithmetic for operands in self.products) | {self.activations}

    def to_dict(self) -> dict[str, str]:
        """Every type by role, for results."""
        weights = {f"weights.{part}": self.products.of_part(part).weights.name for part in PARTS}
        inputs = {f"inputs.{part}": self.products.of_part(part).inputs.name for part in PARTS if part != "embedding"}
        rest = {"activations": self.activations.value, "kv_cache": self.kv.value, "reduce": self.reduce.value}
        return {**weights, **inputs, **rest, "arithmetic": self.arithmetic.value}


@dataclass(frozen=True, slots=True)
class TypeOptions:
    """Types that a user asks for; None leaves them to the model and the machine.

    Attributes:
        dtype: Of weights and of what they are multiplied by; 16 bit and more: of everything.
        weights: Of the weights of linear layers; alone, what they are multiplied by stays wide.
        activations: Of what weights are multiplied by; 16 bit and more: of the residual stream too.
        kv: Of the KV cache.
        reduce: Of partial sums on their way between chips.
    """

    dtype: Format | None = None
    weights: Format | None = None
    activations: Format | None = None
    kv: DType | None = None
    reduce: DType | None = None
