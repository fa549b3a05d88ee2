"""Time by operator, by cause and along the critical path; main-memory bytes by tensor role."""

from __future__ import annotations

from accelsim.results.data import RunData
from accelsim.results.tables.columns import Columns, by_column


def operators_table(result: RunData) -> Columns:
    """One row per operator of each block: count, seconds by cause, FLOPs, bytes by level, joules.

    ``time_s`` is from start to end, so operators that overlap sum to more than the latency; ``critical_s`` is the part
    on the critical path and, with the time in which nothing runs, sums to the latency.
    """
    critical_s: dict[tuple[str, str], float] = {}
    for part in result.ledger.critical:
        key = part.block, part.operator
        critical_s[key] = critical_s.get(key, 0.0) + part.time_s
    rows = [
        {
            "block": row.block,
            "operator": row.operator,
            "kind": row.kind,
            "count": row.count,
            "time_s": row.time_s,
            "share": row.time_s / result.latency_s,
            "critical_s": critical_s.get((row.block, row.operator), 0.0),
            "limiter": row.limiter,
            "flops": row.flops,
            "energy_j": row.energy_j,
            **{f"{cause}_s": s for cause, s in row.parts_s.items()},
            **{f"{level}_bytes": n for level, n in row.traffic_bytes.items()},
        }
        for row in result.ledger.rows
    ]
    names = dict.fromkeys(name for row in rows for name in row)  # an operator has only the causes and levels it met
    return {name: [row.get(name, 0.0) for row in rows] for name in names}


def causes_table(result: RunData) -> Columns:
    """Latency by cause: seconds and share; sums to the latency."""
    causes = result.ledger.cause_s
    rows = [(cause, time_s, time_s / result.latency_s) for cause, time_s in causes.items()]
    return by_column(rows, ("cause", "time_s", "share"))


def critical_path_table(result: RunData) -> Columns:
    """The chain of tasks that decides the latency, by operator, resource and cause; sums to the latency."""
    rows = [
        (part.block, part.operator, part.resource, part.cause, part.time_s, part.time_s / result.latency_s)
        for part in sorted(result.ledger.critical, key=lambda part: -part.time_s)
    ]
    return by_column(rows, ("block", "operator", "resource", "cause", "time_s", "share"))


def roles_table(result: RunData) -> Columns:
    """Bytes of the main memory by tensor role, all chips."""
    level = result.footprint.memory
    rows = [(level, role, nbytes) for role, nbytes in result.ledger.role_bytes.items()]
    return by_column(rows, ("level", "role", "bytes"))
