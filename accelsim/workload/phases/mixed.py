"""One pass over sequences that are not alike: pieces of prompts beside decodes, unequal contexts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from accelsim.arguments import expect
from accelsim.errors import ConfigError
from accelsim.workload.phases.base import Phase, phase_field, register_phase, share_of
from accelsim.workload.traversal import Span, Traversal

#: Spans as plain numbers: new and cached tokens, and how many sequences.
Pair = tuple[int, int]
Triple = tuple[int, int, int]


@register_phase("mixed")
@dataclass(frozen=True, slots=True, init=False)
class Mixed(Phase):
    """One pass over spans of sequences: what one step of a serving engine with chunked prefill computes.

    A span with one new token is a decode step, one with more a piece of a prompt behind what was read of it before.
    Logits are computed for the last token of every sequence, as engines do, except of spans marked ``...`` (the prompt
    goes on after this piece).  Throughput counts every new token, those of prompts too.  The pass stands alone: it
    starts from tokens that are known, so nothing is fed back.

    Attributes:
        spans: The spans, ordered by new and cached tokens, equal ones as one: the order in which they are given and
            how equal sequences are divided over them say nothing.

    Raises:
        ConfigError: No span, an extent that is too small, a text that is no span, or no sequence with logits.

    Examples:
        >>> phase = Mixed([Span(1, 4096, 31), Span(512, 2048)])
        >>> str(phase), phase.tokens, phase == Mixed("512+2048, 1+4096x31")
        ('mixed spans=1+4096x31,512+2048', 543, True)
    """

    kind: ClassVar[str] = "mixed"
    example: ClassVar[str] = "Mixed('1+4096x31,512+2048')"

    spans: tuple[Span, ...] = phase_field(
        "Sequences of a mixed pass as NEW+CACHEDxCOUNT, e.g. 1+4096x31,512+2048; '...' after a piece: no logits.",
        parse=str,
    )

    def __init__(self, spans: Iterable[Span | Pair | Triple] | str) -> None:
        object.__setattr__(self, "spans", _traversal(spans).spans)
        if all(span.goes_on for span in self.spans):
            raise ConfigError(
                f"spans {self}: no sequence has logits. Leave '...' off one; engines compute logits of a piece too."
            )

    def __str__(self) -> str:
        return f"mixed spans={self._text}"

    @property
    def _text(self) -> str:
        return ",".join(map(str, self.spans))

    @property
    def tokens(self) -> int:
        """New tokens of all sequences, of prompts as of decodes."""
        return self.fullest().tokens

    @property
    def sequences(self) -> int:
        """Sequences."""
        return self.fullest().sequences

    @property
    def length(self) -> int:
        """Tokens of the longest sequence after the pass."""
        return self.fullest().length

    @property
    def alike(self) -> int:
        """Most equal shares: the greatest common divisor of the counts."""
        return math.gcd(*(span.count for span in self.spans))

    def traversals(self) -> Sequence[Traversal]:
        """The one pass."""
        return (self.fullest(),)

    def fullest(self) -> Traversal:
        """The one pass."""
        return Traversal(self.spans)

    def replica(self, dp: int) -> Self:
        """What each of ``dp`` replicas works on: as many sequences of every span.

        Raises:
            PlanError: A span does not divide; replicas that differ are not modelled.
        """
        return type(self)(
            replace(span, count=share_of(span.count, dp, f"the {span.count} sequences of span {span}"))
            for span in self.spans
        )

    def smaller(self) -> Iterator[Iterator[Self]]:
        """Fewer sequences in every span, shorter ones."""
        yield self._shrunk(lambda span: replace(span, count=max(1, span.count // 2)))
        yield self._shrunk(lambda span: replace(span, new=max(1, span.new // 2), cached=span.cached // 2))

    def _shrunk(self, halve: Callable[[Span], Span]) -> Iterator[Self]:
        spans, halves = self.spans, tuple(map(halve, self.spans))
        while halves != spans:
            yield type(self)(halves)
            spans, halves = halves, tuple(map(halve, halves))

    @classmethod
    def sized(cls, sequences: int, length: int, num_traversals: int = 1) -> Phase:
        """Refused: its sequences have no one length."""
        raise ConfigError("a mixed phase has spans, no batch and length. Use prefill or decode, or give spans.")

    def plain(self) -> dict[str, Any]:
        """Kind, and spans as text."""
        return {"kind": self.kind, "spans": self._text}


def _traversal(given: Iterable[Span | Pair | Triple] | str) -> Traversal:
    """What the spans say.

    Raises:
        ConfigError: One is no span, or there is none.
    """
    expect(given, Iterable, "spans", Mixed.example)
    pieces = given.split(",") if isinstance(given, str) else list(given)
    return Traversal.ragged(map(_span, pieces))


def _span(piece: Span | Pair | Triple | str) -> Span:
    if isinstance(piece, str):
        return Span.parse(piece)
    if isinstance(piece, Span):
        return piece
    expect(piece, (tuple, list), "span", "Span(1, cached=4096, count=31), (1, 4096, 31) or '1+4096x31'")
    return Span(*piece)
