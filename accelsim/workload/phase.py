"""Phases of inference: which traversals of the model they are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, overload

from accelsim.workload.traversal import Traversal, check_at_least


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
    feeds_back: ClassVar[bool] = False
    length_name: ClassVar[str] = "prompt"

    batch: int
    prompt: int

    def __post_init__(self) -> None:
        check_at_least(1, batch=self.batch, prompt=self.prompt)

    def __str__(self) -> str:
        return f"prefill batch={self.batch} prompt={self.prompt}"

    @property
    def tokens(self) -> int:
        """Tokens the phase processes."""
        return self.batch * self.prompt

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

    def first(self) -> Prefill:
        """The phase cut to its first traversal."""
        return self

    def replica(self, dp: int) -> Prefill:
        """What one of ``dp`` replicas works on."""
        return replace(self, batch=self.batch // dp)


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
    feeds_back: ClassVar[bool] = True
    length_name: ClassVar[str] = "context"

    batch: int
    context: int
    steps: int = 1

    def __post_init__(self) -> None:
        check_at_least(1, batch=self.batch, steps=self.steps)
        check_at_least(0, context=self.context)

    def __str__(self) -> str:
        return f"decode batch={self.batch} context={self.context} steps={self.steps}"

    @property
    def tokens(self) -> int:
        """Tokens the phase generates."""
        return self.batch * self.steps

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

    def replica(self, dp: int) -> Decode:
        """What one of ``dp`` replicas works on."""
        return replace(self, batch=self.batch // dp)


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


Phase = Prefill | Decode
