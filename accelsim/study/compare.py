"""The same work on several machines, side by side; and two runs, with what their difference is made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.arguments import checked_call, expect
from accelsim.case.case import Case
from accelsim.case.load import load_inputs
from accelsim.catalog import Catalog
from accelsim.errors import CapacityError, ConfigError, PlacementError
from accelsim.hardware.system import System
from accelsim.mapping.plan import Plan
from accelsim.pipeline import simulate
from accelsim.results.difference import Difference, difference
from accelsim.results.result import Result
from accelsim.results.saved import SavedResult, load_result
from accelsim.study.largest import largest_batch
from accelsim.workload.graph import OperatorGraph, Workload
from accelsim.workload.model import Model
from accelsim.workload.phase import Phase

if TYPE_CHECKING:
    import pandas as pd

#: A result, or what leads to one.
AnyRun = Case | Result | SavedResult | Path | str


@dataclass(frozen=True)
class Refused:
    """A case that cannot be run as asked for: it does not fit, or the plan or a type does not suit the machine.

    Attributes:
        case: The case.
        error: Why.
        is_largest: Whether the largest batch that fits was asked for.
    """

    case: Case
    error: PlacementError | ConfigError
    is_largest: bool = False

    @property
    def is_capacity(self) -> bool:
        """Whether it does not fit."""
        return isinstance(self.error, CapacityError)

    @property
    def system(self) -> str:
        """The machine as asked for."""
        return self.case.system if isinstance(self.case.system, str) else str(self.case.system)

    @property
    def phase(self) -> dict[str, Any]:
        """Kind and sizes as asked for; the batch is ``max`` where the largest was."""
        return self.case.phase.plain() | ({"batch": "max"} if self.is_largest else {})

    def to_dict(self) -> dict[str, Any]:
        """Plain data: what was asked for, and ``refused`` with the reason."""
        asked = {**self.case.to_dict(), "phase": self.phase}
        return {**{name: asked[name] for name in ("model", "system", "phase", "plan")}, "refused": str(self.error)}


#: A run, or why there is none.
Attempt = Result | Refused


def attempt(case: Case, is_largest: bool = False) -> Attempt:
    """The run of a case, or why it cannot be run.

    Args:
        case: What is asked for; its names are known.
        is_largest: Whether its batch is to be the largest that fits.
    """
    try:
        return simulate(largest_batch(case) if is_largest else case)
    except (PlacementError, ConfigError) as error:
        return Refused(case, error, is_largest)


@dataclass(frozen=True, repr=False)
class Comparison:
    """Runs of the same work on several machines.

    Attributes:
        results: One per machine that holds the work, in the order asked for.
        refused: Machines that do not, with the reason.
    """

    results: tuple[Result, ...]
    refused: tuple[Refused, ...] = ()

    def __iter__(self) -> Iterator[Result]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    @property
    def fastest(self) -> Result:
        """The run with the smallest latency."""
        return min(self.results, key=lambda result: result.latency_s)

    def __repr__(self) -> str:
        return f"Comparison({', '.join(f'{one.system} {one.latency_s:.4g} s' for one in self.results)})"

    def _repr_html_(self) -> str:
        return str(self.table().to_html(index=False))

    def table(self) -> pd.DataFrame:
        """One row per machine: plan, chips, latency in seconds, tokens per second, joules per token, what limits.

        Machines that do not hold the work come last, with the reason as ``refused``.
        """
        import pandas as pd

        results = [_row(result) for result in self.results]
        refused = [{"system": o.system, "plan": str(o.case.plan), "refused": str(o.error)} for o in self.refused]
        return pd.DataFrame([*results, *refused])


def _row(result: Result) -> dict[str, Any]:
    return {
        "system": result.system,
        "plan": str(result.plan),
        "num_chips": result.num_chips,
        "latency_s": result.latency_s,
        "tokens_per_s": result.tokens_per_s,
        "energy_per_token_j": result.energy_per_token_j,
        "limited_by": result.bottleneck.cause,
        "warnings": len(result.warnings),
    }


@checked_call(
    'compare("llama3-8b", ["nvidia-a100-sxm-80gb", "nvidia-h100-sxm"], Decode(batch=1, context=2048))', systems=Iterable
)
def compare(
    case: Case | Model | Workload | OperatorGraph | str,
    systems: Sequence[System | str],
    phase: Phase | None = None,
    plan: Plan | str | None = None,
    **options: Any,
) -> Comparison:
    """Simulate the same work on several machines.

    Args:
        case: A :class:`Case`, whose machine is left aside, or a model as of :func:`accelsim.simulate`.
        systems: Machines, as of :func:`accelsim.simulate`.
        phase: As of :func:`accelsim.simulate`.
        plan: As of :func:`accelsim.simulate`.
        options: Further options of a case.

    Raises:
        ConfigError: Bad input, or no machine.
        CapacityError: The model fits none of the machines and ``ignore_capacity`` is off.

    Examples:
        >>> from accelsim import Decode, compare
        >>> found = compare("llama3-8b", ["nvidia-a100-sxm-80gb", "nvidia-h100-sxm"], Decode(1, 2048))
        >>> found.fastest.system
        'nvidia-h100-sxm:1'
    """
    if isinstance(systems, str | System) or not systems:
        raise ConfigError("compare: systems is a list of machines, e.g. ['nvidia-dgx-a100', 'nvidia-dgx-h100'].")
    first = Case.of(case, systems[0], phase, plan, **options)
    runs = [attempt(one) for one in known_cases([first.but(system=system) for system in systems])]
    refused = tuple(one for one in runs if isinstance(one, Refused))
    if len(refused) == len(runs):
        raise refused[0].error
    return Comparison(tuple(one for one in runs if isinstance(one, Result)), refused)


def known_cases(cases: Sequence[Case]) -> Sequence[Case]:
    """The cases, once the names of all are known to be right: a wrong one is no reason of a machine.

    Raises:
        ConfigError: A name or an override is wrong.
    """
    for case in cases:
        load_inputs(case.model, case.system, case.overrides, Catalog())
    return cases


@checked_call('diff("runs/a", "runs/b")')
def diff(before: AnyRun, after: AnyRun) -> Difference:
    """Two runs side by side, and which operators and causes the change of the latency is made of.

    Args:
        before: A result, the path of a saved one, or a case, which is simulated.
        after: The run to compare with it.

    Raises:
        ConfigError: A path leads to no result, or a case is refused.

    Examples:
        >>> from accelsim import Case, Decode, diff
        >>> case = Case("llama3-8b", "nvidia-h100-sxm", Decode(1, 2048))
        >>> diff(case, case.but(overrides={"chip.memories.hbm.bandwidth": "6.7 TB/s"})).latency_s.fraction < -0.3
        True
    """
    return difference(_data(before), _data(after))


def _data(run: AnyRun) -> Mapping[str, Any]:
    if isinstance(run, Case):
        run = simulate(run, what_ifs=False)
    if isinstance(run, str | Path):
        run = load_result(run)
    expect(run, (Result, SavedResult), "diff", 'a result, the path of a saved one, or a case: diff("runs/a", case)')
    return run.to_dict()
