"""Phases of inference, and the workload of one pass of a model in a phase."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from accelsim.dtypes import DType
from accelsim.errors import ConfigError
from accelsim.workload.blocks._ends import TOKEN_TABLE, build_embedding, build_head
from accelsim.workload.blocks.base import BLOCKS, Pass
from accelsim.workload.graph import OperatorGraph, Segment, Workload
from accelsim.workload.model import Model
from accelsim.workload.routing import RANDOM, Routing
from accelsim.workload.steps import between


@dataclass(frozen=True, slots=True)
class Prefill:
    """All prompts are read in one pass; logits are computed for the last token of each, as serving engines do.

    Attributes:
        batch: Sequences, all of the same length.
        prompt: Tokens per sequence.

    Raises:
        ConfigError: An extent is below 1.
    """

    kind: ClassVar[str] = "prefill"

    batch: int
    prompt: int

    def __post_init__(self) -> None:
        _check_at_least(1, batch=self.batch, prompt=self.prompt)

    def __str__(self) -> str:
        return f"prefill batch={self.batch} prompt={self.prompt}"

    @property
    def tokens(self) -> int:
        """Tokens the phase processes."""
        return self.batch * self.prompt


@dataclass(frozen=True, slots=True)
class Decode:
    """``steps`` passes of one new token per sequence.

    Attributes:
        batch: Sequences, all of the same length.
        context: Tokens per sequence in the KV cache before the first step; step ``i`` attends to
            ``context + i + 1`` positions, its own included.
        steps: Tokens generated per sequence.

    Raises:
        ConfigError: ``batch`` or ``steps`` is below 1, or ``context`` below 0.
    """

    kind: ClassVar[str] = "decode"

    batch: int
    context: int
    steps: int = 1

    def __post_init__(self) -> None:
        _check_at_least(1, batch=self.batch, steps=self.steps)
        _check_at_least(0, context=self.context)

    def __str__(self) -> str:
        return f"decode batch={self.batch} context={self.context} steps={self.steps}"

    @property
    def tokens(self) -> int:
        """Tokens the phase generates."""
        return self.batch * self.steps


Phase = Prefill | Decode


def _check_at_least(minimum: int, **extents: int) -> None:
    for name, extent in extents.items():
        if not isinstance(extent, int) or isinstance(extent, bool):
            raise ConfigError(f"{name} must be a whole number, got {extent!r}")
        if extent < minimum:
            raise ConfigError(f"{name} must be >= {minimum}, got {extent}")


def build_workload(
    model: Model,
    phase: Phase,
    dtype: DType | None = None,
    kv_dtype: DType | None = None,
    attention: Literal["flash", "standard"] = "flash",
    logits: Literal["last", "all"] = "last",
    routing: Routing = RANDOM,
) -> Workload:
    """Workload of one pass: the whole prefill, or the first decode step.

    Args:
        model: What is computed.
        phase: On which tokens.
        dtype: Element type of weights and activations; default: the model's own.
        kv_dtype: Element type of the KV cache; default: ``dtype``.
        attention: ``"flash"`` (scores never leave fast memory) or ``"standard"`` (scores written and read).
        logits: Positions per sequence whose logits a prefill computes.
        routing: How tokens spread over experts, where the model has any.

    Returns:
        Segments ``embedding``, each run of equal layers, ``head``.

    Raises:
        ConfigError: The sequence is longer than a learned position table.
    """
    return build_step(model, phase, 0, dtype, kv_dtype, attention, logits, routing)


def build_step(
    model: Model,
    phase: Phase,
    step: int,
    dtype: DType | None = None,
    kv_dtype: DType | None = None,
    attention: Literal["flash", "standard"] = "flash",
    logits: Literal["last", "all"] = "last",
    routing: Routing = RANDOM,
) -> Workload:
    """Workload of pass ``step`` of the phase: 0 for prefill, 0 to ``steps - 1`` for decode.

    Raises:
        ConfigError: The phase has no such step, an option is unknown, or the sequence does not fit the positions.
    """
    num_steps = phase.steps if isinstance(phase, Decode) else 1
    if not 0 <= step < num_steps:
        raise ConfigError(f"step must be in 0..{num_steps - 1} for {phase}, got {step}")
    if attention not in ("flash", "standard"):
        raise ConfigError(f"unknown attention {attention!r}. Known: flash, standard.")
    if logits not in ("last", "all"):
        raise ConfigError(f"unknown logits {logits!r}. Known: all, last.")
    q_len, past_len = (1, phase.context + step) if isinstance(phase, Decode) else (phase.prompt, 0)
    dtype = dtype or model.torch_dtype
    traversal = Pass(phase.batch, q_len, past_len, dtype, kv_dtype or dtype, attention, logits, routing)
    return Workload(
        name=f"{model.name} {phase}" + (f" step={step}" if num_steps > 1 else ""),
        segments=build_segments(model, traversal),
        tokens=phase.batch * q_len,
        tied_weights=(TOKEN_TABLE,) if model.tie_word_embeddings else (),
        warnings=model.warnings + _length_warnings(model, past_len + q_len),
    )


#: Decodes of so few steps are built step by step.
_FEWEST_STEPS = 4


def build_steps(
    model: Model,
    phase: Phase,
    dtype: DType | None = None,
    kv_dtype: DType | None = None,
    attention: Literal["flash", "standard"] = "flash",
    logits: Literal["last", "all"] = "last",
    routing: Routing = RANDOM,
) -> list[Workload]:
    """Workloads of all passes of the phase, in order; operators that one step has like the step before are one object.

    Of a long decode only what depends on the length of the KV cache is new in a step; later stages look at the same
    object once.

    Raises:
        ConfigError: As :func:`build_step`.
    """

    def build(step: int, before: Workload | None) -> Workload:
        workload = build_step(model, phase, step, dtype, kv_dtype, attention, logits, routing)
        if before is None or len(before.segments) != len(workload.segments):
            return workload
        pairs = zip(workload.segments, before.segments, strict=True)
        return replace(workload, segments=tuple(_sharing(*pair) for pair in pairs))

    steps = phase.steps if isinstance(phase, Decode) else 1
    workloads: list[Workload] = []
    for step in range(steps):
        workloads.append(build(step, workloads[-1] if workloads else None))
        # The first step may start without a cache, so growth is read off the second and third.
        if step == 2 and steps > _FEWEST_STEPS:
            rest = between(workloads[1], workloads[2], build(steps - 1, None), steps - 1)
            if rest is not None:
                named = (replace(w, name=f"{model.name} {phase} step={i}") for i, w in enumerate(rest, start=1))
                return [workloads[0], *named]
    return workloads


def _sharing(segment: Segment, before: Segment) -> Segment:
    """An equal segment that is ``before``, or has the operators of ``before`` where they are equal."""
    old = before.graph.operators
    if segment.repeat != before.repeat or len(segment.graph) != len(old):
        return segment
    shared = tuple(b if a == b else a for a, b in zip(segment.graph, old, strict=True))
    if all(a is b for a, b in zip(shared, old, strict=True)) and segment.name == before.name:
        return before
    return Segment(OperatorGraph(segment.graph.name, shared), segment.repeat)


def build_segments(model: Model, traversal: Pass) -> tuple[Segment, ...]:
    """Segments ``embedding``, each run of equal layers in order, ``head`` of one traversal.

    A traversal may be a piece of a phase: some tokens of a prompt behind others that are cached already.
    """
    kinds = dict.fromkeys(layer for layer, _ in model.layers)
    graphs = {layer: BLOCKS.get(layer.block)(model, traversal, layer) for layer in kinds}
    runs = {run: Segment(graphs[run[0]], run[1]) for run in dict.fromkeys(model.layers)}
    return (
        Segment(build_embedding(model, traversal)),
        *(runs[run] for run in model.layers),
        Segment(build_head(model, traversal)),
    )


def _length_warnings(model: Model, length: int) -> tuple[str, ...]:
    limit = model.max_position_embeddings
    if length <= limit:
        return ()
    if model.position == "learned":
        raise ConfigError(
            f"{model.name}: {length} positions, but its learned position table holds max_position_embeddings={limit}. "
            f"Use at most {limit} tokens."
        )
    return (f"long-context: {length} positions exceed max_position_embeddings={limit} of {model.name}",)
