"""A phase as units that walk through the groups one behind another: pieces of prompts, or requests that decode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from accelsim.workload.graph import Segment
from accelsim.workload.phase import Phase
from accelsim.workload.recipe import Recipe
from accelsim.workload.subject import Subject
from accelsim.workload.traversal import Span, Traversal


@dataclass(frozen=True, slots=True)
class Shape:
    """What a unit computes.

    Attributes:
        batch: Sequences side by side.
        q_len: New tokens of each.
        past_len: Tokens of each that are cached before.
        has_logits: Whether the unit goes through the last block: a prompt only needs the logits of its last token.
    """

    batch: int
    q_len: int
    past_len: int
    has_logits: bool

    @property
    def tokens(self) -> int:
        """New tokens."""
        return self.batch * self.q_len


@dataclass(frozen=True)
class Stream:
    """Units in the order in which they enter.

    Attributes:
        shapes: Distinct shapes.
        unit_shape: Shape of each unit, an index into ``shapes``. int64[U].
        period: Units of one decode step; unit ``u`` waits for the sampled tokens of unit ``u - period``. 0 in prefill.
        cached_before: Tokens of all sequences that are cached when the first unit enters.
    """

    shapes: tuple[Shape, ...]
    unit_shape: npt.NDArray[np.int64]
    period: int
    cached_before: int = 0

    @property
    def num_units(self) -> int:
        """Units."""
        return len(self.unit_shape)

    @property
    def in_flight(self) -> int:
        """Units that can be on their way at once."""
        return self.period or self.num_units

    @cached_property
    def counts(self) -> npt.NDArray[np.int64]:
        """Units of each shape."""
        return np.bincount(self.unit_shape, minlength=len(self.shapes))

    @property
    def typical(self) -> Shape:
        """A shape in the middle of the phase, by which tiles are shared out."""
        fullest = max(shape.tokens for shape in self.shapes)
        full = sorted((s for s in self.shapes if s.tokens == fullest), key=lambda s: s.past_len)
        middle = full[len(full) // 2]
        return Shape(middle.batch, middle.q_len, middle.past_len, has_logits=True)

    @property
    def largest(self) -> Shape:
        """The shape that needs most memory."""
        widest = max(self.shapes, key=lambda s: (s.tokens, s.past_len))
        deepest = max(shape.past_len for shape in self.shapes)
        return Shape(widest.batch, widest.q_len, deepest, has_logits=True)


def build_stream(phase: Phase, chunk: int) -> Stream:
    """Units of ``phase``.

    Args:
        phase: Sequences that decode are cut into micro-batches of ``chunk``, pieces of prompts into pieces of ``chunk``
            tokens, sequence after sequence; all that, traversal after traversal.
        chunk: Tokens of one unit, at least 1; the last unit may have fewer.
    """
    passes = [
        [shape for span in t.spans for shape in _units(span, chunk, _decodes(phase, span))] for t in phase.traversals()
    ]
    rows = [shape for shapes in passes for shape in shapes]
    places = {shape: i for i, shape in enumerate(dict.fromkeys(rows))}
    unit_shape = np.array([places[shape] for shape in rows], dtype=np.int64)
    period = len(passes[0]) if phase.feeds_back else 0
    return Stream(tuple(places), unit_shape, period, phase.traversals()[0].past)


def longest_unit(phase: Phase) -> int:
    """Tokens of the largest unit there can be: all sequences of a span that decode, or a whole piece of a prompt."""
    return max(span.count if _decodes(phase, span) else span.new for span in phase.fullest().spans)


def _decodes(phase: Phase, span: Span) -> bool:
    """Whether sequences go side by side, one token each; a prompt of one token goes like any other prompt."""
    return phase.feeds_back or (span.new == 1 and span.cached > 0)


def _units(span: Span, chunk: int, decodes: bool) -> list[Shape]:
    if decodes:
        return [Shape(size, span.new, span.cached, not span.goes_on) for size in _pieces(span.count, chunk)]
    starts = range(0, span.new, chunk)
    return [
        Shape(1, size, span.cached + at, at + size == span.new and not span.goes_on)
        for at, size in zip(starts, _pieces(span.new, chunk), strict=True)
    ] * span.count


def segments_of(model: Subject, shape: Shape, recipe: Recipe) -> Sequence[Segment]:
    """Operator graphs of one unit.

    Args:
        model: What gives the operators.
        shape: Sequences, new and cached tokens of the unit.
        recipe: Element types, and the ways in which operators are written.
    """
    return model.segments(Traversal.uniform(shape.batch, shape.q_len, shape.past_len), recipe)


def _pieces(total: int, size: int) -> list[int]:
    return [min(size, total - start) for start in range(0, total, size)]
