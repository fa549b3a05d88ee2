"""What one pass through a model works on: sequences with new tokens behind tokens that are cached."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Span:
    """Sequences of one traversal that are alike.

    Attributes:
        new: New tokens of each sequence.
        cached: Tokens of each that are in the KV cache before.
        count: Sequences.
    """

    new: int
    cached: int
    count: int = 1

    def __post_init__(self) -> None:
        check_at_least(1, new=self.new, count=self.count)
        check_at_least(0, cached=self.cached)

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
        """``batch`` sequences of ``new`` tokens each behind ``cached`` ones."""
        return cls((Span(new, cached, batch),))

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


def check_at_least(minimum: int, **extents: int) -> None:
    """Refuse extents that are no whole numbers or too small.

    Raises:
        ConfigError: One is.
    """
    for name, extent in extents.items():
        if not isinstance(extent, int) or isinstance(extent, bool):
            raise ConfigError(f"{name} must be a whole number, got {extent!r}")
        if extent < minimum:
            raise ConfigError(f"{name} must be >= {minimum}, got {extent}")
