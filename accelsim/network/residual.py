"""How far measured times of a collective lie from its price."""

from __future__ import annotations

from dataclasses import replace

from accelsim.cost.cost import Cost
from accelsim.cost.residual import ASSUMED, TYPICAL_DEVIATION, Residual, log_deviation_of
from accelsim.hardware.system import System
from accelsim.network.library import outside_measured

FAMILY = "collectives"


def rated(cost: Cost, system: System) -> Cost:
    """The cost of a call with the residual that the levels of the system state.

    Args:
        cost: The call and its phases.
        system: Where it runs.
    """
    return replace(cost, residual=_residual(cost, system))


def _residual(cost: Cost, system: System) -> Residual:
    """The widest residual of the levels that the collective uses; each states the errors of its fit as ``p90``."""
    specs = [system.levels[phase.level].collectives for phase in cost.phases if phase.level in system.levels]
    if any(spec.p90 is None for spec in specs):
        return Residual(FAMILY, TYPICAL_DEVIATION, ASSUMED)
    found = Residual(FAMILY, max((log_deviation_of(spec.p90 or 0.0) for spec in specs), default=0.0))
    is_outside = any(outside_measured(spec, cost.call.nbytes, cost.call.num_ranks) for spec in specs[-1:])
    return found.outside() if is_outside else found
