"""Rows of collectives: on the system whose chip the hardware is, with as many ranks as the row says."""

from __future__ import annotations

from collections import Counter

import numpy as np

from accelsim.errors import AccelsimError
from accelsim.network.collective import collective_steps
from accelsim.validation.machines import Machines
from accelsim.validation.operations import OPERATIONS
from accelsim.validation.pricers.base import Batch, Prices


def predict_collectives(batch: Batch, hardware: str, machines: Machines) -> Prices:
    """Seconds of collectives among the chips of a system; the same call is priced once.

    Calls of a number of ranks that the system cannot hold get no time and a warning.

    Raises:
        ConfigError: No system of that name or with that chip, or the network prices no such collective.
    """
    kind = OPERATIONS[batch.op].collective
    sizes = (batch.extents[name].astype(np.int64).tolist() for name in ("ranks", "ranks_per_node", "bytes"))
    calls = list(zip(*sizes, strict=True))
    machines.system(hardware, 1)
    seconds: dict[tuple[int, int, int], float] = {}
    warnings: Counter[str] = Counter()
    for call, count in Counter(calls).items():
        ranks, per_node, nbytes = call
        try:
            system = machines.system(hardware, ranks, per_node)
        except AccelsimError as error:
            seconds[call] = float("nan")
            warnings[f"{ranks} ranks: {error}"] += count
            continue
        cost = collective_steps(kind, nbytes, ranks, system)
        seconds[call] = cost.seconds + batch.rig.overhead_s
        warnings.update(dict.fromkeys(cost.warnings, count))
    return Prices(np.array([seconds[call] for call in calls]), warnings)
