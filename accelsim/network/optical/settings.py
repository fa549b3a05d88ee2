"""Circuits that collectives need of a switch that is set for each of them: which, and how often within one call.

A port holds one circuit at a time.  In a ring every rank sends to the same next one in all steps, so its circuits are
set once; other algorithms send to another rank in every step, and the switch is set before each of them.  What is
needed before the first step depends on the collective before (:mod:`accelsim.mapping.circuits`).

Not modelled: ports with several circuits, algorithms made for a given number of settings.
"""

from __future__ import annotations

from dataclasses import replace

from accelsim.cost.cost import Cost
from accelsim.hardware.level import SystemLevel
from accelsim.network.collectives.base import COLLECTIVES


def is_ring(cost: Cost) -> bool:
    """Whether a call sends over the same circuits in all its steps."""
    name = f"{cost.call.kind}/{cost.call.algorithm}"
    return name in COLLECTIVES and COLLECTIVES.get(name).pattern == "ring"


def settings_inside(cost: Cost, level: str) -> int:
    """Times that circuits of a level are set within a call, beside those before its first step.

    Args:
        cost: Of a call.
        level: Name of the level.
    """
    if is_ring(cost):
        return 0
    steps = sum(step.repeat for phase in cost.phases if phase.level == level for step in phase.steps)
    name = f"{cost.call.kind}/{cost.call.algorithm}"
    to_all = name in COLLECTIVES and COLLECTIVES.get(name).pattern == "pairs"
    return max(0, steps * (cost.call.num_ranks - 1 if to_all else 1) - 1)


def with_settings(cost: Cost, level: SystemLevel) -> Cost:
    """The cost of a call with the time in which circuits are set between its steps, as part of its launch.

    Args:
        cost: On circuits that are there.
        level: The outermost level that it crosses.
    """
    more_s = level.setting_s * settings_inside(cost, level.name) if level.setting_s else 0.0
    if not more_s:
        return cost
    parts_s = {**cost.parts_s, "launch": cost.launch_s + more_s}
    limiter = max(parts_s, key=parts_s.__getitem__)
    return replace(cost, work_s=cost.work_s + more_s, parts_s=parts_s, limiter=limiter)
