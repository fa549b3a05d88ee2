"""When one rank stands for all, and when it does not."""

from __future__ import annotations

from accelsim.hardware.system import System


def symmetry_broken_by(system: System, num_ranks: int) -> tuple[str, ...]:
    """Why the ranks of a tensor-parallel group are not alike, one text per level; empty when they are.

    A dead or slow link makes some ranks wait for others, so that all of them have to be simulated.

    Args:
        system: The levels with their faults.
        num_ranks: Neighbouring ranks that work together.
    """
    if num_ranks == 1:
        return ()
    reasons = []
    for part in system.group(num_ranks):
        faults = part.level.spec.faults
        if faults:
            dead = sum(fault.capacity_fraction == 0 for fault in faults)
            reasons.append(
                f"{part.level.name} has {dead} dead and {len(faults) - dead} slow links, "
                f"so all {num_ranks} ranks are simulated"
            )
    return tuple(reasons)
