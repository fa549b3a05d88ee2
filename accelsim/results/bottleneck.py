"""What limits a run, in one sentence, with what-ifs that were simulated and not guessed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from accelsim.cost.causes import COLLECTIVE_LAUNCH, FIXED_CYCLES, LINK_BYTES, LINK_LATENCY, POWER_LIMIT
from accelsim.mapping.servers import HOST, HOST_LINK, NOC
from accelsim.mapping.waits import BETWEEN_CAUSES
from accelsim.results.account import CONTENTION, IDLE, Ledger

#: Kinds of operators that move bytes between chips.
COMMUNICATION_KINDS = frozenset({"collective", "exchange"})
#: Least gain of a what-if that is worth the word.
MOVES = 1.005
#: Least share of the time at which a cause may be worth a what-if: at twice the speed it gains half of its share.
WORTH = 2 * (1 - 1 / MOVES)
#: How a cause reads in a sentence; a cause not named here is a memory level or link and reads as "NAME-bound".
_PHRASES = {
    "compute": "compute-bound",
    FIXED_CYCLES: "fixed cycles of the cores",
    "launch": "launch overhead",
    "latency": "latency of kernels",
    "sync": "synchronisation of tiles",
    "step": "set-up of steps",
    LINK_BYTES: "exposed communication",
    LINK_LATENCY: "latency of links between chips",
    COLLECTIVE_LAUNCH: "launch of collectives",
    POWER_LIMIT: "at lower clocks under the power limit",
    HOST: "waiting for the host's dispatch",
    IDLE: "idle",
    CONTENTION: "contention for a shared memory or link",
}


@dataclass(frozen=True, slots=True)
class WhatIf:
    """A second run with one resource made faster.

    Attributes:
        change: What was changed, e.g. ``"2x hbm bandwidth"``.
        latency_s: Latency of that run.
        speedup: Latency of the run as given over that latency.
        cause: The cause of time that it relieves.
    """

    change: str
    latency_s: float
    speedup: float
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """The largest cause of the latency.

    Attributes:
        cause: E.g. ``"hbm"``.
        fraction: Its share of the latency.
        operator: Where most of that time is spent.
        what_ifs: Simulated alternatives that gain something, those of the largest cause first.
        is_tried: Whether alternatives were simulated.
    """

    cause: str
    fraction: float
    operator: str
    what_ifs: tuple[WhatIf, ...] = ()
    is_tried: bool = False

    @property
    def is_moved(self) -> bool:
        """Whether one of the what-ifs relieves the cause itself."""
        return any(what_if.cause == self.cause for what_if in self.what_ifs)

    @property
    def sentence(self) -> str:
        """E.g. ``62 % of the time hbm-bound, most of it in mlp.gate_up; 2x hbm bandwidth gives 1.45x``."""
        phrase = _PHRASES.get(self.cause, f"{self.cause}-bound")
        text = f"{self.fraction:.0%} of the time {phrase}".replace("%", " %")
        if self.operator:
            text += f", most of it in {self.operator}"
        gains = ", ".join(f"{w.change} gives {w.speedup:.2f}x" for w in self.what_ifs)
        if self.is_tried and not self.is_moved:
            text += "; no faster part of the machine moves that"
        return f"{text}; {gains}." if gains else f"{text}."


def find_bottleneck(ledger: Ledger, what_ifs: Sequence[WhatIf] | None = None) -> Bottleneck:
    """The largest cause of the latency and the operator that brings most of it.

    Time is that on the critical path: where compute and communication overlap, a resource may be busy all the time and
    still decide nothing.

    Args:
        ledger: Books of the run; where it has no critical path, the rows of the operators tell who brings the time.
        what_ifs: Changes of the machine and the speed-up that each gave, kept as they are; None: none was tried.
    """
    causes = _causes(ledger)
    cause, seconds = next(iter(causes.items()))
    shares: dict[str, float] = {}
    if ledger.critical:
        for part in ledger.critical:
            if part.cause == cause:
                shares[part.operator] = shares.get(part.operator, 0.0) + part.time_s
    elif cause in BETWEEN_CAUSES:
        shares = {r.operator: r.time_s for r in ledger.rows if r.kind in COMMUNICATION_KINDS}
    else:
        shares = {r.operator: r.parts_s.get(cause, 0.0) for r in ledger.rows if r.kind not in COMMUNICATION_KINDS}
    operator = max(shares, key=shares.__getitem__, default="")
    return Bottleneck(cause, seconds / sum(causes.values()), operator, tuple(what_ifs or ()), what_ifs is not None)


def causes_to_relieve(ledger: Ledger) -> tuple[str, ...]:
    """The causes on the critical path that are large enough for a what-if, largest first; the largest always."""
    causes = _causes(ledger)
    least_s = WORTH * sum(causes.values())
    return tuple(cause for at, (cause, seconds) in enumerate(causes.items()) if at == 0 or seconds >= least_s)


def relieved_by(cause: str, main_memory: str) -> tuple[str, ...]:
    """Causes whose resources may stand behind ``cause``: of contention, whatever tasks share.

    Args:
        cause: What the time is lost to.
        main_memory: Name of the chip's main memory.
    """
    return (main_memory, NOC, LINK_BYTES, HOST_LINK) if cause == CONTENTION else (cause,)


def _causes(ledger: Ledger) -> dict[str, float]:
    return ledger.critical_cause_s or dict(ledger.cause_s)
