"""What one operator takes, on some cores of a chip or between chips: seconds, bytes, joules, and what limits it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from accelsim.cost.call import ALONE, Call, LevelSteps
from accelsim.cost.causes import LINK_LATENCY
from accelsim.cost.residual import UNMEASURED, Residual


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of one operator run alone, seen by one chip.

    Attributes:
        work_s: Duration, launch overhead included, in seconds.
        traffic_bytes: Bytes moved per memory level, on-chip network or level of links: ``{"l2": ..., "hbm": ...}``.
        parts_s: ``work_s`` divided by cause (``compute``, a level's name, ``noc``, ``launch`` ...); sums to ``work_s``.
            Of a call the name of a level is the time in which its bytes move, ``link latency`` that before them.
        limiter: The cause with the largest part.
        energy_j: Dynamic energy, in joules.
        warnings: Why this number should be trusted less (outside the calibrated range, unmodelled detail).
        detail: What the model chose (tile, split-K, waves ...), for explanation only.
        residual: How far measured times may lie from ``work_s``.
        tile_bytes: SRAM that one core must hold at once while the operator runs, its own weights and KV cache
            included; None if the model does not know.
        call: What the ranks of a group do together, of an operator between chips; :data:`ALONE` on cores.
        phases: Steps of the call, level after level; bytes of ``traffic_bytes`` beside them take no time of their own.
        light_w: Power of lasers and rings over the cores that must be on for it, whether or not it runs.
        rest_s: Seconds' worth of the chip's busy power that it does not draw: cores wait, or clocks are lower.
    """

    work_s: float
    traffic_bytes: Mapping[str, float]
    parts_s: Mapping[str, float]
    limiter: str
    energy_j: float = 0.0
    warnings: tuple[str, ...] = ()
    detail: Mapping[str, float | str] = field(default_factory=dict)
    residual: Residual = UNMEASURED
    tile_bytes: float | None = None
    call: Call = ALONE
    phases: tuple[LevelSteps, ...] = ()
    light_w: float = 0.0
    rest_s: float = 0.0

    @classmethod
    def of_call(
        cls,
        call: Call,
        launch_s: float,
        phases: Sequence[LevelSteps] = (),
        warnings: tuple[str, ...] = (),
        hidden_bytes: Mapping[str, int] | None = None,
    ) -> Self:
        """Cost of a call on an idle network.

        Args:
            call: With its algorithm and protocol.
            launch_s: Time beside the steps: the call itself and the pass over the rank's own chunk.
            phases: Steps in order; a level may come more than once.
            warnings: Why this number should be trusted less.
            hidden_bytes: Bytes one rank sends over further levels meanwhile.
        """
        parts_s: dict[str, float] = {"launch": launch_s}
        sent_bytes: dict[str, float] = {}
        steps_s = [phase.seconds for phase in phases]
        for phase, seconds in zip(phases, steps_s, strict=True):
            waits_s = min(phase.latency_s, seconds)
            for cause, part_s in ((phase.level, seconds - waits_s), (LINK_LATENCY, waits_s)):
                parts_s[cause] = parts_s.get(cause, 0.0) + part_s
            sent_bytes[phase.level] = sent_bytes.get(phase.level, 0.0) + phase.sent_bytes
        for level, nbytes in (hidden_bytes or {}).items():
            sent_bytes[level] = sent_bytes.get(level, 0.0) + nbytes
        return cls(
            work_s=launch_s + sum(steps_s),
            traffic_bytes=sent_bytes,
            parts_s=parts_s,
            limiter=max(parts_s, key=parts_s.__getitem__),
            energy_j=sum(phase.energy_j for phase in phases),
            warnings=warnings,
            call=call,
            phases=tuple(phases),
        )

    def __hash__(self) -> int:
        """By its figures: mappings have no hash, and costs that differ hardly agree in both."""
        return hash((self.work_s, self.energy_j))

    @property
    def on_cores(self) -> bool:
        """Whether it occupies the cores of a chip, not the links between chips."""
        return not self.call.kind

    @property
    def launch_s(self) -> float:
        """The part before anything is computed or moved, in seconds."""
        return self.parts_s.get("launch", 0.0)


def sum_costs(costs: Sequence[Cost]) -> Cost:
    """Cost of operators on cores that run one after another: what a fused operator takes where no kernel fuses it."""
    parts: dict[str, float] = defaultdict(float)
    traffic: dict[str, float] = defaultdict(float)
    for cost in costs:
        for cause, seconds in cost.parts_s.items():
            parts[cause] += seconds
        for level, nbytes in cost.traffic_bytes.items():
            traffic[level] += nbytes
    longest = max(costs, key=lambda cost: cost.work_s)
    return Cost(
        work_s=sum(cost.work_s for cost in costs),
        traffic_bytes=dict(traffic),
        parts_s=dict(parts),
        limiter=max(parts, key=parts.__getitem__),
        energy_j=sum(cost.energy_j for cost in costs),
        warnings=tuple(dict.fromkeys(warning for cost in costs for warning in cost.warnings)),
        detail=longest.detail,
        residual=longest.residual,
        tile_bytes=max((cost.tile_bytes for cost in costs if cost.tile_bytes is not None), default=None),
        light_w=max(cost.light_w for cost in costs),
        rest_s=sum(cost.rest_s for cost in costs),
    )
