"""What a simulation says of a published rate, with its band."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from accelsim.dtypes import DType, Format
from accelsim.pipeline import simulate
from accelsim.results.result import Result
from accelsim.validation.rates.rate import Needs, Rate
from accelsim.workload.phase import Decode, Phase, Prefill


@dataclass(frozen=True, slots=True)
class Run:
    """A simulated phase: its seconds, the ends of its band, and what limits it."""

    seconds: float
    low_s: float
    high_s: float
    limit: str
    plan: str


NOTHING = Run(0.0, 0.0, 0.0, "", "")


@dataclass(frozen=True, slots=True)
class Priced:
    """Our value of a rate.

    Attributes:
        value: In the unit of the metric.
        low: Lower end of the 80 % band.
        high: Upper end.
        limit: What limits the phase that takes longest.
        plan: Plan that was taken.
    """

    value: float
    low: float
    high: float
    limit: str
    plan: str

    def slowed(self, factor: float, is_time: bool) -> Priced:
        """The same where everything takes ``factor`` times as long."""
        scale = factor if is_time else 1.0 / factor
        return Priced(self.value * scale, self.low * scale, self.high * scale, self.limit, self.plan)


def priced(rate: Rate) -> Priced:
    """Simulate what a rate needs.

    Args:
        rate: The facts of a row.

    Raises:
        CapacityError: The model does not fit.
        PlanError: The machine cannot take the plan.
    """
    prefill = step = NOTHING
    if rate.needs is not Needs.STEP:
        prefill = _run(rate, Prefill(1 if rate.needs is Needs.PREFILL_OF_ONE else rate.batch, rate.prompt))
    if rate.needs is not Needs.PREFILL_OF_ONE:
        step = _run(rate, Decode(rate.batch, rate.context))
    ends = [
        rate.value_of(prefill.seconds, step.seconds),
        rate.value_of(prefill.low_s, step.low_s),
        rate.value_of(prefill.high_s, step.high_s),
    ]
    longest = max(prefill, step, key=lambda run: run.seconds * (rate.output or 1 if run is step else 1))
    return Priced(ends[0], min(ends), max(ends), longest.limit, longest.plan)


def _run(rate: Rate, phase: Phase) -> Run:
    plan = _of_one(rate.plan) if rate.needs is Needs.PREFILL_OF_ONE else rate.plan
    return _simulated(rate.system, rate.model, phase, rate.types, plan)


def _of_one(plan: str) -> str:
    """The plan for one request, which data parallelism does not divide."""
    return ",".join(key for key in plan.split(",") if not key.startswith("dp=")) or "tp=1"


@cache
def _simulated(system: str, model: str, phase: Phase, types: str, plan: str) -> Run:
    """One phase, which rows often share; the cache has the type of the weights where that has 8 bit, fp8 below."""
    element = Format.parse(types).element
    kept = None if element.bits > DType.FP8.bits else max(element, DType.FP8, key=lambda dtype: dtype.bits)
    result: Result = simulate(model, system, phase, plan, dtype=types, kv_dtype=kept, what_ifs=False)
    return Run(
        result.latency_s,
        result.band.low_s,
        result.band.high_s,
        result.bottleneck.sentence.partition(",")[0],
        str(result.plan),
    )
