"""Training: one step of the optimizer over a batch that is cut into microbatches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self

from accelsim.errors import ConfigError, PlanError
from accelsim.workload.optimizer import optimizer_of
from accelsim.workload.phases.base import Phase, halved, phase_field, register_phase, share_of
from accelsim.workload.traversal import Traversal, check_extents

if TYPE_CHECKING:  # importing numpy takes time that --help can save
    from accelsim.workload.recipe import LogitsName

_SWITCH = {"on": True, "off": False, "true": True, "false": False}


def _switch(text: str) -> bool:
    if text.lower() not in _SWITCH:
        raise ConfigError(f"dropout must be on or off, got {text[:40]!r}.")
    return _SWITCH[text.lower()]


@register_phase("train")
@dataclass(frozen=True, slots=True)
class Training(Phase):
    """One iteration: forward and backward of every microbatch, then one step of the optimizer.

    Attributes:
        seq: Tokens of each sequence.
        global_batch: Sequences of an iteration, of all replicas together.
        micro_batch: Sequences that go through the model of a replica at a time.
        optimizer: ``adam``, ``sgd`` or ``adafactor``.
        dropout: Whether the model trains with dropout.

    Raises:
        ConfigError: An extent below 1, microbatches that do not divide the batch, or an unknown optimizer.
    """

    kind: ClassVar[str] = "train"
    example: ClassVar[str] = "Training(seq=2048, global_batch=64, micro_batch=1)"
    trains: ClassVar[bool] = True
    logits: ClassVar[LogitsName] = "all"
    flops_per_forward: ClassVar[int] = 3

    seq: int = phase_field("Tokens of each sequence (train).", is_length=True)
    global_batch: int = phase_field("Sequences of one iteration (train).", default=1)
    micro_batch: int = phase_field("Sequences of a replica at a time (train).", default=1, optional=True)
    optimizer: str = phase_field("adam, sgd or adafactor (train).", str, default="adam", optional=True)
    dropout: bool = phase_field("on or off: whether it trains with dropout.", _switch, default=False, optional=True)

    def __post_init__(self) -> None:
        check_extents(self, 1, "seq", "global_batch", "micro_batch")
        optimizer_of(self.optimizer)
        if self.global_batch % self.micro_batch:
            raise ConfigError(
                f"micro_batch={self.micro_batch} does not divide global_batch={self.global_batch}. Use a divisor of it."
            )

    def __str__(self) -> str:
        return f"train seq={self.seq} global_batch={self.global_batch} micro_batch={self.micro_batch}"

    @property
    def tokens(self) -> int:
        """Tokens of an iteration."""
        return self.global_batch * self.seq

    @property
    def sequences(self) -> int:
        """Sequences at a time."""
        return self.micro_batch

    @property
    def length(self) -> int:
        """Tokens of each sequence."""
        return self.seq

    @property
    def alike(self) -> int:
        """Microbatches."""
        return self.num_microbatches

    @property
    def num_microbatches(self) -> int:
        """Microbatches of all replicas."""
        return self.global_batch // self.micro_batch

    def traversals(self) -> Sequence[Traversal]:
        """Every microbatch forward."""
        return (self.fullest(),) * self.num_microbatches

    def fullest(self) -> Traversal:
        """One microbatch."""
        return Traversal.uniform(self.micro_batch, self.seq)

    def first(self) -> Training:
        """An iteration of one microbatch."""
        return replace(self, global_batch=self.micro_batch)

    def replica(self, dp: int) -> Self:
        """What each of ``dp`` replicas works on.

        Raises:
            PlanError: They cannot get as many whole microbatches each.
        """
        share = share_of(self.global_batch, dp, f"global_batch={self.global_batch}")
        if share % self.micro_batch:
            raise PlanError(
                f"plan: dp={dp} leaves {share} sequences to a replica, which micro_batch={self.micro_batch} does not "
                "divide."
            )
        return replace(self, global_batch=share)

    def smaller(self) -> Iterator[Iterator[Self]]:
        """Smaller microbatches, shorter sequences."""
        yield halved(self, "micro_batch")
        yield halved(self, "seq")

    def halfway(self, larger: Phase) -> Self | None:
        """None: microbatches divide the batch, so sizes between seldom are any."""
        return None

    @classmethod
    def sized(cls, sequences: int, length: int, num_traversals: int = 1) -> Self:
        """Iterations of so many microbatches.

        Args:
            sequences: Of a microbatch.
            length: Tokens of each.
            num_traversals: Microbatches.
        """
        return cls(length, sequences * num_traversals, sequences)
