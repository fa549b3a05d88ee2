"""What a model's weights are stored in, part by part, as its release or its configuration says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, InstanceOf, model_validator

from accelsim.config.schema import Spec
from accelsim.dtypes import DType, Format
from accelsim.errors import ConfigError
from accelsim.workload.types import LINEAR_PARTS, PARTS, Operands, Products, Types

_TORCH_NAMES = {
    "float32": "fp32",
    "bfloat16": "bf16",
    "float16": "fp16",
    "float8_e4m3fn": "fp8",
    "float8_e5m2": "fp8",
    "int8": "int8",
}


def read_dtype(value: object) -> object:
    """The type a name means, in our spelling (``bf16``) or torch's (``bfloat16``); what is no name is returned.

    Raises:
        ValueError: An unknown name.
    """
    if not isinstance(value, str):
        return value
    name = _TORCH_NAMES.get(value.removeprefix("torch."), value)
    known = [dtype.value for dtype in DType]
    if name not in known:
        spellings = dict.fromkeys((*known, *_TORCH_NAMES))
        raise ValueError(f"unknown element type {value!r}. Known: {', '.join(spellings)}.")
    return DType(name)


def _read_format(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return Format.parse(value)
    except ConfigError as error:
        raise ValueError(str(error)) from error


_Stored = Annotated[InstanceOf[Format] | None, BeforeValidator(_read_format)]


def _as_tuple(value: object) -> object:
    """A list of a file, which strict tuples refuse where a section is inside another."""
    return tuple(value) if isinstance(value, list) else value


_LEFT_WIDE = re.compile(r"[a-z_.]+ \d{1,4}(-\d{1,4})?(,\d{1,4}(-\d{1,4})?)*")


def read_ranges(text: str) -> tuple[int, ...]:
    """Numbers of ``"0-2,60"``."""
    bounds = [part.partition("-") for part in text.split(",")]
    return tuple(n for first, _, last in bounds for n in range(int(first), int(last or first) + 1))


def write_ranges(numbers: Iterable[int]) -> str:
    """``"0-2,60"`` of 0, 1, 2 and 60."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


class Stored(Spec):
    """Formats of released weights; what is not stated is stored in ``torch_dtype``.

    Norms and biases always are.
    """

    linear: _Stored = Field(None, description="Of linear layers: attention, mlp, shared and experts.")
    attention: _Stored = Field(None, description="Of projections of attention; default: linear.")
    mlp: _Stored = Field(None, description="Of the feed-forward of dense layers; default: linear.")
    shared: _Stored = Field(None, description="Of shared experts; default: linear.")
    experts: _Stored = Field(None, description="Of routed experts; default: linear.")
    router: _Stored = Field(None, description="Of the routers of experts.")
    embedding: _Stored = Field(None, description="Of the tables of tokens and positions.")
    head: _Stored = Field(None, description="Of the logits, unless tied to the embedding.")
    inputs: _Stored = Field(
        None,
        description="What linear layers are multiplied by; default: their own format where engines quantise that too.",
    )
    kv: Annotated[DType | None, BeforeValidator(read_dtype)] = Field(
        None, description="Type of the KV cache that the release has scales for."
    )

    left_wide: Annotated[tuple[str, ...], BeforeValidator(_as_tuple)] = Field(
        (), description="Products not quantised in some layers, counted from 0: ['attn.out 0-2,60', 'mlp.down 0']."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        wrong = [text for text in self.left_wide if not _LEFT_WIDE.fullmatch(text)]
        if wrong:
            raise ValueError(f"left_wide: {wrong[0]!r} is not a product and layers. Write e.g. 'attn.out 0-2,60'.")
        return self

    @cached_property
    def wide_products(self) -> Mapping[int, frozenset[str]]:
        """Products that a layer leaves wide, by the number of the layer; layers without any are left out."""
        found: dict[int, set[str]] = {}
        for text in self.left_wide:
            product, layers = text.split()
            for layer in read_ranges(layers):
                found.setdefault(layer, set()).add(product)
        return {layer: frozenset(products) for layer, products in found.items()}

    def types(self, wide: DType) -> Types:
        """Types of a run as stored; ``wide`` stands for what is not stated."""
        products = Products(*(self._operands(part, wide) for part in PARTS))
        return Types(products, wide, self.kv or wide, wide, bool(self.left_wide))

    def _operands(self, part: str, wide: DType) -> Operands:
        own: Format | None = getattr(self, part)
        weights = own or (self.linear if part in LINEAR_PARTS else None) or Format.plain(wide)
        return Operands(weights, self._inputs(weights, wide))

    def _inputs(self, weights: Format, wide: DType) -> Format:
        if weights.element.bits >= wide.bits:
            return weights
        return self.inputs or inputs_of(weights, wide)


def inputs_of(weights: Format, wide: DType) -> Format:
    """What engines multiply such weights by, by default.

    Args:
        weights: Their format.
        wide: Type of what is not quantised.
    """
    return weights if weights.quantises_inputs else Format.plain(wide)
