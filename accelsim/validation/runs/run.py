"""One run of an engine as it is understood, and how its time follows from simulated phases.

A first token is a prefill; a step is the decode step at the mean context, the prompt and half of the tokens written;
a whole run is the prefill of the batch and a step for each further token::

    total = prefill(batch, prompt) + (output - 1) x step(batch, prompt + output / 2)

The band is that of the phases together: each kernel family is wrong by one factor in all of them.  Capacity is not
checked: the engine ran, with prompts in parts where they were many.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from typing import Any

from accelsim.cost.residual import Residual
from accelsim.hardware.profile import LaunchProfile
from accelsim.pipeline import simulate
from accelsim.results.band import Band, band_of
from accelsim.workload.model import Model
from accelsim.workload.phase import Decode, Phase, Prefill


class Clock(Enum):
    """What a row's time lies between."""

    FIRST_TOKEN = "first_token"
    STEP = "decode_step"
    TOTAL = "end_to_end"


@dataclass(frozen=True)
class EngineRun:
    """A run.

    Attributes:
        model: Ours, or a model made of the shape that the row states.
        system: Ours, with its chips.
        plan: Text of the plan.
        types: Options of a case on element types, sorted.
        batch: Sequences at once.
        prompt: Tokens of each when it begins.
        output: Tokens that each writes.
        clock: What is timed.
        profile: Launch profile of the framework, or its name.
    """

    model: Model | str
    system: str
    plan: str
    types: tuple[tuple[str, Any], ...]
    batch: int
    prompt: int
    output: int
    clock: Clock
    profile: LaunchProfile | str

    def with_profile(self, profile: LaunchProfile) -> EngineRun:
        """The same with another launch profile.

        Args:
            profile: As a value.
        """
        return replace(self, profile=profile)

    def phases(self) -> Iterator[tuple[Phase, float]]:
        """What is simulated, and how often it runs."""
        if self.clock is not Clock.STEP:
            yield Prefill(self.batch, self.prompt), 1.0
        if self.clock is Clock.STEP:
            yield self._step(), 1.0
        elif self.clock is Clock.TOTAL and self.output > 1:
            yield self._step(), self.output - 1.0

    def _step(self) -> Decode:
        return Decode(self.batch, self.prompt + self.output // 2)


@dataclass(frozen=True, slots=True)
class Ran:
    """What a simulation says of a run: seconds, and their band."""

    seconds: float
    band: Band


def ran(run: EngineRun) -> Ran:
    """Simulate the phases of a run, as ``accelsim run`` would.

    Args:
        run: The facts of a row.

    Raises:
        PlanError: The machine cannot take the plan.
        ConfigError: Its model, system or profile is not known.
    """
    seconds, times, whole = 0.0, defaultdict[Residual, float](float), None
    for phase, count in run.phases():
        latency_s, band = _simulated(run, phase)
        seconds += latency_s * count
        whole = band.whole
        for part in band.parts:
            times[part.residual] += part.time_s * count
    assert whole is not None
    return Ran(seconds, band_of(times, whole))


def _simulated(run: EngineRun, phase: Phase) -> tuple[float, Band]:
    """Latency and band of one phase; rows of suites, whose profiles are named, often share phases."""
    fixed = run.model, run.system, phase, run.plan, run.types
    return _shared(*fixed, run.profile) if isinstance(run.profile, str) else _alone(*fixed, run.profile)


def _alone(
    model: Model | str,
    system: str,
    phase: Phase,
    plan: str,
    types: tuple[tuple[str, Any], ...],
    profile: LaunchProfile | str,
) -> tuple[float, Band]:
    options = dict(types)
    result = simulate(model, system, phase, plan, profile=profile, ignore_capacity=True, what_ifs=False, **options)
    return result.latency_s, result.band


_shared = lru_cache(maxsize=4096)(_alone)
