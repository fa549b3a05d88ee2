"""Overrides that change nothing: named in the result instead of passing for an answer."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from accelsim.cost.base import unread_remark
from accelsim.dtypes import DType
from accelsim.hardware.system import System
from accelsim.mapping.execution.base import EXECUTIONS
from accelsim.mapping.plan import Plan
from accelsim.warning import warn

_SPARES = ("spare_rows", "spare_cols")
#: Sections of which a run reads a part, by its operators and types.
_BY_RUN = ("calibration", "matrix_flops_per_cycle", "vector_flops_per_cycle", "checks")
#: Fields that change less than they seem to.
_SHAPE_ONLY = dict.fromkeys(
    ("chip.systolic.rows", "chip.systolic.cols"),
    "changes the shape of the arrays, not their peak: set chip.matrix_flops_per_cycle too",
)


def unread_warnings(
    system: System,
    dtypes: Collection[DType],
    plan: Plan,
    sections: Collection[str] = (),
    traffic: Mapping[str, float] | None = None,
) -> tuple[str, ...]:
    """One warning per override, or line of a variant's file, that changes no figure or less than it seems to.

    Args:
        system: The system with what was stated on top of its files.
        dtypes: Element types the run computes in.
        plan: How it ran.
        sections: Sections of the calibration that priced an operator; empty where that is not known.
        traffic: Bytes by level; None where that is not known.
    """
    found: dict[str, str | None] = {}
    for path in system.stated:  # a variant also states what other runs read
        if not path.startswith(_BY_RUN):
            found[f"chip.{path}"] = _of_chip(path, system, dtypes, plan)
    for path, _ in system.overrides:
        path = path.strip()
        if path.startswith("chip."):
            found[path] = _of_chip(path.removeprefix("chip."), system, dtypes, plan, sections)
        elif traffic is not None:
            found[path] = _of_level(path, traffic)
    return tuple(
        warn("override-partial", f"{path} {_SHAPE_ONLY[path]}")
        if path in _SHAPE_ONLY
        else warn(
            "override-unread",
            f"{path} changes no figure of this result (cost model {system.chip.cost_model}): {remark}",
        )
        for path, remark in found.items()
        if remark is not None or path in _SHAPE_ONLY
    )


def _of_chip(
    path: str, system: System, dtypes: Collection[DType], plan: Plan, sections: Collection[str] = ()
) -> str | None:
    head, _, rest = path.partition(".")
    if head in _SPARES and not EXECUTIONS.get(plan.execution).places_groups:
        return "only execution=spatial keeps spare rows and columns free"
    section = rest.partition(".")[0].removesuffix("_range")
    if head == "calibration" and sections and section not in (*sections, "l2", "ladder"):
        return f"no operator of the run is priced by calibration.{section}"
    return unread_remark(system.chip, path, dtypes)


def _of_level(path: str, traffic: Mapping[str, float]) -> str | None:
    kind, _, rest = path.removeprefix("system.").partition(".")
    level, _, field = rest.partition(".")
    if kind != "levels" or not field.startswith(("link", "collectives")) or traffic.get(level):
        return None
    return f"nothing of the run crosses {level}"
