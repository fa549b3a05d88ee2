"""The plans that ``--plan auto`` tries for a case: how many there are, and the best of them run in full."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from accelsim.case.case import Case
from accelsim.catalog import Catalog
from accelsim.mapping.auto import Tried, try_plans
from accelsim.mapping.plan import Plan
from accelsim.pipeline import latency_of, simulate
from accelsim.results.result import Result
from accelsim.study.defaults import BEST_PLANS

#: What of a reason differs from plan to plan: sizes, and what stands in brackets.
_OWN = re.compile(r"\([^()]*\)|\S*\d\S*( ([kMGT]i?)?B\b)?")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Candidates that are refused for one kind of reason.

    Attributes:
        plans: All of them, the one nearest to running first.
        reason: Why that one is refused.
    """

    plans: tuple[Plan, ...]
    reason: str


@dataclass(frozen=True)
class Plans:
    """What was tried for a case.

    Attributes:
        results: The best plans, run in full, the fastest first.
        tried: Every candidate, the fastest first, then those that do not fit or do not suit, with the reason.
    """

    results: tuple[Result, ...]
    tried: tuple[Tried, ...]

    @property
    def refused(self) -> Sequence[Tried]:
        """Candidates that cannot be run."""
        return [one for one in self.tried if one.refused is not None]

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """Why candidates are refused, by kind of reason, the most frequent first."""
        kinds: dict[tuple[type, str], list[Tried]] = {}
        for one in self.refused:
            text = str(one.refused).replace(str(one.plan), "")
            kinds.setdefault((type(one.refused), _OWN.sub("", text)), []).append(one)
        found = [Refusal(tuple(one.plan for one in alike), str(alike[0].refused)) for alike in kinds.values()]
        return tuple(sorted(found, key=lambda one: -len(one.plans)))

    def to_dict(self) -> dict[str, object]:
        """Plain data: the results, and plan with latency in seconds or reason of every candidate."""
        tried = [
            {"plan": str(one.plan), "refused": str(one.refused)}
            if one.refused is not None
            else {"plan": str(one.plan), "latency_s": one.latency_s}
            for one in self.tried
        ]
        refusals = [{"plans": [str(plan) for plan in one.plans], "reason": one.reason} for one in self.refusals]
        return {"plans": [result.to_dict() for result in self.results], "tried": tried, "refusals": refusals}


def plans(case: Case, best: int = BEST_PLANS, catalog: Catalog | None = None) -> Plans:
    """Try every candidate plan of a case, and run the best in full.

    Args:
        case: Model, machine, phase and options; its plan is left aside.
        best: How many to run in full.
        catalog: Where names are looked up; None is the packaged catalog.

    Raises:
        CapacityError: No candidate fits; the text says what would.
        PlanError: No candidate suits the machine.
    """
    tried = try_plans(case.load(catalog).job, latency_of)
    found = [one.plan for one in tried if one.refused is None][:best]
    if not found:
        simulate(case.but(plan="auto"), catalog=catalog)  # raises, with advice
    return Plans(tuple(simulate(case.but(plan=plan), catalog=catalog) for plan in found), tried)
