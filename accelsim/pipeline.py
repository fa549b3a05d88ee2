"""The pipeline: build, shard, place, price, lower, run, report.  Who reads only this file understands the program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import accelsim
from accelsim.catalog import Catalog
from accelsim.config.document import Document
from accelsim.dtypes import DType
from accelsim.engine.program import ProgramTimeline, run_program
from accelsim.engine.run import EngineName
from accelsim.errors import AccelsimError, CapacityError, ConfigError, PlanError
from accelsim.hardware.relieve import relieve
from accelsim.hardware.system import System, load_system
from accelsim.mapping.candidates import candidate_plans
from accelsim.mapping.capacity import check_capacity
from accelsim.mapping.footprint import footprint
from accelsim.mapping.lower import LoweredProgram, lower
from accelsim.mapping.plan import Plan
from accelsim.mapping.price import Pricer
from accelsim.mapping.regions import region_of
from accelsim.mapping.shard import shard
from accelsim.results.account import Ledger, account
from accelsim.results.bottleneck import WhatIf, causes_to_relieve, find_bottleneck
from accelsim.results.metrics import utilisation
from accelsim.results.result import Energy, Result
from accelsim.workload.formats.hf import load_model_file
from accelsim.workload.graph import Workload
from accelsim.workload.model import Model
from accelsim.workload.operator import role_bytes
from accelsim.workload.phase import Decode, Phase, Prefill, build_step
from accelsim.workload.tensor import Role


def simulate(
    model: Model | str,
    system: System | str,
    phase: Phase,
    plan: Plan | str = "auto",
    *,
    dtype: DType | None = None,
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
        engine: ``auto``, ``simpy`` or ``compiled``.
        overrides: ``(path, value)`` pairs such as ``("chip.sram_per_core", "64 KiB")``.
        ignore_capacity: Go on with a named warning when the model does not fit.
        strict: Fail if the result carries a warning.
        seed: Recorded in the manifest; no stage of this version draws random numbers.
        what_ifs: Simulate the two what-ifs of the bottleneck sentence.
        catalog: Where names are looked up; None is the packaged catalog.

    Raises:
        ConfigError: Bad input; the text says where and how to fix it.
        CapacityError: The model does not fit and ``ignore_capacity`` is off.
    """
    model, system, inputs = _load(model, system, overrides, catalog or Catalog())
    dtype = _choose_dtype(model, system, dtype)
    if plan == "auto":
        plan = _fastest_plan(model, system, phase, dtype, ignore_capacity)
    elif isinstance(plan, str):
        plan = Plan.parse(plan)

    run = _Run(model, system, phase, plan, dtype, engine, ignore_capacity)
    ledger = run.account()
    causes = causes_to_relieve(ledger) if what_ifs else ()
    bottleneck = find_bottleneck(ledger, [w for cause in causes if (w := run.what_if(cause)) is not None])
    result = run.report(ledger, bottleneck, _manifest(inputs, seed, overrides))
    if strict and result.warnings:
        raise AccelsimError("strict: the result carries warnings:\n" + "\n".join(f"- {w}" for w in result.warnings))
    return result


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
        inputs |= {str(path.name): sha256 for path, sha256 in _files(loaded.document)}
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


