"""What limits a run, in one sentence, with what-ifs that were simulated and not guessed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from accelsim.hardware.relieve import LINK_LATENCY
from accelsim.mapping.servers import HOST
from accelsim.results.account import CONTENTION, EXPOSED_COMMUNICATION, IDLE, Ledger

#: Kinds of operators that move bytes between chips.
COMMUNICATION_KINDS = frozenset({"collective", "exchange"})
#: Least gain of a what-if that is worth the word.
MOVES = 1.005
#: How a cause reads in a sentence; a cause not named here is a memory level or link and reads as "NAME-bound".
_PHRASES = {
    "compute": "compute-bound",
    "launch": "launch and latency overhead",
    EXPOSED_COMMUNICATION: "exposed communication",
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
    """

    change: str
    latency_s: float
    speedup: float


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """The largest cause of the latency.

    Attributes:
        cause: E.g. ``"hbm"``.
        fraction: Its share of the latency.
        operator: Where most of that time is spent.
        what_ifs: Simulated alternatives.
    """

    cause: str
    fraction: float
    operator: str
    what_ifs: tuple[WhatIf, ...] = ()

    @property
    def sentence(self) -> str:
        """E.g. ``62 % of the time hbm-bound, most of it in mlp.gate_up; 2x hbm bandwidth gives 1.45x``."""
        phrase = _PHRASES.get(self.cause, f"{self.cause}-bound")
        text = f"{self.fraction:.0%} of the time {phrase}".replace("%", " %")
        if self.operator:
            text += f", most of it in {self.operator}"
        gains = ", ".join(f"{w.change} gives {w.speedup:.2f}x" for w in self.what_ifs)
        if self.what_ifs and max(w.speedup for w in self.what_ifs) < MOVES:
            gains += ": that moves nothing"
        return f"{text}; {gains}." if gains else f"{text}."


def find_bottleneck(ledger: Ledger, what_ifs: Sequence[WhatIf] = ()) -> Bottleneck:
    """The largest cause of the latency and the operator that brings most of it.

    Time is that on the critical path: where compute and communication overlap, a resource may be busy all the time and
    still decide nothing.

    Args:
        ledger: Books of the run; where it has no critical path, the rows of the operators tell who brings the time.
        what_ifs: Changes of the machine and the speed-up that each gave, kept as they are.
    """
    causes = _causes(ledger)
    cause, seconds = next(iter(causes.items()))
    shares: dict[str, float] = {}
    if ledger.critical:
        for part in ledger.critical:
            if part.cause == cause:
                shares[part.operator] = shares.get(part.operator, 0.0) + part.time_s
    elif cause == EXPOSED_COMMUNICATION:
        shares = {r.operator: r.time_s for r in ledger.rows if r.kind in COMMUNICATION_KINDS}
    else:
        shares = {r.operator: r.parts_s.get(cause, 0.0) for r in ledger.rows if r.kind not in COMMUNICATION_KINDS}
    operator = max(shares, key=shares.__getitem__, default="")
    return Bottleneck(cause, seconds / sum(causes.values()), operator, tuple(what_ifs))


def causes_to_relieve(ledger: Ledger) -> tuple[str, ...]:
    """The causes on the critical path that faster hardware could relieve, largest first."""
    return tuple(cause for cause in _causes(ledger) if cause not in (IDLE, CONTENTION))


def relieved_by(cause: str) -> tuple[str, ...]:
    """What may stand behind a cause; communication between chips waits for bandwidth or for what any call takes."""
    return (EXPOSED_COMMUNICATION, LINK_LATENCY) if cause == EXPOSED_COMMUNICATION else (cause,)


def _causes(ledger: Ledger) -> dict[str, float]:
    return ledger.critical_cause_s or dict(ledger.cause_s)
