"""How far measured times of a collective lie from its price."""

from __future__ import annotations

from accelsim.cost.residual import ASSUMED, TYPICAL_DEVIATION, Residual, log_deviation_of
from accelsim.hardware.system import System
from accelsim.network.collective import CollectiveCost
from accelsim.network.library import outside_measured

FAMILY = "collectives"


def collective_residual(cost: CollectiveCost, system: System) -> Residual:
    """The widest residual of the levels that the collective uses; each states the errors of its fit as ``p90``.

    Args:
        cost: A priced collective, with the levels that it uses.
        system: Whose levels state the errors of their fits.
    """
    specs = [system.levels[phase.level].collectives for phase in cost.phases if phase.level in system.levels]
    if any(spec.p90 is None for spec in specs):
        return Residual(FAMILY, TYPICAL_DEVIATION, ASSUMED)
    found = Residual(FAMILY, max((log_deviation_of(spec.p90 or 0.0) for spec in specs), default=0.0))
    return found.outside() if any(outside_measured(spec, cost.nbytes, cost.num_ranks) for spec in specs[-1:]) else found
