"""Overrides that change nothing: named in the result instead of passing for an answer."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from accelsim.cost.base import unread_remark
from accelsim.dtypes import DType
from accelsim.hardware.system import System
from accelsim.mapping.plan import Plan

_SPARES = ("spare_rows", "spare_cols")
#: Numbers of a systolic array that move its shape and not its peak.
_SHAPE_ONLY = ("systolic.rows", "systolic.cols")


def unread_warnings(
    system: System, dtype: DType, plan: Plan, sections: Collection[str] = (), traffic: Mapping[str, float] | None = None
) -> tuple[str, ...]:
    """One warning per override, or line of a variant's file, that changes no figure or less than it seems to.

    Args:
        system: The system with what was stated on top of its files.
        dtype: Element type of the run.
        plan: How it ran.
        sections: Sections of the calibration that priced an operator; empty where that is not known.
        traffic: Bytes by level; None where that is not known.
    """
    chip = system.chip
    found: list[str] = []
    for path in dict.fromkeys(_paths(system)):
        own = path.removeprefix("chip.")
        if own in _SHAPE_ONLY:
            found.append(f"{path} changes the shape of the arrays, not their peak: set chip.matrix_flops_per_cycle too")
            continue
        remark = None
        if path.startswith("chip."):
            remark = _of_chip(own, system, dtype, plan, sections)
        elif traffic is not None:
            remark = _of_level(path, traffic)
        if remark is not None:
            found.append(f"{path} changes no figure of this result (cost model {chip.cost_model}): {remark}")
    return tuple(found)


def _paths(system: System) -> Iterator[str]:
    yield from (path.strip() for path, _ in system.overrides)
    yield from (f"chip.{path}" for path in system.stated)


def _of_chip(path: str, system: System, dtype: DType, plan: Plan, sections: Iterable[str]) -> str | None:
    head, _, rest = path.partition(".")
    if head in _SPARES and plan.execution != "spatial":
        return "only execution=spatial keeps spare rows and columns free"
    section = rest.partition(".")[0].removesuffix("_range")
    if head == "calibration" and sections and section not in (*sections, "l2", "ladder"):
        return f"no operator of the run is priced by calibration.{section}"
    return unread_remark(system.chip, path, dtype)


def _of_level(path: str, traffic: Mapping[str, float]) -> str | None:
    kind, _, rest = path.removeprefix("system.").partition(".")
    level, _, field = rest.partition(".")
    if kind != "levels" or not field.startswith(("link", "collectives")) or traffic.get(level):
        return None
    return f"nothing of the run crosses {level}"
