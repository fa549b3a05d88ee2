"""What ranks of a group do together: the call, and its steps over the links of each level."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

#: The algorithm of a call that takes the fastest one.
AUTO = "auto"
#: The library of a call that takes a level's own collectives.
DEFAULT_LIBRARY = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a collective.

    Attributes:
        kind: ``all_reduce``, ``all_gather`` ...
        nbytes: The larger of a rank's send and receive buffers (the size nccl-tests print).
        num_ranks: Ranks of the group.
        algorithm: Name in the registry, or of a kernel; ``auto`` asks for the fastest.
        library: Name of one of the level's further libraries; empty for its own collectives.
        protocol: Protocol of the library; empty asks for the fastest.
        channels: Channels of a send between two ranks; 0 for as many as two ranks alone have.
    """

    kind: str
    nbytes: int
    num_ranks: int
    algorithm: str = AUTO
    library: str = DEFAULT_LIBRARY
    protocol: str = ""
    channels: int = 0


#: What a chip does on its own cores.
ALONE = Call("", 0, 1)


class FoldedStep(NamedTuple):
    """Equal steps of one representative rank: it sends ``nbytes`` over one link, ``repeat`` times in a row."""

    nbytes: int
    repeat: int


@dataclass(frozen=True, slots=True)
class LevelSteps:
    """Steps of a call over the links of one level.

    In the engine a step is one task: ``work`` of :meth:`step_s` and, after ``step_latency_s``, ``nbytes`` on one link
    of the level at its full capacity. Alone the step then takes ``step_s``; two that share a link slow each other.

    Attributes:
        level: Level whose links set the pace.
        steps: Bytes over one link of the rank and how often, in order.
        links: Links of that level a rank loads alike at once (rings on a torus).
        step_latency_s: Time of a step before its first byte moves.
        bandwidth_bytes_per_s: What payload reaches of one link.
        link_energy_j_per_byte: Energy of one byte over one link.
    """

    level: str
    steps: tuple[FoldedStep, ...]
    links: int
    step_latency_s: float
    bandwidth_bytes_per_s: float
    link_energy_j_per_byte: float = 0.0

    @property
    def seconds(self) -> float:
        """Time of the steps on an idle network, in seconds."""
        return closed_form_s(self.steps, self.step_latency_s, self.bandwidth_bytes_per_s)

    @property
    def latency_s(self) -> float:
        """What of :attr:`seconds` passes before bytes move, in seconds."""
        return sum(step.repeat for step in self.steps) * self.step_latency_s

    @property
    def sent_bytes(self) -> int:
        """Bytes one rank sends over the links of the level."""
        return self.links * sum(step.nbytes * step.repeat for step in self.steps)

    @property
    def energy_j(self) -> float:
        """Energy of the bytes one rank sends, in joules."""
        return self.sent_bytes * self.link_energy_j_per_byte

    def step_s(self, nbytes: int) -> float:
        """Time of one step that sends ``nbytes`` over one link, in seconds."""
        return self.step_latency_s + nbytes / self.bandwidth_bytes_per_s


def closed_form_s(steps: Iterable[FoldedStep], alpha_s: float, bandwidth_bytes_per_s: float) -> float:
    """Time of folded steps on an idle network: each is ``alpha + nbytes / bandwidth``, in seconds.

    Args:
        steps: In any order.
        alpha_s: Time of a step before its first byte moves.
        bandwidth_bytes_per_s: Rate of its bytes.

    Source:
        Thakur, Rabenseifner, Gropp, *Optimization of Collective Communication Operations in MPICH*, 2005, section 3.
    """
    return sum(step.repeat * (alpha_s + step.nbytes / bandwidth_bytes_per_s) for step in steps)
