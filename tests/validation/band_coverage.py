"""How often measurements of whole models, never fitted, lie inside the error band of their prediction.

``python tests/validation/band_coverage.py`` prints every row and the share inside, by source.

Rows (``data/inference_end_to_end.csv``, whose README says where each is from) are a prefill and ``osl - 1`` decode steps of
one static batch, or a prefill alone; steps are sampled, because their time changes slowly with the context.  Time of
the host, tokenisation and sampling are in the measurements and not in the predictions.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from accelsim import Decode, DType, Model, Prefill, System, load_system, simulate
from accelsim.cost.base import whole_run_residual
from accelsim.cost.residual import Residual
from accelsim.results.band import Band, band_of

DATA = Path(__file__).parent / "data" / "inference_end_to_end.csv"
SAMPLED_STEPS = 3
LLAMA = {"hidden_act": "silu", "gated_mlp": True, "norm": "rmsnorm", "position": "rope"}
GPT = {"hidden_act": "gelu", "gated_mlp": False, "norm": "layernorm", "position": "learned"}


@dataclass(frozen=True)
class Outcome:
    """A measurement beside its prediction."""

    source: str
    name: str
    measured_s: float
    predicted_s: float
    band: Band

    @property
    def is_inside(self) -> bool:
        return self.band.holds(self.measured_s)


def rows() -> list[dict[str, str]]:
    with DATA.open(encoding="utf-8") as stream:
        return list(csv.DictReader(line for line in stream if not line.startswith("#")))


def model_of(row: dict[str, str]) -> Model:
    return Model(
        name=row["model"],
        hidden_size=int(row["hidden"]),
        intermediate_size=int(row["ffn"]),
        num_hidden_layers=int(row["layers"]),
        vocab_size=-(-int(row["vocab"]) // 64) * 64,  # padded so that the ranks divide it
        max_position_embeddings=1_000_000,
        num_attention_heads=int(row["heads"]),
        num_key_value_heads=int(row["kv_heads"]),
        head_dim=int(row["hidden"]) // int(row["heads"]),
        torch_dtype=DType(row["dtype"]),
        **(LLAMA if "LLaMA" in row["model"] else GPT),
    )


def outcome(row: dict[str, str]) -> Outcome:
    """Prefill and decode steps of a row, each residual's time added up."""
    model, system = model_of(row), load_system(f"{row['system']}:{row['tp']}")
    batch, prompt, steps = int(row["batch"]), int(row["isl"]), int(row["osl"]) - 1
    times: dict[Residual, float] = defaultdict(float)

    def add(phase: Prefill | Decode, count: float) -> float:
        result = simulate(model, system, phase, f"tp={row['tp']}", ignore_capacity=True, what_ifs=False)
        for part in result.band.parts:
            times[part.residual] += part.time_s * count
        return result.latency_s * count

    predicted_s = add(Prefill(batch, prompt), 1)
    samples = min(steps, SAMPLED_STEPS)
    for i in range(samples):
        predicted_s += add(Decode(batch, prompt + (2 * i + 1) * steps // (2 * samples)), steps / samples)
    name = f"{row['model']} {row['dtype']} on {row['system']}:{row['tp']}, batch {batch}, {prompt}+{row['osl']}"
    band = band_of(times, whole_run_residual(system.chip))
    return Outcome(row["source"], name, float(row["time_s"]), predicted_s, band)


def table(outcomes: Iterable[Outcome]) -> str:
    """Share inside and errors by source, as Markdown."""
    by_source: dict[str, list[Outcome]] = defaultdict(list)
    for one in outcomes:
        by_source[one.source].append(one)
        by_source["all"].append(one)
    lines = ["| source | rows | inside the 80 % band | mean error | bias |", "|---|--:|--:|--:|--:|"]
    for source, found in sorted(by_source.items(), key=lambda item: item[0] == "all"):
        inside = np.mean([one.is_inside for one in found])
        errors = np.array([one.predicted_s / one.measured_s - 1 for one in found])
        lines.append(f"| {source} | {len(found)} | {inside:.0%} | {np.abs(errors).mean():.0%} | {errors.mean():+.0%} |")
    return "\n".join(lines).replace("%", " %").replace("80  %", "80 %")


def main() -> None:
    found = []
    for row in rows():
        found.append(outcome(row))
        one = found[-1]
        print(
            f"{one.name:72} measured {one.measured_s:9.4g} s  predicted {one.predicted_s:9.4g} s "
            f"({one.band.low_s:.4g}-{one.band.high_s:.4g})  {one.predicted_s / one.measured_s - 1:+6.1%}  "
            f"{'inside' if one.is_inside else 'outside'}",
            flush=True,
        )
    print(table(found))


if __name__ == "__main__":
    main()
