"""Reading prompts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from accelsim.workload.phases.base import Phase, halved, phase_field, register_phase, share_of
from accelsim.workload.traversal import Traversal, check_extents


@register_phase("prefill")
@dataclass(frozen=True, slots=True)
class Prefill(Phase):
    """All prompts are read in one pass; logits are computed for the last token of each, as serving engines do.

    Attributes:
        batch: Sequences, all of the same length.
        prompt: Tokens per sequence.

    Raises:
        ConfigError: An extent is below 1.
    """

    kind: ClassVar[str] = "prefill"
    example: ClassVar[str] = "Prefill(batch=1, prompt=512)"

    batch: int = phase_field("Sequences; max: as many as fit.", default=1)
    prompt: int = phase_field("Prompt tokens of each sequence (prefill); 4k is 4000, 4Ki 4096.", is_length=True)

    def __post_init__(self) -> None:
        check_extents(self, 1, "batch", "prompt")

    def __str__(self) -> str:
        return f"prefill batch={self.batch} prompt={self.prompt}"

    @property
    def tokens(self) -> int:
        """Tokens the phase processes."""
        return self.batch * self.prompt

    @property
    def sequences(self) -> int:
        """Prompts."""
        return self.batch

    @property
    def length(self) -> int:
        """Tokens of each prompt."""
        return self.prompt

    def traversals(self) -> Sequence[Traversal]:
        """The one pass over all prompts."""
        return (self.fullest(),)

    def fullest(self) -> Traversal:
        """The traversal that holds most."""
        return Traversal.uniform(self.batch, self.prompt)

    def replica(self, dp: int) -> Self:
        """What each of ``dp`` replicas works on."""
        return replace(self, batch=share_of(self.batch, dp, f"batch={self.batch}"))

    def smaller(self) -> Iterator[Iterator[Self]]:
        """Fewer prompts, shorter prompts."""
        yield halved(self, "batch")
        yield halved(self, "prompt")

    @classmethod
    def sized(cls, sequences: int, length: int, num_traversals: int = 1) -> Self:
        """Prompts of ``length`` tokens, however many passes were asked for.

        Args:
            sequences: The batch.
            length: Tokens of each prompt.
            num_traversals: Not read, a prompt is read once.
        """
        return cls(sequences, length)