class _Run:
    """One pass through the pipeline; every stage's value stays at hand for the next."""

    def __init__(
        self,
        model: Model,
        system: System,
        phase: Phase,
        plan: Plan,
        dtype: DType,
        engine: EngineName = "auto",
        ignore_capacity: bool = False,
    ) -> None:
        _check_plan(plan, system, phase)
        self.model, self.system, self.phase, self.plan, self.dtype = model, system, phase, plan, dtype
        self._engine = engine
        local_phase = replace(phase, batch=phase.batch // plan.dp)
        steps = phase.steps if isinstance(phase, Decode) else 1
        self.passes: list[Workload] = [build_step(model, local_phase, step, dtype) for step in range(steps)]
        sharded = [shard(workload, plan) for workload in self.passes]
        self.footprint = footprint(sharded[-1], system.chip)
        self.warnings = check_capacity(model, phase, plan, system, dtype, sharded[-1], ignore_capacity)
        pricer = Pricer(system, region_of(plan, system.chip))
        self.lowered: LoweredProgram = lower([pricer.price(workload) for workload in sharded], system)
        self.timeline: ProgramTimeline = run_program(self.lowered.program, engine)

    def account(self) -> Ledger:
        """Seconds and bytes by operator, cause, level and role."""
        return account(self.lowered, self.timeline, self.plan.num_ranks, self.system.chip.main_memory)

    def what_if(self, cause: str) -> WhatIf | None:
        """The same run with the resource behind ``cause`` made twice as fast; None if there is no such resource."""
        relieved = relieve(self.system, cause, factor=2.0)
        if relieved is None:
            return None
        system, change = relieved
        faster = _Run(self.model, system, self.phase, self.plan, self.dtype, self._engine, ignore_capacity=True)
        return WhatIf(change, faster.timeline.makespan_s, self.timeline.makespan_s / faster.timeline.makespan_s)

    def report(self, ledger: Ledger, bottleneck: Any, manifest: dict[str, Any]) -> Result:
        """The frozen result."""
        latency_s, chips = self.timeline.makespan_s, self.plan.num_ranks
        tokens = self.plan.dp * sum(workload.tokens for workload in self.passes)
        return Result(
            model=self.model.name,
            system=f"{self.system.name}:{self.system.num_chips}",
            phase={"kind": self.phase.kind, **_public_fields(self.phase)},
            plan=self.plan,
            dtype=self.dtype.value,
            latency_s=latency_s,
            tokens=tokens,
            ledger=ledger,
            footprint=self.footprint,
            utilisation=utilisation(
                self.system.chip,
                chips,
                self.dtype,
                latency_s,
                self.plan.dp * sum(workload.flops for workload in self.passes),
                self.plan.dp * sum(_must_read_bytes(workload) for workload in self.passes),
            ),
            energy=Energy(ledger.dynamic_energy_j, self.system.chip.idle_w * latency_s * chips),
            bottleneck=bottleneck,
            warnings=(*self.passes[-1].warnings, *self.warnings, *_cost_warnings(self.lowered)),
            assumed=tuple(path for path, source in self.system.provenance.items() if source.kind == "assumed"),
            num_simulated_tasks=self.lowered.program.num_simulated_tasks,
            manifest=manifest,
            machine=self.system,
            lowered=self.lowered,
            timeline=self.timeline,
        )


def _fastest_plan(model: Model, system: System, phase: Phase, dtype: DType, ignore_capacity: bool) -> Plan:
    """The candidate with the smallest simulated latency among those that fit.

    A long decode is judged by its first step, which ranks the plans and costs a fraction.
    """
    phase = replace(phase, steps=1) if isinstance(phase, Decode) else phase
    best: tuple[float, Plan] | None = None
    refused: CapacityError | None = None
    for plan in candidate_plans(model, system, phase.batch):
        try:
            latency_s = _Run(model, system, phase, plan, dtype, ignore_capacity=ignore_capacity).timeline.makespan_s
        except CapacityError as error:
            refused = error
            continue
        if best is None or latency_s < best[0]:
            best = latency_s, plan
    if best is None:
        raise refused or PlanError(f"no plan of {model.name} uses {system.name}: give one with --plan.")
    return best[1]


def _check_plan(plan: Plan, system: System, phase: Phase) -> None:
    if plan.num_ranks > system.num_chips:
        raise PlanError(
            f"plan: tp={plan.tp} x dp={plan.dp} needs {plan.num_ranks} chips, {system.name} has {system.num_chips}. "
            f"Ask for more with SYSTEM:{plan.num_ranks}, or lower tp or dp."
        )
    if phase.batch % plan.dp:
        raise PlanError(f"plan: dp={plan.dp} does not divide batch={phase.batch}.")


def _choose_dtype(model: Model, system: System, asked: DType | None) -> DType:
    """The type asked for, else the model's own, else a 16-bit type the chip's matrix unit runs."""
    rates = system.chip.matrix_flops_per_cycle
    if asked is not None:
        system.chip.peak_flops_per_s(asked)  # raises when the chip has no rate for it
        return asked
    for dtype in (model.torch_dtype, DType.BF16, DType.FP16):
        if dtype in rates:
            return dtype
    raise ConfigError(
        f"chip {system.chip.name} runs neither {model.torch_dtype.value}, bf16 nor fp16. Choose with --dtype."
    )


def _must_read_bytes(workload: Workload) -> float:
    """Weights and KV cache one pass has to read: the numerator of MBU."""
    return sum(
        segment.repeat * sum(n for role, n in role_bytes(op).items() if role in (Role.WEIGHT, Role.KV_CACHE))
        for segment in workload.segments
        for op in segment.graph
    )


def _cost_warnings(lowered: LoweredProgram) -> tuple[str, ...]:
    """Warnings of the cost models, each once, with the operators that raised it."""
    raised: dict[str, list[str]] = {}
    for block in {id(b): b for b in lowered.blocks}.values():
        for priced in block.operators:
            for warning in priced.cost.warnings:
                names = raised.setdefault(warning, [])
                if priced.operator.name not in names:
                    names.append(priced.operator.name)
    return tuple(f"{warning} ({', '.join(names)})" for warning, names in raised.items())


def _public_fields(phase: Phase) -> dict[str, Any]:
    return {field.name: getattr(phase, field.name) for field in fields(phase)}


def _manifest(inputs: Mapping[str, str], seed: int, overrides: Sequence[tuple[str, str]]) -> dict[str, Any]:
    return {
        "accelsim_version": accelsim.__version__,
        "seed": seed,
        "inputs": dict(inputs),
        "overrides": dict(overrides),
    }


__all__ = ["Decode", "Prefill", "simulate"]
