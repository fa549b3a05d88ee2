"""The answer of a run: latency, traffic, energy, limits, and everything needed to trust or repeat it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from accelsim.engine.program import ProgramTimeline
from accelsim.hardware.system import System
from accelsim.mapping.footprint import Footprint
from accelsim.mapping.lower import LoweredProgram
from accelsim.mapping.plan import Plan
from accelsim.results.account import Ledger
from accelsim.results.bottleneck import Bottleneck
from accelsim.results.metrics import MBU_DEFINITION, MFU_DEFINITION, Utilisation

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Energy:
    """Joules of all chips of the plan.

    Attributes:
        dynamic_j: Operators and transfers.
        static_j: Idle power of every chip over the latency.
    """

    dynamic_j: float
    static_j: float

    @property
    def total_j(self) -> float:
        """Dynamic plus static energy."""
        return self.dynamic_j + self.static_j


@dataclass(frozen=True)
class Result:
    """One simulated run.

    Attributes:
        model: Name of the model.
        system: Name of the system with its size, e.g. ``"nvidia-dgx-a100:8"``.
        phase: Kind and sizes of the phase, e.g. ``{"kind": "decode", "batch": 1, "context": 2048, "steps": 1}``.
        plan: The plan that ran.
        dtype: Element type of weights and activations.
        latency_s: Duration of the phase, in seconds.
        tokens: Tokens produced (decode) or processed (prefill), all sequences.
        ledger: Seconds and bytes by operator, cause, level and role.
        footprint: Memory of the fullest chip.
        utilisation: MFU and MBU.
        energy: Joules.
        bottleneck: What limits, and what relieving it gives.
        warnings: What makes the number less certain.
        assumed: Paths of hardware values that are assumptions.
        num_simulated_tasks: Tasks the engine played (folded ones once).
        manifest: Version, input files with hashes, overrides, seed.
        machine: The simulated system.
        lowered: The simulated program.
        timeline: What the engine returned.
    """

    model: str
    system: str
    phase: Mapping[str, Any]
    plan: Plan
    dtype: str
    latency_s: float
    tokens: int
    ledger: Ledger
    footprint: Footprint
    utilisation: Utilisation
    energy: Energy
    bottleneck: Bottleneck
    warnings: tuple[str, ...]
    assumed: tuple[str, ...]
    num_simulated_tasks: int
    manifest: Mapping[str, Any]
    machine: System = field(repr=False)
    lowered: LoweredProgram = field(repr=False)
    timeline: ProgramTimeline = field(repr=False)

    @property
    def tokens_per_s(self) -> float:
        """Tokens of all sequences per second."""
        return self.tokens / self.latency_s

    @property
    def energy_per_token_j(self) -> float:
        """Joules per token."""
        return self.energy.total_j / self.tokens

    def to_dict(self) -> dict[str, Any]:
        """Plain data, the JSON of ``accelsim run --json``."""
        u = self.utilisation
        return {
            "model": self.model,
            "system": self.system,
            "phase": dict(self.phase),
            "plan": self.plan.to_dict(),
            "dtype": self.dtype,
            "latency_s": self.latency_s,
            "tokens": self.tokens,
            "tokens_per_s": self.tokens_per_s,
            "time_by_cause_s": dict(self.ledger.cause_s),
            "traffic_bytes": dict(self.ledger.traffic_bytes),
            "main_memory_traffic_by_role_bytes": dict(self.ledger.role_bytes),
            "flops": self.ledger.flops,
            "energy_j": self.energy.total_j,
            "energy": {"dynamic_j": self.energy.dynamic_j, "static_j": self.energy.static_j},
            "memory_bytes": dict(self.footprint.role_bytes),
            "memory_capacity_bytes": self.footprint.capacity_bytes,
            "memory_level": self.footprint.memory,
            "utilisation": {
                "mfu_fraction": u.mfu_fraction,
                "mfu_definition": MFU_DEFINITION,
                "mbu_fraction": u.mbu_fraction,
                "mbu_definition": MBU_DEFINITION,
            },
            "bottleneck": {
                "sentence": self.bottleneck.sentence,
                "cause": self.bottleneck.cause,
                "fraction": self.bottleneck.fraction,
                "operator": self.bottleneck.operator,
                "what_ifs": [
                    {"change": w.change, "latency_s": w.latency_s, "speedup": w.speedup}
                    for w in self.bottleneck.what_ifs
                ],
            },
            "warnings": list(self.warnings),
            "assumed": list(self.assumed),
            "engine": {
                "name": self.timeline.engine,
                "tasks": self.num_simulated_tasks,
                "wall_s": self.timeline.wall_s,
            },
            "manifest": dict(self.manifest),
        }

    def operators(self) -> pd.DataFrame:
        """One row per operator of each block: count, seconds by cause, FLOPs, bytes by level, joules."""
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "block": row.block,
                    "operator": row.operator,
                    "kind": row.kind,
                    "count": row.count,
                    "time_s": row.time_s,
                    "share": row.time_s / self.latency_s,
                    "limiter": row.limiter,
                    "flops": row.flops,
                    "energy_j": row.energy_j,
                    **{f"{cause}_s": s for cause, s in row.parts_s.items()},
                    **{f"{level}_bytes": n for level, n in row.traffic_bytes.items()},
                }
                for row in self.ledger.rows
            ]
        ).fillna(0.0)

    def causes(self) -> pd.DataFrame:
        """Latency by cause: seconds and share."""
        import pandas as pd

        causes = self.ledger.cause_s
        rows = [{"cause": c, "time_s": s, "share": s / self.latency_s} for c, s in causes.items()]
        return pd.DataFrame(rows)

    def traffic(self) -> pd.DataFrame:
        """Bytes by memory level or link, with the mean bandwidth over the latency (all chips)."""
        import pandas as pd

        levels = self.ledger.traffic_bytes
        rows = [{"level": k, "bytes": n, "mean_bytes_per_s": n / self.latency_s} for k, n in levels.items()]
        return pd.DataFrame(rows)

    def __repr__(self) -> str:
        return f"Result({self.model} {self.phase['kind']} on {self.system}, plan {self.plan}: {self.latency_s:.4g} s)"
