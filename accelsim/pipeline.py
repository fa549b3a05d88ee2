"""The pipeline: build, shard, place, price, lower, run, report.  Who reads only this file understands the program."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import accelsim
from accelsim.catalog import Catalog
from accelsim.config.document import Document
from accelsim.cost.base import OperatorCost
from accelsim.dtypes import DType
from accelsim.engine.program import ProgramTimeline, run_program
from accelsim.engine.run import EngineName
from accelsim.errors import AccelsimError, CapacityError, ConfigError, PlanError
from accelsim.hardware.relieve import relieve
from accelsim.hardware.system import System, load_system
from accelsim.mapping.candidates import candidate_plans
from accelsim.mapping.capacity import check_capacity, last_step
from accelsim.mapping.footprint import Footprint, footprint
from accelsim.mapping.lower import LoweredProgram, lower
from accelsim.mapping.plan import Plan
from accelsim.mapping.price import Pricer
from accelsim.mapping.regions import region_of
from accelsim.mapping.shard import shard_all
from accelsim.mapping.spatial.lowering import LoweredPipeline
from accelsim.mapping.spatial.run import PLACER_BUDGET, SpatialMapper, SpatialRun
from accelsim.mapping.streaming import lower_streaming, streaming_footprint
from accelsim.mapping.symmetry import symmetry_broken_by
from accelsim.network.collective import CollectiveCost
from accelsim.network.optical.power import idle_w
from accelsim.results.account import Ledger, account
from accelsim.results.bottleneck import WhatIf, causes_to_relieve, find_bottleneck
from accelsim.results.critical_path import account_pipeline
from accelsim.results.metrics import utilisation
from accelsim.results.result import Energy, Result
from accelsim.workload.formats.hf import load_model_file
from accelsim.workload.graph import Workload
from accelsim.workload.model import Model
from accelsim.workload.operator import Operator, role_bytes
from accelsim.workload.phase import Decode, Phase, build_step, build_steps
from accelsim.workload.tensor import Role

AttentionName = Literal["flash", "standard"]
NUM_WHAT_IFS, WHAT_IF_FACTOR = 2, 2.0


@dataclass(frozen=True)
class Job:
    """Everything that decides a run: what is computed, where, how."""

    model: Model
    system: System
    phase: Phase
    plan: Plan
    dtype: DType
    attention: AttentionName = "flash"
    engine: EngineName = "auto"
    ignore_capacity: bool = False
    seed: int = 0


@dataclass(frozen=True)
class Played:
    """The values of the stages of one run, from the operator graphs to the timeline.

    Attributes:
        passes: The whole model's operators of each pass.
        footprint: Memory of the fullest chip.
        warnings: About memory.
        lowered: The task graphs.
        timeline: What the engine returned.
        plan: The plan with everything filled in that it left open.
        num_chips: Chips at work.
        spatial: Groups on their tiles, in spatial execution.
    """

    passes: tuple[Workload, ...]
    footprint: Footprint
    warnings: tuple[str, ...]
    lowered: LoweredProgram
    timeline: ProgramTimeline
    plan: Plan
    num_chips: int
    spatial: SpatialRun | None = None


def simulate(
    model: Model | str,
    system: System | str,
    phase: Phase,
    plan: Plan | str = "auto",
    *,
    dtype: DType | None = None,
    attention: AttentionName = "flash",
    engine: EngineName = "auto",
    overrides: Sequence[tuple[str, str]] = (),
    ignore_capacity: bool = False,
    strict: bool = False,
    seed: int = 0,
    what_ifs: bool = True,
    catalog: Catalog | None = None,
) -> Result:
    """Simulate one phase of a model on a system and say how long it takes, what moves, and what limits.

    Args:
        model: A :class:`Model`, a name, or a path to a YAML or an unchanged Hugging Face ``config.json``.
        system: A :class:`System`, or a name or path with an optional ``:CHIPS``.
        phase: :class:`Prefill` or :class:`Decode`.
        plan: A :class:`Plan`, its text form, or ``"auto"``: the fastest of a few candidates that fits.
        dtype: Element type of weights and activations; None takes the model's own, or the 16-bit type the chip has.
        attention: ``flash`` (one operator) or ``standard`` (scores written to memory and read back).
        engine: ``auto``, ``simpy`` or ``compiled``.
        overrides: ``(path, value)`` pairs such as ``("chip.sram_per_core", "64 KiB")``.
        ignore_capacity: Go on with a named warning when the model does not fit.
        strict: Fail if the result carries a warning.
        seed: Seed of placers that draw random numbers; recorded in the manifest.
        what_ifs: Simulate the two what-ifs of the bottleneck sentence.
        catalog: Where names are looked up; None is the packaged catalog.

    Raises:
        ConfigError: Bad input; the text says where and how to fix it.
        CapacityError: The model does not fit and ``ignore_capacity`` is off.
        AccelsimError: ``strict``, and the result carries warnings.
    """
    model, system, inputs = _load(model, system, overrides, catalog or Catalog())
    dtype = _choose_dtype(model, system, dtype)
    job = Job(model, system, phase, Plan(), dtype, attention, engine, ignore_capacity, seed)
    job = replace(job, plan=_choose_plan(job, plan))

    played = play(job)
    job = replace(job, plan=played.plan)
    ledger = _account(played, system)
    tried = (_what_if(job, played, cause) for cause in (causes_to_relieve(ledger) if what_ifs else ()))
    alternatives = list(itertools.islice((found for found in tried if found is not None), NUM_WHAT_IFS))
    result = _report(job, played, ledger, alternatives, _manifest(inputs, seed, overrides))
    if strict and result.warnings:
        raise AccelsimError("strict: the result carries warnings:\n" + "\n".join(f"- {w}" for w in result.warnings))
    return result


def play(job: Job) -> Played:
    """Take a job through the stages: operator graphs, one rank's share, prices, task graphs, timeline."""
    _check_plan(job.plan, job.system, job.phase)
    replica = replace(job.phase, batch=job.phase.batch // job.plan.dp)
    passes = build_steps(job.model, replica, job.dtype, attention=job.attention)
    if job.plan.execution == "spatial":
        return _play_spatial(job, passes)
    if job.plan.execution == "weight_streaming":
        return _play_streaming(job, passes)

    shares = shard_all(passes, job.plan)
    warnings = check_capacity(job.model, job.phase, job.plan, job.system, job.dtype, shares[-1], job.ignore_capacity)
    pricer = Pricer(job.system, region_of(job.plan, job.system.chip))
    unfolded = symmetry_broken_by(job.system, job.plan.tp)
    lowered = lower([pricer.price(share) for share in shares], job.system, job.plan.tp if unfolded else None)
    timeline = run_program(lowered.program, job.engine)
    warnings += unfolded
    need = footprint(shares[-1], job.system.chip)
    return Played(tuple(passes), need, warnings, lowered, timeline, job.plan, job.plan.num_ranks)


def _play_spatial(job: Job, passes: Sequence[Workload]) -> Played:
    """Cut into groups, share out tiles, place, price, one task graph in which everything overlaps, timeline."""
    run = _map_spatial(job, passes[-1])
    timeline = run_program(run.lowered.program, job.engine)
    chips = run.lowered.num_chips
    return Played(tuple(passes), run.footprint, run.warnings, run.lowered, timeline, run.plan, chips, run)


def _play_streaming(job: Job, passes: Sequence[Workload]) -> Played:
    """Price on the whole grid, one task graph in which weights come in ahead of the operators, timeline."""
    need, warnings = streaming_footprint(passes[-1], job.system, job.ignore_capacity)
    pricer = Pricer(job.system, region_of(job.plan, job.system.chip))
    lowered = lower_streaming([pricer.price(workload) for workload in passes], job.system)
    timeline = run_program(lowered.program, job.engine)
    return Played(tuple(passes), need, warnings, lowered, timeline, job.plan, 1)


def _map_spatial(job: Job, fullest: Workload, budget: int = PLACER_BUDGET) -> SpatialRun:
    mapper = SpatialMapper(job.model, job.system, job.phase, job.dtype, job.attention, fullest.segments)
    return mapper.run(job.plan, job.seed, budget)


def place(
    model: Model | str,
    system: System | str,
    phase: Phase,
    plan: Plan | str = "execution=spatial",
    *,
    dtype: DType | None = None,
    overrides: Sequence[tuple[str, str]] = (),
    seed: int = 0,
    budget: int = PLACER_BUDGET,
    catalog: Catalog | None = None,
) -> SpatialRun:
    """Map a phase of a model on a system's tiles without running it; arguments as of :func:`simulate`.

    ``budget`` is the number of evaluations that the placer may make.

    Raises:
        ConfigError: Bad input, or a plan that is not spatial.
        CapacityError: The model does not fit.
    """
    model, system, _ = _load(model, system, overrides, catalog or Catalog())
    plan = Plan.parse(plan) if isinstance(plan, str) else plan
    if plan.execution != "spatial":
        raise PlanError(f"plan: only execution=spatial places groups on tiles, got {plan.execution!r}.")
    job = Job(model, system, phase, plan, _choose_dtype(model, system, dtype), seed=seed)
    return _map_spatial(job, build_step(model, phase, last_step(phase), job.dtype), budget)


def _account(played: Played, system: System) -> Ledger:
    if isinstance(played.lowered, LoweredPipeline):
        return account_pipeline(played.lowered, played.timeline.stages[0].timeline, system.chip.main_memory)
    return account(played.lowered, played.timeline, played.num_chips, system.chip.main_memory)


def _what_if(job: Job, played: Played, cause: str) -> WhatIf | None:
    """The same run with the resource behind ``cause`` twice as fast; None if no resource stands behind it."""
    relieved = relieve(job.system, cause, WHAT_IF_FACTOR)
    if relieved is None:
        return None
    system, change = relieved
    faster_s = play(replace(job, system=system, ignore_capacity=True)).timeline.makespan_s
    return WhatIf(change, faster_s, played.timeline.makespan_s / faster_s)


def _report(
    job: Job, played: Played, ledger: Ledger, alternatives: Sequence[WhatIf], manifest: Mapping[str, Any]
) -> Result:
    chip, num_chips, replicas = job.system.chip, played.num_chips, job.plan.dp
    latency_s = played.timeline.makespan_s
    return Result(
        model=job.model.name,
        system=f"{job.system.name}:{job.system.num_chips}",
        phase={"kind": job.phase.kind, **{f.name: getattr(job.phase, f.name) for f in fields(job.phase)}},
        plan=job.plan,
        dtype=job.dtype.value,
        latency_s=latency_s,
        tokens=replicas * sum(workload.tokens for workload in played.passes),
        ledger=ledger,
        footprint=played.footprint,
        utilisation=utilisation(
            chip,
            num_chips,
            job.dtype,
            latency_s,
            model_flops=replicas * sum(workload.flops for workload in played.passes),
            must_read_bytes=replicas * sum(_must_read_bytes(workload) for workload in played.passes),
        ),
        energy=Energy(ledger.dynamic_energy_j, idle_w(job.system, num_chips) * latency_s),
        bottleneck=find_bottleneck(ledger, alternatives),
        warnings=(
            *played.passes[-1].warnings,
            *_idle_chips(job, played.num_chips),
            *_faults_ignored(job),
            *played.warnings,
            *_cost_warnings(played.lowered),
        ),
        assumed=tuple(path for path, source in job.system.provenance.items() if source.kind == "assumed"),
        num_simulated_tasks=played.lowered.program.num_simulated_tasks,
        manifest=manifest,
        machine=job.system,
        lowered=played.lowered,
        timeline=played.timeline,
        spatial=played.spatial,
    )


def _load(
    model: Model | str, system: System | str, overrides: Sequence[tuple[str, str]], catalog: Catalog
) -> tuple[Model, System, dict[str, str]]:
    """Model and system, and the hash of every file read; overrides under ``model.`` change the model."""
    inputs: dict[str, str] = {}
    of_model = [(path.removeprefix("model."), value) for path, value in overrides if path.startswith("model.")]
    of_system = [(path, value) for path, value in overrides if not path.startswith("model.")]
    if isinstance(model, str):
        loaded = load_model_file(model, catalog, of_model)
        model = loaded.spec
        inputs |= {path.name: sha256 for path, sha256 in _files(loaded.document)}
    elif of_model:
        raise ConfigError("overrides of the model need a model given by name or path.")
    if isinstance(system, str):
        system = load_system(system, of_system, catalog)
    elif of_system:
        raise ConfigError("overrides of the hardware need a system given by name or path.")
    inputs |= {Path(path).name: sha256 for path, sha256 in system.files}
    return model, system, inputs


def _files(document: Document) -> Iterator[tuple[Path, str]]:
    yield document.path, document.sha256
    yield from document.parents


def _choose_dtype(model: Model, system: System, asked: DType | None) -> DType:
    """The type asked for, else the model's own, else a 16-bit type the chip's matrix unit runs."""
    if asked is not None:
        system.chip.peak_flops_per_s(asked)  # raises when the chip has no rate for it
        return asked
    for dtype in (model.torch_dtype, DType.BF16, DType.FP16):
        if dtype in system.chip.matrix_flops_per_cycle:
            return dtype
    raise ConfigError(
        f"chip {system.chip.name} runs neither {model.torch_dtype.value}, bf16 nor fp16. Choose with --dtype."
    )


def _choose_plan(job: Job, plan: Plan | str) -> Plan:
    """The plan given, or the candidate with the smallest simulated latency among those that fit.

    A long decode is judged by its first step, which ranks the plans at a fraction of the time.
    """
    if isinstance(plan, Plan):
        return plan
    if plan != "auto":
        return Plan.parse(plan)
    phase = replace(job.phase, steps=1) if isinstance(job.phase, Decode) else job.phase
    best: tuple[float, Plan] | None = None
    refused: CapacityError | None = None
    for candidate in candidate_plans(job.model, job.system, job.phase.batch):
        try:
            latency_s = play(replace(job, phase=phase, plan=candidate)).timeline.makespan_s
        except CapacityError as error:
            refused = error
            continue
        if best is None or latency_s < best[0]:
            best = latency_s, candidate
    if best is None:
        raise refused or PlanError(f"no plan of {job.model.name} uses {job.system.name}: give one with --plan.")
    return best[1]


def _check_plan(plan: Plan, system: System, phase: Phase) -> None:
    if plan.num_ranks > system.num_chips:
        raise PlanError(
            f"plan: tp={plan.tp} x dp={plan.dp} needs {plan.num_ranks} chips, {system.name} has {system.num_chips}. "
            f"Ask for more with SYSTEM:{plan.num_ranks}, or lower tp or dp."
        )
    if phase.batch % plan.dp:
        raise PlanError(f"plan: dp={plan.dp} does not divide batch={phase.batch}.")


def _must_read_bytes(workload: Workload) -> float:
    """Weights and KV cache one pass has to read: the numerator of MBU."""
    return sum(
        segment.repeat * sum(n for role, n in role_bytes(op).items() if role in (Role.WEIGHT, Role.KV_CACHE))
        for segment in workload.segments
        for op in segment.graph
    )


def _idle_chips(job: Job, num_chips: int) -> tuple[str, ...]:
    idle = job.system.num_chips - num_chips
    return (f"{idle} of {job.system.num_chips} chips are idle under plan {job.plan}",) if idle else ()


def _faults_ignored(job: Job) -> tuple[str, ...]:
    """Dead cores that an execution over the whole grid does not see."""
    chip = job.system.chip
    if job.plan.execution == "spatial" or not chip.dead_tiles:
        return ()
    return (f"chip {chip.name}: {len(chip.dead_tiles)} dead tiles are ignored by execution={job.plan.execution}",)


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
    for block in {id(block): block for block in lowered.blocks}.values():
        yield from ((priced.operator, priced.cost) for priced in block.operators)


def _manifest(inputs: Mapping[str, str], seed: int, overrides: Sequence[tuple[str, str]]) -> dict[str, Any]:
    return {
        "accelsim_version": accelsim.__version__,
        "seed": seed,
        "inputs": dict(inputs),
        "overrides": dict(overrides),
    }
