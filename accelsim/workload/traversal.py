"""What one pass through a model works on: sequences with new tokens behind tokens that are cached."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from accelsim.arguments import checked_call, shown, whole
from accelsim.config.bounds import MAX_TOKENS
from accelsim.errors import ConfigError
from accelsim.units import parse_count

_SPAN = re.compile(r"(\d+[kMG]?i?)(?:\+(\d+[kMG]?i?))?(?:x(\d+))?(\.\.\.)?")


@checked_call("Span(1, cached=4096, count=31)")
@dataclass(frozen=True, slots=True)
class Span:
    """Sequences of one traversal that are alike.

    Attributes:
        new: New tokens of each sequence.
        cached: Tokens of each that are in the KV cache before.
        count: Sequences.
        goes_on: Whether each is a piece of a prompt that goes on later, so that no logits are computed.

    Raises:
        ConfigError: An extent is too small.

    Examples:
        >>> Span.parse("512+2048x3"), str(Span(512, 2048, 3, goes_on=True))
        (Span(new=512, cached=2048, count=3, goes_on=False), '512+2048x3...')
    """

    new: int
    cached: int = 0
    count: int = 1
    goes_on: bool = False

    def __post_init__(self) -> None:
        check_extents(self, 1, "new", "count")
        check_extents(self, 0, "cached")

    @classmethod
    def parse(cls, text: str) -> Span:
        """A span of ``NEW+CACHEDxCOUNT``; ``+CACHED`` and ``xCOUNT`` may be left out, ``...`` means it goes on.

        Raises:
            ConfigError: The text is nothing like it.
        """
        found = _SPAN.fullmatch(text.strip())
        if found is None:
            raise ConfigError(
                f"span {text.strip()!r} is not NEW+CACHEDxCOUNT. Write e.g. 1+4096x31 (31 decodes behind 4096 tokens), "
                "512+2048 (a piece of a prompt), 300 (a whole prompt)."
            )
        new, cached, count, goes_on = found.groups()
        try:
            return cls(parse_count(new), parse_count(cached or "0"), parse_count(count or "1"), goes_on is not None)
        except ConfigError as error:
            raise ConfigError(f"span {text.strip()[:80]!r}: {error}") from error

    def __str__(self) -> str:
        count = f"x{self.count}" if self.count > 1 else ""
        return f"{self.new}+{self.cached}{count}{'...' if self.goes_on else ''}"

    @property
    def tokens(self) -> int:
        """New tokens of all sequences."""
        return self.new * self.count

    @property
    def length(self) -> int:
        """Tokens of each sequence after the traversal."""
        return self.cached + self.new


@dataclass(frozen=True, slots=True)
class Traversal:
    """One pass through a model: a batch of spans.

    Attributes:
        spans: Sequences that are alike, together; at least one.
    """

    spans: tuple[Span, ...]

    def __post_init__(self) -> None:
        if not self.spans:
            raise ConfigError("a traversal needs at least one span of tokens.")

    @classmethod
    def uniform(cls, batch: int, new: int, cached: int = 0) -> Traversal:
        """``batch`` sequences of ``new`` tokens each behind ``cached`` ones.

        Args:
            batch: Sequences.
            new: New tokens of each.
            cached: Tokens of each before.
        """
        return cls((Span(new, cached, batch),))

    @classmethod
    def ragged(cls, spans: Iterable[Span]) -> Traversal:
        """Any spans, equal ones as one, fewest new tokens (decodes) first, then fewest cached."""
        counts: Counter[tuple[int, int, bool]] = Counter()
        for span in spans:
            counts[span.new, span.cached, span.goes_on] += span.count
        return cls(tuple(Span(*key[:2], count, key[2]) for key, count in sorted(counts.items())))

    @property
    def tokens(self) -> int:
        """New tokens of all sequences."""
        return sum(span.tokens for span in self.spans)

    @property
    def sequences(self) -> int:
        """Sequences."""
        return sum(span.count for span in self.spans)

    @property
    def length(self) -> int:
        """Tokens of the longest sequence after the traversal."""
        return max(span.length for span in self.spans)

    @property
    def positions(self) -> int:
        """Tokens of all sequences after the traversal: those the KV cache then holds."""
        return sum(span.length * span.count for span in self.spans)

    @property
    def past(self) -> int:
        """Tokens of all sequences that are cached before."""
        return sum(span.cached * span.count for span in self.spans)

    @property
    def num_logits(self) -> int:
        """Sequences whose last token gets logits."""
        return sum(span.count for span in self.spans if not span.goes_on)

    def seen(self, window: int | None) -> Traversal:
        """The traversal as attention sees it: cached tokens beyond a window, and what comes later, do not matter."""
        if len(self.spans) == 1 and (window is None or self.spans[0].cached < window):
            return self
        most = self.length if window is None else window - 1
        return Traversal.ragged(replace(s, cached=min(s.cached, most), goes_on=False) for s in self.spans)


def check_extents(of: Any, minimum: int, *names: str) -> None:
    """Refuse extents that are no whole numbers, too small, or larger than any batch or sequence.

    Whole numbers of numpy become Python's, whose digits do not end.

    Args:
        of: A frozen value.
        minimum: The smallest allowed.
        *names: Its attributes.

    Raises:
        ConfigError: One is.
    """
    for name in names:
        extent = whole(getattr(of, name))
        object.__setattr__(of, name, extent)
        if not isinstance(extent, int) or isinstance(extent, bool):
            raise ConfigError(f"{name} must be a whole number, got {shown(extent)}")
        if extent < minimum:
            raise ConfigError(f"{name} must be >= {minimum}, got {extent}")
        if extent > MAX_TOKENS:
            raise ConfigError(f"{name} must be at most {MAX_TOKENS}, got more")
