"""What a model's weights are stored in, part by part, as its release or its configuration says."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, InstanceOf

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

    def types(self, wide: DType) -> Types:
        """Types of a run as stored; ``wide`` stands for what is not stated."""
        return Types(Products(*(self._operands(part, wide) for part in PARTS)), wide, self.kv or wide, wide)

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
