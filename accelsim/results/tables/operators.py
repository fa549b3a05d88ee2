"""Time by operator, by cause and along the critical path; main-memory bytes by tensor role."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from accelsim.results.result import Result


def operators_table(result: Result) -> pd.DataFrame:
    """One row per operator of each block: count, seconds by cause, FLOPs, bytes by level, joules.

    ``time_s`` is from start to end, so operators that overlap sum to more than the latency; ``critical_s`` is the part
    on the critical path and, with the time in which nothing runs, sums to the latency.
    """
    import pandas as pd

    critical_s: dict[tuple[str, str], float] = {}
    for part in result.ledger.critical:
        key = part.block, part.operator
        critical_s[key] = critical_s.get(key, 0.0) + part.time_s
    return pd.DataFrame(
        [
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
    ).fillna(0.0)


def causes_table(result: Result) -> pd.DataFrame:
    """Latency by cause: seconds and share; sums to the latency."""
    import pandas as pd

    causes = result.ledger.cause_s
    rows = [{"cause": c, "time_s": s, "share": s / result.latency_s} for c, s in causes.items()]
    return pd.DataFrame(rows, columns=["cause", "time_s", "share"])


def critical_path_table(result: Result) -> pd.DataFrame:
    """The chain of tasks that decides the latency, by operator, resource and cause; sums to the latency."""
    import pandas as pd

    rows = [
        {
            "block": part.block,
            "operator": part.operator,
            "resource": part.resource,
            "cause": part.cause,
            "time_s": part.time_s,
            "share": part.time_s / result.latency_s,
        }
        for part in result.ledger.critical
    ]
    table = pd.DataFrame(rows, columns=["block", "operator", "resource", "cause", "time_s", "share"])
    return table.sort_values("time_s", ascending=False, kind="stable", ignore_index=True)


def roles_table(result: Result) -> pd.DataFrame:
    """Bytes of the main memory by tensor role, all chips."""
    import pandas as pd

    level = result.footprint.memory
    rows = [{"level": level, "role": role, "bytes": n} for role, n in result.ledger.role_bytes.items()]
    return pd.DataFrame(rows, columns=["level", "role", "bytes"])
