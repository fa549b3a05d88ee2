"""The JSON of a run: everything a script or a second run needs, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from accelsim.results.data import Power, RunData
from accelsim.results.metrics import BUBBLE_DEFINITION, HFU_DEFINITION, MBU_DEFINITION, MFU_DEFINITION
from accelsim.results.tables.energy import energy_table

SCHEMA_VERSION = 1


def summarise(result: RunData, power: Power, bill: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """Plain data of a run, with the totals that its tables sum to.

    Args:
        result: The run.
        power: Its power, which takes a table of its own.
        bill: Cost and carbon, by what is billed.
    """
    ledger, energy = result.ledger, result.energy
    return {
        "schema_version": SCHEMA_VERSION,
        "model": result.model,
        "system": result.system,
        "phase": dict(result.phase),
        "plan": result.plan.to_dict(),
        "dtype": result.dtype,
        "types": dict(result.types),
        "num_chips": result.num_chips,
        "latency_s": result.latency_s,
        "latency_band_s": [result.band.low_s, result.band.high_s],
        "band": result.band.to_dict(),
        "tokens": result.tokens,
        "tokens_per_s": result.tokens_per_s,
        "tokens_per_s_band": list(result.tokens_per_s_band),
        "time_by_cause_s": dict(ledger.cause_s),
        "traffic_bytes": dict(ledger.traffic_bytes),
        "main_memory_traffic_by_role_bytes": dict(ledger.role_bytes),
        "flops": ledger.flops,
        "energy_j": energy.total_j,
        "energy": {
            "dynamic_j": energy.dynamic_j,
            "busy_j": energy.busy_j,
            "static_j": energy.static_j,
            "per_token_j": result.energy_per_token_j,
            "by_component_j": energy_by_component(result),
            "assumed": list(result.assumed_energies),
        },
        "power": {
            "mean_w": power.mean_w,
            "peak_w": power.peak_w,
            "limit_w": power.limit_w,
        },
        **{name: dict(part) for name, part in bill.items()},
        "memory_bytes": dict(result.footprint.role_bytes),
        "memory_capacity_bytes": result.footprint.capacity_bytes,
        "memory_level": result.footprint.memory,
        **({"memory_regions": asdict(result.footprint.regions)} if result.footprint.regions is not None else {}),
        "utilisation": _utilisation(result),
        **({"ranks": result.seating.to_dict()} if result.seating is not None else {}),
        **_pipeline(result),
        **_iteration(result),
        "bottleneck": _bottleneck(result),
        "operators": _operators(result),
        "critical_path": [
            {"block": p.block, "operator": p.operator, "resource": p.resource, "cause": p.cause, "time_s": p.time_s}
            for p in ledger.critical
        ],
        "warnings": list(result.warnings),
        "assumed": list(result.assumed),
        "engine": {
            "name": result.timeline.engine,
            "tasks": result.num_simulated_tasks,
            "wall_s": result.timeline.wall_s,
        },
        "manifest": dict(result.manifest),
    }


def energy_by_component(result: RunData) -> dict[str, float]:
    """Joules of all chips by component, in the order of the table ``energy``."""
    split: dict[str, float] = {}
    table = energy_table(result)
    for component, joules in zip(table["component"], table["energy_j"], strict=True):
        split[str(component)] = split.get(str(component), 0.0) + float(joules)
    return split


def _utilisation(result: RunData) -> dict[str, Any]:
    return {
        "mfu_fraction": result.utilisation.mfu_fraction,
        "mfu_definition": MFU_DEFINITION,
        "mbu_fraction": result.utilisation.mbu_fraction,
        "mbu_definition": MBU_DEFINITION,
    }


def _iteration(result: RunData) -> dict[str, Any]:
    """Figures of a training iteration, with what they mean."""
    if not result.case.phase.trains:
        return {}
    return {
        "mfu": result.utilisation.mfu_fraction,
        "hfu": result.hfu_fraction,
        "hfu_definition": HFU_DEFINITION,
        "bubble_s": result.bubble_s or 0.0,
        "idle_fraction": result.bubble_fraction or 0.0,
    }


def _pipeline(result: RunData) -> dict[str, Any]:
    if result.bubble_fraction is None:
        return {}
    return {"pipeline": {"bubble_fraction": result.bubble_fraction, "bubble_definition": BUBBLE_DEFINITION}}


def _bottleneck(result: RunData) -> dict[str, Any]:
    found = result.bottleneck
    return {
        "sentence": found.sentence,
        "cause": found.cause,
        "fraction": found.fraction,
        "operator": found.operator,
        "what_ifs": [{"change": w.change, "latency_s": w.latency_s, "speedup": w.speedup} for w in found.what_ifs],
    }


def _operators(result: RunData) -> list[dict[str, Any]]:
    return [
        {
            "block": row.block,
            "operator": row.operator,
            "kind": row.kind,
            "count": row.count,
            "time_s": row.time_s,
            "limiter": row.limiter,
            "flops": row.flops,
            "traffic_bytes": dict(row.traffic_bytes),
            "energy_j": row.energy_j,
        }
        for row in result.ledger.rows
    ]
