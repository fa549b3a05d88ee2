"""The result of a job that was played: its books, its utilisation, its energy and everything to be warned of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import accelsim
from accelsim.cost.base import OperatorCost
from accelsim.engine.clock import TICKS_PER_S
from accelsim.hardware.system import System
from accelsim.mapping.job import Job
from accelsim.mapping.lower import LoweredProgram
from accelsim.mapping.plan import Plan
from accelsim.mapping.servers import HOST
from accelsim.mapping.spatial.lowering import LoweredPipeline
from accelsim.network.collective import CollectiveCost
from accelsim.network.optical.power import idle_w
from accelsim.play import Played, has_kernels
from accelsim.results.account import IDLE, Ledger, account
from accelsim.results.band import Band
from accelsim.results.bottleneck import WhatIf, find_bottleneck
from accelsim.results.critical_path import account_pipeline
from accelsim.results.metrics import utilisation
from accelsim.results.residuals import band_of_run
from accelsim.results.result import Energy, Result
from accelsim.results.unread import unread_warnings
from accelsim.warning import warn
from accelsim.workload.graph import Workload
from accelsim.workload.operator import Operator, role_bytes
from accelsim.workload.operators.experts import Experts
from accelsim.workload.tensor import Role

_CHECKS_SKIPPED = "the model is overridden: its published figures (checks) are not held against it"


def keep_books(played: Played, system: System) -> Ledger:
    """Time, bytes and energy of a run by cause and operator."""
    if isinstance(played.lowered, LoweredPipeline):
        return account_pipeline(played.lowered, played.timeline.stages[0].timeline, system.chip.main_memory)
    return account(played.lowered, played.timeline, played.num_chips, system.chip.main_memory)


def report(
    job: Job, played: Played, ledger: Ledger, alternatives: Sequence[WhatIf], manifest: Mapping[str, Any]
) -> Result:
    """The result: figures derived from the books, warnings of every stage, provenance."""
    chip, num_chips, replicas = job.system.chip, played.num_chips, job.plan.dp
    latency_s = played.timeline.makespan_s
    band = band_of_run(played.lowered, ledger, job.system, _server_s(played, HOST))
    return Result(
        model=job.model.name,
        system=f"{job.system.name}:{job.system.num_chips}",
        phase=job.phase.plain(),
        plan=job.plan,
        dtype=job.dtype.value,
        latency_s=latency_s,
        band=band,
        tokens=replicas * sum(workload.tokens for workload in played.passes),
        ledger=ledger,
        footprint=played.footprint,
        utilisation=utilisation(
            chip,
            num_chips,
            job.dtype,
            latency_s,
            model_flops=replicas * sum(workload.flops for workload in played.passes),
            must_read_bytes=replicas * sum(_must_read_bytes(workload, job.plan) for workload in played.passes),
        ),
        energy=Energy(
            dynamic_j=ledger.dynamic_energy_j,
            busy_j=chip.busy_w * num_chips * _busy_s(played, ledger),
            static_j=idle_w(job.system, num_chips) * latency_s,
        ),
        bottleneck=find_bottleneck(ledger, alternatives),
        warnings=(
            *played.passes[-1].warnings,
            *_idle_chips(job, played.num_chips),
            *_faults_ignored(job),
            *_profile_ignored(job),
            *unread_warnings(job.system, job.dtype, job.plan, _sections(band), ledger.traffic_bytes),
            *played.warnings,
            *_cost_warnings(played.lowered),
            *band.warnings,
        ),
        assumed=tuple(path for path, source in job.system.provenance.items() if source.kind == "assumed"),
        num_simulated_tasks=played.lowered.program.num_simulated_tasks,
        manifest=manifest,
        machine=job.system,
        lowered=played.lowered,
        timeline=played.timeline,
        spatial=played.spatial,
        seating=played.seating,
    )


def _busy_s(played: Played, ledger: Ledger) -> float:
    """Seconds a chip works: when anything runs on it; where its regions work apart, their mean."""
    if isinstance(played.lowered, LoweredPipeline):
        busy_ticks = played.timeline.server_busy_ticks
        return float(busy_ticks.mean()) / TICKS_PER_S if busy_ticks.size else played.timeline.makespan_s
    return played.timeline.makespan_s - ledger.cause_s.get(IDLE, 0.0) - ledger.cause_s.get(HOST, 0.0)


def _sections(band: Band) -> tuple[str, ...]:
    """Sections of the calibration that priced operators: each is a family of residuals."""
    return tuple(part.residual.family for part in band.parts)


def _must_read_bytes(workload: Workload, plan: Plan) -> float:
    """Weights and KV cache one replica has to read in a pass: the numerator of MBU.

    Replicas whose experts are divided among them read each expert once for all.
    """
    sharing = max(1, plan.ep // plan.tp)
    return sum(segment.repeat * _must_read_by(op, sharing) for segment in workload.segments for op in segment.graph)


def _must_read_by(operator: Operator, sharing: int) -> float:
    if isinstance(operator, Experts) and sharing > 1:
        return role_bytes(replace(operator, tokens=operator.tokens * sharing))[Role.WEIGHT] / sharing
    return sum(n for role, n in role_bytes(operator).items() if role in (Role.WEIGHT, Role.KV_CACHE))


def _server_s(played: Played, server: str) -> float:
    """Seconds in which a server works; 0 where the run has none of that name."""
    servers = list(played.timeline.stages[0].stage.graph.servers)
    return played.timeline.server_busy_ticks[servers.index(server)] / TICKS_PER_S if server in servers else 0.0


def _idle_chips(job: Job, num_chips: int) -> tuple[str, ...]:
    idle = job.system.num_chips - num_chips
    text = f"{idle} of {job.system.num_chips} chips are idle under plan {job.plan}"
    return (warn("idle-chips", text),) if idle else ()


def _faults_ignored(job: Job) -> tuple[str, ...]:
    """Dead cores and links that an execution over the whole grid does not see."""
    chip = job.system.chip
    dead = {"dead tiles": len(chip.dead_tiles), "dead links": len(chip.noc.dead_links) if chip.noc else 0}
    found = " and ".join(f"{count} {what}" for what, count in dead.items() if count)
    if job.plan.execution == "spatial" or not found:
        return ()
    return (warn("faults-ignored", f"chip {chip.name}: {found} are ignored by execution={job.plan.execution}"),)


def _profile_ignored(job: Job) -> tuple[str, ...]:
    if job.profile.is_default or has_kernels(job):
        return ()
    chip = job.system.chip
    text = (
        f"profile {job.profile.name} is ignored: {chip.name} (cost model {chip.cost_model}, "
        f"execution {job.plan.execution}) runs a compiled program as a whole"
    )
    return (warn("profile-ignored", text),)


def _cost_warnings(lowered: LoweredProgram) -> tuple[str, ...]:
    """Warnings of the cost models, each once, with the operators that raised it."""
    raised: dict[str, dict[str, None]] = {}
    for operator, cost in _priced(lowered):
        for warning in cost.warnings:
            raised.setdefault(warning, {})[operator.name] = None
    return tuple(f"{warning} ({', '.join(operators)})" for warning, operators in raised.items())


def _priced(lowered: LoweredProgram) -> Iterator[tuple[Operator, OperatorCost | CollectiveCost]]:
    if isinstance(lowered, LoweredPipeline):
        yield from ((booking.operator, booking.cost) for booking in lowered.bookings)
        return
    for block in dict.fromkeys(lowered.blocks):
        yield from ((priced.operator, priced.cost) for priced in block.operators)


def manifest_of(
    inputs: Mapping[str, str], seed: int, overrides: Sequence[tuple[str, str]], profile: str
) -> dict[str, Any]:
    """What a run can be repeated from."""
    return {
        "accelsim_version": accelsim.__version__,
        "seed": seed,
        "profile": profile,
        "inputs": dict(inputs),
        "overrides": dict(overrides),
        **({"notes": [_CHECKS_SKIPPED]} if any(path.startswith("model.") for path, _ in overrides) else {}),
    }
