"""What the answer depends on: elasticity of latency and energy to every number that describes the machine.

Each parameter is moved up and down by a small step with everything else, the plan included, left as it is, and the run
is simulated again.  The elasticity is d ln(result) / d ln(parameter), from both sides: -0.5 means that 1 % more of the
parameter makes the result 0.5 % smaller.  Not modelled: what moves together (a faster clock that draws more power), and
the best plan for the changed machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accelsim.arguments import checked_call
from accelsim.case.case import Case
from accelsim.catalog import Catalog
from accelsim.errors import AccelsimError, ConfigError
from accelsim.hardware.system import System
from accelsim.mapping.plan import Plan
from accelsim.pipeline import simulate
from accelsim.results.result import Result
from accelsim.study.parameters import ASSUMED, Parameter, parameters, scaled
from accelsim.workload.graph import OperatorGraph, Workload
from accelsim.workload.model import Model
from accelsim.workload.phase import Phase

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_STEP = 0.1
#: A step of this and more down would leave nothing: down is then as many times smaller as up is larger.
LARGE_STEP = 1.0
#: The largest step.
MOST_STEP = 9.0
#: Elasticities below this are rounding.
NO_INFLUENCE = 1e-6


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run of a study came to.

    Attributes:
        latency_s: Duration of the phase.
        energy_j: Energy of all chips.
    """

    latency_s: float
    energy_j: float


@dataclass(frozen=True)
class Experiment:
    """One run that is repeated on changed machines.

    Attributes:
        case: What is run; its machine is loaded, its plan stays, and a model that does not fit is run all the same.
        system: The machine as described.
    """

    case: Case
    system: System

    @classmethod
    def of(cls, case: Case, catalog: Catalog | None = None) -> Experiment:
        """The experiment on a case; a plan that it leaves to ``auto`` is chosen on the machine as described.

        Args:
            case: Model, system, phase and options of the run.
            catalog: Where names are looked up; None is the packaged catalog.

        Raises:
            ConfigError: Bad input.
        """
        first = simulate(case, what_ifs=False, catalog=catalog)
        return cls.after(first)

    @classmethod
    def after(cls, first: Result) -> Experiment:
        """The experiment on the case of a result."""
        case = first.case.on(first.machine).but(plan=first.plan, ignore_capacity=True, strict=False)
        return cls(case, first.machine)

    def run(self, system: System | None = None) -> Outcome:
        """Simulate on ``system``, or on the machine as described."""
        result = simulate(self.case.on(system or self.system), what_ifs=False)
        return Outcome(result.latency_s, result.energy.total_j)


@dataclass(frozen=True, slots=True)
class Influence:
    """What one parameter does to the answer.

    Attributes:
        parameter: The parameter.
        low: Outcome with the parameter a step smaller.
        high: Outcome with it a step larger.
        latency_elasticity: d ln(latency) / d ln(parameter).
        energy_elasticity: d ln(energy) / d ln(parameter).
    """

    parameter: Parameter
    low: Outcome
    high: Outcome
    latency_elasticity: float
    energy_elasticity: float


