"""Which types a run computes in: what the model is stored in, what the user asks for, what the chip multiplies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from accelsim.cost.base import reads_cache_as_queries
from accelsim.dtypes import DType, Format
from accelsim.errors import ConfigError
from accelsim.hardware.chip import Chip
from accelsim.warning import warn
from accelsim.workload.stored import inputs_of
from accelsim.workload.subject import Subject
from accelsim.workload.types import LINEAR_PARTS, PARTS, Operands, Products, TypeOptions, Types


class ChosenTypes(NamedTuple):
    """Types of a run, and what was not as the model or the user says."""

    types: Types
    warnings: tuple[str, ...]


def choose_types(model: Subject, chip: Chip, options: TypeOptions) -> ChosenTypes:
    """Types by role, as inference engines choose them.

    A type of 16 bit and more is one for everything.  Fewer bits are those of weights of linear layers (attention,
    feed-forward, experts) and, where engines do that with the format and the chip multiplies in it, of what these are
    multiplied by; embedding, head, routers, norms, residual stream, KV cache and partial sums keep the model's own
    16-bit type, else one the chip has.  What the chip does not multiply in is unpacked to that: weight-only.

    Args:
        model: What is computed; what is given with its types keeps them.
        chip: Where.
        options: What the user asks for.

    Raises:
        ConfigError: The chip has no rate for a type asked for, or none for any 16-bit type.
    """
    wide = _wide(model, chip, options)
    types = _asked(model, options, wide)
    if options.activations is not None:
        chip.peak_flops_per_s(options.activations.element)  # raises when the chip has no rate for it
    types = replace(types, kv=options.kv or types.kv, reduce=options.reduce or types.reduce)
    operands = tuple(_fitted(types.products.of_part(part), chip, wide) for part in PARTS)
    fitted = replace(types, products=Products(*operands))
    found = (*_widened(model, chip, options, wide), *_unpacked(types, fitted, chip), *_cache_unpriced(fitted, chip))
    return ChosenTypes(fitted, found)


def _wide(model: Subject, chip: Chip, options: TypeOptions) -> DType:
    """Type of everything that has no fewer bits.

    Raises:
        ConfigError: As :func:`choose_types`.
    """
    for asked in (options.activations, options.dtype):
        if asked is not None and _is_wide(asked):
            chip.peak_flops_per_s(asked.element)
            return asked.element
    narrow = options.dtype is not None or options.weights is not None
    own: tuple[DType, ...] = (model.wide,) if not narrow or model.wide.bits == DType.BF16.bits else ()
    for dtype in (*own, DType.BF16, DType.FP16):
        if dtype in chip.matrix_flops_per_cycle:
            return dtype
    if narrow and DType.FP32 in chip.vector_flops_per_cycle:
        return DType.FP32
    raise ConfigError(f"chip {chip.name} runs neither {model.wide.value}, bf16 nor fp16. Choose with --dtype.")


def _is_wide(format_: Format) -> bool:
    return format_.element.bits >= DType.BF16.bits


def _asked(model: Subject, options: TypeOptions, wide: DType) -> Types:
    """Types before it is known what the chip multiplies in."""
    weights = options.weights or options.dtype
    if weights is None:
        types = model.stored_types(wide)
    elif _is_wide(weights):
        types = replace(Types.of(wide), products=Products.of(Operands(weights, Format.plain(wide))))
    else:
        inputs = inputs_of(options.dtype, wide) if options.dtype is not None else Format.plain(wide)
        linear = Operands(weights, inputs)
        products = Products(*(linear if part in LINEAR_PARTS else Operands.of(wide) for part in PARTS))
        types = replace(Types.of(wide), products=products)
    if options.activations is None:
        return types
    operands = (types.products.of_part(part) for part in PARTS)
    return replace(types, products=Products(*(_with_inputs(one, options.activations) for one in operands)))


def _with_inputs(operands: Operands, inputs: Format) -> Operands:
    """Wide weights keep wide inputs: quantising what they are multiplied by would gain nothing."""
    return operands if _is_wide(operands.weights) and not _is_wide(inputs) else replace(operands, inputs=inputs)


def _fitted(operands: Operands, chip: Chip, wide: DType) -> Operands:
    """The operands with inputs that the chip multiplies in."""
    if _is_wide(operands.inputs) or operands.arithmetic in chip.matrix_flops_per_cycle:
        return operands
    return replace(operands, inputs=Format.plain(wide))


def _widened(model: Subject, chip: Chip, options: TypeOptions, wide: DType) -> Iterator[str]:
    """Weights of more bits than the run has, which nobody asked for."""
    if options == replace(options, dtype=None, weights=None) and wide.bits < model.wide.bits:
        text = f"{model.name} is stored in {model.wide.value}, which the matrix unit of chip {chip.name} does not run"
        yield warn("type-changed", f"{text}; computed in {wide.value}")


def _cache_unpriced(types: Types, chip: Chip) -> Iterator[str]:
    """A cache whose type changes its bytes in memory, but no time and no traffic."""
    if types.kv.bits != types.activations.bits and reads_cache_as_queries(chip):
        text = f"the KV cache in {types.kv.value} is counted in memory and priced as if in {types.activations.value}"
        yield warn("cache-unpriced", f"{text} (cost model {chip.cost_model})")


def _unpacked(asked: Types, fitted: Types, chip: Chip) -> Iterator[str]:
    """Formats whose inputs the chip does not multiply in."""
    pairs = zip(asked.products, fitted.products, strict=True)
    for before, after in dict.fromkeys((one, other) for one, other in pairs if one != other):
        text = f"chip {chip.name} has no {before.inputs.element.value} rate"
        yield warn("weight-only", f"{text}; {before.weights} weights are unpacked and multiplied in {after.inputs}")
