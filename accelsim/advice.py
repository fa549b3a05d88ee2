"""What would make a case fit that does not: changes of one thing, each tried on the changed case before it is named.

Kinds of changes, each answered with the smallest that fits: another plan on the same chips, another number of chips (of
the system, else of systems of the catalog with the same chip), narrower element types, fewer sequences, shorter ones.
A plan that was ``auto`` is searched again for every change; with another number of chips, a plan that was given too.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from accelsim.case.case import Case
from accelsim.catalog import Catalog
from accelsim.dtypes import DType, Format
from accelsim.errors import AccelsimError, CapacityError
from accelsim.hardware.cut import allowed_sizes, split_size
from accelsim.hardware.system import describe_system
from accelsim.mapping.execution.base import EXECUTIONS
from accelsim.mapping.fit import fits
from accelsim.mapping.footprint import kv_cache_bytes
from accelsim.mapping.job import Job
from accelsim.mapping.plan import Plan
from accelsim.workload.phase import Phase

#: Element types that are tried, the widest first.
_NARROWER_TYPES = ("fp8", "int8", "int4")
#: Sizes of a system that are tried, from the least whose memories together could hold the model.
_MOST_SIZES = 512
#: Systems of the catalog that are named for a chip.
_MOST_SYSTEMS = 3


def advise(error: CapacityError, case: Case, catalog: Catalog | None = None) -> CapacityError:
    """The error with the changes of the case that fit.

    Args:
        error: What does not fit.
        case: The case that does not.
        catalog: Where names are looked up.
    """
    found = list(_Attempts(case, catalog or Catalog()).that_fit())
    text = (
        f"Each of these alone fits: {'; '.join(found)}."
        if found
        else "No other plan, number of chips, element type, batch or length alone fits."
    )
    return CapacityError(f"{error} {text}", error.short_bytes)


class _Attempts:
    """Changes of one case that fit, as the flags that would ask for them."""

    def __init__(self, case: Case, catalog: Catalog) -> None:
        self._case, self._catalog = case, catalog
        self._job = case.load(catalog).job

    def that_fit(self) -> Iterator[str]:
        """The smallest change of each kind."""
        for kind in (self._plans(), self._chips(), self._types(), self._cache_types()):
            yield from itertools.islice(kind, 1)
        yield from self._smaller()

    def _plans(self) -> Iterator[str]:
        """The same chips under a plan that was not asked for; ``auto`` has tried them."""
        plan = self._case.plan
        if isinstance(plan, Plan):
            job = replace(self._job, plan=plan)
            for other in (*EXECUTIONS.get(plan.execution)().lighter(job), *_automatic_plans(job)):
                if fits(replace(job, plan=other)):
                    yield f"--plan {other}"

    def _chips(self) -> Iterator[str]:
        """The fewest chips of the system, else of others that have the chip."""
        if not isinstance(self._case.system, str):
            return
        name, _ = split_size(self._case.system)
        own = self._on(name)
        if own is not None:
            yield own[1]
            return
        others = [name for name in self._catalog.names("systems") if self._has_chip(name)]
        fitting = [found for other in others if other != name and (found := self._on(other)) is not None]
        if fitting:
            yield " or ".join(flags for _, flags in sorted(fitting)[:_MOST_SYSTEMS])

    def _has_chip(self, name: str) -> bool:
        """Whether a system of the catalog is made of the chip of the case."""
        try:
            spec = describe_system(name, self._catalog)
        except AccelsimError:
            return False  # a file of the user's that is told where it is asked for
        return spec is not None and spec.chip == self._job.system.chip.name

    def _on(self, name: str) -> tuple[int, str] | None:
        """The fewest chips of a system that hold the case, and the flags that ask for them."""
        spec, given = describe_system(name, self._catalog), self._case.plan
        sizes = allowed_sizes(spec.levels) if spec is not None else []
        if spec is not None and spec.name == self._job.system.name:
            sizes.remove(self._job.system.num_chips)
        refused: set[Plan] = set()
        least = self._least_chips()
        for chips in [size for size in sizes if size >= least][:_MOST_SIZES]:
            job = self._load(system=f"{name}:{chips}")
            if job is None:
                continue
            plans = (*([given] if isinstance(given, Plan) else []), *_automatic_plans(job))
            plan = next((plan for plan in plans if plan not in refused and fits(replace(job, plan=plan))), None)
            if plan is not None:
                return chips, f"--on {name}:{chips}" + (f" --plan {plan}" if isinstance(given, Plan) else "")
            refused |= {
                plan for plan in plans if 1 < plan.num_ranks <= chips
            }  # more chips leave a rank's share as it is
        return None

    def _least_chips(self) -> int:
        """Chips whose main memories together hold weights and KV cache once."""
        held = self._job.model.build(self._job.phase.fullest(), self._job.recipe)
        kept = held.weight_bytes + sum(one.repeat * kv_cache_bytes(one.graph) for one in held.segments)
        return -(-kept // int(self._job.system.chip.main_memory_bytes))

    def _types(self) -> Iterator[str]:
        """Narrower weights, in types that the chip multiplies in or that are unpacked."""
        own = self._job.recipe.types.narrowest.weights.bits_per_element
        rates = self._job.system.chip.matrix_flops_per_cycle
        for name in () if self._job.model.is_fixed else _NARROWER_TYPES:
            narrower = Format.parse(name)
            has_rate = not narrower.quantises_inputs or narrower.element in rates
            if has_rate and narrower.bits_per_element < own and self._fits(self._load(dtype=narrower)):
                yield f"--dtype {name}"

    def _cache_types(self) -> Iterator[str]:
        """A narrower KV cache."""
        is_wide = not self._job.model.is_fixed and self._job.recipe.types.kv.bits > DType.FP8.bits
        if is_wide and self._fits(self._load(kv_dtype=DType.FP8)):
            yield "--kv-dtype fp8"

    def _smaller(self) -> Iterator[str]:
        """The most sequences, then the longest, that fit."""
        for sizes in self._job.phase.smaller():
            too_large = self._job.phase
            for phase in sizes:
                if self._fits(self._job.on_tokens(phase)):
                    yield self._flags(self._largest(phase, too_large))
                    break
                too_large = phase

    def _largest(self, fitting: Phase, too_large: Phase) -> Phase:
        """The largest phase that fits between one that does and one that does not."""
        while (middle := fitting.halfway(too_large)) is not None:
            if self._fits(self._job.on_tokens(middle)):
                fitting = middle
            else:
                too_large = middle
        return fitting

    def _flags(self, phase: Phase) -> str:
        """Flags of what differs from the phase of the case."""
        asked = self._job.phase.plain()
        return " ".join(
            f"--{name.replace('_', '-')} {value}" for name, value in phase.plain().items() if value != asked[name]
        )

    def _load(self, **changes: Any) -> Job | None:
        """The job of the case with options changed; None where there is no such case."""
        try:
            return self._case.but(**changes).load(self._catalog).job
        except AccelsimError:
            return None

    def _fits(self, job: Job | None) -> bool:
        """Whether a job fits under the plan of the case, or under any where that is ``auto``."""
        if job is None:
            return False
        given = self._case.plan
        plans = (given,) if isinstance(given, Plan) else _automatic_plans(job)
        return any(fits(replace(job, plan=plan)) for plan in plans)


def _automatic_plans(job: Job) -> Iterator[Plan]:
    """Plans of ``auto`` but those that place groups on tiles, which take a search each: what fits them may be more."""
    for _, execution in EXECUTIONS.items():
        if not execution.places_groups:
            yield from execution().candidates(job)