@dataclass(frozen=True, repr=False)
class Sensitivity:
    """Influence of every parameter of a machine on one run.

    Attributes:
        base: Outcome on the machine as described.
        step: Relative step of each parameter.
        influences: Largest on the latency first.
        failed: Parameters that could not be moved, with the reason.
    """

    base: Outcome
    step: float
    influences: tuple[Influence, ...]
    failed: tuple[tuple[str, str], ...] = ()

    def table(self) -> pd.DataFrame:
        """One row per parameter: path, value, kind of source, elasticities of latency and energy."""
        import pandas as pd

        rows = [
            (i.parameter.path, i.parameter.text, i.parameter.kind, i.latency_elasticity, i.energy_elasticity)
            for i in self.influences
        ]
        return pd.DataFrame(rows, columns=["parameter", "value", "kind", "of_latency", "of_energy"])

    def __repr__(self) -> str:
        first = ", ".join(f"{i.parameter.path} {i.latency_elasticity:+.2f}" for i in self.influences[:3])
        return f"Sensitivity({len(self.influences)} parameters; of latency: {first})"

    def _repr_html_(self) -> str:
        return str(self.table().to_html(index=False))

    @property
    def most_assumed(self) -> Influence | None:
        """The assumed value the latency depends on most; None if it depends on none."""
        return next(
            (i for i in self.influences if i.parameter.kind == ASSUMED and _matters(i.latency_elasticity)), None
        )

    @property
    def most_assumed_for_energy(self) -> Influence | None:
        """The assumed value the energy depends on most; None if it depends on none."""
        assumed = [i for i in self.influences if i.parameter.kind == ASSUMED and _matters(i.energy_elasticity)]
        return max(assumed, key=lambda i: abs(i.energy_elasticity), default=None)

    @property
    def num_without_influence(self) -> int:
        """Parameters that change neither latency nor energy."""
        return sum(not (_matters(i.latency_elasticity) or _matters(i.energy_elasticity)) for i in self.influences)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, the JSON of ``accelsim sensitivity --json``."""
        return {
            "latency_s": self.base.latency_s,
            "energy_j": self.base.energy_j,
            "step_fraction": self.step,
            "parameters": [
                {
                    "path": i.parameter.path,
                    "value": i.parameter.text,
                    "kind": i.parameter.kind,
                    "source": i.parameter.source,
                    "latency_elasticity": i.latency_elasticity,
                    "energy_elasticity": i.energy_elasticity,
                    "low": {"latency_s": i.low.latency_s, "energy_j": i.low.energy_j},
                    "high": {"latency_s": i.high.latency_s, "energy_j": i.high.energy_j},
                }
                for i in self.influences
            ],
            "most_assumed": self.most_assumed.parameter.path if self.most_assumed else None,
            "most_assumed_for_energy": (
                self.most_assumed_for_energy.parameter.path if self.most_assumed_for_energy else None
            ),
            "failed": [{"path": path, "reason": reason} for path, reason in self.failed],
        }


@checked_call(
    'sensitivity("llama3-8b", "nvidia-dgx-h100:8", Decode(batch=8, context=4096), plan="tp=8")',
    step=(float, int),
    only=Iterable,
)
def sensitivity(
    case: Case | Model | Workload | OperatorGraph | str,
    system: System | str | None = None,
    phase: Phase | None = None,
    plan: Plan | str | None = None,
    *,
    step: float = DEFAULT_STEP,
    only: Sequence[str] = (),
    **options: Any,
) -> Sensitivity:
    """Elasticity of latency and energy of a run to every parameter of its machine.

    Args:
        case: A :class:`Case`, or a model as of :func:`accelsim.simulate`.
        system: As of :func:`accelsim.simulate`.
        phase: As of :func:`accelsim.simulate`.
        plan: As of :func:`accelsim.simulate`; ``auto`` is chosen once, on the machine as described.
        step: Relative step up and down; from 100 % on, down means as many times smaller as up is larger.
        only: Beginnings of paths; empty means every parameter.
        options: Further options of a case.

    Raises:
        ConfigError: Bad input, a step out of range, or ``only`` that begins no path.

    Examples:
        >>> from accelsim import Decode, sensitivity
        >>> found = sensitivity("llama3-8b", "nvidia-h100-sxm", Decode(1, 2048), only=["chip.memories.hbm"])
        >>> round(found.influences[0].latency_elasticity, 1)
        -0.7
    """
    return measure(Experiment.of(Case.of(case, system, phase, plan, **options)), step, only)


def measure(
    experiment: Experiment,
    step: float = DEFAULT_STEP,
    only: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Sensitivity:
    """Elasticity of latency and energy of a run to every parameter of its machine.

    Args:
        experiment: The run.
        step: Relative step up and down; from 100 % on, down means as many times smaller as up is larger.
        only: Beginnings of paths; empty means every parameter.
        progress: Called with (done, all) after each parameter.

    Raises:
        ConfigError: A step out of range, or ``only`` that begins no path.
    """
    if not 0.0 < step <= MOST_STEP:
        raise ConfigError(f"step: {step:.0%} is not above 0 and at most {MOST_STEP:.0%}. Write e.g. 10%.")
    chosen = _chosen(experiment.system, only)
    base = experiment.run()
    found: list[Influence] = []
    failed: list[tuple[str, str]] = []
    for index, parameter in enumerate(chosen, start=1):
        try:
            found.append(_influence(experiment, parameter, base, step))
        except AccelsimError as error:
            failed.append((parameter.path, str(error)))
        if progress is not None:
            progress(index, len(chosen))
    found.sort(key=lambda i: (-abs(i.latency_elasticity), -abs(i.energy_elasticity), i.parameter.path))
    return Sensitivity(base, step, tuple(found), tuple(failed))


def _chosen(system: System, only: Sequence[str]) -> list[Parameter]:
    known = parameters(system)
    for beginning in only:
        if not any(p.path.startswith(beginning) for p in known):
            raise ConfigError(f"--only {beginning}: no parameter of {system.name} begins like that.")
    return [p for p in known if not only or p.path.startswith(tuple(only))]


def lower_factor(step: float) -> float:
    """What a parameter is multiplied by on the way down: 0.9 for 10 %, 1/2 for 100 %, where nothing would be left.

    Args:
        step: Relative step.
    """
    return 1.0 - step if step < LARGE_STEP else 1.0 / (1.0 + step)


def _influence(experiment: Experiment, parameter: Parameter, base: Outcome, step: float) -> Influence:
    sides = []
    for factor in (lower_factor(step), 1.0 + step):
        system, real = scaled(experiment.system, parameter.path, factor)
        sides.append((real, experiment.run(system) if real != 1.0 else base))
    (low_factor, low), (high_factor, high) = sides
    log_step = math.log(high_factor / low_factor)
    if not log_step:
        raise ConfigError(f"{parameter.path}: a step of {step:g} does not change {parameter.text}.")
    latency = math.log(high.latency_s / low.latency_s) / log_step
    energy = math.log(high.energy_j / low.energy_j) / log_step if low.energy_j > 0 and high.energy_j > 0 else 0.0
    return Influence(parameter, low, high, latency, energy)


def _matters(elasticity: float) -> bool:
    return abs(elasticity) > NO_INFLUENCE
