"""Generating tokens, one per sequence and step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self, overload

from accelsim.errors import ConfigError
from accelsim.workload.phases.base import Phase, halved, phase_field, register_phase, share_of
from accelsim.workload.traversal import Traversal, check_extents

#: Most steps of one run: each has its own prices, which take about 3 kB.
MAX_STEPS = 200_000


@register_phase("decode")
@dataclass(frozen=True, slots=True)
class Decode(Phase):
    """``steps`` passes of one new token per sequence.

    Attributes:
        batch: Sequences, all of the same length.
        context: Tokens per sequence in the KV cache before the first step; step ``i`` attends to
            ``context + i + 1`` positions, its own included.
        steps: Tokens generated per sequence.

    Raises:
        ConfigError: ``batch`` or ``steps`` is below 1, ``context`` below 0, or there are more than :data:`MAX_STEPS`.
    """

    kind: ClassVar[str] = "decode"
    example: ClassVar[str] = "Decode(batch=8, context=4096)"
    feeds_back: ClassVar[bool] = True

    batch: int = phase_field("Sequences; max: as many as fit.", default=1)
    context: int = phase_field("Tokens in the KV cache (decode); 4k is 4000, 4Ki 4096.", is_length=True)
    steps: int = phase_field("Tokens to generate (decode).", default=1, optional=True)

    def __post_init__(self) -> None:
        check_extents(self, 1, "batch", "steps")
        check_extents(self, 0, "context")
        if self.steps > MAX_STEPS:
            raise ConfigError(
                f"steps must be at most {MAX_STEPS}, got {self.steps}. Run a longer decode in segments, each with "
                "the context that the one before ended with."
            )

    def __str__(self) -> str:
        return f"decode batch={self.batch} context={self.context} steps={self.steps}"

    @property
    def tokens(self) -> int:
        """Tokens the phase generates."""
        return self.batch * self.steps

    @property
    def sequences(self) -> int:
        """Sequences."""
        return self.batch

    @property
    def length(self) -> int:
        """Tokens of each sequence that are cached before the first step."""
        return self.context

    def traversals(self) -> Sequence[Traversal]:
        """One pass per step, each made when it is asked for."""
        return _Steps(self)

    def fullest(self) -> Traversal:
        """The traversal that holds most: the last step."""
        return Traversal.uniform(self.batch, 1, self.context + self.steps - 1)

    def first(self) -> Decode:
        """The phase cut to its first traversal."""
        return replace(self, steps=1)

    def replica(self, dp: int) -> Self:
        """What each of ``dp`` replicas works on."""
        return replace(self, batch=share_of(self.batch, dp, f"batch={self.batch}"))

    def smaller(self) -> Iterator[Iterator[Self]]:
        """Fewer sequences, shorter contexts."""
        yield halved(self, "batch")
        yield halved(self, "context")

    @classmethod
    def sized(cls, sequences: int, length: int, num_traversals: int = 1) -> Self:
        """A decode of ``num_traversals`` steps behind ``length`` tokens.

        Args:
            sequences: The batch.
            length: Tokens in the cache before the first step.
            num_traversals: Steps, one token each.
        """
        return cls(sequences, length, num_traversals)


class _Steps(Sequence[Traversal]):
    """The traversals of a decode."""

    def __init__(self, phase: Decode) -> None:
        self._phase = phase

    def __len__(self) -> int:
        return self._phase.steps

    @overload
    def __getitem__(self, index: int) -> Traversal: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Traversal]: ...
    def __getitem__(self, index: int | slice) -> Traversal | Sequence[Traversal]:
        steps = range(self._phase.steps)[index]
        if isinstance(steps, range):
            return [self[step] for step in steps]
        return Traversal.uniform(self._phase.batch, 1, self._phase.context + steps)
