"""The result of a job that was played: its books, its utilisation, its energy and everything to be warned of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from accelsim.hardware.profile import launches_kernels
from accelsim.mapping.execution.base import EXECUTIONS
from accelsim.mapping.job import Job
from accelsim.mapping.lit import lit_w
from accelsim.mapping.mapped import Mapped
from accelsim.mapping.plan import Plan
from accelsim.mapping.replicated import replicated_heads
from accelsim.mapping.windows import window_note
from accelsim.network.optical.power import idle_w
from accelsim.results.account import Ledger
from accelsim.results.band import Band
from accelsim.results.books import chip_busy_s, host_busy_s
from accelsim.results.bottleneck import WhatIf, find_bottleneck
from accelsim.results.data import Energy
from accelsim.results.metrics import utilisation
from accelsim.results.provenance import Provenance
from accelsim.results.residuals import band_of_run
from accelsim.results.result import Result
from accelsim.results.run import Run
from accelsim.results.unread import unread_warnings
from accelsim.warning import warn
from accelsim.workload.graph import Workload
from accelsim.workload.operator import Operator, role_bytes
from accelsim.workload.operators.experts import Experts
from accelsim.workload.tensor import Role


def assemble(run: Run, ledger: Ledger, alternatives: Sequence[WhatIf] | None, provenance: Provenance) -> Result:
    """The result: figures derived from the books, warnings of every stage, provenance.

    Args:
        run: A job with what it was mapped to and when everything ran.
        ledger: Its books.
        alternatives: What-ifs that were simulated, for the bottleneck; None where none was asked for.
        provenance: Version, inputs and seed that made the run.
    """
    job, mapped, chip = run.job, run.mapped, run.job.system.chip
    num_chips, replicas = mapped.num_chips, job.plan.dp
    latency_s = run.timeline.makespan_s
    band = band_of_run(mapped, ledger, job.system, job.profile, host_busy_s(mapped, run.timeline))
    return Result(
        model=job.model.name,
        system=f"{job.system.name}:{job.system.num_chips}",
        phase=job.phase.plain(),
        plan=job.plan,
        dtype=job.recipe.types.name,
        types=job.recipe.types.to_dict(),
        latency_s=latency_s,
        band=band,
        tokens=replicas * sum(series.count * series.first.tokens for series in run.work),
        ledger=ledger,
        footprint=mapped.footprint,
        utilisation=utilisation(
            chip,
            num_chips,
            job.recipe.types.arithmetic,
            latency_s,
            model_flops=replicas
            * job.phase.flops_per_forward
            * sum(series.total(lambda one: one.flops) for series in run.work),
            must_read_bytes=replicas
            * sum(series.total(lambda one: _must_read_bytes(one, job.plan)) for series in run.work),
        ),
        energy=Energy(
            dynamic_j=ledger.dynamic_energy_j,
            busy_j=chip.busy_w * num_chips * chip_busy_s(mapped, run.timeline, ledger),
            static_j=(idle_w(job.system, num_chips) + lit_w(mapped, chip)) * latency_s,
        ),
        bottleneck=find_bottleneck(ledger, alternatives),
        warnings=(
            *run.work[-1].last.warnings,
            *job.warnings,
            *_idle_chips(job, mapped.num_chips),
            *replicated_heads(run.work[-1].last, job.plan),
            *window_note(job),
            *_faults_ignored(job),
            *_profile_ignored(job),
            *unread_warnings(job.system, job.recipe.types.multiplied, job.plan, _sections(band), ledger.traffic_bytes),
            *mapped.warnings,
            *_cost_warnings(mapped),
            *band.warnings,
        ),
        assumed=tuple(path for path, source in job.system.provenance.items() if source.kind == "assumed"),
        num_simulated_tasks=mapped.program.num_simulated_tasks,
        provenance=provenance,
        machine=job.system,
        mapped=mapped,
        timeline=run.timeline,
    )


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


def _idle_chips(job: Job, num_chips: int) -> tuple[str, ...]:
    idle = job.system.num_chips - num_chips
    text = f"{idle} of {job.system.num_chips} chips are idle under plan {job.plan}"
    return (warn("idle-chips", text),) if idle else ()


def _faults_ignored(job: Job) -> tuple[str, ...]:
    """Dead cores and links that an execution over the whole grid does not see."""
    chip = job.system.chip
    dead = {"dead tiles": len(chip.dead_tiles), "dead links": len(chip.noc.dead_links) if chip.noc else 0}
    found = " and ".join(f"{count} {what}" for what, count in dead.items() if count)
    if EXECUTIONS.get(job.plan.execution).places_groups or not found:
        return ()
    return (warn("faults-ignored", f"chip {chip.name}: {found} are ignored by execution={job.plan.execution}"),)


def _profile_ignored(job: Job) -> tuple[str, ...]:
    chip = job.system.chip
    has_kernels = launches_kernels(chip) and EXECUTIONS.get(job.plan.execution).has_kernels
    if job.profile.is_default or has_kernels:
        return ()
    text = (
        f"profile {job.profile.name} is ignored: {chip.name} (cost model {chip.cost_model}, "
        f"execution {job.plan.execution}) runs a compiled program as a whole"
    )
    return (warn("profile-ignored", text),)


def _cost_warnings(mapped: Mapped) -> tuple[str, ...]:
    """Warnings of the cost models, each once, with the operators that raised it."""
    raised: dict[str, dict[str, None]] = {}
    for name, cost in mapped.prices():
        for warning in cost.warnings:
            raised.setdefault(warning, {})[name] = None
    return tuple(f"{warning} ({', '.join(operators)})" for warning, operators in raised.items())
