"""Rows of the network: on the system whose chip the hardware is, with as many ranks as the row says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np

from accelsim.cost.call import Call
from accelsim.cost.measured import Batch
from accelsim.errors import AccelsimError
from accelsim.hardware.system import System
from accelsim.network.collective import collective_steps
from accelsim.network.expert_kernels import ExpertExchange, expert_exchange
from accelsim.validation.machines import Machines
from accelsim.validation.operations import OPERATIONS
from accelsim.validation.pricers.base import Prices

#: Seconds and warnings of one call on a system; the call holds ranks, ranks per node and the further columns.
_Price = Callable[[tuple[int, ...], System], tuple[float, tuple[str, ...]]]


def predict_collectives(batch: Batch, hardware: str, machines: Machines) -> Prices:
    """Seconds of collectives among the chips of a system; the same call is priced once.

    Calls of a number of ranks that the system cannot hold get no time and a warning.

    Args:
        batch: Rows of one collective with their ``ranks``, ``ranks_per_node`` and ``bytes``.
        hardware: Name of a chip or system as the table has it.
        machines: Systems by that name.

    Raises:
        ConfigError: No system of that name or with that chip, or the network prices no such collective.
    """
    kind = OPERATIONS[batch.op].collective

    def price(call: tuple[int, ...], system: System) -> tuple[float, tuple[str, ...]]:
        cost = collective_steps(Call(kind, call[2], call[0], library=batch.rig.library), system)
        return cost.work_s, cost.warnings

    return _predict(batch, hardware, machines, ("ranks", "ranks_per_node", "bytes"), price)


def predict_exchanges(batch: Batch, hardware: str, machines: Machines) -> Prices:
    """Seconds of exchanges of tokens between experts by low-latency kernels; see :func:`predict_collectives`.

    Args:
        batch: Rows of one direction with ``ep``, tokens per rank, width and experts.
        hardware: Name of a chip or system as the table has it.
        machines: Systems by that name.

    Raises:
        ConfigError: No system of that name or with that chip, or a shape that cannot be.
    """
    direction = OPERATIONS[batch.op].exchange

    def price(call: tuple[int, ...], system: System) -> tuple[float, tuple[str, ...]]:
        ranks, _, tokens, hidden, topk, num_experts = call
        cost = expert_exchange(ExpertExchange(direction, tokens, hidden, topk, num_experts, ranks), system)
        return cost.seconds, cost.warnings

    columns = ("ep", "ranks_per_node", "m", "hidden", "topk", "num_experts")
    return _predict(batch, hardware, machines, columns, price)


def _predict(batch: Batch, hardware: str, machines: Machines, columns: tuple[str, ...], price: _Price) -> Prices:
    """Each distinct call once; ``columns`` starts with the ranks and the ranks of a node."""
    calls = list(zip(*(batch.extents[name].astype(np.int64).tolist() for name in columns), strict=True))
    machines.system(hardware, 1)
    seconds: dict[tuple[int, ...], float] = {}
    warnings: Counter[str] = Counter()
    for call, count in Counter(calls).items():
        try:
            system = machines.system(hardware, call[0], call[1])
        except AccelsimError as error:
            seconds[call] = float("nan")
            warnings[f"{call[0]} ranks: {error}"] += count
            continue
        found, texts = price(call, system)
        seconds[call] = max(found + batch.rig.overhead_s, batch.rig.call_s)
        warnings.update(dict.fromkeys(texts, count))
    return Prices(np.array([seconds[call] for call in calls]), warnings)
